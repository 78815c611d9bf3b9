//! Annotations, notifications and calendar events: as tables, and as periods of a plot.

use serde_json::Value;

use super::facts::{Message, Report};
use crate::report::Column::{Flexible, Words};
use crate::report::{Block, Period, Section, Table, Text};
use crate::util::format::truncated;
use crate::util::timestamp::EpochMillis;
use crate::values::JOB_USER;

/// Maximum number of rows in the text; HTML folds the others.
const SHOWN_MESSAGES: usize = 10;
/// Maximum number of calendar events in the plot.
const MAX_EVENTS: usize = 1000;
/// Maximum number of characters of their descriptions.
const MAX_EVENT_TEXT: usize = 200;

/// Annotations and calendar events, with their texts only with `--values`.
pub(super) fn periods(report: &Report) -> Vec<Period> {
    let [annotations, _] = &report.messages;
    let annotations = annotations.iter().filter_map(|annotation| {
        let (kind, from, text) = ("annotation", annotation.time?, annotation.text.clone());
        let to = annotation.end.unwrap_or(from);
        Some(Period { kind, from, to, text })
    });
    let events = report.contents.calendars.iter().flat_map(|calendar| &calendar.events);
    let events = events.filter_map(|event| {
        let time = |name: &str| event.get(name)?.as_i64().map(EpochMillis);
        let (kind, from, to) = ("event", time("start_time")?, time("end_time")?);
        let text = event.get("description").filter(|_| report.values.is_some());
        let text = truncated(text.and_then(Value::as_str).unwrap_or_default(), MAX_EVENT_TEXT);
        Some(Period { kind, from, to, text })
    });
    annotations.chain(events.take(MAX_EVENTS)).collect()
}

/// With `--values`: tables of annotations and notifications.
pub(super) fn messages(report: &Report) -> Vec<Section> {
    let kinds = [("annotations", "Author"), ("notifications", "Level")];
    let kinds = kinds.into_iter().zip(&report.messages);
    let kinds = kinds.filter(|(_, messages)| report.values.is_some() && !messages.is_empty());
    let section = |((part, origin), messages): ((&str, &'static str), &Vec<Message>)| {
        let part = report.parts.iter().find(|facts| facts.part == part)?;
        let rows = messages.iter().map(|message| {
            let origin = if message.origin == JOB_USER {
                "job"
            } else {
                &message.origin
            };
            vec![to_the_minute(message.time), origin.into(), Text::from(&message.text)]
        });
        let more = part.documents.saturating_sub(messages.len() as u64);
        let left_out = if more > 0 { "not listed" } else { "" };
        let table = Table::new(&[(Words, "Time"), (Words, origin), (Flexible, "Text")], rows);
        let table = table.shortened(SHOWN_MESSAGES, more, left_out);
        Some(Section::of(part.heading, Block::Table(table)))
    };
    kinds.filter_map(section).collect()
}

/// Without seconds, so that the table fits into 80 columns.
pub(super) fn to_the_minute(time: Option<EpochMillis>) -> Text {
    let time = time.map_or_else(String::new, |time| time.to_string());
    let minutes = time.rsplit_once(':').map(|(minutes, _)| format!("{minutes}Z"));
    // A time outside of the years that RFC 3339 has is a number.
    Text::from(minutes.unwrap_or(time)).or_none()
}
