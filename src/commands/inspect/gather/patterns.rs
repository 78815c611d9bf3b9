//! What a job found in the course of its series, read from the annotations that it writes itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde::Deserialize;

/// Series told apart, all patterns together; beyond it a series found twice counts twice.
const MOST_SERIES: usize = 200_000;
/// Patterns told apart: periods come from data.
const MOST_PATTERNS: usize = 1000;

/// What jobs call themselves in annotations; nobody else may.
pub(in crate::commands::inspect) const JOB: &str = "_xpack";

/// A kind of pattern.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::commands::inspect) enum Pattern {
    Trend,
    Seasonality { period: String, days: Option<&'static str> },
    Other,
}

/// The patterns of each detector, with the number of series that each was found in.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct Patterns {
    found: BTreeMap<(Option<u64>, Pattern), u64>,
    /// Hashes of pattern and series: the same may be found again after it was lost.
    series: HashSet<u64>,
    hasher: RandomState,
    by_job: u64,
    by_people: u64,
}

/// The members of an annotation that matter here.
#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow, default)]
    create_username: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    annotation: Option<Cow<'a, str>>,
    #[serde(default)]
    detector_index: Option<u64>,
    #[serde(borrow, default)]
    partition_field_value: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    over_field_value: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by_field_value: Option<Cow<'a, str>>,
}

impl Patterns {
    /// Reads an annotation.
    pub(super) fn add(&mut self, source: &[u8]) {
        // One of another form counts as a person's: only autodetect is known to write the one above.
        let read = serde_json::from_slice::<Annotation<'_>>(source).ok();
        let Some(annotation) = read.filter(|annotation| annotation.create_username.as_deref() == Some(JOB)) else {
            self.by_people += 1;
            return;
        };
        self.by_job += 1;
        if annotation.event.as_deref() != Some("model_change") {
            return;
        }
        let pattern = Pattern::of(annotation.annotation.as_deref().unwrap_or_default());
        let series = (
            &annotation.partition_field_value,
            &annotation.over_field_value,
            &annotation.by_field_value,
        );
        let key = (annotation.detector_index, pattern);
        let hash = self.hasher.hash_one((&key.0, format!("{:?}", key.1), series));
        let known = self.series.contains(&hash);
        if !known && self.series.len() < MOST_SERIES {
            self.series.insert(hash);
        }
        if known || (self.found.len() >= MOST_PATTERNS && !self.found.contains_key(&key)) {
            return;
        }
        *self.found.entry(key).or_default() += 1;
    }

    /// By detector and pattern.
    pub(in crate::commands::inspect) fn found(&self) -> impl Iterator<Item = (Option<u64>, &Pattern, u64)> {
        self.found
            .iter()
            .map(|((detector, pattern), series)| (*detector, pattern, *series))
    }

    /// Annotations of the job itself, and of people.
    pub(in crate::commands::inspect) fn authors(&self) -> (u64, u64) {
        (self.by_job, self.by_people)
    }
}

impl Pattern {
    /// From the texts that autodetect writes (`CTimeSeriesTestForSeasonality`, `CTimeSeriesDecompositionDetail`).
    fn of(text: &str) -> Self {
        let found = text.strip_prefix("Detected ").unwrap_or_default();
        if found == "trend" {
            return Self::Trend;
        }
        let Some(rest) = found.strip_prefix("seasonal component with period ") else {
            return Self::Other;
        };
        let (period, days) = match rest.split_once(' ') {
            None => (rest, None),
            Some((period, "(weekdays)")) => (period, Some("weekdays")),
            Some((period, "(weekend)")) => (period, Some("weekend")),
            Some(_) => return Self::Other,
        };
        // A text of any other form could hold anything.
        let is_length = period.len() <= 24 && period.bytes().all(|b| b.is_ascii_digit() || b"dhms".contains(&b));
        if !is_length || period.is_empty() {
            return Self::Other;
        }
        Self::Seasonality {
            period: period.to_owned(),
            days,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(annotations: &[(&str, &str)]) -> Patterns {
        let mut patterns = Patterns::default();
        for (text, by) in annotations {
            let source = serde_json::json!({"create_username": "_xpack", "event": "model_change", "annotation": text,
                "detector_index": 1, "by_field_value": by});
            patterns.add(source.to_string().as_bytes());
        }
        patterns.add(br#"{"create_username": "mueller", "event": "user", "annotation": "Detected trend"}"#);
        patterns.add(b"not an annotation");
        patterns
    }

    fn seasonality(period: &str, days: Option<&'static str>) -> Pattern {
        let period = period.to_owned();
        Pattern::Seasonality { period, days }
    }

    #[test]
    fn series_are_counted_by_pattern() {
        let patterns = read(&[
            ("Detected seasonal component with period 1d", "200"),
            ("Detected seasonal component with period 1d", "304"),
            ("Detected seasonal component with period 1d", "304"),
            ("Detected seasonal component with period 1d (weekend)", "304"),
            ("Detected seasonal component with period 12h30m (weekdays)", "304"),
            ("Detected trend", "200"),
            ("Detected seasonal component with period alice (weekend)", "304"),
            ("Something new", "304"),
        ]);
        let found = patterns
            .found()
            .map(|(detector, pattern, series)| (detector, pattern.clone(), series));
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                (Some(1), Pattern::Trend, 1),
                (Some(1), seasonality("12h30m", Some("weekdays")), 1),
                (Some(1), seasonality("1d", None), 2),
                (Some(1), seasonality("1d", Some("weekend")), 1),
                (Some(1), Pattern::Other, 1),
            ]
        );
        assert_eq!(patterns.authors(), (8, 2));
    }
}
