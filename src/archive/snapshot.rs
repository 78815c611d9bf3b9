//! What an import, and the check before it, reads of a stored model snapshot document and of data counts.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::job::SnapshotId;
use crate::json::{Object, without_value};
use crate::util::timestamp::{EpochMillis, date_field};

/// The members of a snapshot document that Elasticsearch or an import acts on, in the types that they must have.
#[derive(Clone, Debug, Deserialize)]
pub struct SnapshotFacts {
    /// The job.
    pub job_id: String,
    /// The snapshot's ID.
    pub snapshot_id: SnapshotId,
    /// When it was stored.
    #[serde(deserialize_with = "date_field")]
    pub timestamp: Option<EpochMillis>,
    /// A text, shown with the snapshot.
    #[serde(default)]
    pub description: Option<String>,
    /// The oldest version of Elasticsearch that can read the state.
    #[serde(default)]
    pub min_version: Option<String>,
    /// How many model state documents belong to it.
    #[serde(default)]
    pub snapshot_doc_count: Option<u64>,
    /// The time of the last record that the model has seen: a datafeed continues from there.
    #[serde(default, deserialize_with = "date_field")]
    pub latest_record_time_stamp: Option<EpochMillis>,
    /// The time of the last result.
    #[serde(default, deserialize_with = "date_field")]
    pub latest_result_time_stamp: Option<EpochMillis>,
    /// The state of the normalizer.
    #[serde(default)]
    pub quantiles: Option<Object<Quantiles>>,
    /// Sizes.
    #[serde(default)]
    pub model_size_stats: Option<Object<ModelSize>>,
}

/// The state of the normalizer; Elasticsearch requires every member.
#[derive(Clone, Debug, Deserialize)]
pub struct Quantiles {
    /// The job.
    pub job_id: String,
    #[serde(deserialize_with = "date_field")]
    timestamp: Option<EpochMillis>,
    #[serde(rename = "quantile_state")]
    _state: Box<str>,
}

/// The size of the model.
#[derive(Clone, Debug, Deserialize)]
pub struct ModelSize {
    /// The job.
    #[serde(default)]
    pub job_id: Option<String>,
    #[serde(default, rename = "timestamp", deserialize_with = "date_field")]
    _timestamp: Option<EpochMillis>,
    #[serde(default, rename = "log_time", deserialize_with = "date_field")]
    _log_time: Option<EpochMillis>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

/// Members of the model size that are whole numbers.
const SIZES: [&str; 15] = [
    "model_bytes",
    "peak_model_bytes",
    "model_bytes_exceeded",
    "model_bytes_memory_limit",
    "total_by_field_count",
    "total_over_field_count",
    "total_partition_field_count",
    "bucket_allocation_failures_count",
    "categorized_doc_count",
    "total_category_count",
    "frequent_category_count",
    "rare_category_count",
    "dead_category_count",
    "failed_category_count",
    "output_memory_allocator_bytes",
];

/// Members of the data counts that are whole numbers.
pub(crate) const COUNTERS: [&str; 11] = [
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
const COUNTED_TIMES: [&str; 6] = [
    "earliest_record_timestamp",
    "latest_record_timestamp",
    "last_data_time",
    "latest_empty_bucket_timestamp",
    "latest_sparse_bucket_timestamp",
    "log_time",
];

impl SnapshotFacts {
    /// Reads a snapshot document.
    ///
    /// # Errors
    /// A document that Elasticsearch would not index, or could not read back.
    pub fn parse(json: &str) -> Result<Self, String> {
        let facts = serde_json::from_str::<Object<Self>>(json)
            .map_err(|cause| format!("cannot be read: {}", without_value(&cause)))?
            .0;
        if facts.timestamp.is_none() {
            return Err("cannot be read: `timestamp` is null".to_owned());
        }
        if facts
            .quantiles
            .as_ref()
            .is_some_and(|quantiles| quantiles.timestamp.is_none())
        {
            return Err("cannot be read: `timestamp` of the quantiles is null".to_owned());
        }
        if !facts.min_version.as_deref().is_none_or(is_version) {
            return Err("cannot be read: `min_version` is not a version".to_owned());
        }
        if let Some(size) = &facts.model_size_stats {
            let wrong = size
                .others
                .iter()
                .find(|(name, value)| SIZES.contains(&name.as_str()) && !is_whole(value));
            if let Some((name, _)) = wrong {
                return Err(format!("cannot be read: `{name}` is not a whole number"));
            }
        }
        Ok(facts)
    }
}

/// Checks data counts; returns the job that they belong to.
///
/// # Errors
/// A document that Elasticsearch would not index, or could not read back.
pub(super) fn check_data_counts(json: &str) -> Result<String, String> {
    let counts: Map<String, Value> =
        serde_json::from_str(json).map_err(|cause| format!("cannot be read: {}", without_value(&cause)))?;
    for (name, value) in &counts {
        if COUNTERS.contains(&name.as_str()) && value.as_i64().is_none() {
            return Err(format!("cannot be read: `{name}` is not a whole number"));
        }
        let time = COUNTED_TIMES.contains(&name.as_str()) && !value.is_null();
        if time && EpochMillis::of_date_field(&value.to_string()).is_none() {
            return Err(format!("cannot be read: `{name}` is not a time"));
        }
    }
    let job = counts.get("job_id").and_then(Value::as_str);
    job.map(str::to_owned)
        .ok_or_else(|| "names no job (`job_id`)".to_owned())
}

/// A whole number, which the server that wrote the document may have printed as `1.0e3`.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// `8.19.0`, perhaps with a suffix such as `-SNAPSHOT`.
fn is_version(text: &str) -> bool {
    let number = text.split('-').next().unwrap_or(text);
    let parts: Vec<&str> = number.split('.').collect();
    parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
}
