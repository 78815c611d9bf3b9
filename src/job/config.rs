//! The configurations of a job and its datafeed, stored completely. Only the members that this tool uses are parsed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::error::{Error, members, parse_object};
use super::id::{DatafeedId, FilterId, JobId, SnapshotId};
use crate::json::{Object, raw, without_value};
use crate::util::format::{is_among, parse_duration, parse_size};

/// Members of a job that Elasticsearch generates.
pub(crate) const GENERATED: &str = "job_type job_version create_time finished_time model_snapshot_id \
    model_snapshot_min_version deleting blocked established_model_memory";
pub(super) const DATAFEED: &str = "datafeed_config";
/// The name in errors.
const JOB: &str = "job configuration";
/// The bucket span of a job that does not set one.
const DEFAULT_BUCKET_SPAN: &str = "5m";

/// A job as `GET /_ml/anomaly_detectors/<job>` returns it, with `datafeed_config`.
#[derive(Clone, Debug, Deserialize)]
pub struct JobConfig {
    /// The complete configuration, as received.
    #[serde(skip)]
    pub text: Box<RawValue>,
    job_id: JobId,
    /// The version as written by the source, for example `7.13.4` or `12.0.0`.
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

/// What a job analyzes.
#[derive(Clone, Debug, Deserialize)]
pub struct Analysis {
    /// `bucket_span`, as written.
    pub bucket_span: Option<String>,
    /// `detectors`.
    #[serde(deserialize_with = "objects")]
    pub detectors: Vec<Detector>,
    /// `influencers`.
    #[serde(default, deserialize_with = "or_default")]
    pub influencers: Vec<String>,
    categorization_field_name: Option<String>,
    /// `categorization_analyzer`, a name or a definition.
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

/// A detector. None of its names are empty.
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
    pub(crate) actions: Value,
    #[serde(default)]
    pub(crate) conditions: Value,
    /// The fields whose values must be, or must not be, in a filter.
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
    pub(crate) filter_id: Option<FilterId>,
    #[serde(default)]
    pub(crate) filter_type: Value,
}

fn non_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.filter(|name| !name.is_empty()))
}

/// Deserializes a member that may be `null`.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

impl Detector {
    /// Returns the names of the detector's fields.
    pub fn fields(&self) -> impl Iterator<Item = &str> {
        self.field.as_deref().into_iter().chain(self.split_fields())
    }

    fn split_fields(&self) -> impl Iterator<Item = &str> {
        let fields = [&self.by, &self.over, &self.partition].into_iter();
        fields.filter_map(|name| name.as_deref())
    }

    /// Returns `detector_description`, or the function with its fields.
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
    /// The text is not a job: not JSON, without an ID or detectors, or with IDs that Elasticsearch would refuse.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let text: Box<RawValue> =
            serde_json::from_slice(json).map_err(|cause| Error::config(JOB, without_value(&cause)))?;
        let job: Self = parse_object(JOB, text.get())?;
        match job.analysis.detectors.is_empty() {
            true => Err(Error::config(JOB, "it has no detectors")),
            false => Ok(Self { text, ..job }),
        }
    }

    /// Parses a job with this datafeed as its `datafeed_config`, which replaces an existing one.
    ///
    /// # Errors
    /// The same as for [`parse`](Self::parse).
    pub fn of(job: &RawValue, datafeed: Option<&RawValue>) -> Result<Self, Error> {
        let Some(datafeed) = datafeed else {
            return Self::parse(job.get().as_bytes());
        };
        let mut job = members(JOB, job.get())?;
        job.set(DATAFEED, datafeed);
        Self::parse(raw(&job).get().as_bytes())
    }

    /// Returns the job with the members of its datafeed as changed by `edit`; `None` keeps a member unchanged.
    ///
    /// # Errors
    /// The datafeed is not an object.
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
        Self::parse(raw(&job).get().as_bytes())
    }

    /// Returns the job without its datafeed.
    ///
    /// # Errors
    /// The job is not an object.
    pub fn without_datafeed(&self) -> Result<Self, Error> {
        let mut job = members(JOB, self.text.get())?;
        job.remove(DATAFEED);
        Self::parse(raw(&job).get().as_bytes())
    }

    /// `job_id`.
    pub fn id(&self) -> &JobId {
        &self.job_id
    }

    /// `datafeed_config`.
    pub fn datafeed(&self) -> Option<&Datafeed> {
        self.datafeed_config.as_deref()
    }

    /// `data_description.time_field`, `time` by default.
    pub fn time_field(&self) -> &str {
        let description = self.data_description.as_ref();
        description.and_then(|d| d.time_field.as_deref()).unwrap_or("time")
    }

    /// `analysis_config.categorization_field_name`.
    pub fn categorization_field(&self) -> Option<&str> {
        self.analysis.categorization_field_name.as_deref()
    }

    /// Returns the fields that split the model: by, over and partition fields and influencers.
    pub(crate) fn split_fields(&self) -> impl Iterator<Item = &str> {
        let influencers = self.analysis.influencers.iter().map(String::as_str);
        let detectors = self.analysis.detectors.iter();
        detectors.flat_map(Detector::split_fields).chain(influencers)
    }

    /// Whether parts of messages are removed before they are categorized, by `analysis_config.categorization_filters`
    /// or a character filter with options in the analyzer.
    pub fn filters_messages(&self) -> bool {
        let analyzer = self.analysis.categorization_analyzer.as_ref();
        let characters = analyzer.and_then(|analyzer| analyzer.get("char_filter")?.as_array());
        let has_options = characters.is_some_and(|filters| filters.iter().any(Value::is_object));
        has_options || !self.analysis.categorization_filters.is_empty()
    }

    /// Returns `analysis_limits.model_memory_limit` in bytes. A number without a unit is in MiB.
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

    /// Returns the filters that custom rules use, each with the field whose values it contains.
    pub fn filtered_fields(&self) -> impl Iterator<Item = (&FilterId, &str)> {
        let detectors = self.analysis.detectors.iter();
        let rules = detectors.flat_map(|detector| &detector.custom_rules);
        let scopes = rules.flat_map(|rule| &rule.scope);
        scopes.filter_map(|(field, scope)| Some((scope.filter_id.as_ref()?, field.as_str())))
    }

    /// Returns the filters that custom rules use, without duplicates.
    pub fn filters(&self) -> BTreeSet<&FilterId> {
        self.filtered_fields().map(|(filter, _)| filter).collect()
    }

    /// Returns the interval of the datafeed's aggregations and the bucket span if the bucket span is not a multiple of
    /// the interval: Elasticsearch refuses such a datafeed. `None` also if the form of either is unknown.
    ///
    /// Elasticsearch checks this only when it creates the datafeed. At that point, an import with `--replace` has
    /// already deleted the existing job.
    pub fn unfit_interval(&self) -> Option<(Duration, Duration)> {
        let interval = self.datafeed()?.interval()?;
        let span = parse_duration(self.analysis.bucket_span.as_deref().unwrap_or(DEFAULT_BUCKET_SPAN))?;
        let unfit = !interval.is_zero() && span.as_nanos() % interval.as_nanos() != 0;
        unfit.then_some((interval, span))
    }
}

