//! A job's configuration, carried whole; only what this tool acts on is parsed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::job::error::Error;
use crate::job::id::{DatafeedId, FilterId, JobId, SnapshotId};
use crate::json::{Object, RawObject, raw, without_value};
use crate::util::units::parse_size;

/// Members of a job that Elasticsearch writes by itself.
pub(crate) const GENERATED: [&str; 9] = [
    "job_type",
    "job_version",
    "create_time",
    "finished_time",
    "model_snapshot_id",
    "model_snapshot_min_version",
    "deleting",
    "blocked",
    "established_model_memory",
];
pub(super) const DATAFEED: &str = "datafeed_config";
/// What errors name.
const JOB: &str = "job configuration";

/// A job as `GET _ml/anomaly_detectors/<job>` returns it, with `datafeed_config`.
#[derive(Clone, Debug)]
pub struct JobConfig {
    text: Box<RawValue>,
    job: Job,
}

#[derive(Clone, Debug, Deserialize)]
struct Job {
    job_id: JobId,
    job_version: Option<String>,
    description: Option<String>,
    groups: Option<Vec<String>>,
    model_snapshot_id: Option<SnapshotId>,
    results_index_name: Option<String>,
    analysis_config: Object<Analysis>,
    analysis_limits: Option<Object<Limits>>,
    data_description: Option<Object<DataDescription>>,
    datafeed_config: Option<Object<Datafeed>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Analysis {
    bucket_span: Option<String>,
    detectors: Vec<Object<Detector>>,
    influencers: Option<Vec<String>>,
    categorization_field_name: Option<String>,
    categorization_analyzer: Option<Value>,
    categorization_filters: Option<Vec<String>>,
    summary_count_field_name: Option<String>,
    model_prune_window: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct Limits {
    model_memory_limit: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
struct DataDescription {
    time_field: Option<String>,
}

/// A detector. No name in it is empty.
#[derive(Clone, Debug, Deserialize)]
pub struct Detector {
    /// `function`.
    pub function: String,
    #[serde(default, deserialize_with = "non_empty")]
    detector_description: Option<String>,
    /// `field_name`.
    #[serde(default, rename = "field_name", deserialize_with = "non_empty")]
    pub field: Option<String>,
    /// `by_field_name`.
    #[serde(default, rename = "by_field_name", deserialize_with = "non_empty")]
    pub by: Option<String>,
    /// `over_field_name`.
    #[serde(default, rename = "over_field_name", deserialize_with = "non_empty")]
    pub over: Option<String>,
    /// `partition_field_name`.
    #[serde(default, rename = "partition_field_name", deserialize_with = "non_empty")]
    pub partition: Option<String>,
    custom_rules: Option<Vec<Object<Rule>>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Rule {
    scope: Option<BTreeMap<String, Object<Scope>>>,
}

#[derive(Clone, Debug, Deserialize)]
struct Scope {
    filter_id: Option<FilterId>,
}

/// A datafeed's configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Datafeed {
    /// `datafeed_id`.
    #[serde(rename = "datafeed_id")]
    pub id: DatafeedId,
    /// `indices` (or `indexes`).
    #[serde(default, alias = "indexes", deserialize_with = "one_or_many")]
    pub indices: Vec<String>,
    /// `query`, `match_all` where absent.
    #[serde(default = "match_all", deserialize_with = "query")]
    pub query: Value,
    /// `runtime_mappings`.
    pub runtime_mappings: Option<Value>,
    /// `script_fields`.
    pub script_fields: Option<Value>,
    /// `aggregations` or `aggs`.
    #[serde(alias = "aggs")]
    pub aggregations: Option<Value>,
    /// `indices_options`.
    pub indices_options: Option<Value>,
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|name| !name.is_empty()))
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(OneOrMany::Many(names)) => names,
        Some(OneOrMany::One(name)) => vec![name],
        None => Vec::new(),
    })
}

fn query<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(match_all))
}

fn match_all() -> Value {
    json!({"match_all": {}})
}

