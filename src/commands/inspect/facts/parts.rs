//! The parts of the archive, with their times.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::archive::{Contents, Part};
use crate::job::Calendar;
use crate::json::for_each_member;
use crate::util::timestamp::{EpochMillis, as_date};

/// Objects around the time field. Elasticsearch allows 20 unless set otherwise (`index.mapping.depth.limit`).
const MAX_DEPTH: usize = 100;
/// Buckets of a histogram.
const BUCKETS: usize = 64;
/// The parts in the order of the page.
const PARTS: [(Part, &str); 5] = [
    (Part::State, "state"),
    (Part::Categories, "categories"),
    (Part::Annotations, "annotations"),
    (Part::Notifications, "notifications"),
    (Part::Inputs, "inputs"),
];

#[derive(Clone, Debug, Serialize)]
pub(crate) struct PartFacts {
    pub(crate) part: &'static str,
    /// Number of entries.
    pub(crate) entries: u64,
    pub(crate) documents: u64,
    /// Uncompressed, action lines included.
    pub(crate) bytes: u64,
    #[serde(serialize_with = "as_date")]
    pub(crate) first: Option<EpochMillis>,
    #[serde(serialize_with = "as_date")]
    pub(crate) last: Option<EpochMillis>,
    /// Documents whose time could not be read.
    pub(crate) undated: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct InputFacts {
    /// Documents by source index.
    pub(crate) indices: BTreeMap<String, u64>,
    pub(crate) mapping: bool,
    /// `None` where no time could be read.
    pub(crate) histogram: Option<HistogramFacts>,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct CalendarFacts {
    pub(crate) id: String,
    /// Number of events.
    pub(crate) events: u64,
}

/// The times of a part's documents.
#[derive(Clone, Debug, Default)]
pub(crate) struct PartTimes {
    histogram: Histogram,
    undated: u64,
}

impl PartTimes {
    pub(crate) fn add(&mut self, time: Option<EpochMillis>) {
        match time {
            Some(time) => self.histogram.add(time),
            None => self.undated += 1,
        }
    }
}

impl PartFacts {
    pub(super) fn all(contents: &Contents, times: &BTreeMap<Part, PartTimes>) -> Vec<Self> {
        let facts = |(part, name)| {
            let times = times.get(&part);
            let range = times.and_then(|times| times.histogram.range());
            let entries = contents.entries.iter();
            let entries = entries.filter(|entry| entry.kind.and_then(|kind| kind.part()) == Some(part));
            Self {
                part: name,
                entries: entries.clone().count() as u64,
                documents: contents.count(part),
                bytes: entries.map(|entry| entry.bytes).sum(),
                first: range.map(|(first, _)| first),
                last: range.map(|(_, last)| last),
                undated: times.map_or(0, |times| times.undated),
            }
        };
        PARTS.into_iter().map(facts).collect()
    }
}

impl InputFacts {
    pub(super) fn of(contents: &Contents, times: Option<&PartTimes>) -> Self {
        Self {
            indices: contents.input_indices.clone(),
            mapping: contents.input_mapping.is_some(),
            histogram: times.and_then(|times| times.histogram.to_facts()),
        }
    }
}

impl From<&Calendar> for CalendarFacts {
    fn from(calendar: &Calendar) -> Self {
        Self {
            id: calendar.calendar_id.to_string(),
            events: calendar.events.len() as u64,
        }
    }
}

/// The value of a document's time field; `None` where it is absent or in a format that is not known. `event.created` is
/// found as a member of that name and as `created` within `event`.
pub(crate) fn document_time(source: &[u8], field: &str) -> Option<EpochMillis> {
    let nests_too_deeply = field.matches('.').count() > MAX_DEPTH;
    let source = std::str::from_utf8(source).ok()?;
    (!nests_too_deeply).then(|| find_time(source, field)).flatten()
}

fn find_time(object: &str, field: &str) -> Option<EpochMillis> {
    let mut found = None;
    let read = for_each_member(object, |name, value| {
        let time = match field.strip_prefix(&*name) {
            Some("") => serde_json::from_str(value.get()).ok().and_then(|value| time_of(&value)),
            Some(rest) => rest.strip_prefix('.').and_then(|rest| find_time(value.get(), rest)),
            None => None,
        };
        found = time.or(found);
    });
    read.ok().and(found)
}

/// A number, a text, or the first of a list of them.
fn time_of(value: &Value) -> Option<EpochMillis> {
    match value {
        Value::Number(number) => EpochMillis::of_document_number(number.as_f64()?),
        Value::String(text) => EpochMillis::of_document_text(text),
        Value::Array(items) => time_of(items.first()?),
        _ => None,
    }
}

/// Counts in a fixed number of buckets of equal width, which doubles until a time outside of the range fits.
#[derive(Clone, Debug)]
pub(crate) struct Histogram {
    /// Start of the first bucket and width of each in milliseconds; `i128` so that no doubling can overflow.
    origin: i128,
    width: i128,
    counts: [u64; BUCKETS],
    range: Option<(EpochMillis, EpochMillis)>,
}

/// The buckets from the first to the last that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct HistogramFacts {
    /// Start of the first.
    #[serde(serialize_with = "as_date")]
    pub(crate) from: EpochMillis,
    /// Width of each.
    pub(crate) column_millis: u64,
    pub(crate) counts: Vec<u64>,
}

impl Default for Histogram {
    fn default() -> Self {
        Self {
            origin: 0,
            width: 1,
            counts: [0; BUCKETS],
            range: None,
        }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, time: EpochMillis) {
        let at = i128::from(time.0);
        self.range = Some(match self.range {
            None => {
                self.origin = at;
                (time, time)
            }
            Some((first, last)) => (first.min(time), last.max(time)),
        });
        while at < self.origin {
            self.widen(true);
        }
        while at >= self.origin + self.width * BUCKETS as i128 {
            self.widen(false);
        }
        let bucket = ((at - self.origin) / self.width) as usize;
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
        }
    }