/// The configuration of a datafeed.
#[derive(Clone, Debug, Deserialize)]
pub struct Datafeed {
    /// `datafeed_id`.
    #[serde(rename = "datafeed_id")]
    pub id: DatafeedId,
    /// `indices` (or `indexes`).
    #[serde(default, alias = "indexes", deserialize_with = "or_default")]
    pub indices: Vec<String>,
    /// `query`, `match_all` by default.
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

impl Datafeed {
    /// How the datafeed resolves its indices, for example whether it includes hidden ones: the parameters of a search.
    pub fn indices_parameters(&self) -> Vec<(&'static str, String)> {
        let text = |value: &Value| match value {
            Value::String(text) => Some(text.clone()),
            Value::Bool(yes) => Some(yes.to_string()),
            Value::Array(kinds) => Some(kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",")),
            _ => None,
        };
        let options = self.indices_options.as_ref();
        let given = |name: &'static str| Some((name, text(options?.get(name)?)?));
        let names = ["expand_wildcards", "ignore_unavailable", "allow_no_indices"];
        names.into_iter().filter_map(given).collect()
    }
}

fn query<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(match_all))
}

fn match_all() -> Value {
    json!({"match_all": {}})
}

/// Returns the items of a list, or a value that is not a list.
pub(crate) fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Iterates over the members of a value; none if it is not an object.
pub(super) fn entries<'a>(object: impl Into<Option<&'a Value>>) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.into().and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

impl Datafeed {
    /// Returns the interval of the outermost histogram, if each level above it has a single aggregation. `None` also if
    /// the form of the interval is unknown.
    pub(super) fn interval(&self) -> Option<Duration> {
        let mut level = self.aggregations.as_ref()?;
        loop {
            let aggregation = level.as_object()?.values().next()?;
            if let Some(interval) = interval_of(aggregation) {
                return Some(interval);
            }
            level = aggregation.get("aggregations").or_else(|| aggregation.get("aggs"))?;
        }
    }
}

fn interval_of(aggregation: &Value) -> Option<Duration> {
    if let Some(histogram) = aggregation.get("histogram") {
        return Some(Duration::from_millis(histogram.get("interval")?.as_u64()?));
    }
    let sources = aggregation.pointer("/composite/sources").and_then(Value::as_array);
    let sources = sources.into_iter().flatten().flat_map(entries);
    let mut holders = sources.map(|(_, source)| source).chain([aggregation]);
    let histogram = holders.find_map(|holder| holder.get("date_histogram"))?;
    let names = ["fixed_interval", "calendar_interval", "interval"];
    match names.iter().find_map(|name| histogram.get(name)?.as_str())? {
        "second" => Some(Duration::from_secs(1)),
        "minute" => Some(Duration::from_secs(60)),
        "hour" => Some(Duration::from_secs(3_600)),
        "day" => Some(Duration::from_secs(86_400)),
        text => parse_duration(text),
    }
}

