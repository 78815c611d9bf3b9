//! Times in epoch milliseconds, and the parser for all dates.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::{Iso8601, Rfc3339};

use crate::util::format::parse_duration;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(transparent)]
pub struct EpochMillis(pub i64);

impl EpochMillis {
    /// The current time.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// Parses the JSON value of a date field in the formats that Elasticsearch both indexes and reads: whole milliseconds as
    /// a number or a string, or a string in RFC 3339 format. Elasticsearch 9.2 indexes `1706659183000.0`, but not `1.7e12`.
    pub fn of_date_field(json: &str) -> Option<Self> {
        let Some(quoted) = json.strip_prefix('"') else {
            return whole(json);
        };
        let text = quoted.strip_suffix('"')?;
        whole(text).or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::from))
    }

    /// Parses a number in an input document: epoch seconds or milliseconds. A number that would be before March 1973 in
    /// milliseconds is in seconds.
    pub(crate) fn of_document_number(number: f64) -> Option<Self> {
        let millis = if number.abs() < 1e11 { number * 1000.0 } else { number };
        // Elasticsearch does not accept larger numbers as dates.
        (millis.abs() < 9e15).then(|| Self(millis.round() as i64))
    }

    /// Parses a text in an input document: a number, or a date with `/` or `-` between its parts.
    pub(crate) fn of_document_text(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > 4 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Self::of_document_number(text.parse().ok()?);
        }
        parse_date(&text.replace('/', "-")).ok()
    }
}

/// Parses digits. A fraction can only consist of zeros.
fn whole(text: &str) -> Option<EpochMillis> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_whole = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    // Rust accepts a plus sign, JSON does not.
    let millis = digits.parse().ok().filter(|_| is_whole && !digits.starts_with('+'));
    millis.map(EpochMillis)
}

/// Deserializes a date field of a stored document: [`EpochMillis::of_date_field`], or `null`.
///
/// # Errors
/// If the value has another format.
pub fn date_field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EpochMillis>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    match (json.get(), EpochMillis::of_date_field(json.get())) {
        ("null", _) => Ok(None),
        (_, Some(time)) => Ok(Some(time)),
        (_, None) => Err(serde::de::Error::custom(
            "a time is neither a whole number of milliseconds nor an RFC 3339 date",
        )),
    }
}

/// Serializes as a date, which is easier to read than a number.
impl Serialize for EpochMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a text is not a date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages describe them")]
pub enum DateError {
    #[error(
        "expected YYYY-MM-DD, YYYY-MM-DD HH:MM:SS (UTC unless an offset such as +02:00 follows), epoch milliseconds, or a \
         time before now such as 7d (units: m, h, d, w)"
    )]
    Form,
    #[error("expected milliseconds, but this looks like epoch seconds (did you mean {0}000?)")]
    Seconds(String),
    #[error("rounding is not supported: use a date such as 2024-05-01, or a time before now such as 7d")]
    Rounding,
    #[error("the date does not exist: {0}")]
    NoSuchDate(String),
    #[error("the number of milliseconds is too large")]
    TooManyMillis,
}