impl Detector {
    /// The names of its fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.field.as_deref().into_iter().chain(self.split_fields())
    }

    fn split_fields(&self) -> impl Iterator<Item = &str> {
        [&self.by, &self.over, &self.partition]
            .into_iter()
            .filter_map(|name| name.as_deref())
    }

    /// `detector_description`, or the function with its fields.
    pub fn description(&self) -> String {
        match (&self.detector_description, self.fields().collect::<Vec<_>>()) {
            (Some(text), _) => text.clone(),
            (None, fields) if fields.is_empty() => self.function.clone(),
            (None, fields) => format!("{}({})", self.function, fields.join(", ")),
        }
    }

    /// Each filter with the field whose values it holds.
    fn filters(&self) -> impl Iterator<Item = (&FilterId, &str)> {
        let scopes = self
            .custom_rules
            .iter()
            .flatten()
            .filter_map(|rule| rule.scope.as_ref());
        let scopes = scopes.flatten();
        scopes.filter_map(|(field, scope)| Some((scope.filter_id.as_ref()?, field.as_str())))
    }
}

impl JobConfig {
    /// Parses a configuration.
    ///
    /// # Errors
    /// Text that is no job: not JSON, without id or detectors, with ids that no cluster gives.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let unreadable = |cause| Error::config(JOB, &without_value(&cause));
        let text: Box<RawValue> = serde_json::from_slice(json).map_err(unreadable)?;
        let Object(job) = serde_json::from_str::<Object<Job>>(text.get()).map_err(unreadable)?;
        if job.analysis_config.detectors.is_empty() {
            return Err(Error::config(JOB, &"it has no detectors"));
        }
        Ok(Self { text, job })
    }

    /// A job with this datafeed as its `datafeed_config`, in the place of one that is there.
    ///
    /// # Errors
    /// A job that is no object.
    pub fn with_datafeed(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
        let Some(datafeed) = datafeed else {
            return Ok(job.to_owned());
        };
        let mut job = members(JOB, job)?;
        job.set(DATAFEED, datafeed);
        Ok(job.to_json())
    }

    /// The same job with what `edit` makes of its datafeed's members; `None` leaves one as it is written.
    ///
    /// # Errors
    /// A datafeed that is no object.
    pub fn edit_datafeed(&self, edit: &mut dyn FnMut(&str, &Value) -> Option<Value>) -> Result<Self, Error> {
        let mut job = members(JOB, &self.text)?;
        let Some(datafeed) = job.get(DATAFEED) else {
            return Ok(self.clone());
        };
        let mut datafeed = members("datafeed configuration", datafeed)?;
        for (name, json) in datafeed.iter_mut() {
            let value = serde_json::from_str(json.get()).map_err(|cause| Error::config(JOB, &without_value(&cause)))?;
            if let Some(edited) = edit(name, &value) {
                *json = raw(&edited);
            }
        }
        job.set(DATAFEED, &datafeed);
        Self::parse(job.to_json().get().as_bytes())
    }

    /// The same job without its datafeed.
    ///
    /// # Errors
    /// A job that is no object.
    pub fn without_datafeed(&self) -> Result<Self, Error> {
        let mut job = members(JOB, &self.text)?;
        job.remove(&[DATAFEED]);
        Self::parse(job.to_json().get().as_bytes())
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
    pub fn detectors(&self) -> impl ExactSizeIterator<Item = &Detector> + Clone {
        self.job.analysis_config.detectors.iter().map(|detector| &detector.0)
    }
    /// Fields whose values name what is modelled: by, over and partition fields and influencers.
    pub(super) fn split_fields(&self) -> impl Iterator<Item = &str> {
        let influencers = self.influencers().iter().map(String::as_str);
        self.detectors().flat_map(Detector::split_fields).chain(influencers)
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
        self.detectors()
            .flat_map(Detector::filters)
            .map(|(filter, _)| filter)
            .collect()
    }
    /// The filters that custom rules name, each with the field whose values it holds.
    pub fn filtered_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let filters = self.detectors().flat_map(Detector::filters);
        filters.map(|(filter, field)| (filter.as_str(), field))
    }
    /// `datafeed_config`.
    pub fn datafeed(&self) -> Option<&Datafeed> {
        self.job.datafeed_config.as_deref()
    }
}

/// The members of a part of a configuration, which `what` names in the error.
pub(super) fn members(what: &str, json: &RawValue) -> Result<RawObject, Error> {
    RawObject::parse(json.get()).map_err(|cause| Error::config(what, &cause))
}
