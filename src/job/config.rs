//! A job's configuration, carried whole; only what this tool acts on is parsed.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::job::{DatafeedId, Error, FilterId, IndexName, JobId, SnapshotId};

/// A job as `GET _ml/anomaly_detectors/<job>` returns it, with `datafeed_config`.
#[derive(Clone, Debug)]
pub struct JobConfig {}

/// The fields of a detector that name inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detector {
    /// `detector_description`, or the function with its fields.
    pub description: String,
    /// `function`.
    pub function: String,
    /// `field_name`, `by_field_name`, `over_field_name`, `partition_field_name`, those that are there.
    pub fields: Vec<String>,
}

/// A datafeed's configuration.
#[derive(Clone, Debug)]
pub struct Datafeed {
    /// `datafeed_id`.
    pub id: DatafeedId,
    /// `indices` (or `indexes`).
    pub indices: Vec<String>,
    /// `query`, `match_all` where absent.
    pub query: Value,
    /// `runtime_mappings`.
    pub runtime_mappings: Option<Value>,
    /// `script_fields`.
    pub script_fields: Option<Value>,
    /// `aggregations` or `aggs`.
    pub aggregations: Option<Value>,
    /// `indices_options`.
    pub indices_options: Option<Value>,
}

/// Bodies for `PUT`.
#[derive(Clone, Debug)]
pub struct PortableJob {
    /// Of `PUT _ml/anomaly_detectors/<job>`.
    pub job: Box<RawValue>,
    /// Of `PUT _ml/datafeeds/<id>`, `job_id` included, with its id.
    pub datafeed: Option<(DatafeedId, Box<RawValue>)>,
}

impl JobConfig {
    /// Reads a configuration.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        todo!()
    }

    /// The job object as received with this datafeed object put into `datafeed_config` (replacing
    /// one that is there), nothing else of the text changed.
    pub fn with_datafeed(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
        todo!()
    }

    /// `job_id`.
    pub fn id(&self) -> &JobId {
        todo!()
    }
    /// `job_version` as the source wrote it, e.g. `7.13.4` or `12.0.0`.
    pub fn job_version(&self) -> Option<&str> {
        todo!()
    }
    /// `description`.
    pub fn description(&self) -> Option<&str> {
        todo!()
    }
    /// `groups`.
    pub fn groups(&self) -> &[String] {
        todo!()
    }
    /// `model_snapshot_id`.
    pub fn model_snapshot_id(&self) -> Option<&SnapshotId> {
        todo!()
    }
    /// `results_index_name`.
    pub fn results_index_name(&self) -> Option<&str> {
        todo!()
    }
    /// `analysis_config.bucket_span` as written.
    pub fn bucket_span(&self) -> Option<&str> {
        todo!()
    }
    /// `data_description.time_field`, `time` where absent.
    pub fn time_field(&self) -> &str {
        todo!()
    }
    /// `analysis_config.detectors`.
    pub fn detectors(&self) -> &[Detector] {
        todo!()
    }
    /// `analysis_config.influencers`.
    pub fn influencers(&self) -> &[String] {
        todo!()
    }
    /// `analysis_config.categorization_field_name`.
    pub fn categorization_field(&self) -> Option<&str> {
        todo!()
    }
    /// Whether `analysis_config.categorization_analyzer` is spelled out.
    pub fn has_categorization_analyzer(&self) -> bool {
        todo!()
    }
    /// `analysis_config.summary_count_field_name`.
    pub fn summary_count_field(&self) -> Option<&str> {
        todo!()
    }
    /// Whether `analysis_config.model_prune_window` is set.
    pub fn has_model_prune_window(&self) -> bool {
        todo!()
    }
    /// `analysis_limits.model_memory_limit` in bytes.
    pub fn model_memory_limit(&self) -> Option<u64> {
        todo!()
    }
    /// The filters that custom rules name, each once.
    pub fn filters(&self) -> Result<Vec<FilterId>, Error> {
        todo!()
    }
    /// `datafeed_config`.
    pub fn datafeed(&self) -> Option<&Datafeed> {
        todo!()
    }

    /// What to send to create the job elsewhere: generated fields dropped
    /// (a deny-list), everything else kept as it is written, later versions' options included.
    pub fn portable(&self, options: &PortableOptions<'_>) -> Result<PortableJob, Error> {
        todo!()
    }
}

/// How the job is to be created.
#[derive(Clone, Debug)]
pub struct PortableOptions<'a> {
    /// The id it gets; another than its own renames job and datafeed (`datafeed-<old>` becomes
    /// `datafeed-<new>`; any other datafeed id becomes `datafeed-<new>` too).
    pub id: &'a JobId,
    /// The indices that the datafeed reads; `None` keeps its own.
    pub datafeed_indices: Option<&'a [IndexName]>,
    /// Another `analysis_limits.model_memory_limit`.
    pub model_memory_limit: Option<&'a str>,
    /// Put as `analysis_config.categorization_analyzer` where the job has none.
    pub categorization_analyzer: Option<&'a Value>,
}
