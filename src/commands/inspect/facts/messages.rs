//! The latest annotations and notifications, in bounded memory.

use std::collections::BTreeMap;

use serde_json::Value;

use super::documents::time_of;
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

/// The latest annotations, or the latest notifications.
#[derive(Debug, Default)]
pub(super) struct LatestMessages {
    /// By time and number. Those of the job come first, since it writes many.
    messages: BTreeMap<(bool, Option<EpochMillis>, u64), Message>,
    number: u64,
}

impl LatestMessages {
    pub(super) fn add(&mut self, time: Option<EpochMillis>, document: &Value, with_texts: bool) {
        let text = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| document[name].as_str());
            truncated(text.filter(|_| with_texts).unwrap_or_default(), MAX_TEXT)
        };
        let message = Message {
            time,
            end: time_of(&document["end_timestamp"]),
            origin: text(["create_username", "level"]),
            text: text(["annotation", "message"]),
        };
        self.number += 1;
        let by_job = document["create_username"] == JOB_USER;
        self.messages.insert((!by_job, time, self.number), message);
        if self.messages.len() > MAX_MESSAGES {
            self.messages.pop_first();
        }
    }

    /// Those of users, then those of the job, each with the latest first.
    pub(super) fn into_list(self) -> Vec<Message> {
        self.messages.into_values().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(millis: i64) -> Option<EpochMillis> {
        Some(EpochMillis(millis))
    }

    #[test]
    fn the_latest_messages_are_kept_in_bounded_memory() {
        let mut latest = LatestMessages::default();
        for time in (0..1500).rev() {
            let message = format!("{time}{}", "x".repeat(600));
            latest.add(at(time), &json!({"level": "info", "message": message}), true);
        }
        latest.add(None, &json!([]), true);
        let messages = latest.into_list();
        assert_eq!(messages.len(), MAX_MESSAGES);
        assert_eq!((messages[0].time, messages[0].origin.as_str()), (at(1499), "info"));
        assert_eq!(messages[MAX_MESSAGES - 1].time, at(500));
        assert!(messages[0].text.starts_with("1499x") && messages[0].text.chars().count() == MAX_TEXT + 2);
    }

    #[test]
    fn annotations_of_the_job_do_not_displace_those_of_users() {
        let mut latest = LatestMessages::default();
        latest.add(at(0), &json!({"create_username": "bob"}), true);
        for time in 1..1500 {
            latest.add(at(time), &json!({"create_username": "_xpack"}), true);
        }
        let messages = latest.into_list();
        assert_eq!((messages.len(), messages[0].origin.as_str()), (MAX_MESSAGES, "bob"));
        assert_eq!(messages[1].time, at(1499));
    }

    #[test]
    fn texts_are_kept_only_with_values() {
        let annotation =
            json!({"annotation": "seen", "create_username": "bob", "end_timestamp": 1_704_067_212_000_i64});
        let mut latest = LatestMessages::default();
        latest.add(at(1), &annotation, false);
        let (time, end) = (at(1), at(1_704_067_212_000));
        let message = Message {
            time,
            end,
            ..Message::default()
        };
        assert_eq!(latest.into_list(), [message]);
    }
}