/// Parses a date as typed by a user: `parse_date`, epoch milliseconds, or a time before now (`now`, `now-7d`, `7d`).
impl FromStr for EpochMillis {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        if is_digits(text) && text.len() == 10 {
            return Err(DateError::Seconds(text.to_owned()));
        }
        if is_digits(text.strip_prefix('-').unwrap_or(text)) {
            return text.parse().map(Self).map_err(|_| DateError::TooManyMillis);
        }
        if let Some(time) = before_now(text) {
            return Ok(time);
        }
        if text.split_once('/').is_some_and(|(time, _)| before_now(time).is_some()) {
            return Err(DateError::Rounding);
        }
        parse_date(text).map_err(|error| match error {
            time::error::Parse::TryFromParsed(error) => DateError::NoSuchDate(error.to_string()),
            _ => DateError::Form,
        })
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Parses `now`, `now-7d` and `7d`. All times are relative to the same time, so that two options can be compared.
fn before_now(text: &str) -> Option<EpochMillis> {
    static NOW: LazyLock<EpochMillis> = LazyLock::new(EpochMillis::now);
    if text == "now" {
        return Some(*NOW);
    }
    let length = parse_duration(text.strip_prefix("now-").unwrap_or(text))?;
    let millis = i64::try_from(length.as_millis()).ok()?;
    Some(EpochMillis(NOW.0.saturating_sub(millis)))
}

/// Parses an ISO 8601 date. The time and the offset (then UTC) are optional, and a space can replace the `T` and precede the
/// offset.
pub(crate) fn parse_date(text: &str) -> Result<EpochMillis, time::error::Parse> {
    let complete = match text.split_at_checked(10) {
        Some((date, "")) => format!("{date}T00:00Z"),
        Some((date, rest)) if rest.starts_with(['T', 't', ' ']) => {
            let time = rest[1..].replace(' ', "").to_ascii_uppercase();
            let utc = if time.contains(['Z', '+', '-']) { "" } else { "Z" };
            format!("{date}T{time}{utc}")
        }
        _ => text.to_owned(),
    };
    OffsetDateTime::parse(&complete, &Iso8601::PARSING).map(EpochMillis::from)
}

impl From<OffsetDateTime> for EpochMillis {
    fn from(moment: OffsetDateTime) -> Self {
        // The years -9999 to 9999 fit into 64 bits.
        Self((moment.unix_timestamp_nanos() / 1_000_000) as i64)
    }
}

impl fmt::Display for EpochMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000);
        match moment.ok().and_then(|moment| moment.format(&Rfc3339).ok()) {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn date_fields_have_the_formats_that_elasticsearch_indexes_and_reads() {
        for (json, millis) in [
            ("1706659183000", 1_706_659_183_000),
            ("1706659183000.0", 1_706_659_183_000),
            ("-5", -5),
            ("\"1706659183000\"", 1_706_659_183_000),
            ("\"2024-01-30T23:59:43Z\"", 1_706_659_183_000),
            ("\"2024-01-31T00:59:43.500+01:00\"", 1_706_659_183_500),
        ] {
            assert_eq!(EpochMillis::of_date_field(json), Some(EpochMillis(millis)), "{json}");
        }
        for json in [
            "1.7e12",
            "1.5",
            "1.",
            "1e300",
            "\"\"",
            "\"yesterday\"",
            "\" 1\"",
            "true",
            "[1]",
            "{}",
            "null",
            "\"1",
            "",
            "99999999999999999999",
        ] {
            assert_eq!(EpochMillis::of_date_field(json), None, "{json}");
        }
    }

    #[test]
    fn dates_are_parsed_in_all_formats() {
        for (text, millis) in [
            ("2024-01-01", 1_704_067_200_000),
            ("2024-01-01T00:00", 1_704_067_200_000),
            ("2024-01-01 00:00:00", 1_704_067_200_000),
            ("2024-01-01T00:00:00.25", 1_704_067_200_250),
            ("2024-01-01T00:00:00.123456789", 1_704_067_200_123),
            ("2024-01-01T00:00:00Z", 1_704_067_200_000),
            ("2024-01-01T02:00:00+02:00", 1_704_067_200_000),
            ("2024-01-01T02:00:00+0200", 1_704_067_200_000),
            ("2023-12-31T19:00:00.5-05", 1_704_067_200_500),
            ("1704067200000", 1_704_067_200_000),
            ("0", 0),
            ("-1", -1),
            ("2024-02-29", 1_709_164_800_000),
        ] {
            assert_eq!(text.parse(), Ok(EpochMillis(millis)), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "2024-1-1",
            "2024-01-01Q",
            "2024-01-01T00:00:00.",
            "2024-01-01T00:00:00+",
            "01/02/2024",
            "12ä",
            "2024-01-0ä",
        ] {
            assert_eq!(text.parse::<EpochMillis>(), Err(DateError::Form), "{text}");
        }
    }

    #[test]
    fn relative_dates_are_before_the_same_time() {
        let parse = |text: &str| text.parse::<EpochMillis>().unwrap().0;
        let now = parse("now");
        assert!((EpochMillis::now().0 - now).abs() < 3_600_000);
        for (text, millis) in [
            ("now-90m", 5_400_000),
            ("12h", 43_200_000),
            ("7d", 604_800_000),
            ("now-7d", 604_800_000),
            ("now-1w", 604_800_000),
            ("0d", 0),
        ] {
            assert_eq!(now - parse(text), millis, "{text}");
        }
        for text in [
            "now+1d", "now-", "now-7", "d", "-7d", "+7d", "now-+7d", "7 d", "7M", "1.5d", "7dä",
        ] {
            assert_eq!(text.parse::<EpochMillis>(), Err(DateError::Form), "{text}");
        }
        for text in ["now/d", "now-1d/d", "7d/d"] {
            assert_eq!(text.parse::<EpochMillis>(), Err(DateError::Rounding), "{text}");
        }
    }

    #[test]
    fn epoch_seconds_are_refused() {
        let refused = "1704067200".parse::<EpochMillis>().unwrap_err();
        assert!(
            refused.to_string().ends_with("(did you mean 1704067200000?)"),
            "{refused}"
        );
        assert_eq!("-1704067200".parse(), Ok(EpochMillis(-1_704_067_200)));
    }

    #[test]
    fn a_date_that_does_not_exist_is_reported_as_such() {
        for text in ["2023-02-29", "2023-02-29T00:00:00", "2023-02-29T00:00:00Z"] {
            let refused = text.parse::<EpochMillis>();
            assert!(matches!(refused, Err(DateError::NoSuchDate(_))), "{text}: {refused:?}");
        }
        assert_eq!(
            "99999999999999999999".parse::<EpochMillis>(),
            Err(DateError::TooManyMillis)
        );
    }
}
