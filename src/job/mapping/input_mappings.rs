//! The mappings of the source indices, as an archive carries them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::fields::{Field, Mapping, number, one_or_many};
use super::select::{Selection, includes, matches_wildcard, select};
use super::settings::{self, Settings};
use crate::job::error::Error;
use crate::json::without_value;

/// Per source index: `{"mappings": {...}, "settings": {...}}` as carried in `<safe>_input_mapping.json`,
/// an object of that form keyed by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputMappings {
    pub(super) indices: BTreeMap<String, Definition>,
}

/// What is carried of an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Definition {
    /// Shared by indices that have the same: as a tree it takes many times its text.
    pub(super) mapping: Arc<Mapping>,
    pub(super) analysis: Option<Value>,
    pub(super) shards: Option<u64>,
    pub(super) settings: Settings,
}

/// What the source indices read under a name.
#[derive(Debug, Default)]
pub(in crate::job) struct ValueSources<'a> {
    /// Paths in `_source`.
    pub(in crate::job) paths: BTreeSet<&'a str>,
    /// Runtime fields that compute it, with their scripts.
    pub(in crate::job) scripts: Vec<(&'a str, Option<&'a Value>)>,
    /// No index knows the name.
    pub(in crate::job) unknown: bool,
}

/// A field as one index maps it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedField<'a> {
    pub(crate) name: &'a str,
    pub(crate) field: &'a Field,
    /// In UTF-16 code units, by the field or by the settings of the index.
    pub(crate) ignore_above: Option<u64>,
    /// The analysis settings of the index.
    pub(crate) analysis: Option<&'a Value>,
}

impl Definition {
    fn new(mapping: Arc<Mapping>, settings: &Value) -> Self {
        let index = settings.get("index");
        let setting = |key: &str| {
            let nested = index.and_then(|index| index.get(key));
            nested.or_else(|| settings.get(format!("index.{key}")))
        };
        Self {
            mapping,
            analysis: setting("analysis").cloned(),
            shards: setting("number_of_shards").and_then(number),
            settings: index
                .and_then(Value::as_object)
                .map(settings::carried)
                .unwrap_or_default(),
        }
    }

    fn to_json(&self) -> Value {
        let mut index: Map<String, Value> = self.settings.clone().into_iter().collect();
        if let Some(analysis) = &self.analysis {
            index.insert("analysis".into(), analysis.clone());
        }
        if let Some(shards) = self.shards {
            index.insert("number_of_shards".into(), json!(shards.to_string()));
        }
        json!({"mappings": self.mapping.json, "settings": {"index": index}})
    }

    fn field<'a>(&'a self, name: &str) -> Option<MappedField<'a>> {
        let (name, field) = self.mapping.field_or_flattened(name)?;
        let limited = matches!(field.kind.as_deref(), Some("keyword" | "wildcard" | "flattened"));
        let by_index = || self.settings.get("mapping.ignore_above").and_then(number);
        Some(MappedField {
            name,
            field,
            ignore_above: field.ignore_above.or_else(by_index).filter(|_| limited),
            analysis: self.analysis.as_ref(),
        })
    }
}

impl InputMappings {
    /// Adds an index with the `settings` of `GET /<index>`.
    pub fn add(&mut self, index: String, mapping: Arc<Mapping>, settings: &Value) {
        self.indices.insert(index, Definition::new(mapping, settings));
    }

    /// From the archive's entry.
    ///
    /// # Errors
    /// Text that is not an object of definitions, each an object with objects in it.
    pub fn parse(json: &[u8]) -> Result<Self, Error> {
        let invalid = |why: &str| Error::config("input mapping", &why);
        let definitions: Map<String, Value> =
            serde_json::from_slice(json).map_err(|cause| invalid(&without_value(&cause)))?;
        let mut all = Self::default();
        for (index, definition) in definitions {
            let Value::Object(mut definition) = definition else {
                return Err(invalid("a definition is not an object"));
            };
            let mut take = |name: &str| match definition.shift_remove(name) {
                Some(value) if !value.is_object() => Err(invalid(&format!("`{name}` is not an object"))),
                value => Ok(value.unwrap_or_else(|| json!({}))),
            };
            let (mapping, settings) = (take("mappings")?, take("settings")?);
            let mapping = Mapping::parse(mapping).map_err(|why| invalid(&why))?;
            all.add(index, Arc::new(mapping), &settings);
        }
        Ok(all)
    }

    /// Only these fields and the runtime fields of these names, with what they need: parents, multi-fields, aliases of
    /// them, analyzers. Settings that would keep a plain index from taking the documents (routing, time series)
    /// are left out.
    pub fn pruned(&self, fields: &BTreeSet<String>, runtime: &BTreeSet<String>) -> Self {
        self.selected(Selection::Only(fields), |name| runtime.contains(name))
    }

    /// Without the fields at some paths, and what belongs to them: multi-fields, aliases, runtime fields of these names,
    /// analyzers that no other field needs.
    pub fn without(&self, unwanted: &dyn Fn(&str) -> bool, runtime: &BTreeSet<String>) -> Self {
        self.selected(Selection::Except(unwanted), |name| !runtime.contains(name))
    }

