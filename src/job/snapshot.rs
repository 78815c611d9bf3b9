//! Model snapshot documents.

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::job::error::Error;
use crate::job::id::SnapshotId;
use crate::job::version::Version;
use crate::json::Object;
use crate::util::timestamp::{EpochMillis, date_field};

/// The members of a snapshot document that Elasticsearch or an import acts on, in the types that they must have.
#[derive(Clone, Debug, Deserialize)]
pub struct Snapshot {
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
    pub(crate) others: Map<String, Value>,
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

impl Snapshot {
    /// Parses a snapshot document.
    ///
    /// # Errors
    /// A document that Elasticsearch would not index, or could not read back.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let Object(snapshot) = serde_json::from_str::<Object<Self>>(json).map_err(|cause| Error::unreadable(&cause))?;
        let quantiles = snapshot.quantiles.as_ref();
        let sizes = snapshot.model_size_stats.iter().flat_map(|size| &size.others);
        let wrong = |why: &str| Err(Error::Unreadable(why.to_owned()));
        if snapshot.timestamp.is_none() {
            return wrong("`timestamp` is null");
        }
        if quantiles.is_some_and(|quantiles| quantiles.timestamp.is_none()) {
            return wrong("`timestamp` of the quantiles is null");
        }
        if snapshot
            .min_version
            .as_deref()
            .is_some_and(|text| Version::parse(text).is_none())
        {
            return wrong("`min_version` is not a version");
        }
        for (name, value) in sizes {
            if SIZES.contains(&name.as_str()) && !is_whole(value) {
                return wrong(&format!("`{name}` is not a whole number"));
            }
        }
        Ok(snapshot)
    }
}

/// A whole number, which the server that wrote the document may have printed as `1.0e3`.
fn is_whole(value: &Value) -> bool {
    value.is_i64() || value.is_u64() || value.as_f64().is_some_and(|number| number.fract() == 0.0)
}
