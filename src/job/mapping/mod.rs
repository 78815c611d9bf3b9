//! Mappings of source indices, cut down to the fields carried, and the indices an import makes of them.

mod merge;
mod paths;
mod prune;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

pub use target::{TargetIndex, guess_time_format, marked_as_ours, target_document_id, target_indices};

use crate::job::Error;
use crate::job::raw::invalid;

/// Per source index: `{"mappings": {...}, "settings": {...}}` as carried in `<safe>_input_mapping.json`,
/// an object of that form keyed by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputMappings {
    indices: BTreeMap<String, Definition>,
}

/// What is carried of an index. Of the settings: `index.analysis` and the number of shards.
#[derive(Clone, Debug, Default, PartialEq)]
struct Definition {
    mappings: Value,
    analysis: Option<Value>,
    shards: Option<u64>,
}

impl Definition {
    fn read(definition: &Value) -> Self {
        let index = definition.pointer("/settings/index");
        let setting = |key: &str| {
            let nested = index.and_then(|index| index.get(key));
            nested.or_else(|| definition.pointer(&format!("/settings/index.{key}")))
        };
        let shards = setting("number_of_shards");
        Self {
            mappings: definition.get("mappings").cloned().unwrap_or_else(|| json!({})),
            analysis: setting("analysis").cloned(),
            shards: shards.and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok())),
        }
    }

    fn to_json(&self) -> Value {
        let mut index = Map::new();
        if let Some(analysis) = &self.analysis {
            index.insert("analysis".into(), analysis.clone());
        }
        if let Some(shards) = self.shards {
            index.insert("number_of_shards".into(), json!(shards.to_string()));
        }
        json!({"mappings": self.mappings, "settings": {"index": index}})
    }
}

impl InputMappings {
    /// From `GET /<indices>` (index to `{aliases, mappings, settings}`).
    pub fn from_definitions(definitions: &Map<String, Value>) -> Self {
        Self {
            indices: definitions
                .iter()
                .map(|(name, d)| (name.clone(), Definition::read(d)))
                .collect(),
        }
    }

    /// From the archive's entry.
    ///
    /// # Errors
    /// Text that is no JSON object.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let definitions: Map<String, Value> = serde_json::from_slice(json).map_err(|e| invalid("input mapping", &e))?;
        Ok(Self::from_definitions(&definitions))
    }

    /// Only these fields (with what they need: parents, multi-fields, aliases of them, analyzers). Settings
    /// that would keep a plain index from taking the documents (routing, time series, strict mapping) are left out.
    pub fn pruned(&self, fields: &BTreeSet<String>) -> Self {
        let cut = |d: &Definition| Definition {
            mappings: prune::mappings(&d.mappings, fields),
            ..d.clone()
        };
        Self {
            indices: self.indices.iter().map(|(name, d)| (name.clone(), cut(d))).collect(),
        }
    }

    /// Nothing is known of any index.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// The entry's JSON.
    pub fn to_json(&self) -> Value {
        Value::Object(
            self.indices
                .iter()
                .map(|(name, d)| (name.clone(), d.to_json()))
                .collect(),
        )
    }

    /// The parent of a multi-field, by the mapping: `service.keyword` → `service`; a field alias to its
    /// path; any other field is itself. Also wildcards are left as they are.
    pub fn source_path(&self, field: &str) -> String {
        let places = self
            .indices
            .values()
            .filter_map(|d| paths::source_path(&d.mappings, field));
        places.into_iter().next().unwrap_or_else(|| field.to_owned())
    }

    /// Whether a source maps this field, as a stored or a runtime field.
    pub(super) fn knows(&self, field: &str) -> bool {
        let runtime = |d: &Definition| d.mappings.get("runtime").is_some_and(|all| all.get(field).is_some());
        self.indices
            .values()
            .any(|d| paths::source_path(&d.mappings, field).is_some() || runtime(d))
    }

    /// The scripts of those names that are the mapping's own runtime fields.
    pub(super) fn runtime_scripts<'a>(&'a self, names: &'a BTreeSet<String>) -> Vec<(&'a str, &'a Value)> {
        let of = |d: &'a Definition| d.mappings.get("runtime").and_then(Value::as_object);
        let all = self.indices.values().filter_map(of).flatten();
        let used = all.filter(|(name, _)| names.contains(*name));
        used.filter_map(|(name, field)| Some((name.as_str(), field.get("script")?)))
            .collect()
    }

    /// The source indices.
    pub fn indices(&self) -> impl Iterator<Item = &str> {
        self.indices.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
