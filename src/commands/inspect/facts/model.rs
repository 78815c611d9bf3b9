//! What was learned: the snapshot, what the job has read, patterns and categories.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::job::Snapshot;
use crate::util::timestamp::{EpochMillis, as_date, date_field};
use crate::values::JOB_USER;

/// Series that are told apart, all patterns together; beyond it a series found twice counts twice.
const MAX_SERIES: usize = 200_000;
/// Patterns that are told apart: periods come from data.
const MAX_PATTERNS: usize = 1000;
/// Categories kept; more than any useful job has.
const MAX_CATEGORIES: usize = 10_000;
/// Characters of an example.
const MAX_EXAMPLE: usize = 200;

/// The model snapshot, by the names of its document (`model_size_stats` included) where they differ.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SnapshotFacts {
    pub(crate) id: String,
    /// `timestamp`
    #[serde(serialize_with = "as_date")]
    pub(crate) created: Option<EpochMillis>,
    pub(crate) description: Option<String>,
    pub(crate) min_version: Option<String>,
    /// `snapshot_doc_count`
    pub(crate) state_documents: Option<u64>,
    pub(crate) model_bytes: Option<u64>,
    pub(crate) peak_model_bytes: Option<u64>,
    /// `model_bytes_memory_limit`
    pub(crate) memory_limit: Option<u64>,
    /// `model_bytes_exceeded`
    pub(crate) bytes_exceeded: Option<u64>,
    pub(crate) memory_status: Option<String>,
    /// `bucket_allocation_failures_count`
    pub(crate) allocation_failures: Option<u64>,
    pub(crate) series: SeriesFacts,
    /// `None` for a job that does not categorize.
    pub(crate) categorization: Option<CategorizationFacts>,
    #[serde(serialize_with = "as_date")]
    pub(crate) latest_record: Option<EpochMillis>,
    #[serde(serialize_with = "as_date")]
    pub(crate) latest_result: Option<EpochMillis>,
}

/// Field values that are modeled (`total_…_field_count`), summed over detectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct SeriesFacts {
    pub(crate) by_values: Option<u64>,
    pub(crate) over_values: Option<u64>,
    pub(crate) partition_values: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CategorizationFacts {
    pub(crate) status: Option<String>,
    /// `categorized_doc_count`
    pub(crate) documents: Option<u64>,
    pub(crate) categories: Option<u64>,
    /// Match more than 1% of the documents.
    pub(crate) frequent: Option<u64>,
    /// Match one document.
    pub(crate) rare: Option<u64>,
    /// Never match again, since a broader category does.
    pub(crate) dead: Option<u64>,
    /// Could not be created for lack of memory.
    pub(crate) failed: Option<u64>,
}

/// What the job has read, from its data counts.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct DataCountsFacts {
    #[serde(rename(deserialize = "processed_record_count"))]
    pub(crate) records: Option<u64>,
    #[serde(rename(deserialize = "earliest_record_timestamp"), default)]
    #[serde(deserialize_with = "date_field", serialize_with = "as_date")]
    pub(crate) first_record: Option<EpochMillis>,
    #[serde(rename(deserialize = "latest_record_timestamp"), default)]
    #[serde(deserialize_with = "date_field", serialize_with = "as_date")]
    pub(crate) latest_record: Option<EpochMillis>,
    #[serde(rename(deserialize = "bucket_count"))]
    pub(crate) buckets: Option<u64>,
    #[serde(rename(deserialize = "empty_bucket_count"))]
    pub(crate) empty_buckets: Option<u64>,
    #[serde(rename(deserialize = "missing_field_count"))]
    pub(crate) missing_fields: Option<u64>,
    #[serde(rename(deserialize = "out_of_order_timestamp_count"))]
    pub(crate) out_of_order: Option<u64>,
}

/// A pattern, and the number of series that it was found in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PatternFacts {
    #[serde(flatten)]
    pub(crate) pattern: Pattern,
    /// Its index.
    pub(crate) detector: Option<u64>,
    pub(crate) series: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Pattern {
    pub(crate) what: PatternKind,
    /// Length of a seasonality, such as `1d`.
    pub(crate) period: Option<String>,
    /// `weekdays` or `weekend`, if the seasonality is limited to them.
    pub(crate) days: Option<&'static str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PatternKind {
    Trend,
    Seasonality,
    Other,
}

/// Number of annotations by author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AnnotationFacts {
    pub(crate) by_job: u64,
    pub(crate) by_people: u64,
}

