//! Mappings of source indices, cut down to the fields carried, and the indices an import makes of them.

mod analysis;
mod merge;
mod places;
mod prune;
mod settings;
mod target;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

pub use prune::{fits, takes_in};
pub use target::{
    TargetIndex, body_of_run, guess_time_format, loading_alias, marked_as_ours, marked_by_run, target_document_id,
    target_indices,
};

use crate::job::Error;
use crate::json::without_value;

/// Per source index: `{"mappings": {...}, "settings": {...}}` as carried in `<safe>_input_mapping.json`,
/// an object of that form keyed by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputMappings {
    indices: BTreeMap<String, Definition>,
}

/// What is carried of an index.
#[derive(Clone, Debug, Default, PartialEq)]
struct Definition {
    mappings: Value,
    analysis: Option<Value>,
    shards: Option<u64>,
    settings: settings::Settings,
    copies: places::Copies,
}

/// What the source indices read under a name.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    /// Paths in `_source`.
    pub(super) paths: BTreeSet<String>,
    /// Runtime fields that make it, with their scripts.
    pub(super) scripts: Vec<(&'a str, Option<&'a Value>)>,
    /// No index knows the name.
    pub(super) unknown: bool,
}

impl Definition {
    fn read(definition: &Value) -> Self {
        let index = definition.pointer("/settings/index");
        let setting = |key: &str| {
            let nested = index.and_then(|index| index.get(key));
            nested.or_else(|| definition.pointer(&format!("/settings/index.{key}")))
        };
        let shards = setting("number_of_shards");
        let mappings = definition.get("mappings").cloned().unwrap_or_else(|| json!({}));
        Self {
            copies: places::copies(&mappings),
            mappings,
            analysis: setting("analysis").cloned(),
            shards: shards.and_then(|n| n.as_u64().or_else(|| n.as_str()?.parse().ok())),
            settings: index
                .and_then(Value::as_object)
                .map(settings::carried)
                .unwrap_or_default(),
        }
    }

    fn place(&self, field: &str) -> Option<places::Place<'_>> {
        places::place(&self.mappings, &self.copies, field)
    }

    fn to_json(&self) -> Value {
        let mut index: Map<String, Value> = self.settings.clone().into_iter().collect();
        if let Some(analysis) = &self.analysis {
            index.insert("analysis".into(), analysis.clone());
        }
        if let Some(shards) = self.shards {
            index.insert("number_of_shards".into(), json!(shards.to_string()));
        }
        json!({"mappings": self.mappings, "settings": {"index": index}})
    }
}

/// Checks the form of a definition in an archive: what is of another form would be left out of the index.
fn check(definition: &Value) -> Result<(), String> {
    let members = definition.as_object().ok_or("a definition is not an object")?;
    for name in ["mappings", "settings"] {
        if !members.get(name).is_none_or(Value::is_object) {
            return Err(format!("`{name}` is not an object"));
        }
    }
    members.get("mappings").map_or(Ok(()), check_fields)
}

