//! The latest annotations and notifications, in bounded memory.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::document_time;
use crate::archive::Part;
use crate::util::format::truncated;
use crate::util::timestamp::EpochMillis;
use crate::values::JOB_USER;

/// Maximum number of annotations and of notifications.
const MAX_MESSAGES: usize = 1000;
/// Maximum number of characters of a text.
const MAX_TEXT: usize = 500;

/// An annotation or a notification.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) time: Option<EpochMillis>,
    pub(crate) end: Option<EpochMillis>,
    /// Author of an annotation, level of a notification. Empty without `--values`, like the text.
    pub(crate) origin: String,
    pub(crate) text: String,
}

#[derive(Debug, Default)]
pub(super) struct LatestMessages {
    pub(super) with_texts: bool,
    /// By time and number. Those of the job come first, since it writes many.
    messages: BTreeMap<Part, BTreeMap<(bool, Option<EpochMillis>, u64), Message>>,
    number: u64,
}

impl LatestMessages {
    pub(super) fn add(&mut self, part: Part, time: Option<EpochMillis>, source: &[u8]) {
        let document: Value = serde_json::from_slice(source).unwrap_or_default();
        let text = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| document[name].as_str());
            truncated(text.filter(|_| self.with_texts).unwrap_or_default(), MAX_TEXT)
        };
        let message = Message {
            time,
            end: document_time(source, "end_timestamp"),
            origin: text(["create_username", "level"]),
            text: text(["annotation", "message"]),
        };
        self.number += 1;
        let latest = self.messages.entry(part).or_default();
        let by_job = document["create_username"] == JOB_USER;
        latest.insert((!by_job, time, self.number), message);
        if latest.len() > MAX_MESSAGES {
            latest.pop_first();
        }
    }

    /// The messages of a part: those of users, then those of the job, each with the latest first.
    pub(super) fn of(&self, part: Part) -> Vec<Message> {
        let messages = self.messages.get(&part).into_iter().flat_map(BTreeMap::values);
        messages.rev().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_messages_are_kept_in_bounded_memory() {
        let mut latest = LatestMessages {
            with_texts: true,
            ..LatestMessages::default()
        };
        for time in (0..1500).rev() {
            let source = format!(r#"{{"level":"info","message":"{time}{}"}}"#, "x".repeat(600));
            latest.add(Part::Notifications, Some(EpochMillis(time)), source.as_bytes());
        }
        latest.add(Part::Notifications, None, b"[]");
        let messages = latest.of(Part::Notifications);
        assert_eq!(messages.len(), MAX_MESSAGES);
        assert_eq!(
            (messages[0].time, messages[0].origin.as_str()),
            (Some(EpochMillis(1499)), "info")
        );
        assert_eq!(messages[MAX_MESSAGES - 1].time, Some(EpochMillis(500)));
        assert!(messages[0].text.starts_with("1499x") && messages[0].text.chars().count() == MAX_TEXT + 2);
        assert_eq!(latest.of(Part::Annotations), []);
    }

    #[test]
    fn annotations_of_the_job_do_not_displace_those_of_users() {
        let mut latest = LatestMessages {
            with_texts: true,
            ..LatestMessages::default()
        };
        latest.add(Part::Annotations, Some(EpochMillis(0)), br#"{"create_username":"bob"}"#);
        for time in 1..1500 {
            let source = br#"{"create_username":"_xpack"}"#;
            latest.add(Part::Annotations, Some(EpochMillis(time)), source);
        }
        let messages = latest.of(Part::Annotations);
        assert_eq!((messages.len(), messages[0].origin.as_str()), (MAX_MESSAGES, "bob"));
        assert_eq!(messages[1].time, Some(EpochMillis(1499)));
    }

    #[test]
    fn texts_are_kept_only_with_values() {
        let source = br#"{"annotation":"seen","create_username":"bob","end_timestamp":1704067212000}"#;
        let mut latest = LatestMessages::default();
        latest.add(Part::Annotations, Some(EpochMillis(1)), source);
        let message = Message {
            time: Some(EpochMillis(1)),
            end: Some(EpochMillis(1_704_067_212_000)),
            ..Message::default()
        };
        assert_eq!(latest.of(Part::Annotations), [message]);
    }
}
