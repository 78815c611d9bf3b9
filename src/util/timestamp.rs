//! A moment, as Elasticsearch counts it.

use std::fmt;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EpochMillis(pub i64);

impl EpochMillis {
    /// The present moment.
    pub fn now() -> Self {
        Self::from(OffsetDateTime::now_utc())
    }

    /// The JSON value of a date field in the forms in which Elasticsearch both indexes a time and reads it back: whole
    /// milliseconds as a number or a string, or a string as RFC 3339 has it. (Of a real server, 9.2: `1706659183000.0` is
    /// indexed, `1.7e12` is not.)
    pub fn of_date_field(json: &str) -> Option<Self> {
        let Some(quoted) = json.strip_prefix('"') else {
            return whole(json);
        };
        let text = quoted.strip_suffix('"')?;
        whole(text).or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(Self::from))
    }
}

/// Digits, with no fraction other than zeros.
fn whole(text: &str) -> Option<EpochMillis> {
    let (digits, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let zero = !fraction.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let plain = digits
        .strip_prefix('-')
        .unwrap_or(digits)
        .bytes()
        .all(|byte| byte.is_ascii_digit());
    (zero && plain).then(|| digits.parse().ok().map(EpochMillis)).flatten()
}

/// A member of a stored document that is a date field: [`EpochMillis::of_date_field`], or `null`.
///
/// # Errors
/// A value of any other form.
pub fn date_field<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EpochMillis>, D::Error> {
    let json = Box::<RawValue>::deserialize(deserializer)?;
    match (json.get(), EpochMillis::of_date_field(json.get())) {
        ("null", _) => Ok(None),
        (_, Some(time)) => Ok(Some(time)),
        (_, None) => Err(serde::de::Error::custom(
            "a time is neither whole milliseconds nor a date as RFC 3339 has it",
        )),
    }
}

impl From<OffsetDateTime> for EpochMillis {
    fn from(moment: OffsetDateTime) -> Self {
        // A date of the years -9999..=9999 in milliseconds always fits.
        Self((moment.unix_timestamp_nanos() / 1_000_000) as i64)
    }
}

impl fmt::Display for EpochMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok())
        {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_field_has_the_forms_that_elasticsearch_indexes_and_reads() {
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
}
