//! Facts from individual documents: times, patterns from annotations, and categories.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::ops::RangeInclusive;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::json::for_each_member;
use crate::report::{Histogram, TimeColumns};
use crate::util::timestamp::EpochMillis;
use crate::values::JOB_USER;

/// Maximum depth of the time field. The default limit of Elasticsearch is 20 (`index.mapping.depth.limit`).
const MAX_DEPTH: usize = 100;
/// Number of columns in a plot, at most.
pub(super) const CELLS: usize = 64;
/// Maximum number of distinct series over all patterns; after that, a series that occurs twice counts twice.
const MAX_SERIES: usize = 200_000;
/// Maximum number of distinct patterns, since periods depend on the data.
const MAX_PATTERNS: usize = 1000;
/// Maximum number of categories, more than any useful job has.
const MAX_CATEGORIES: usize = 10_000;
/// Maximum number of characters of an example.
const MAX_EXAMPLE: usize = 200;

/// Cells of equal width in a period. The width doubles until every time is in a cell.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct TimeCells {
    /// Start of the first cell and width of each in milliseconds; `i128` so that no doubling can overflow.
    origin: i128,
    /// 0 before the first time.
    width: i128,
}

impl TimeCells {
    /// The cell of a time; `width` is the initial width in milliseconds. Each time the width doubles, `widen` must merge
    /// adjacent cells; it receives the position of the merged ones.
    pub(super) fn cell(&mut self, time: EpochMillis, width: u64, mut widen: impl FnMut(usize)) -> usize {
        let (at, cells) = (i128::from(time.0), CELLS as i128);
        if self.width == 0 {
            (self.origin, self.width) = (at, i128::from(width.max(1)));
        }
        while at < self.origin {
            self.origin -= self.width * cells;
            self.width *= 2;
            widen(CELLS / 2);
        }
        while at >= self.origin + self.width * cells {
            self.width *= 2;
            widen(0);
        }
        ((at - self.origin) / self.width) as usize
    }

    /// These cells as columns of a plot.
    pub(super) fn columns(&self, cells: &RangeInclusive<usize>) -> TimeColumns {
        let from = self.origin + self.width * *cells.start() as i128;
        TimeColumns {
            from: EpochMillis(i64::try_from(from).unwrap_or(i64::MIN)),
            column_millis: u64::try_from(self.width).unwrap_or(u64::MAX),
            number: cells.clone().count(),
        }
    }
}

/// Merges adjacent cells; the merged ones begin at `start`.
pub(super) fn merged<T: Copy + Default>(cells: &[T], start: usize, merge: fn(T, T) -> T) -> Vec<T> {
    let mut merged = vec![T::default(); CELLS];
    for (cell, pair) in merged[start..].iter_mut().zip(cells.chunks(2)) {
        *cell = pair.iter().copied().reduce(merge).unwrap_or_default();
    }
    merged
}

/// The times of the documents of a part, counted in cells.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartTimes {
    cells: TimeCells,
    counts: Vec<u64>,
    /// The first and the last time.
    pub(super) range: Option<(EpochMillis, EpochMillis)>,
    /// Documents whose time could not be read.
    pub(super) undated: u64,
}

impl PartTimes {
    pub(crate) fn add(&mut self, time: Option<EpochMillis>) {
        let Some(time) = time else {
            self.undated += 1;
            return;
        };
        let (first, last) = self.range.unwrap_or((time, time));
        self.range = Some((first.min(time), last.max(time)));
        let counts = &mut self.counts;
        counts.resize(CELLS, 0);
        let cell = self
            .cells
            .cell(time, 1, |start| *counts = merged(counts, start, |a, b| a + b));
        self.counts[cell] += 1;
    }

    /// The cells from the first to the last one that is not empty. `None` if nothing was counted.
    pub(super) fn histogram(&self) -> Option<Histogram> {
        let is_filled = |count: &u64| *count > 0;
        let cells = self.counts.iter().position(is_filled)?..=self.counts.iter().rposition(is_filled)?;
        Some(Histogram {
            columns: self.cells.columns(&cells),
            counts: self.counts[cells].to_vec(),
        })
    }
}

/// The value of the time field of a document; `None` if it is missing or has an unknown format. `event.created` matches a
/// member of that name and `created` in `event`.
pub(crate) fn document_time(source: &[u8], field: &str) -> Option<EpochMillis> {
    let nests_too_deeply = field.matches('.').count() > MAX_DEPTH;
    let source = std::str::from_utf8(source).ok()?;
    (!nests_too_deeply).then(|| find_time(source, field)).flatten()
}

fn find_time(object: &str, field: &str) -> Option<EpochMillis> {
    let mut found = None;
    let find = |name: Cow<'_, str>, value: &RawValue| {
        found = match field.strip_prefix(&*name) {
            Some("") => match value.get().parse::<i64>() {
                // Most times are in milliseconds.
                Ok(number) => EpochMillis::of_document_number(number as f64),
                Err(_) => serde_json::from_str(value.get()).ok().and_then(|value| time_of(&value)),
            },
            Some(rest) => rest.strip_prefix('.').and_then(|rest| find_time(value.get(), rest)),
            None => None,
        };
        found.is_none()
    };
    // Documents are checked before.
    let _ = for_each_member(object, find);
    found
}

