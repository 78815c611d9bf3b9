//! A job's configuration, carried whole; only what this tool acts on is parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::datafeed::Datafeed;
use super::error::{Error, members, parse_object};
use super::id::{FilterId, JobId, SnapshotId};
use crate::json::{Object, raw, without_value};
use crate::util::format::{parse_duration, parse_size};

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
/// The bucket span of a job that sets none.
const DEFAULT_BUCKET_SPAN: &str = "5m";

/// A job as `GET _ml/anomaly_detectors/<job>` returns it, with `datafeed_config`.
#[derive(Clone, Debug, Deserialize)]
pub struct JobConfig {
    /// The whole of it, as received.
    #[serde(skip)]
    pub text: Box<RawValue>,
    job_id: JobId,
    /// As the source wrote it, e.g. `7.13.4` or `12.0.0`.
    pub job_version: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `groups`.
    #[serde(default, deserialize_with = "or_default")]
    pub groups: Vec<String>,
    /// `model_snapshot_id`.
    pub model_snapshot_id: Option<SnapshotId>,
    /// `results_index_name`.
    pub results_index_name: Option<String>,
    /// `analysis_config`.
    #[serde(rename = "analysis_config")]
    pub analysis: Object<Analysis>,
    analysis_limits: Option<Object<Limits>>,
    data_description: Option<Object<DataDescription>>,
    datafeed_config: Option<Object<Datafeed>>,
}

/// What a job analyzes, and how.
#[derive(Clone, Debug, Deserialize)]
pub struct Analysis {
    /// `bucket_span` as written.
    pub bucket_span: Option<String>,
    /// `detectors`.
    #[serde(deserialize_with = "objects")]
    pub detectors: Vec<Detector>,
    /// `influencers`.
    #[serde(default, deserialize_with = "or_default")]
    pub influencers: Vec<String>,
    categorization_field_name: Option<String>,
    /// `categorization_analyzer`, by name or spelled out.
    pub categorization_analyzer: Option<Value>,
    #[serde(default, deserialize_with = "or_default")]
    pub(super) categorization_filters: Vec<String>,
    /// `summary_count_field_name`.
    pub summary_count_field_name: Option<String>,
    /// `model_prune_window`.
    pub model_prune_window: Option<Value>,
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
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) custom_rules: Vec<Object<Rule>>,
}

/// A rule that changes results or the model.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rule {
    #[serde(default)]
    actions: Value,
    /// The fields whose values must be in a filter, or must not.
    #[serde(default, deserialize_with = "or_default")]
    pub(crate) scope: BTreeMap<String, Object<Scope>>,
}

impl Rule {
    pub(crate) fn shifts_time(&self) -> bool {
        let mut actions = self.actions.as_array().into_iter().flatten();
        actions.any(|action| action == "force_time_shift")
    }
}

/// How a rule applies to the values of a field.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Scope {
    filter_id: Option<FilterId>,
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|name| !name.is_empty()))
}

/// A member that may be `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
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
}

