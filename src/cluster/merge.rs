//! Slices, each in order, become one sequence in order.

use std::collections::VecDeque;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Receiver;

use crate::cluster::{Hit, Result};

/// What a document is sorted by. Documents without a value come last, as in the cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cluster) enum Key {
    /// Milliseconds, or nanoseconds of a `date_nanos` field.
    Number(i64),
    /// A value that the cluster gave as text.
    Text(String),
    /// No value.
    Missing,
}

impl Key {
    /// The first of a hit's sort values.
    pub(in crate::cluster) fn first_of(sort: Option<&RawValue>) -> Self {
        let Some(sort) = sort else { return Self::Missing };
        if let Some(number) = leading_number(sort.get()) {
            return Self::Number(number);
        }
        let first = serde_json::from_str::<Vec<Value>>(sort.get()).ok();
        match first.and_then(|values| values.into_iter().next()) {
            Some(Value::Number(number)) => number.as_i64().map_or(Self::Missing, Self::Number),
            Some(Value::String(text)) => text.parse().map_or(Self::Text(text), Self::Number),
            _ => Self::Missing,
        }
    }
}

/// What nearly every key is, without the values behind it being read.
fn leading_number(sort: &str) -> Option<i64> {
    let (first, _) = sort.strip_prefix('[')?.split_once([',', ']'])?;
    first.trim().parse().ok()
}

/// What a reader sends: documents, or why it stopped.
pub(in crate::cluster) type Batch = Result<Vec<(Key, Hit)>>;

/// One slice.
#[derive(Debug)]
pub(in crate::cluster) struct Lane {
    receiver: Receiver<Batch>,
    waiting: VecDeque<(Key, Hit)>,
    ended: bool,
}

impl Lane {
    pub(in crate::cluster) fn new(receiver: Receiver<Batch>) -> Self {
        Self {
            receiver,
            waiting: VecDeque::new(),
            ended: false,
        }
    }

    async fn fill(&mut self) -> Result<()> {
        while self.waiting.is_empty() && !self.ended {
            match self.receiver.recv().await {
                Some(batch) => self.waiting = batch?.into(),
                None => self.ended = true,
            }
        }
        Ok(())
    }
}

/// Up to `most` documents that come next in all lanes; none at the end.
pub(in crate::cluster) async fn next(lanes: &mut [Lane], most: usize) -> Result<Vec<Hit>> {
    let mut hits = Vec::new();
    while hits.len() < most {
        for lane in lanes.iter_mut() {
            lane.fill().await?;
        }
        let first = lanes.iter_mut().filter(|lane| !lane.waiting.is_empty());
        let first = first.min_by(|a, b| {
            a.waiting
                .front()
                .map(|(key, _)| key)
                .cmp(&b.waiting.front().map(|(key, _)| key))
        });
        match first.and_then(|lane| lane.waiting.pop_front()) {
            Some((_, hit)) => hits.push(hit),
            None => break,
        }
    }
    Ok(hits)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use bytes::Bytes;
    use tokio::sync::mpsc::channel;

    use super::*;
    use crate::cluster::Error;

    fn hit(key: i64) -> (Key, Hit) {
        (
            Key::Number(key),
            Hit {
                index: "i".into(),
                id: key.to_string(),
                source: Bytes::from_static(b"{}"),
            },
        )
    }

    #[tokio::test]
    async fn lanes_merge_in_order_across_batches() {
        let mut lanes = Vec::new();
        for batches in [vec![vec![1, 4], vec![], vec![9]], vec![vec![2], vec![3, 5, 6]], vec![]] {
            let (sender, receiver) = channel(8);
            for batch in batches {
                sender.send(Ok(batch.into_iter().map(hit).collect())).await.unwrap();
            }
            lanes.push(Lane::new(receiver));
        }
        let mut ids = Vec::new();
        loop {
            let hits = next(&mut lanes, 3).await.unwrap();
            assert!(hits.len() <= 3);
            if hits.is_empty() {
                break;
            }
            ids.extend(hits.into_iter().map(|hit| hit.id));
        }
        assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "9"]);
    }

    #[tokio::test]
    async fn a_failed_lane_fails_the_whole() {
        let (sender, receiver) = channel(2);
        sender
            .send(Err(Error::ContextExpired { what: String::new() }))
            .await
            .unwrap();
        assert!(next(&mut [Lane::new(receiver)], 10).await.is_err());
    }

    #[test]
    fn keys_are_the_first_sort_value() {
        let key = |text: &str| Key::first_of(Some(&RawValue::from_string(text.to_owned()).unwrap()));
        assert_eq!(key("[1704067200000,0]"), Key::Number(1_704_067_200_000));
        assert_eq!(
            key(r#"["1704067200000000001"]"#),
            Key::Number(1_704_067_200_000_000_001)
        );
        assert_eq!(key("[null,3]"), Key::Missing);
        assert!(Key::Number(i64::MAX) < Key::Text(String::new()) && Key::Text("z".to_owned()) < Key::Missing);
    }
}