/// The time in a number, a text, or the first item of a list.
pub(super) fn time_of(value: &Value) -> Option<EpochMillis> {
    match value {
        Value::Number(number) => EpochMillis::of_document_number(number.as_f64()?),
        Value::String(text) => EpochMillis::of_document_text(text),
        Value::Array(items) => time_of(items.first()?),
        _ => None,
    }
}

/// A pattern, and the number of series in which it was detected.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct PatternFacts {
    #[serde(flatten)]
    pub(crate) pattern: Pattern,
    /// Index of the detector.
    pub(crate) detector: Option<u64>,
    pub(crate) series: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub(crate) struct Pattern {
    /// `trend`, `seasonality` or `other`.
    pub(crate) kind: &'static str,
    /// Length of a seasonality, such as `1d`.
    pub(crate) period: Option<String>,
    /// `weekdays` or `weekend`, if the seasonality is limited to them.
    pub(crate) days: Option<&'static str>,
}

/// Number of annotations by author.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct AnnotationFacts {
    pub(crate) by_job: u64,
    pub(crate) by_users: u64,
}

/// The categories, sorted by number of matches, highest first.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CategoriesFacts {
    /// Whether there are more categories than listed.
    pub(crate) more: bool,
    pub(crate) list: Vec<CategoryFacts>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct CategoryFacts {
    pub(crate) id: u64,
    pub(crate) matches: Option<u64>,
    /// Only with `--values`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) example: Option<String>,
}

/// Counts annotations by author and collects the patterns that the job detected.
#[derive(Debug, Default)]
pub(crate) struct Patterns {
    found: BTreeMap<(Option<u64>, Pattern), u64>,
    /// Hashes of pattern and series, since a pattern may be detected again after it was lost.
    series: HashSet<u64>,
    hasher: RandomState,
    authors: AnnotationFacts,
}

impl Patterns {
    pub(crate) fn add(&mut self, annotation: &Value) {
        // An annotation of any other form counts as written by a user, since only autodetect is known to write this form.
        if annotation["create_username"] != JOB_USER {
            self.authors.by_users += 1;
            return;
        }
        self.authors.by_job += 1;
        if annotation["event"] != "model_change" {
            return;
        }
        let pattern = Pattern::of(annotation["annotation"].as_str().unwrap_or_default());
        let key = (annotation["detector_index"].as_u64(), pattern);
        let series = ["partition_field_value", "over_field_value", "by_field_value"];
        let values = series.map(|name| annotation[name].as_str());
        let hash = self.hasher.hash_one((&key, values));
        if self.series.contains(&hash) {
            return;
        }
        if self.series.len() < MAX_SERIES {
            self.series.insert(hash);
        }
        if self.found.len() < MAX_PATTERNS || self.found.contains_key(&key) {
            *self.found.entry(key).or_default() += 1;
        }
    }

    /// By detector, the most frequent pattern first, and the authors.
    pub(crate) fn into_facts(self) -> (Vec<PatternFacts>, AnnotationFacts) {
        let facts = |((detector, pattern), series)| PatternFacts {
            pattern,
            detector,
            series,
        };
        let mut patterns: Vec<PatternFacts> = self.found.into_iter().map(facts).collect();
        patterns.sort_by_key(|facts| (facts.detector, Reverse(facts.series)));
        (patterns, self.authors)
    }
}

impl Pattern {
    /// From the texts that autodetect writes (`CTimeSeriesTestForSeasonality`, `CTimeSeriesDecompositionDetail`).
    fn of(text: &str) -> Self {
        let seasonality = text.strip_prefix("Detected seasonal component with period ");
        let seasonality = seasonality.unwrap_or_default();
        let (period, days) = seasonality.split_once(' ').unwrap_or((seasonality, ""));
        // A text of any other form could contain values of the data.
        let is_length = |byte: u8| byte.is_ascii_digit() || b"dhms".contains(&byte);
        let is_period = (1..=24).contains(&period.len()) && period.bytes().all(is_length);
        let (kind, days) = match days {
            _ if text == "Detected trend" => ("trend", None),
            "" if is_period => ("seasonality", None),
            "(weekdays)" if is_period => ("seasonality", Some("weekdays")),
            "(weekend)" if is_period => ("seasonality", Some("weekend")),
            _ => ("other", None),
        };
        let period = (kind == "seasonality").then(|| period.to_owned());
        Self { kind, period, days }
    }
}

/// Reads category definitions.
#[derive(Debug, Default)]
pub(crate) struct Categories {
    found: BTreeMap<u64, CategoryFacts>,
    more: bool,
}