/// Queries that have the name of a field as a key. The field may be named `script`. `terms` is not in this list, since
/// the aggregation of that name accepts a script as text.
const BY_FIELD: &str =
    "term match match_phrase match_phrase_prefix match_bool_prefix prefix wildcard regexp fuzzy span_term";

/// Lists the parts of a datafeed that run scripts: fields by name, the query, and aggregations by name. Scripts of
/// unknown kinds are included, since the source of the archive may be hostile.
pub fn scripts_of(feed: &Datafeed) -> Vec<String> {
    let fields = [&feed.runtime_mappings, &feed.script_fields];
    let fields = fields.into_iter().flat_map(|fields| entries(fields.as_ref()));
    let scripted = fields.filter(|(name, field)| holds_script(name, field));
    let mut found: Vec<String> = scripted.map(|(name, _)| name.clone()).collect();
    if holds_script("query", &feed.query) {
        found.push("its query".to_owned());
    }
    aggregation_scripts(feed.aggregations.as_ref(), &mut found);
    found
}

fn aggregation_scripts(aggregations: Option<&Value>, found: &mut Vec<String>) {
    for (name, aggregation) in entries(aggregations) {
        let is_inner = |key: &str| matches!(key, "aggs" | "aggregations");
        let mut own = entries(aggregation).filter(|(key, _)| !is_inner(key));
        if own.any(|(key, body)| is_script("", key, body) || holds_script(key, body)) {
            found.push(format!("aggregation {name}"));
        }
        let inner = entries(aggregation).filter(|(key, _)| is_inner(key));
        inner.for_each(|(_, inner)| aggregation_scripts(Some(inner), found));
    }
}

/// `above` is the key of the value.
fn holds_script(above: &str, value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|value| holds_script(above, value)),
        _ => entries(value).any(|(key, value)| is_script(above, key, value) || holds_script(key, value)),
    }
}

fn is_script(above: &str, key: &str, value: &Value) -> bool {
    let members = ["source", "inline", "id", "stored"];
    let holds_text = match value {
        Value::String(_) => !is_among(BY_FIELD, above),
        value => members.iter().any(|member| value.get(member).is_some()),
    };
    holds_text && (key == "script" || key.ends_with("_script"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::expect_used, clippy::unwrap_used)]
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
    fn bucket_span_must_be_a_multiple_of_the_interval() {
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
            // Forms that are not understood are left to Elasticsearch.
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

    fn feed(query: Value, aggregations: Option<Value>) -> Datafeed {
        Datafeed {
            id: "datafeed-a".parse().unwrap(),
            indices: vec!["logs".into()],
            query,
            runtime_mappings: None,
            script_fields: None,
            aggregations,
            indices_options: None,
        }
    }

    #[test]
    fn scripts_are_found_wherever_a_query_may_have_them() {
        for query in [
            json!({"script": {"script": {"source": "true"}}}),
            json!({"script": {"script": "true"}}),
            json!({"bool": {"must_not": [{"match_all": {}}, {"script": {"script": {"id": "stored"}}}]}}),
            json!({"script_score": {"query": {"match_all": {}}, "script": {"source": "1"}}}),
            json!({"function_score": {"functions": [{"script_score": {"script": "1"}}]}}),
            json!({"terms_set": {"a": {"terms": ["b"], "minimum_should_match_script": {"source": "1"}}}}),
            json!({"intervals": {"a": {"match": {"query": "b", "filter": {"script": {"source": "true"}}}}}}),
            json!({"unheard_of": [{"deep": {"script": {"source": "1"}}}]}),
        ] {
            assert_eq!(scripts_of(&feed(query.clone(), None)), ["its query"], "{query}");
        }
    }

    #[test]
    fn field_named_script_is_not_a_script() {
        for query in [
            json!({"match_all": {}}),
            json!({"term": {"script": "x"}}),
            json!({"term": {"script": {"value": "x"}}}),
            json!({"terms": {"script": ["x", "y"]}}),
            json!({"range": {"ran_script": {"gte": 1}}}),
            json!({"exists": {"field": "script"}}),
        ] {
            assert!(scripts_of(&feed(query.clone(), None)).is_empty(), "{query}");
        }
    }

    #[test]
    fn aggregations_are_named() {
        let aggregations = json!({"times": {
            "date_histogram": {"field": "t", "fixed_interval": "1h"},
            "aggs": {
                "t": {"max": {"field": "t"}},
                "terms": {"terms": {"script": "doc['a'].value"}, "aggregations": {
                    "metric": {"scripted_metric": {"map_script": "state.n = 1"}},
                }},
                "hits": {"top_hits": {"sort": [{"_script": {"type": "number", "script": {"source": "1"}}}]}},
                "ratio": {"bucket_script": {"buckets_path": {"a": "b"}, "script": "params.a"}},
            },
        }});
        let found = scripts_of(&feed(json!({"match_all": {}}), Some(aggregations)));
        let expected = ["terms", "metric", "hits", "ratio"].map(|name| format!("aggregation {name}"));
        assert_eq!(found, expected);
    }
}