    /// The first and the last time.
    pub(crate) fn range(&self) -> Option<(EpochMillis, EpochMillis)> {
        self.range
    }

    /// `None` where nothing was counted.
    pub(crate) fn to_facts(&self) -> Option<HistogramFacts> {
        let first = self.counts.iter().position(|count| *count > 0)?;
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        let from = self.origin + self.width * first as i128;
        Some(HistogramFacts {
            from: EpochMillis(i64::try_from(from).unwrap_or(i64::MIN)),
            column_millis: u64::try_from(self.width).unwrap_or(u64::MAX),
            counts: self.counts.get(first..=last)?.to_vec(),
        })
    }

    /// Merges adjacent buckets; the new ones are before or after those with counts.
    fn widen(&mut self, before: bool) {
        let mut joined = [0; BUCKETS];
        let shift = if before { BUCKETS / 2 } else { 0 };
        for (place, pair) in joined.iter_mut().skip(shift).zip(self.counts.chunks(2)) {
            *place = pair.iter().sum();
        }
        if before {
            self.origin -= self.width * BUCKETS as i128;
        }
        self.counts = joined;
        self.width *= 2;
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
    fn anything_else_has_no_time() {
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

    fn of(moments: impl IntoIterator<Item = i64>) -> Histogram {
        let mut histogram = Histogram::default();
        for moment in moments {
            histogram.add(EpochMillis(moment));
        }
        histogram
    }

    #[test]
    fn one_document_is_one_column() {
        let histogram = of([1_704_067_212_000]);
        let columns = histogram.to_facts().unwrap();
        assert_eq!(
            (columns.from.0, columns.column_millis, columns.counts),
            (1_704_067_212_000, 1, vec![1])
        );
        assert_eq!(
            histogram.range(),
            Some((EpochMillis(1_704_067_212_000), EpochMillis(1_704_067_212_000)))
        );
    }

    #[test]
    fn an_even_stream_fills_columns_evenly() {
        let columns = of((0..6400).map(|n| n * 60_000)).to_facts().unwrap();
        assert_eq!(columns.counts.iter().sum::<u64>(), 6400);
        assert!((32..=64).contains(&columns.counts.len()), "{}", columns.counts.len());
        let full = &columns.counts[..columns.counts.len() - 1];
        assert!(full.iter().max().unwrap() - full.iter().min().unwrap() <= 1, "{full:?}");
    }

    #[test]
    fn the_order_of_documents_changes_no_count() {
        let moments = (0..1000).map(|n| (n * 7919) % 100_003 * 1000);
        let histogram = of(moments.clone());
        let columns = histogram.to_facts().unwrap();
        for (index, count) in columns.counts.iter().enumerate() {
            let from = columns.from.0 + index as i64 * columns.column_millis as i64;
            let expected = moments
                .clone()
                .filter(|m| (from..from + columns.column_millis as i64).contains(m))
                .count();
            assert_eq!(*count, expected as u64, "column {index}");
        }
        assert_eq!(columns.counts.iter().sum::<u64>(), 1000);
    }

    #[test]
    fn the_ends_of_time_fit() {
        let histogram = of([0, i64::MAX, i64::MIN]);
        assert_eq!(histogram.to_facts().unwrap().counts.iter().sum::<u64>(), 3);
        assert_eq!(histogram.range(), Some((EpochMillis(i64::MIN), EpochMillis(i64::MAX))));
    }

    #[test]
    fn nothing_counted_is_no_column() {
        assert_eq!(of([]).to_facts(), None);
    }
}
