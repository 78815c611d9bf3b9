//! What of a configuration's text is parsed.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Datafeed, Detector, DetectorRoles};
use crate::job::{DatafeedId, FilterId, JobId, SnapshotId};
use crate::json::Object;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Job {
    pub(super) job_id: JobId,
    pub(super) job_version: Option<String>,
    pub(super) description: Option<String>,
    pub(super) groups: Option<Vec<String>>,
    pub(super) model_snapshot_id: Option<SnapshotId>,
    pub(super) results_index_name: Option<String>,
    pub(super) analysis_config: Object<Analysis>,
    pub(super) analysis_limits: Option<Object<Limits>>,
    pub(super) data_description: Option<Object<DataDescription>>,
    pub(super) datafeed_config: Option<Object<RawDatafeed>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Analysis {
    pub(super) bucket_span: Option<String>,
    pub(super) detectors: Vec<Object<RawDetector>>,
    pub(super) influencers: Option<Vec<String>>,
    pub(super) categorization_field_name: Option<String>,
    pub(super) categorization_analyzer: Option<Value>,
    pub(super) categorization_filters: Option<Vec<String>>,
    pub(super) summary_count_field_name: Option<String>,
    pub(super) model_prune_window: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Limits {
    pub(super) model_memory_limit: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct DataDescription {
    pub(super) time_field: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RawDetector {
    detector_description: Option<String>,
    function: String,
    field_name: Option<String>,
    by_field_name: Option<String>,
    over_field_name: Option<String>,
    partition_field_name: Option<String>,
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

#[derive(Clone, Debug, Deserialize)]
pub(super) struct RawDatafeed {
    datafeed_id: DatafeedId,
    #[serde(alias = "indexes")]
    indices: Option<OneOrMany>,
    query: Option<Value>,
    runtime_mappings: Option<Value>,
    script_fields: Option<Value>,
    #[serde(alias = "aggs")]
    aggregations: Option<Value>,
    indices_options: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl RawDetector {
    pub(super) fn filters(&self) -> impl Iterator<Item = &FilterId> {
        let scopes = self
            .custom_rules
            .iter()
            .flatten()
            .filter_map(|rule| rule.scope.as_ref());
        scopes
            .flat_map(BTreeMap::values)
            .filter_map(|scope| scope.filter_id.as_ref())
    }

    /// Each filter with the field whose values it holds.
    pub(super) fn filtered_fields(&self) -> impl Iterator<Item = (&str, &str)> {
        let scopes = self
            .custom_rules
            .iter()
            .flatten()
            .filter_map(|rule| rule.scope.as_ref());
        let pairs = scopes.flatten();
        pairs.filter_map(|(field, scope)| Some((scope.filter_id.as_ref()?.as_str(), field.as_str())))
    }

    pub(super) fn split_fields(&self) -> impl Iterator<Item = &str> {
        let named = [&self.by_field_name, &self.over_field_name, &self.partition_field_name];
        named
            .into_iter()
            .filter_map(|name| name.as_deref())
            .filter(|name| !name.is_empty())
    }

    pub(super) fn detector(&self) -> Detector {
        let named = [
            &self.field_name,
            &self.by_field_name,
            &self.over_field_name,
            &self.partition_field_name,
        ];
        let fields: Vec<String> = named
            .into_iter()
            .flatten()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let description = match &self.detector_description {
            Some(text) if !text.is_empty() => text.clone(),
            _ if fields.is_empty() => self.function.clone(),
            _ => format!("{}({})", self.function, fields.join(", ")),
        };
        Detector {
            description,
            function: self.function.clone(),
            fields,
            roles: DetectorRoles {
                field: filled(&self.field_name),
                by: filled(&self.by_field_name),
                over: filled(&self.over_field_name),
                partition: filled(&self.partition_field_name),
            },
        }
    }
}

fn filled(name: &Option<String>) -> Option<String> {
    name.clone().filter(|name| !name.is_empty())
}

impl From<&RawDatafeed> for Datafeed {
    fn from(raw: &RawDatafeed) -> Self {
        let indices = match &raw.indices {
            Some(OneOrMany::Many(names)) => names.clone(),
            Some(OneOrMany::One(name)) => vec![name.clone()],
            None => Vec::new(),
        };
        Self {
            id: raw.datafeed_id.clone(),
            indices,
            query: raw.query.clone().unwrap_or_else(|| json!({"match_all": {}})),
            runtime_mappings: raw.runtime_mappings.clone(),
            script_fields: raw.script_fields.clone(),
            aggregations: raw.aggregations.clone(),
            indices_options: raw.indices_options.clone(),
        }
    }
}
