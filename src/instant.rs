//! A moment, as Elasticsearch counts it.

use std::fmt;

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
