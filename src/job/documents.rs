//! The documents that a cluster stores for a job, in the form in which it reads them: model snapshots, data counts,
//! calendars and filters.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::error::{Error, parse_object};
use super::id::{CalendarId, FilterId, JobId, SnapshotId, Version};
use crate::json::{Object, RawObject, raw};
use crate::util::format::is_among;
use crate::util::timestamp::{EpochMillis, date_field};

/// The members of a snapshot document that Elasticsearch or an import uses, with the required types.
#[derive(Clone, Debug, Deserialize)]
pub struct Snapshot {
    /// The complete document, as received.
    #[serde(skip)]
    pub text: Box<RawValue>,
    /// The job.
    pub job_id: String,
    /// The ID of the snapshot.
    pub snapshot_id: SnapshotId,
    /// When the snapshot was stored.
    #[serde(deserialize_with = "date_field")]
    pub timestamp: Option<EpochMillis>,
    /// The description of the snapshot.
    pub description: Option<String>,
    /// The oldest version of Elasticsearch that can read the state.
    pub min_version: Option<String>,
    /// The number of model state documents.
    pub snapshot_doc_count: Option<u64>,
    /// The time of the latest record in the model. A datafeed continues from there.
    #[serde(default, deserialize_with = "date_field")]
    pub latest_record_time_stamp: Option<EpochMillis>,
    /// The time of the latest result.
    #[serde(default, deserialize_with = "date_field")]
    pub latest_result_time_stamp: Option<EpochMillis>,
    /// The state of the normalizer.
    pub quantiles: Option<Object<Quantiles>>,
    /// The size of the model.
    pub model_size_stats: Option<Object<ModelSize>>,
}

/// The state of the normalizer. Elasticsearch requires all of these members.
#[derive(Clone, Debug, Deserialize)]
pub struct Quantiles {
    /// The job.
    pub job_id: String,
    #[serde(deserialize_with = "date_field")]
    timestamp: Option<EpochMillis>,
    #[serde(rename = "quantile_state")]
    pub(crate) state: Box<str>,
}

/// The size of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelSize {
    /// The job.
    pub job_id: Option<String>,
    #[serde(default, rename = "timestamp", deserialize_with = "date_field")]
    _timestamp: Option<EpochMillis>,
    #[serde(default, rename = "log_time", deserialize_with = "date_field")]
    _log_time: Option<EpochMillis>,
    #[serde(flatten)]
    pub(crate) others: Map<String, Value>,
}

/// Members of the model size that are integers.
const SIZES: &str = "model_bytes peak_model_bytes model_bytes_exceeded model_bytes_memory_limit \
    total_by_field_count total_over_field_count total_partition_field_count bucket_allocation_failures_count \
    categorized_doc_count total_category_count frequent_category_count rare_category_count dead_category_count \
    failed_category_count output_memory_allocator_bytes";

impl Snapshot {
    /// Parses a snapshot document.
    ///
    /// # Errors
    /// Elasticsearch would not index the document, or could not read it.
    pub fn parse(text: Box<RawValue>) -> Result<Self, Error> {
        let Object(snapshot) = serde_json::from_str::<Object<Self>>(text.get())?;
        let quantiles = snapshot.quantiles.as_ref();
        let min_version = snapshot.min_version.as_deref();
        let mut sizes = snapshot.model_size_stats.iter().flat_map(|size| &size.others);
        // Some servers print an integer as `1.0e3`.
        let is_whole = |value: &Value| value.as_f64().is_some_and(|number| number.fract() == 0.0);
        let why = if snapshot.timestamp.is_none() {
            "`timestamp` is null".to_owned()
        } else if quantiles.is_some_and(|quantiles| quantiles.timestamp.is_none()) {
            "`timestamp` of the quantiles is null".to_owned()
        } else if min_version.is_some_and(|text| Version::parse(text).is_none()) {
            "`min_version` is not a version".to_owned()
        } else if let Some((name, _)) = sizes.find(|(name, value)| is_among(SIZES, name) && !is_whole(value)) {
            format!("`{name}` is not a whole number")
        } else {
            return Ok(Self { text, ..snapshot });
        };
        Err(Error::Unreadable(why))
    }

    /// Returns a number of the model size.
    pub(crate) fn size(&self, name: &str) -> Option<u64> {
        self.model_size_stats.as_ref()?.others.get(name)?.as_u64()
    }

    /// Returns a text of the model size.
    pub(crate) fn status(&self, name: &str) -> Option<&str> {
        self.model_size_stats.as_ref()?.others.get(name)?.as_str()
    }
}

/// Members of the data counts that are integers.
const COUNTERS: &str = "processed_record_count processed_field_count input_bytes input_field_count invalid_date_count \
    missing_field_count out_of_order_timestamp_count empty_bucket_count sparse_bucket_count bucket_count \
    input_record_count";