    fn selected(&self, selection: Selection<'_>, runtime: impl Fn(&str) -> bool) -> Self {
        let mut selected: HashMap<*const Mapping, Arc<Mapping>> = HashMap::new();
        let mut cut = |definition: &Definition| {
            let mapping = selected.entry(Arc::as_ptr(&definition.mapping)).or_insert_with(|| {
                let json = select(&definition.mapping.json, selection, &runtime);
                Arc::new(Mapping::new(json))
            });
            let analysis = definition.analysis.as_ref();
            Definition {
                analysis: analysis.and_then(|all| settings::needed_analysis(all, &mapping.json)),
                mapping: Arc::clone(mapping),
                ..definition.clone()
            }
        };
        let indices = self.indices.iter();
        Self {
            indices: indices
                .map(|(name, definition)| (name.clone(), cut(definition)))
                .collect(),
        }
    }

    /// Those of some indices.
    pub fn of(&self, carried: impl Fn(&str) -> bool) -> Self {
        let mut some = self.clone();
        some.indices.retain(|name, _| carried(name));
        some
    }

    /// About how many bytes of the entry's JSON describe an index.
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

    /// The source indices.
    pub fn indices(&self) -> impl Iterator<Item = &str> {
        self.indices.keys().map(String::as_str)
    }

    /// The entry's JSON.
    pub fn to_json(&self) -> Value {
        let indices = self.indices.iter();
        Value::Object(indices.map(|(name, d)| (name.clone(), d.to_json())).collect())
    }

    /// The paths of a field's values in `_source`, by the mapping: `service.keyword` → `service`, a field alias
    /// → its target, a field that others are copied to → those too; of several indices all. A name that none
    /// knows is itself.
    pub fn source_paths(&self, field: &str) -> BTreeSet<String> {
        let sources = self.value_sources(field);
        let own = sources.unknown.then_some(field);
        sources.paths.into_iter().chain(own).map(str::to_owned).collect()
    }

    pub(in crate::job) fn value_sources(&self, field: &str) -> ValueSources<'_> {
        let mut all = ValueSources {
            unknown: true,
            ..ValueSources::default()
        };
        for source in self.mappings().filter_map(|mapping| mapping.value_source(field)) {
            all.unknown = false;
            all.paths.extend(source.paths);
            all.scripts.extend(source.runtime);
        }
        all
    }

    /// Whether a source maps this field, as a stored or a runtime field.
    pub fn knows(&self, field: &str) -> bool {
        !self.value_sources(field).unknown
    }

    /// A field, or the field of type `flattened` that has it as a key, as each source maps it.
    pub(crate) fn mapped<'a>(&'a self, field: &'a str) -> impl Iterator<Item = MappedField<'a>> {
        self.indices
            .values()
            .filter_map(move |definition| definition.field(field))
    }

    /// The part of a path in `_source` that is a field of an index; the longest one.
    pub(in crate::job) fn known_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let known = self.mappings().filter_map(|mapping| mapping.known_path(path));
        known.max_by_key(|known| known.len())
    }

    /// Whether a script in an index computes this field.
    pub fn is_scripted(&self, field: &str) -> bool {
        self.value_sources(field)
            .scripts
            .iter()
            .any(|(_, script)| script.is_some())
    }

    /// The fields that a pattern with `*` matches.
    pub fn names_like(&self, pattern: &str) -> BTreeSet<String> {
        let names = self.mappings().flat_map(Mapping::names);
        names
            .filter(|name| matches_wildcard(pattern, name))
            .map(str::to_owned)
            .collect()
    }

    /// The types of fields and multi-fields by path; of several indices that of the last.
    pub fn types(&self) -> BTreeMap<&str, &str> {
        self.mappings().flat_map(Mapping::types).collect()
    }

    /// What is searched where no field is named, where every index has the setting `index.query.default_field`.
    pub(in crate::job) fn default_fields(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for definition in self.indices.values() {
            let setting = definition.settings.get("query.default_field")?;
            names.extend(one_or_many(Some(setting)).map(str::to_owned));
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
        self.mappings().filter_map(|mapping| mapping.kind(field)).collect()
    }

    /// Indices that keep no `_source`: their documents cannot be read.
    pub fn without_source(&self) -> Vec<&str> {
        let without = |d: &Definition| d.mapping.json.pointer("/_source/enabled") == Some(&json!(false));
        let found = self.indices.iter().filter(|(_, d)| without(d));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Of these fields those that an index leaves out of `_source`, each with the index.
    pub fn left_out_of_source<'f>(&self, fields: &'f BTreeSet<String>) -> Vec<(&str, &'f str)> {
        let mut found = Vec::new();
        for (index, definition) in &self.indices {
            let source = definition.mapping.json.get("_source");
            let patterns = |key: &str| one_or_many(source.and_then(|source| source.get(key)));
            let matches = |key: &str, field: &str| patterns(key).any(|pattern| includes(pattern, field));
            for field in fields {
                let is_included = patterns("includes").next().is_none() || matches("includes", field);
                let is_known = definition.mapping.value_source(field).is_some();
                if is_known && (matches("excludes", field) || !is_included) {
                    found.push((index.as_str(), field.as_str()));
                }
            }
        }
        found
    }

    fn mappings(&self) -> impl Iterator<Item = &Mapping> {
        self.indices.values().map(|definition| &*definition.mapping)
    }
}