impl Categories {
    pub(crate) fn add(&mut self, definition: &Value, with_example: bool) {
        let Some(id) = definition["category_id"].as_u64() else {
            return;
        };
        if self.found.len() >= MAX_CATEGORIES && !self.found.contains_key(&id) {
            self.more = true;
            return;
        }
        let example = definition["examples"][0].as_str().filter(|_| with_example);
        let example = example.map(|example| example.chars().take(MAX_EXAMPLE).collect());
        // Category IDs are unique across partitions; the last definition of an ID is the latest.
        let earlier = self.found.get(&id).and_then(|category| category.matches);
        let matches = definition["num_matches"].as_u64().max(earlier);
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
    use serde_json::json;

    use super::*;

    fn at(source: &str, field: &str) -> Option<i64> {
        document_time(source.as_bytes(), field).map(|time| time.0)
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
    fn values_other_than_dates_have_no_time() {
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

    fn of(moments: impl IntoIterator<Item = i64>) -> PartTimes {
        let mut times = PartTimes::default();
        for moment in moments {
            times.add(Some(EpochMillis(moment)));
        }
        times
    }

    #[test]
    fn single_document_has_one_column() {
        let times = of([1_704_067_212_000]);
        let columns = times.histogram().unwrap();
        assert_eq!(
            (columns.columns.from.0, columns.columns.column_millis, columns.counts),
            (1_704_067_212_000, 1, vec![1])
        );
        assert_eq!(
            times.range,
            Some((EpochMillis(1_704_067_212_000), EpochMillis(1_704_067_212_000)))
        );
    }

    #[test]
    fn evenly_distributed_documents_fill_columns_evenly() {
        let columns = of((0..6400).map(|n| n * 60_000)).histogram().unwrap();
        assert_eq!(columns.counts.iter().sum::<u64>(), 6400);
        assert!((32..=64).contains(&columns.counts.len()), "{}", columns.counts.len());
        let full = &columns.counts[..columns.counts.len() - 1];
        assert!(full.iter().max().unwrap() - full.iter().min().unwrap() <= 1, "{full:?}");
    }

    #[test]
    fn histogram_does_not_depend_on_document_order() {
        let moments = (0..1000).map(|n| (n * 7919) % 100_003 * 1000);
        let times = of(moments.clone());
        let Histogram { columns, counts } = times.histogram().unwrap();
        for (index, count) in counts.iter().enumerate() {
            let from = columns.from.0 + index as i64 * columns.column_millis as i64;
            let expected = moments
                .clone()
                .filter(|m| (from..from + columns.column_millis as i64).contains(m))
                .count();
            assert_eq!(*count, expected as u64, "column {index}");
        }
        assert_eq!(counts.iter().sum::<u64>(), 1000);
    }

    #[test]
    fn histogram_accepts_extreme_times() {
        let times = of([0, i64::MAX, i64::MIN]);
        assert_eq!(times.histogram().unwrap().counts.iter().sum::<u64>(), 3);
        assert_eq!(times.range, Some((EpochMillis(i64::MIN), EpochMillis(i64::MAX))));
    }

    #[test]
    fn histogram_requires_documents() {
        assert_eq!(of([]).histogram(), None);
    }

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
            let source = json!({"create_username": "_xpack", "event": "model_change", "annotation": text,
                "detector_index": 1, "by_field_value": by});
            patterns.add(&source);
        }
        patterns.add(&json!({"create_username": "mueller", "event": "user", "annotation": "Detected trend"}));
        patterns.add(&json!("not an annotation"));
        let (found, authors) = patterns.into_facts();
        let found = found.into_iter().map(
            |PatternFacts {
                 pattern,
                 detector,
                 series,
             }| {
                assert_eq!(detector, Some(1));
                (pattern.kind, pattern.period, pattern.days, series)
            },
        );
        let period = |period: &str| Some(period.to_owned());
        assert_eq!(
            found.collect::<Vec<_>>(),
            [
                ("seasonality", period("1d"), None, 2),
                ("other", None, None, 1),
                ("seasonality", period("12h30m"), Some("weekdays"), 1),
                ("seasonality", period("1d"), Some("weekend"), 1),
                ("trend", None, None, 1),
            ]
        );
        assert_eq!((authors.by_job, authors.by_users), (8, 2));
    }

    #[test]
    fn latest_category_definition_is_used() {
        for with_example in [true, false] {
            let mut categories = Categories::default();
            for source in [
                r#"{"category_id": 2, "num_matches": 3, "examples": ["a", "b"], "regex": ".*"}"#,
                r#"{"category_id": 1}"#,
                r#"{"category_id": 2, "num_matches": 5, "examples": ["c"]}"#,
                "{}",
            ] {
                categories.add(&serde_json::from_str(source).unwrap(), with_example);
            }
            let facts = categories.into_facts();
            let first = facts.list.first().unwrap();
            let example = with_example.then_some("c");
            assert_eq!(
                (first.id, first.matches, first.example.as_deref()),
                (2, Some(5), example)
            );
            assert_eq!((facts.list.len(), facts.more), (2, false));
        }
    }
}
