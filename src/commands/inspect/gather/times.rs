//! The time of a document, read without reading the rest of it.

use serde_json::Value;

use super::moments::{from_number, from_text};
use crate::json::for_each_member;
use crate::util::timestamp::EpochMillis;

/// Objects around the time field. Elasticsearch allows 20 unless set otherwise (`index.mapping.depth.limit`).
const MAX_DEPTH: usize = 100;

/// The value of a time field, `None` where it is missing or in a format of its own. `field` may be
/// dotted: `event.created` is found as a member of that name and as `created` within `event`.
pub(super) fn time_of(source: &[u8], field: &str) -> Option<EpochMillis> {
    let nests_too_deeply = field.matches('.').count() > MAX_DEPTH;
    let source = std::str::from_utf8(source).ok()?;
    (!nests_too_deeply).then(|| find(source, field)).flatten()
}

fn find(object: &str, field: &str) -> Option<EpochMillis> {
    let leads_there = |name: &str| {
        let rest = field.strip_prefix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut found = None;
    let read = for_each_member(object, leads_there, |name, value| {
        let time = match field[name.len()..].strip_prefix('.') {
            Some(rest) => find(value.get(), rest),
            None => serde_json::from_str(value.get()).ok().and_then(|value| time(&value)),
        };
        found = time.or(found);
    });
    read.ok().and(found)
}

/// A time as number, text, or the first of a list of them.
fn time(value: &Value) -> Option<EpochMillis> {
    match value {
        Value::Number(number) => from_number(number.as_f64()?),
        Value::String(text) => from_text(text),
        Value::Array(list) => time(list.first()?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &str, field: &str) -> Option<i64> {
        time_of(source.as_bytes(), field).map(|moment| moment.0)
    }

    #[test]
    fn numbers_are_seconds_or_milliseconds_by_their_size() {
        assert_eq!(
            at(r#"{"@timestamp": 1704067212000, "a": 1}"#, "@timestamp"),
            Some(1_704_067_212_000)
        );
        assert_eq!(
            at(r#"{"@timestamp": 1709251286}"#, "@timestamp"),
            Some(1_709_251_286_000)
        );
        assert_eq!(
            at(r#"{"@timestamp": 1709251286.25}"#, "@timestamp"),
            Some(1_709_251_286_250)
        );
        assert_eq!(
            at(r#"{"@timestamp": "1709251286"}"#, "@timestamp"),
            Some(1_709_251_286_000)
        );
        assert_eq!(at(r#"{"@timestamp": 1e300}"#, "@timestamp"), None);
    }

    #[test]
    fn text_is_a_date() {
        for (text, expected) in [
            ("2024-01-01T00:00:12Z", 1_704_067_212_000),
            ("2024-01-01T00:00:12.5Z", 1_704_067_212_500),
            ("2024-01-01T00:00:12.123456789Z", 1_704_067_212_123),
            ("2024-01-01T01:30:12+01:30", 1_704_067_212_000),
            ("2023-12-31T23:00:12-0100", 1_704_067_212_000),
            ("2024-01-01T00:00:12", 1_704_067_212_000),
            ("2024-01-01 00:00:12", 1_704_067_212_000),
            ("2024/01/01 00:00:12", 1_704_067_212_000),
            ("2024-01-01", 1_704_067_200_000),
        ] {
            assert_eq!(at(&format!(r#"{{"t": "{text}"}}"#), "t"), Some(expected), "{text}");
        }
        for text in [
            "01/Jan/2024:00:00:12",
            "2024-13-01",
            "2024-01-01Q",
            "ä2024-01-0",
            "2024-01-01T25:00:00",
            "now",
            "",
        ] {
            assert_eq!(at(&format!(r#"{{"t": "{text}"}}"#), "t"), None, "{text}");
        }
    }

    #[test]
    fn a_dotted_field_is_found_both_ways() {
        assert_eq!(
            at(r#"{"event": {"x": [{}], "created": 1704067212000}}"#, "event.created"),
            Some(1_704_067_212_000)
        );
        assert_eq!(
            at(r#"{"event.created": 1704067212000}"#, "event.created"),
            Some(1_704_067_212_000)
        );
        assert_eq!(
            at(r#"{"event": {"a.b": 1704067212000}}"#, "event.a.b"),
            Some(1_704_067_212_000)
        );
        assert_eq!(
            at(
                r#"{"eventcreated": 1704067212000, "event": {"at": 1}}"#,
                "event.created"
            ),
            None
        );
    }

    #[test]
    fn anything_else_has_no_moment() {
        for source in [
            r#"{"t": null}"#,
            r#"{"t": true}"#,
            r#"{"t": {}}"#,
            r#"{"t": []}"#,
            "[1]",
            "{",
            "",
            r#"{"u": 1}"#,
        ] {
            assert_eq!(at(source, "t"), None, "{source}");
        }
        assert_eq!(at(r#"{"t": [1704067212000, 5]}"#, "t"), Some(1_704_067_212_000));
    }
}