impl JobConfig {
    /// Parses a configuration.
    ///
    /// # Errors
    /// Text that is no job: not JSON, without id or detectors, with ids that no cluster gives.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let text: Box<RawValue> =
            serde_json::from_slice(json).map_err(|cause| Error::config(JOB, without_value(&cause)))?;
        let job: Self = parse_object(JOB, text.get())?;
        match job.analysis.detectors.is_empty() {
            true => Err(Error::config(JOB, "it has no detectors")),
            false => Ok(Self { text, ..job }),
        }
    }

    /// A job with this datafeed as its `datafeed_config`, in the place of one that is there.
    ///
    /// # Errors
    /// A job that is no object.
    pub fn with_datafeed(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Box<RawValue>, Error> {
        let Some(datafeed) = datafeed else {
            return Ok(job.to_owned());
        };
        let mut job = members(JOB, job.get())?;
        job.set(DATAFEED, datafeed);
        Ok(job.to_json())
    }

    /// The same job with what `edit` makes of its datafeed's members; `None` leaves one as it is written.
    ///
    /// # Errors
    /// A datafeed that is no object.
    pub fn edit_datafeed(&self, edit: &mut dyn FnMut(&str, &Value) -> Option<Value>) -> Result<Self, Error> {
        let mut job = members(JOB, self.text.get())?;
        let Some(datafeed) = job.get(DATAFEED) else {
            return Ok(self.clone());
        };
        let mut datafeed = members("datafeed configuration", datafeed.get())?;
        for (name, json) in datafeed.iter_mut() {
            let value = serde_json::from_str(json.get()).map_err(|cause| Error::config(JOB, without_value(&cause)))?;
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
        let mut job = members(JOB, self.text.get())?;
        job.remove(&[DATAFEED]);
        Self::parse(job.to_json().get().as_bytes())
    }

    /// `job_id`.
    pub fn id(&self) -> &JobId {
        &self.job_id
    }

    /// `datafeed_config`.
    pub fn datafeed(&self) -> Option<&Datafeed> {
        self.datafeed_config.as_deref()
    }

    /// `data_description.time_field`, `time` where absent.
    pub fn time_field(&self) -> &str {
        let description = self.data_description.as_ref();
        description.and_then(|d| d.time_field.as_deref()).unwrap_or("time")
    }

    /// `analysis_config.categorization_field_name`.
    pub fn categorization_field(&self) -> Option<&str> {
        self.analysis.categorization_field_name.as_deref()
    }

    /// Fields whose values name what is modelled: by, over and partition fields and influencers.
    pub(crate) fn split_fields(&self) -> impl Iterator<Item = &str> {
        let influencers = self.analysis.influencers.iter().map(String::as_str);
        let detectors = self.analysis.detectors.iter();
        detectors.flat_map(Detector::split_fields).chain(influencers)
    }

    /// Whether parts of messages are filtered out before they are categorized: `analysis_config.categorization_filters`, or
    /// a character filter with options in the analyzer.
    pub fn filters_messages(&self) -> bool {
        let analyzer = self.analysis.categorization_analyzer.as_ref();
        let characters = analyzer.and_then(|analyzer| analyzer.get("char_filter")?.as_array());
        let has_options = characters.is_some_and(|filters| filters.iter().any(Value::is_object));
        has_options || !self.analysis.categorization_filters.is_empty()
    }

    /// `analysis_limits.model_memory_limit` in bytes; a number without a unit counts MiB.
    pub fn model_memory_limit(&self) -> Option<u64> {
        let mebibytes = |n: u64| n.checked_mul(1 << 20);
        match self.analysis_limits.as_ref()?.model_memory_limit.as_ref()? {
            Value::Number(n) => mebibytes(n.as_u64()?),
            Value::String(text) => match text.trim().parse() {
                Ok(n) => mebibytes(n),
                Err(_) => parse_size(text),
            },
            _ => None,
        }
    }

    /// The filters that custom rules name, each with the field whose values it holds.
    pub fn filtered_fields(&self) -> impl Iterator<Item = (&FilterId, &str)> {
        let detectors = self.analysis.detectors.iter();
        let rules = detectors.flat_map(|detector| &detector.custom_rules);
        let scopes = rules.flat_map(|rule| &rule.scope);
        scopes.filter_map(|(field, scope)| Some((scope.filter_id.as_ref()?, field.as_str())))
    }

    /// The filters that custom rules name, each once.
    pub fn filters(&self) -> BTreeSet<&FilterId> {
        self.filtered_fields().map(|(filter, _)| filter).collect()
    }

    /// The interval of the datafeed's aggregations and the bucket span of a job whose datafeed Elasticsearch refuses because
    /// of them: the bucket span must be a multiple of the interval. `None` also where one of them has a form of its own.
    ///
    /// Elasticsearch compares them only when it creates the datafeed, which is after an import with `--replace` has deleted
    /// the existing job.
    pub fn unfit_interval(&self) -> Option<(Duration, Duration)> {
        let interval = self.datafeed()?.interval()?;
        let span = parse_duration(self.analysis.bucket_span.as_deref().unwrap_or(DEFAULT_BUCKET_SPAN))?;
        let unfit = !interval.is_zero() && span.as_nanos() % interval.as_nanos() != 0;
        unfit.then_some((interval, span))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used)]
    use serde_json::json;

    use super::*;

    fn unfit(span: &str, aggregations: &Value) -> bool {
        let job = json!({
            "job_id": "a", "data_description": {},
            "analysis_config": {"bucket_span": span, "detectors": [{"function": "count"}]},
            "datafeed_config": {"datafeed_id": "a", "job_id": "a", "indices": ["logs"], "aggregations": aggregations},
        });
        let job = JobConfig::parse(job.to_string().as_bytes()).expect("a job");
        job.unfit_interval().is_some()
    }

    #[test]
    fn the_bucket_span_is_a_multiple_of_the_interval() {
        let fixed = |interval: &str| json!({"b": {"date_histogram": {"field": "t", "fixed_interval": interval}}});
        for (span, aggregations, expected) in [
            ("15m", fixed("5m"), false),
            ("15m", fixed("15m"), false),
            ("15m", fixed("7m"), true),
            ("15m", fixed("1h"), true),
            ("15m", fixed("900s"), false),
            (
                "15m",
                json!({"b": {"histogram": {"field": "t", "interval": 450_000}}}),
                false,
            ),
            (
                "15m",
                json!({"b": {"histogram": {"field": "t", "interval": 400_000}}}),
                true,
            ),
            (
                "15m",
                json!({"b": {"date_histogram": {"calendar_interval": "hour"}}}),
                true,
            ),
            ("1h", json!({"b": {"date_histogram": {"interval": "minute"}}}), false),
            (
                "15m",
                json!({"b": {"composite": {"sources": [{"h": {"terms": {"field": "h"}}},
                    {"t": {"date_histogram": {"fixed_interval": "7m"}}}]}}}),
                true,
            ),
            (
                "15m",
                json!({"hosts": {"terms": {"field": "h"}, "aggs": {"b": {"date_histogram": {"fixed_interval": "7m"}}}}}),
                true,
            ),
            // Elasticsearch decides about what is not understood here.
            (
                "15m",
                json!({"b": {"date_histogram": {"calendar_interval": "month"}}}),
                false,
            ),
            ("15m", json!({"hosts": {"terms": {"field": "h"}}}), false),
            ("15m", fixed("0s"), false),
        ] {
            assert_eq!(unfit(span, &aggregations), expected, "{span} {aggregations}");
        }
    }
}