/// The categories, those that match most first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CategoriesFacts {
    /// Whether there are more than are listed.
    pub(crate) more: bool,
    pub(crate) list: Vec<CategoryFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CategoryFacts {
    pub(crate) id: u64,
    pub(crate) matches: Option<u64>,
    /// With `--values` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) example: Option<String>,
}

impl SnapshotFacts {
    /// The server writes numbers of categories for every job: they are left out unless the job `categorizes`.
    pub(super) fn of(snapshot: &Snapshot, categorizes: bool) -> Self {
        let size = |name: &str| snapshot.model_size_stats.as_ref()?.others.get(name);
        let number = |name: &str| size(name).and_then(Value::as_u64);
        let text = |name: &str| size(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            id: snapshot.snapshot_id.to_string(),
            created: snapshot.timestamp,
            description: snapshot.description.clone(),
            min_version: snapshot.min_version.clone(),
            state_documents: snapshot.snapshot_doc_count,
            model_bytes: number("model_bytes"),
            peak_model_bytes: number("peak_model_bytes"),
            memory_limit: number("model_bytes_memory_limit"),
            bytes_exceeded: number("model_bytes_exceeded"),
            memory_status: text("memory_status"),
            allocation_failures: number("bucket_allocation_failures_count"),
            series: SeriesFacts {
                by_values: number("total_by_field_count"),
                over_values: number("total_over_field_count"),
                partition_values: number("total_partition_field_count"),
            },
            categorization: categorizes.then(|| CategorizationFacts {
                status: text("categorization_status"),
                documents: number("categorized_doc_count"),
                categories: number("total_category_count"),
                frequent: number("frequent_category_count"),
                rare: number("rare_category_count"),
                dead: number("dead_category_count"),
                failed: number("failed_category_count"),
            }),
            latest_record: snapshot.latest_record_time_stamp,
            latest_result: snapshot.latest_result_time_stamp,
        }
    }
}

impl DataCountsFacts {
    pub(super) fn read(document: &RawValue) -> Option<Self> {
        serde_json::from_str(document.get()).ok()
    }
}

/// Reads annotations: who wrote them, and the patterns that the job found.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    found: BTreeMap<(Option<u64>, Pattern), u64>,
    /// Hashes of pattern and series: the same may be found again after it was lost.
    series: HashSet<u64>,
    hasher: RandomState,
    authors: AnnotationFacts,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Annotation<'a> {
    #[serde(borrow)]
    create_username: Option<Cow<'a, str>>,
    #[serde(borrow)]
    event: Option<Cow<'a, str>>,
    #[serde(borrow)]
    annotation: Option<Cow<'a, str>>,
    detector_index: Option<u64>,
    #[serde(borrow)]
    partition_field_value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    over_field_value: Option<Cow<'a, str>>,
    #[serde(borrow)]
    by_field_value: Option<Cow<'a, str>>,
}

impl Patterns {
    pub(crate) fn add(&mut self, source: &[u8]) {
        // An annotation of another form counts as a person's: only autodetect is known to write this one.
        let read = serde_json::from_slice::<Annotation<'_>>(source).ok();
        let Some(annotation) = read.filter(|annotation| annotation.create_username.as_deref() == Some(JOB_USER)) else {
            self.authors.by_people += 1;
            return;
        };
        self.authors.by_job += 1;
        if annotation.event.as_deref() != Some("model_change") {
            return;
        }
        let pattern = Pattern::of(annotation.annotation.as_deref().unwrap_or_default());
        let key = (annotation.detector_index, pattern);
        let hash = self.hasher.hash_one((
            &key,
            &annotation.partition_field_value,
            &annotation.over_field_value,
            &annotation.by_field_value,
        ));
        let known = self.series.contains(&hash);
        if !known && self.series.len() < MAX_SERIES {
            self.series.insert(hash);
        }
        if !known && (self.found.len() < MAX_PATTERNS || self.found.contains_key(&key)) {
            *self.found.entry(key).or_default() += 1;
        }
    }

    /// By detector, and the authors.
    pub(crate) fn into_facts(self) -> (Vec<PatternFacts>, AnnotationFacts) {
        let facts = |((detector, pattern), series)| PatternFacts {
            pattern,
            detector,
            series,
        };
        (self.found.into_iter().map(facts).collect(), self.authors)
    }
}