fn check_fields(mapping: &Value) -> Result<(), String> {
    for name in ["properties", "fields", "runtime"] {
        let Some(fields) = mapping.get(name) else { continue };
        let fields = fields.as_object().ok_or_else(|| format!("`{name}` is not an object"))?;
        for (field, definition) in fields {
            if !definition.is_object() {
                return Err(format!("the definition of field `{field}` is not an object"));
            }
            check_fields(definition)?;
        }
    }
    Ok(())
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
    /// Text that is not an object of definitions, each an object with objects in it.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let what = "input mapping";
        let definitions: Map<String, Value> =
            serde_json::from_slice(json).map_err(|e| Error::config(what, &without_value(&e)))?;
        for definition in definitions.values() {
            check(definition).map_err(|why| Error::config(what, &why))?;
        }
        Ok(Self::from_definitions(&definitions))
    }

    /// Only these fields and the runtime fields of these names (with what they need: parents, multi-fields, aliases of
    /// them, analyzers). Settings that would keep a plain index from taking the documents (routing, time series)
    /// are left out.
    pub fn pruned(&self, fields: &BTreeSet<String>, runtime: &BTreeSet<String>) -> Self {
        let cut = |d: &Definition| {
            let mappings = prune::mappings(&d.mappings, fields, Some(runtime));
            Definition {
                analysis: d.analysis.as_ref().and_then(|all| analysis::needed(all, &mappings)),
                copies: places::copies(&mappings),
                mappings,
                ..d.clone()
            }
        };
        Self {
            indices: self.indices.iter().map(|(name, d)| (name.clone(), cut(d))).collect(),
        }
    }

    /// Without the fields at some paths, and what belongs to them: multi-fields, aliases, runtime fields of these names,
    /// analyzers that no other field needs.
    pub fn without(&self, unwanted: &dyn Fn(&str) -> bool, runtime: &BTreeSet<String>) -> Self {
        let cut = |d: &Definition| {
            let mappings = prune::without(&d.mappings, unwanted, runtime);
            Definition {
                analysis: d.analysis.as_ref().and_then(|all| analysis::needed(all, &mappings)),
                mappings,
                ..d.clone()
            }
        };
        Self {
            indices: self.indices.iter().map(|(name, d)| (name.clone(), cut(d))).collect(),
        }
    }

    /// Those of some indices.
    pub fn of(&self, carried: impl Fn(&str) -> bool) -> Self {
        let all = self.indices.iter();
        let some = all.filter(|(name, _)| carried(name));
        Self {
            indices: some.map(|(name, d)| (name.clone(), d.clone())).collect(),
        }
    }

    /// How many bytes of the entry's JSON are about an index, about.
    pub fn bytes_of(&self, index: &str) -> u64 {
        let definition = self.indices.get(index);
        definition.map_or(0, |d| (index.len() + d.to_json().to_string().len()) as u64)
    }

    /// Whether the mapping of this index is known.
    pub fn has(&self, index: &str) -> bool {
        self.indices.contains_key(index)
    }

    /// These and those of other indices.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.indices.extend(other.indices);
        self
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

    /// The places of a field's values in `_source`, by the mapping: `service.keyword` → `service`, a field alias
    /// → its target, a field that others are copied to → those too; of several indices all. A name that none
    /// knows is itself.
    pub fn source_paths(&self, field: &str) -> BTreeSet<String> {
        let places = self.places(field);
        let own = places.unknown.then(|| field.to_owned());
        places.paths.into_iter().chain(own).collect()
    }

    pub(super) fn places(&self, field: &str) -> Places<'_> {
        let mut all = Places {
            unknown: true,
            ..Places::default()
        };
        for definition in self.indices.values() {
            if let Some(place) = definition.place(field) {
                all.unknown = false;
                all.paths.extend(place.paths);
                all.scripts.extend(place.runtime);
            }
        }
        all
    }

    /// Whether a source maps this field, as a stored or a runtime field.
    pub fn knows(&self, field: &str) -> bool {
        self.indices
            .values()
            .any(|definition| definition.place(field).is_some())
    }

    /// The part of a path in `_source` that is a field of an index; the longest one.
    pub(super) fn known_place<'p>(&self, path: &'p str) -> Option<&'p str> {
        let known = self.mappings().filter_map(|mappings| places::known(mappings, path));
        known.max_by_key(|known| known.len())
    }

    /// Whether a script in an index makes this field.
    pub fn is_scripted(&self, field: &str) -> bool {
        self.places(field).scripts.iter().any(|(_, script)| script.is_some())
    }

    /// The fields that a pattern with `*` takes in.
    pub fn names_like(&self, pattern: &str) -> BTreeSet<String> {
        let all = self.mappings().flat_map(places::names);
        all.filter(|name| fits(pattern, name)).collect()
    }

    /// What is searched where no field is named, where every index says so (`index.query.default_field`).
    pub(super) fn default_fields(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for definition in self.indices.values() {
            match definition.settings.get("query.default_field")? {
                Value::Array(list) => names.extend(list.iter().filter_map(Value::as_str).map(str::to_owned)),
                one => names.extend(one.as_str().map(str::to_owned)),
            }
        }
        (!names.is_empty() && !names.contains("*")).then_some(names)
    }

    /// Whether a field counts milliseconds in one index and nanoseconds in another.
    pub fn differ_in_resolution(&self, field: &str) -> bool {
        let kinds = self.kinds(field);
        kinds.contains("date_nanos") && kinds.len() > 1
    }

    /// The types that indices give to a field, a multi-field, what an alias stands for or a runtime field.
    pub fn kinds(&self, field: &str) -> BTreeSet<&str> {
        let definitions = self.indices.values();
        definitions
            .filter_map(|d| places::kind(&d.mappings, &d.copies, field))
            .collect()
    }

    /// Indices that keep no `_source`: their documents cannot be read.
    pub fn without_source(&self) -> Vec<&str> {
        let without = |d: &Definition| d.mappings.pointer("/_source/enabled") == Some(&json!(false));
        let found = self.indices.iter().filter(|(_, d)| without(d));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Of these fields those that an index leaves out of `_source`, each with the index.
    pub fn left_out_of_source<'f>(&self, fields: &'f BTreeSet<String>) -> Vec<(&str, &'f str)> {
        let patterns = |d: &Definition, key: &str| -> Vec<String> {
            let list = d
                .mappings
                .get("_source")
                .and_then(|source| source.get(key))
                .and_then(Value::as_array);
            list.into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect()
        };
        let mut found = Vec::new();
        for (index, definition) in &self.indices {
            let (includes, excludes) = (patterns(definition, "includes"), patterns(definition, "excludes"));
            let takes =
                |patterns: &[String], field: &str| patterns.iter().any(|pattern| prune::takes_in(pattern, field));
            for field in fields {
                let known = definition.place(field).is_some();
                if known && (takes(&excludes, field) || !(includes.is_empty() || takes(&includes, field))) {
                    found.push((index.as_str(), field.as_str()));
                }
            }
        }
        found
    }

    fn mappings(&self) -> impl Iterator<Item = &Value> {
        self.indices.values().map(|definition| &definition.mappings)
    }

    /// The source indices.
    pub fn indices(&self) -> impl Iterator<Item = &str> {
        self.indices.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
