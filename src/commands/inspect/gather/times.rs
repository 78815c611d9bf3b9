//! The moment of a document, read without reading the rest of it.

use std::fmt;

use super::moments::{from_number, from_text};
use crate::util::timestamp::EpochMillis;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The value of a time field, `None` where it is absent or in a format of its own. `field` may be
/// dotted: `event.created` is found as a member of that name and as `created` within `event`.
pub(super) fn time_of(source: &[u8], field: &str) -> Option<EpochMillis> {
    let mut json = serde_json::Deserializer::from_slice(source);
    Within { field }.deserialize(&mut json).ok().flatten()
}

/// Looks for a field within a value that may be an object.
#[derive(Clone, Copy)]
struct Within<'a> {
    field: &'a str,
}

/// What a member's name means for the field looked for.
enum Step<'a> {
    Here,
    Below(&'a str),
    Elsewhere,
}

impl<'de> DeserializeSeed<'de> for Within<'_> {
    type Value = Option<EpochMillis>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Within<'_> {
    type Value = Option<EpochMillis>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(step) = map.next_key_seed(Key { field: self.field })? {
            match step {
                Step::Here => found = map.next_value_seed(Moment)?.or(found),
                Step::Below(rest) => found = map.next_value_seed(Within { field: rest })?.or(found),
                Step::Elsewhere => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Compares a member's name with the field, without copying it.
struct Key<'a> {
    field: &'a str,
}

impl<'de, 'a> DeserializeSeed<'de> for Key<'a> {
    type Value = Step<'a>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a> Visitor<'_> for Key<'a> {
    type Value = Step<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(match self.field.strip_prefix(name) {
            Some("") => Step::Here,
            Some(rest) => rest.strip_prefix('.').map_or(Step::Elsewhere, Step::Below),
            None => Step::Elsewhere,
        })
    }
}

/// A moment as number, text, or the first of a list of them.
struct Moment;

impl<'de> DeserializeSeed<'de> for Moment {
    type Value = Option<EpochMillis>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Moment {
    type Value = Option<EpochMillis>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a moment")
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(from_number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(from_number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(from_number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(from_text(text))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let first = list.next_element_seed(Moment)?.flatten();
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<Self::Value, A::Error> {
        Err(A::Error::custom("a moment is no object"))
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