impl Pattern {
    /// From the texts that autodetect writes (`CTimeSeriesTestForSeasonality`, `CTimeSeriesDecompositionDetail`).
    fn of(text: &str) -> Self {
        let new = |what, period, days| Self { what, period, days };
        let found = text.strip_prefix("Detected ").unwrap_or_default();
        if found == "trend" {
            return new(PatternKind::Trend, None, None);
        }
        let found = found
            .strip_prefix("seasonal component with period ")
            .unwrap_or_default();
        let (period, days) = found.split_once(' ').unwrap_or((found, ""));
        let days = match days {
            "" => Some(None),
            "(weekdays)" => Some(Some("weekdays")),
            "(weekend)" => Some(Some("weekend")),
            _ => None,
        };
        // A text of any other form could contain anything.
        let is_length =
            (1..=24).contains(&period.len()) && period.bytes().all(|b| b.is_ascii_digit() || b"dhms".contains(&b));
        match days.filter(|_| is_length) {
            Some(days) => new(PatternKind::Seasonality, Some(period.to_owned()), days),
            None => new(PatternKind::Other, None, None),
        }
    }
}

/// Reads category definitions.
#[derive(Debug, Default)]
pub(crate) struct Categories {
    pub(crate) with_examples: bool,
    found: BTreeMap<u64, CategoryFacts>,
    more: bool,
}

#[derive(Deserialize)]
struct Definition {
    category_id: u64,
    num_matches: Option<u64>,
    #[serde(default)]
    examples: Vec<String>,
}

impl Categories {
    pub(crate) fn add(&mut self, source: &[u8]) {
        let Ok(definition) = serde_json::from_slice::<Definition>(source) else {
            return;
        };
        let id = definition.category_id;
        if self.found.len() >= MAX_CATEGORIES && !self.found.contains_key(&id) {
            self.more = true;
            return;
        }
        let example = definition.examples.first().filter(|_| self.with_examples);
        let example = example.map(|example| example.chars().take(MAX_EXAMPLE).collect());
        // Partitions number their categories together; of one ID, the last definition is the latest.
        let earlier = self.found.get(&id).and_then(|category| category.matches);
        let matches = definition.num_matches.max(earlier);
        self.found.insert(id, CategoryFacts { id, matches, example });
    }

    pub(crate) fn into_facts(self) -> CategoriesFacts {
        let mut list: Vec<CategoryFacts> = self.found.into_values().collect();
        list.sort_by_key(|category| (Reverse(category.matches), category.id));
        CategoriesFacts { more: self.more, list }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn series_are_counted_by_pattern() {
        let mut patterns = Patterns::default();
        for (text, by) in [
            ("Detected seasonal component with period 1d", "200"),
            ("Detected seasonal component with period 1d", "304"),
            ("Detected seasonal component with period 1d", "304"),
            ("Detected seasonal component with period 1d (weekend)", "304"),
            ("Detected seasonal component with period 12h30m (weekdays)", "304"),
            ("Detected trend", "200"),
            ("Detected seasonal component with period alice (weekend)", "304"),
            ("Something new", "304"),
        ] {
            let source = serde_json::json!({"create_username": "_xpack", "event": "model_change", "annotation": text,
                "detector_index": 1, "by_field_value": by});
            patterns.add(source.to_string().as_bytes());
        }
        patterns.add(br#"{"create_username": "mueller", "event": "user", "annotation": "Detected trend"}"#);
        patterns.add(b"not an annotation");
        let (found, authors) = patterns.into_facts();
        let found = found.into_iter().map(
            |PatternFacts {
                 pattern,
                 detector,
                 series,
             }| {
                assert_eq!(detector, Some(1));
                (pattern.what, pattern.period, pattern.days, series)
            },
        );
        let period = |period: &str| Some(period.to_owned());
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                (PatternKind::Trend, None, None, 1),
                (PatternKind::Seasonality, period("12h30m"), Some("weekdays"), 1),
                (PatternKind::Seasonality, period("1d"), None, 2),
                (PatternKind::Seasonality, period("1d"), Some("weekend"), 1),
                (PatternKind::Other, None, None, 1),
            ]
        );
        assert_eq!((authors.by_job, authors.by_people), (8, 2));
    }

    #[test]
    fn the_latest_definition_of_a_category_counts() {
        for with_examples in [true, false] {
            let mut categories = Categories {
                with_examples,
                ..Categories::default()
            };
            for source in [
                r#"{"category_id": 2, "num_matches": 3, "examples": ["a", "b"], "regex": ".*"}"#,
                r#"{"category_id": 1}"#,
                r#"{"category_id": 2, "num_matches": 5, "examples": ["c"]}"#,
                "{}",
            ] {
                categories.add(source.as_bytes());
            }
            let facts = categories.into_facts();
            let first = facts.list.first().unwrap();
            let example = with_examples.then_some("c");
            assert_eq!(
                (first.id, first.matches, first.example.as_deref()),
                (2, Some(5), example)
            );
            assert_eq!((facts.list.len(), facts.more), (2, false));
        }
    }
}