/// Members that are times.
const TIMES: &str = "earliest_record_timestamp latest_record_timestamp last_data_time latest_empty_bucket_timestamp \
    latest_sparse_bucket_timestamp log_time";
const EARLIEST: &str = "earliest_record_timestamp";
const LATEST: &str = "latest_record_timestamp";

/// The data counts of a job.
#[derive(Clone, Debug, Default)]
pub struct DataCounts(Map<String, Value>);

impl DataCounts {
    /// Parses a data counts document.
    ///
    /// # Errors
    /// Elasticsearch would not index the document, or could not read it.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let counts: Map<String, Value> = serde_json::from_slice(json)?;
        for (name, value) in &counts {
            if is_among(COUNTERS, name) && value.as_i64().is_none() {
                return Err(Error::Unreadable(format!("`{name}` is not a whole number")));
            }
            let is_time = value.is_null() || time_of(value).is_some();
            if is_among(TIMES, name) && !is_time {
                return Err(Error::Unreadable(format!("`{name}` is not a time")));
            }
        }
        Ok(Self(counts))
    }

    /// Returns the ID of the job.
    pub fn job_id(&self) -> Option<&str> {
        self.0.get("job_id")?.as_str()
    }

    /// Returns the document for an imported job whose model ends with this latest record. Adds missing counters:
    /// Elasticsearch cannot open a job if one is missing.
    pub fn imported(mut self, job: &JobId, latest: Option<EpochMillis>) -> Box<RawValue> {
        self.end_at(latest);
        self.0.insert("job_id".to_owned(), job.as_str().into());
        for name in COUNTERS.split(' ') {
            self.0.entry(name).or_insert(Value::from(0));
        }
        raw(&self.0)
    }

    /// Sets the latest record to that of a snapshot. If the job continued after the snapshot, the first record may be
    /// later than that; it is then set to the same time.
    fn end_at(&mut self, latest: Option<EpochMillis>) {
        let Some(EpochMillis(latest)) = latest else {
            self.0.shift_remove(EARLIEST);
            self.0.shift_remove(LATEST);
            return;
        };
        self.0.insert(LATEST.into(), latest.into());
        if self.0.get(EARLIEST).and_then(time_of) > Some(latest) {
            self.0.insert(EARLIEST.into(), latest.into());
        }
    }
}

/// A calendar with its events. `calendar_id` and `event_id` are removed from events; other members stay as the cluster
/// returned them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Calendar {
    /// Its ID.
    pub calendar_id: CalendarId,
    /// Its description.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Jobs, groups, or `_all`.
    #[serde(default)]
    pub job_ids: Vec<String>,
    /// Its events.
    #[serde(default)]
    pub events: Vec<Map<String, Value>>,
}

impl Calendar {
    /// Whether the calendar lists this job by its ID.
    pub fn has(&self, job: &JobId) -> bool {
        self.job_ids.iter().any(|id| id == job.as_str())
    }

    /// Whether the calendar applies to a job with these groups.
    pub fn applies_to(&self, job: &JobId, groups: &[String]) -> bool {
        let applies = |id: &String| id == "_all" || id == job.as_str() || groups.contains(id);
        self.job_ids.iter().any(applies)
    }

    /// Parses a calendar of an archive. Its events have the form in which a cluster returns them.
    ///
    /// # Errors
    /// Elasticsearch would refuse the calendar or an event.
    pub fn parse(json: &RawValue) -> Result<Self, Error> {
        let mut calendar: Self = parse_object("calendar", json.get())?;
        for event in &mut calendar.events {
            read_event(event).map_err(|why| Error::config("calendar event", why))?;
        }
        Ok(calendar)
    }
}

/// Removes the members of an event that the cluster adds and does not accept.
pub fn remove_event_ids(event: &mut Map<String, Value>) {
    event.retain(|name, _| name != "calendar_id" && name != "event_id");
}

/// Checks an event by the rules of `POST /_ml/calendars/<id>/events`, and converts times to milliseconds.
fn read_event(event: &mut Map<String, Value>) -> Result<(), &'static str> {
    remove_event_ids(event);
    if !event.get("description").is_some_and(Value::is_string) {
        return Err("`description` is not a string");
    }
    let time = |name| event.get(name).and_then(time_of);
    let start = time("start_time").ok_or("`start_time` is not a time")?;
    let end = time("end_time").ok_or("`end_time` is not a time")?;
    event.insert("start_time".to_owned(), start.into());
    event.insert("end_time".to_owned(), end.into());
    if start >= end {
        return Err("it ends before it starts");
    }
    let is_flag = |name| event.get(name).is_none_or(Value::is_boolean);
    if !is_flag("skip_result") || !is_flag("skip_model_update") {
        return Err("`skip_result` or `skip_model_update` is neither true nor false");
    }
    match event.get("force_time_shift") {
        None | Some(Value::Null) => Ok(()),
        Some(shift) if shift.is_i64() => Ok(()),
        Some(_) => Err("`force_time_shift` is not a whole number"),
    }
}

