//! Data counts documents: how many records a job has read, and of which time.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::job::error::Error;
use crate::job::id::JobId;
use crate::util::timestamp::EpochMillis;

/// Members of the data counts that are whole numbers.
const COUNTERS: [&str; 11] = [
    "processed_record_count",
    "processed_field_count",
    "input_bytes",
    "input_field_count",
    "invalid_date_count",
    "missing_field_count",
    "out_of_order_timestamp_count",
    "empty_bucket_count",
    "sparse_bucket_count",
    "bucket_count",
    "input_record_count",
];
const TIMES: [&str; 6] = [
    "earliest_record_timestamp",
    "latest_record_timestamp",
    "last_data_time",
    "latest_empty_bucket_timestamp",
    "latest_sparse_bucket_timestamp",
    "log_time",
];

const EARLIEST: &str = "earliest_record_timestamp";
const LATEST: &str = "latest_record_timestamp";

/// The data counts of a job.
#[derive(Clone, Debug, Default)]
pub struct DataCounts(Map<String, Value>);

impl DataCounts {
    /// Parses a data counts document.
    ///
    /// # Errors
    /// A document that Elasticsearch would not index, or could not read back.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let counts: Map<String, Value> = serde_json::from_slice(json).map_err(|cause| Error::unreadable(&cause))?;
        for (name, value) in &counts {
            if COUNTERS.contains(&name.as_str()) && value.as_i64().is_none() {
                return Err(Error::Unreadable(format!("`{name}` is not a whole number")));
            }
            let is_time = value.is_null() || EpochMillis::of_date_field(&value.to_string()).is_some();
            if TIMES.contains(&name.as_str()) && !is_time {
                return Err(Error::Unreadable(format!("`{name}` is not a time")));
            }
        }
        Ok(Self(counts))
    }

    /// The job that they belong to.
    pub fn job_id(&self) -> Option<&str> {
        self.0.get("job_id")?.as_str()
    }

    /// With every counter: a job whose document is missing one does not open.
    #[must_use]
    pub fn completed(mut self, job: &JobId) -> Self {
        let zero = COUNTERS.map(|name| (name, Value::from(0)));
        for (name, value) in [("job_id", Value::from(job.as_str()))].into_iter().chain(zero) {
            self.0.entry(name).or_insert(value);
        }
        self
    }

    /// With this latest record, which is that of a snapshot. The counts of a job that continued past its snapshot can
    /// start after it; they then start with it, the latest time that the first record can have had.
    #[must_use]
    pub fn ending_at(mut self, latest: Option<i64>) -> Self {
        let Some(latest) = latest else {
            self.0.shift_remove(EARLIEST);
            self.0.shift_remove(LATEST);
            return self;
        };
        self.0.insert(LATEST.into(), latest.into());
        let earliest = self.0.get(EARLIEST).map(Value::to_string);
        let earliest = earliest.and_then(|json| EpochMillis::of_date_field(&json));
        if earliest.is_some_and(|EpochMillis(earliest)| earliest > latest) {
            self.0.insert(EARLIEST.into(), latest.into());
        }
        self
    }

    /// The document.
    #[allow(clippy::expect_used, reason = "a map with string keys is always JSON")]
    pub fn to_json(&self) -> Box<RawValue> {
        serde_json::value::to_raw_value(&self.0).expect("a map of JSON values is JSON")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

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
            let parsed = DataCounts::parse(counts.to_string().as_bytes()).expect("valid");
            assert_eq!(
                Value::Object(parsed.ending_at(snapshot).0),
                expected,
                "{counts} {snapshot:?}"
            );
        }
    }
}
