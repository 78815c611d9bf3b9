//! A job's configuration, carried whole; only what this tool acts on is parsed.

mod parts;
mod portable;

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

pub use portable::GENERATED;

use crate::job::raw::invalid;
use crate::job::{DatafeedId, Error, FilterId, IndexPattern, JobId, SnapshotId};
use crate::json::{Object, without_value};
use crate::util::units::parse_size;

/// A job as `GET _ml/anomaly_detectors/<job>` returns it, with `datafeed_config`.
#[derive(Clone, Debug)]
pub struct JobConfig {
    text: Box<RawValue>,
    job: parts::Job,
    detectors: Vec<Detector>,
    datafeed: Option<Datafeed>,
}

/// The fields of a detector that name inputs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detector {
    /// `detector_description`, or the function with its fields.
    pub description: String,
    /// `function`.
    pub function: String,
    /// `field_name`, `by_field_name`, `over_field_name`, `partition_field_name`, those that are there.
    pub fields: Vec<String>,
    /// The same, each in its role.
    pub roles: DetectorRoles,
}

/// The fields of a detector by what they do; none is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DetectorRoles {
    /// `field_name`
    pub field: Option<String>,
    /// `by_field_name`
    pub by: Option<String>,
    /// `over_field_name`
    pub over: Option<String>,
    /// `partition_field_name`
    pub partition: Option<String>,
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
    ///
    /// # Errors
    /// Text that is no job: not JSON, without id or detectors, with ids that no cluster gives.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let what = "job configuration";
        let text: Box<RawValue> = serde_json::from_slice(json).map_err(|e| invalid(what, &without_value(&e)))?;
        let Object(job) =
            serde_json::from_str::<Object<parts::Job>>(text.get()).map_err(|e| invalid(what, &without_value(&e)))?;
        if job.analysis_config.detectors.is_empty() {
            return Err(invalid(what, &"it has no detectors"));
        }
        let detectors = job
            .analysis_config
            .detectors
            .iter()
            .map(|detector| detector.detector())
            .collect();
        let datafeed = job.datafeed_config.as_ref().map(|datafeed| Datafeed::from(&datafeed.0));
        Ok(Self {
            text,
            job,
            detectors,
            datafeed,
        })
    }

    /// The job object as received with this datafeed object put into `datafeed_config` (replacing
    /// one that is there), nothing else of the text changed.
    ///
    /// # Errors
    /// A job that is no object.
    pub fn with_datafeed(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
        portable::with_datafeed(job, datafeed)
    }

    /// The text with what `edit` makes of the datafeed's members, given by name and JSON; `None` leaves one as it is.
    ///
    /// # Errors
    /// What `edit` makes that is no JSON.
    pub fn edit_datafeed(&self, edit: &mut dyn FnMut(&str, &str) -> Option<String>) -> Result<Box<RawValue>, Error> {
        portable::edit_datafeed(&self.text, edit)
    }

    /// The same job without its datafeed.
    ///
    /// # Errors
    /// A job that is no object.
    pub fn without_datafeed(&self) -> Result<Self, Error> {
        Self::parse(portable::without_datafeed(&self.text)?.get().as_bytes())
    }

    /// The whole of it, as received.
    pub fn text(&self) -> &RawValue {
        &self.text
    }
    /// `job_id`.
    pub fn id(&self) -> &JobId {
        &self.job.job_id
    }
    /// `job_version` as the source wrote it, e.g. `7.13.4` or `12.0.0`.
    pub fn job_version(&self) -> Option<&str> {
        self.job.job_version.as_deref()
    }
    /// `description`.
    pub fn description(&self) -> Option<&str> {
        self.job.description.as_deref()
    }
    /// `groups`.
    pub fn groups(&self) -> &[String] {
        self.job.groups.as_deref().unwrap_or_default()
    }
    /// `model_snapshot_id`.
    pub fn model_snapshot_id(&self) -> Option<&SnapshotId> {
        self.job.model_snapshot_id.as_ref()
    }
    /// `results_index_name`.
    pub fn results_index_name(&self) -> Option<&str> {
        self.job.results_index_name.as_deref()
    }
    /// `analysis_config.bucket_span` as written.
    pub fn bucket_span(&self) -> Option<&str> {
        self.job.analysis_config.bucket_span.as_deref()
    }
    /// `data_description.time_field`, `time` where absent.
    pub fn time_field(&self) -> &str {
        let description = self.job.data_description.as_ref();
        description.and_then(|d| d.time_field.as_deref()).unwrap_or("time")
    }
    /// `analysis_config.detectors`.
    pub fn detectors(&self) -> &[Detector] {
        &self.detectors
    }
    /// Fields whose values name what is modelled: by, over and partition fields and influencers.
    pub(super) fn split_fields(&self) -> impl Iterator<Item = &str> {
        let detectors = self
            .job
            .analysis_config
            .detectors
            .iter()
            .flat_map(|detector| detector.split_fields());
        detectors.chain(self.influencers().iter().map(String::as_str))
    }
    /// `analysis_config.influencers`.
    pub fn influencers(&self) -> &[String] {
        self.job.analysis_config.influencers.as_deref().unwrap_or_default()
    }
    /// `analysis_config.categorization_field_name`.
    pub fn categorization_field(&self) -> Option<&str> {
        self.job.analysis_config.categorization_field_name.as_deref()
    }
    /// Whether `analysis_config.categorization_analyzer` is spelled out.
    pub fn has_categorization_analyzer(&self) -> bool {
        self.job.analysis_config.categorization_analyzer.is_some()
    }
    /// Whether parts of messages are filtered out before they are categorized: `analysis_config.categorization_filters`, or
    /// a character filter with options in the analyzer.
    pub fn filters_messages(&self) -> bool {
        let analysis = &self.job.analysis_config;
        let filters = analysis.categorization_filters.as_ref();
        let analyzer = analysis.categorization_analyzer.as_ref();
        let characters = analyzer.and_then(|analyzer| analyzer.get("char_filter")?.as_array());
        filters.is_some_and(|filters| !filters.is_empty())
            || characters.is_some_and(|filters| filters.iter().any(Value::is_object))
    }
    /// `analysis_config.summary_count_field_name`.
    pub fn summary_count_field(&self) -> Option<&str> {
        self.job.analysis_config.summary_count_field_name.as_deref()
    }
    /// Whether `analysis_config.model_prune_window` is set.
    pub fn has_model_prune_window(&self) -> bool {
        self.job.analysis_config.model_prune_window.is_some()
    }
    /// `analysis_limits.model_memory_limit` in bytes; a number without a unit counts MiB.
    pub fn model_memory_limit(&self) -> Option<u64> {
        let mebibytes = |n: u64| n.checked_mul(1 << 20);
        match self.job.analysis_limits.as_ref()?.model_memory_limit.as_ref()? {
            Value::Number(n) => mebibytes(n.as_u64()?),
            Value::String(text) => match text.trim().parse() {
                Ok(n) => mebibytes(n),
                Err(_) => parse_size(text),
            },
            _ => None,
        }
    }
    /// The filters that custom rules name, each once.
    pub fn filters(&self) -> BTreeSet<&FilterId> {
        let detectors = self.job.analysis_config.detectors.iter();
        detectors.flat_map(|detector| detector.filters()).collect()
    }
    /// The filters that custom rules name, each with the field whose values it holds.
    pub fn filtered_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let detectors = self.job.analysis_config.detectors.iter();
        detectors.flat_map(|detector| detector.filtered_fields())
    }
    /// `datafeed_config`.
    pub fn datafeed(&self) -> Option<&Datafeed> {
        self.datafeed.as_ref()
    }

    /// What to send to create the job elsewhere: generated fields dropped
    /// (a deny-list), everything else kept as it is written, later versions' options included.
    ///
    /// # Errors
    /// Parts that are no objects, or `categorization_filters` beside a named (not spelled out) analyzer.
    pub fn portable(&self, options: &PortableOptions<'_>) -> Result<PortableJob, Error> {
        portable::portable(self, options)
    }
}

/// How the job is to be created.
#[derive(Clone, Debug)]
pub struct PortableOptions<'a> {
    /// The id it gets; another than its own renames job and datafeed (`datafeed-<old>` becomes
    /// `datafeed-<new>`; any other datafeed id becomes `datafeed-<new>` too).
    pub id: &'a JobId,
    /// The indices that the datafeed reads; `None` keeps its own.
    pub datafeed_indices: Option<&'a [IndexPattern]>,
    /// Another `analysis_limits.model_memory_limit`.
    pub model_memory_limit: Option<&'a str>,
    /// Put as `analysis_config.categorization_analyzer` where the job has none.
    pub categorization_analyzer: Option<&'a Value>,
}

#[cfg(test)]
mod tests;