/// Returns the value of a date field in milliseconds.
fn time_of(value: &Value) -> Option<i64> {
    EpochMillis::of_date_field(&value.to_string()).map(|EpochMillis(time)| time)
}

/// The maximum number of items in a filter.
const MAX_ITEMS: usize = 10_000;

/// A filter, as `GET /_ml/filters/<id>` returns it.
#[derive(Clone, Debug, Deserialize)]
pub struct Filter {
    /// The complete filter, as received.
    #[serde(skip)]
    pub text: Box<RawValue>,
    /// Its ID.
    #[serde(rename = "filter_id")]
    pub id: FilterId,
    /// Its description.
    pub description: Option<String>,
    /// The values of a field that it contains.
    #[serde(default)]
    pub items: Vec<String>,
}

impl Filter {
    /// Parses a filter of an archive.
    ///
    /// # Errors
    /// Elasticsearch would refuse the filter.
    pub fn parse(text: &RawValue) -> Result<Self, Error> {
        let filter: Self = parse_object("filter", text.get())?;
        match filter.items.len() > MAX_ITEMS {
            true => Err(Error::config("filter", format!("it has more than {MAX_ITEMS} items"))),
            false => Ok(Self {
                text: text.to_owned(),
                ..filter
            }),
        }
    }

    /// Returns the body of `PUT /_ml/filters/<id>`.
    ///
    /// # Errors
    /// The filter is not an object.
    pub fn body(&self) -> Result<Box<RawValue>, Error> {
        let mut body = RawObject::parse(self.text.get())?;
        body.remove("filter_id");
        Ok(raw(&body))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn calendar(json: &str) -> Result<Calendar, Error> {
        Calendar::parse(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn events_are_read_in_the_form_in_which_a_cluster_returns_them() {
        let calendar = calendar(
            r#"{"calendar_id":"c","events":[{"description":"d","start_time":"2024-01-30T23:59:43Z","end_time":1706659184000.0,
               "skip_result":false,"calendar_id":"c","event_id":"x"}]}"#,
        );
        assert_eq!(
            serde_json::to_string(&calendar.unwrap().events).unwrap(),
            r#"[{"description":"d","start_time":1706659183000,"end_time":1706659184000,"skip_result":false}]"#
        );
    }

    #[test]
    fn an_event_that_elasticsearch_refuses_is_refused() {
        for event in [
            r#"{"start_time":1,"end_time":2}"#,
            r#"{"description":"d","start_time":2,"end_time":2}"#,
            r#"{"description":"d","start_time":"monday","end_time":2}"#,
            r#"{"description":"d","start_time":1,"end_time":2,"skip_result":"no"}"#,
            r#"{"description":"d","start_time":1,"end_time":2,"force_time_shift":1.5}"#,
            "[]",
        ] {
            let calendar = format!(r#"{{"calendar_id":"c","events":[{event}]}}"#);
            assert!(super::tests::calendar(&calendar).is_err(), "{event}");
        }
    }

    #[test]
    fn data_counts_end_with_the_snapshot_and_do_not_start_after_it() {
        for (counts, snapshot, expected) in [
            (
                json!({EARLIEST: 5, LATEST: 90}),
                Some(50),
                json!({EARLIEST: 5, LATEST: 50}),
            ),
            (
                json!({EARLIEST: 60, LATEST: 90}),
                Some(50),
                json!({EARLIEST: 50, LATEST: 50}),
            ),
            (
                json!({EARLIEST: "60", LATEST: 90}),
                Some(50),
                json!({EARLIEST: 50, LATEST: 50}),
            ),
            (
                json!({EARLIEST: "1970-01-01T00:00:00Z", LATEST: 90}),
                Some(50),
                json!({EARLIEST: "1970-01-01T00:00:00Z", LATEST: 50}),
            ),
            (json!({EARLIEST: null}), Some(50), json!({EARLIEST: null, LATEST: 50})),
            (json!({}), Some(50), json!({LATEST: 50})),
            (json!({EARLIEST: 60, LATEST: 90}), None, json!({})),
        ] {
            let mut parsed = DataCounts::parse(counts.to_string().as_bytes()).unwrap();
            parsed.end_at(snapshot.map(EpochMillis));
            assert_eq!(Value::Object(parsed.0), expected, "{counts} {snapshot:?}");
        }
    }
}
