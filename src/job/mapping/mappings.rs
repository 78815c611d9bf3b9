//! The mappings of the source indices in an archive. The fields of each mapping are in one flat table by full name,
//! with their types and the paths of their values.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::Error as _;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::select::{Selection, Settings, carried, includes, matches_wildcard, needed_analysis, one_or_many, select};
use crate::job::config::entries;
use crate::job::error::Error;
use crate::json::{Object, count_values, for_each_member, without_value};

/// The maximum number of parents of a dotted name that are looked up. Elasticsearch allows 20 levels by default
/// (`index.mapping.depth.limit`). A name in an untrusted file must not cause more work than its length justifies.
const MAX_NAME_PARTS: usize = 100;
/// The maximum size of all names in a mapping in bytes. Elasticsearch allows 1,000 fields by default. In a hostile
/// file, long names of objects would be repeated for each of their fields.
const MAX_NAME_BYTES: usize = 64 << 20;

/// The most memory in bytes for all distinct mappings and all settings, of which parts are copied.
pub(super) const MAX_BYTES: usize = 32 << 20;
/// Memory of a value besides its text: most objects have few members, and fields are in a table too.
pub(super) const VALUE_BYTES: usize = 400;
/// Memory of an index without settings.
pub(super) const INDEX_BYTES: usize = 1000;

/// The mapping of an index, with a table of its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// The mapping as Elasticsearch returns it.
    pub(crate) json: Value,
    fields: BTreeMap<String, Field>,
    /// Names that runtime fields define, each with its runtime field: itself, or the composite that contains it. They
    /// hide fields of the same name.
    runtime: BTreeMap<String, String>,
}

/// A field, an object, a multi-field or an alias.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// `type`. Elasticsearch returns objects without it.
    pub(crate) kind: Option<String>,
    pub(crate) normalizer: Option<String>,
    pub(crate) ignore_above: Option<u64>,
    origin: Origin,
    /// Fields whose values are copied to this one (`copy_to`).
    copied_from: Vec<String>,
    /// The position in the mapping.
    position: usize,
}

/// The origin of a field's values.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// The documents, at the path with the same name.
    Stored,
    /// The fields in the object.
    Object,
    /// This field, whose multi-field it is.
    Parent(String),
    /// The field with this name.
    Alias(String),
}

/// What the source indices read under a name.
#[derive(Debug, Default)]
pub(in crate::job) struct ValueSources<'a> {
    /// Paths in `_source`.
    pub(in crate::job) paths: BTreeSet<&'a str>,
    /// Runtime fields that compute the value, with their scripts.
    pub(in crate::job) scripts: Vec<(&'a str, Option<&'a Value>)>,
}

impl Mapping {
    /// Checks the form of a mapping. Definitions in another form would be missing from an index.
    ///
    /// # Errors
    /// The reason why the mapping is invalid.
    pub fn parse(json: Value) -> Result<Self, String> {
        check(&json, 0, &mut 0)?;
        Ok(Self::new(json))
    }

    pub(super) fn new(json: Value) -> Self {
        let mut mapping = Self::default();
        let mut copies = Vec::new();
        mapping.add_properties(json.get("properties"), "", &mut copies);
        for (source, target) in copies {
            if let Some(target) = mapping.fields.get_mut(&target) {
                target.copied_from.push(source);
            }
        }
        for (made, definition) in entries(json.get("runtime")) {
            let inner = entries(definition.get("fields")).map(|(inner, _)| format!("{made}.{inner}"));
            let names = inner.chain([made.clone()]);
            mapping.runtime.extend(names.map(|name| (name, made.clone())));
        }
        Self { json, ..mapping }
    }

    /// `copies` are the fields that are copied, each with its target.
    fn add_properties(&mut self, properties: Option<&Value>, above: &str, copies: &mut Vec<(String, String)>) {
        for (name, definition) in entries(properties) {
            let path = format!("{above}{name}");
            let targets = one_or_many(definition.get("copy_to"));
            copies.extend(targets.map(|target| (path.clone(), target.to_owned())));
            for (inner, definition) in entries(definition.get("fields")) {
                self.add(format!("{path}.{inner}"), definition, Origin::Parent(path.clone()));
            }
            let inner = definition.get("properties").filter(|inner| inner.is_object());
            self.add_properties(inner, &format!("{path}."), copies);
            let target = definition.get("path").and_then(Value::as_str);
            let origin = match target.filter(|_| definition.get("type").is_some_and(|kind| kind == "alias")) {
                Some(target) => Origin::Alias(target.to_owned()),
                None if inner.is_some() => Origin::Object,
                None => Origin::Stored,
            };
            self.add(path, definition, origin);
        }
    }

    fn add(&mut self, name: String, definition: &Value, origin: Origin) {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).map(str::to_owned);
        let field = Field {
            kind: text("type"),
            normalizer: text("normalizer"),
            ignore_above: definition.get("ignore_above").and_then(number),
            origin,
            copied_from: Vec::new(),
            position: self.fields.len(),
        };
        self.fields.insert(name, field);
    }

    /// Finds a field by its name or an alias, and returns it with its name.
    pub(crate) fn field(&self, name: &str) -> Option<(&str, &Field)> {
        let found = self.fields.get_key_value(name)?;
        let (name, field) = match &found.1.origin {
            Origin::Alias(target) => self.fields.get_key_value(target)?,
            _ => found,
        };
        (!matches!(field.origin, Origin::Alias(_))).then_some((name, field))
    }

    /// Also finds the field of type `flattened` if the name is one of its keys.
    pub(crate) fn field_or_flattened(&self, name: &str) -> Option<(&str, &Field)> {
        self.field(name).or_else(|| {
            let mut around = parents(name).filter_map(|parent| self.fields.get_key_value(parent));
            let (name, field) = around.find(|(_, field)| field.is("flattened"))?;
            Some((name.as_str(), field))
        })
    }

    pub(super) fn knows(&self, name: &str) -> bool {
        self.runtime.contains_key(name) || self.field_or_flattened(name).is_some()
    }

    /// Adds what this index reads under a name; nothing if it does not have the name.
    pub(super) fn add_sources<'a>(&'a self, name: &str, all: &mut ValueSources<'a>) {
        if let Some((name, made)) = self.runtime.get_key_value(name) {
            let script = self.runtime_field(made).and_then(|field| field.get("script"));
            // Without a script, its values are those of the documents.
            all.paths.extend(script.is_none().then_some(name.as_str()));
            all.scripts.push((made, script));
        } else if let Some((own, field)) = self.field_or_flattened(name) {
            let (path, field) = match &field.origin {
                Origin::Parent(parent) => (parent.as_str(), self.fields.get(parent).unwrap_or(field)),
                _ => (own, field),
            };
            all.paths.insert(path);
            all.paths.extend(field.copied_from.iter().map(String::as_str));
        }
    }

    /// Returns the type of a field, a multi-field, the target of an alias, or a runtime field.
    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        match self.runtime.get(name) {
            Some(made) => self.runtime_field(made)?.get("type")?.as_str(),
            None => self.field_or_flattened(name)?.1.kind.as_deref(),
        }
    }

    fn runtime_field(&self, name: &str) -> Option<&Value> {
        self.json.get("runtime")?.get(name)
    }

    /// Returns the longest part of a path in `_source` that is a field or an object, or the complete path if its last
    /// part is inside an unmapped value.
    pub(super) fn known_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let in_source = |path: &'p str| {
            let field = self.fields.get(path)?;
            (!matches!(field.origin, Origin::Parent(_))).then_some((path, field))
        };
        if in_source(path).is_some() {
            return Some(path);
        }
        let (known, field) = parents(path).filter_map(in_source).last()?;
        match field.kind.as_deref() {
            _ if field.origin == Origin::Object => None,
            // The rest is a key.
            None | Some("object" | "nested" | "flattened") => Some(path),
            // A text does not have a field `.length`.
            Some(_) => Some(known),
        }
    }

    /// Returns the names of the fields in documents, in the order of the mapping.
    pub(super) fn stored(&self) -> Vec<&str> {
        let stored = self.fields.iter().filter(|(_, field)| field.origin == Origin::Stored);
        let mut stored: Vec<_> = stored.map(|(name, field)| (field.position, name.as_str())).collect();
        stored.sort_unstable();
        stored.into_iter().map(|(_, name)| name).collect()
    }

    /// Returns the names of all fields, multi-fields, aliases and runtime fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(|(_, field)| field.origin != Origin::Object);
        let runtime = entries(self.json.get("runtime"));
        let names = fields.map(|(name, _)| name.as_str());
        names.chain(runtime.map(|(name, _)| name.as_str()))
    }

    /// Returns the types of fields, multi-fields and aliases in documents, by name.
    pub(super) fn types(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields.filter_map(|(name, field)| Some((name.as_str(), field.kind.as_deref()?)))
    }
}

impl Field {
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

/// Parses a number that may be written as a string, as in settings.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Returns the objects and fields that may contain a dotted name, outermost first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    let dots = name.match_indices('.').take(MAX_NAME_PARTS);
    dots.map(|(dot, _)| &name[..dot])
}

/// `above` is the length of the enclosing names, `all` that of the previous names.
fn check(mapping: &Value, above: usize, all: &mut usize) -> Result<(), String> {
    for section in ["properties", "fields", "runtime"] {
        let Some(fields) = mapping.get(section) else { continue };
        let invalid = || format!("`{section}` is not an object");
        let fields = fields.as_object().ok_or_else(invalid)?;
        for (name, definition) in fields {
            if !definition.is_object() {
                return Err(format!("the definition of field `{name}` is not an object"));
            }
            let length = above + name.len();
            *all += length * (1 + one_or_many(definition.get("copy_to")).count());
            if *all > MAX_NAME_BYTES {
                let max = MAX_NAME_BYTES >> 20;
                return Err(format!("the names of its fields have more than {max} MiB"));
            }
            check(definition, length, all)?;
        }
    }
    Ok(())
}

/// The mapping of each source index: `{"mappings": {...}, "settings": {...}}`. `<safe>_input_mapping.json` is an object
/// of these, by index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputMappings {
    pub(super) indices: BTreeMap<String, Definition>,
}

/// The stored part of an index.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Definition {
    /// Shared by indices with the same mapping: the parsed form is many times larger than the text.
    pub(super) mapping: Arc<Mapping>,
    pub(super) analysis: Option<Value>,
    pub(super) shards: Option<u64>,
    pub(super) settings: Settings,
    /// Only known of an index on a cluster.
    pub(super) uuid: Option<String>,
}

/// A field in the mapping of an index.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappedField<'a> {
    pub(crate) name: &'a str,
    pub(crate) field: &'a Field,
    /// The limit of the field or of the index, in UTF-16 code units.
    pub(crate) ignore_above: Option<u64>,
    /// The analysis settings of the index.
    pub(crate) analysis: Option<&'a Value>,
}

impl Definition {
    fn new(mapping: Arc<Mapping>, settings: &Map<String, Value>) -> Self {
        let index = settings.get("index");
        let setting = |key: &str| {
            let nested = index.and_then(|index| index.get(key));
            nested.or_else(|| settings.get(&format!("index.{key}")))
        };
        let carried = index.and_then(Value::as_object).map(carried);
        Self {
            mapping,
            analysis: setting("analysis").cloned(),
            shards: setting("number_of_shards").and_then(number),
            settings: carried.unwrap_or_default(),
            uuid: setting("uuid").and_then(Value::as_str).map(str::to_owned),
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
    /// Parses the entry of an archive.
    ///
    /// # Errors
    /// The text is not an object of definitions, each of which is an object that contains objects.
    pub fn parse(json: &str) -> Result<Self, Error> {
        let invalid = |why: &str| Error::config("input mapping", why);
        let parsed = Self::parse_within(json, MAX_BYTES).map_err(|cause| invalid(&without_value(&cause)))?;
        parsed.ok_or_else(|| invalid("requires more memory than the limit"))
    }

    /// Parses the response to `GET /<indices>`, or a part of it. `None` if that would use more than this number of bytes.
    /// Indices with the same mapping, such as daily ones, share it in memory.
    pub(crate) fn parse_within(json: &str, max_bytes: usize) -> serde_json::Result<Option<Self>> {
        let mut reader = DefinitionReader {
            all: Self::default(),
            known: HashMap::new(),
            left: max_bytes.min(MAX_BYTES),
        };
        let mut added = Ok(());
        let add = |index: Cow<'_, str>, definition| {
            added = reader.add(index.into_owned(), definition);
            added.is_ok()
        };
        let read = for_each_member(json, add);
        match added.and(read) {
            Ok(()) => Ok(Some(reader.all)),
            Err(_) if reader.left == 0 => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Returns only these fields and runtime fields, with what they need: parents, multi-fields, aliases and analyzers.
    /// Settings that would make a normal index refuse the documents (routing, time series) are left out.
    pub fn pruned(&self, fields: &BTreeSet<String>, runtime: &BTreeSet<String>) -> Self {
        self.selected(Selection::Only(fields), |name| runtime.contains(name))
    }

    /// Returns the mappings without the fields at some paths and what belongs to them: multi-fields, aliases, these
    /// runtime fields, and analyzers that no other field needs.
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
                analysis: analysis.and_then(|all| needed_analysis(all, &mapping.json)),
                mapping: Arc::clone(mapping),
                ..definition.clone()
            }
        };
        let indices = self.indices.iter();
        let indices = indices.map(|(name, definition)| (name.clone(), cut(definition)));
        Self {
            indices: indices.collect(),
        }
    }

    /// Returns the mappings of some indices.
    pub fn of(&self, carried: impl Fn(&str) -> bool) -> Self {
        let mut some = self.clone();
        some.indices.retain(|name, _| carried(name));
        some
    }

    /// Returns the approximate size of an index in the entry's JSON, in bytes.
    pub fn bytes_of(&self, index: &str) -> u64 {
        let definition = self.indices.get(index);
        definition.map_or(0, |d| (index.len() + d.to_json().to_string().len()) as u64)
    }

    /// Whether the mapping of this index is known.
    pub fn has(&self, index: &str) -> bool {
        self.indices.contains_key(index)
    }

    /// Adds the mappings of other indices.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.indices.extend(other.indices);
        self
    }

    /// Returns the UUIDs of indices that were read from a cluster, by name.
    pub fn uuids(&self) -> impl Iterator<Item = (&str, &str)> {
        let indices = self.indices.iter();
        indices.filter_map(|(name, definition)| Some((name.as_str(), definition.uuid.as_deref()?)))
    }

    /// Whether there are no mappings.
    pub fn is_empty(&self) -> bool {
        self.indices.is_empty()
    }

    /// Returns the source indices.
    pub fn indices(&self) -> impl Iterator<Item = &str> {
        self.indices.keys().map(String::as_str)
    }

    /// Returns the JSON of the entry.
    pub fn to_json(&self) -> Value {
        let indices = self.indices.iter();
        Value::Object(indices.map(|(name, d)| (name.clone(), d.to_json())).collect())
    }

    /// Returns the paths of a field's values in `_source` for all indices: `service.keyword` → `service`, an alias →
    /// its target, a target of `copy_to` → also the copied fields. A name that is in no mapping is returned unchanged.
    pub fn source_paths(&self, field: &str) -> BTreeSet<String> {
        let own = (!self.knows(field)).then_some(field);
        let paths = self.value_sources(field).paths.into_iter().chain(own);
        paths.map(str::to_owned).collect()
    }

    pub(in crate::job) fn value_sources(&self, field: &str) -> ValueSources<'_> {
        let mut all = ValueSources::default();
        self.mappings().for_each(|mapping| mapping.add_sources(field, &mut all));
        all
    }

    /// Whether a source maps this field as a stored or runtime field.
    pub fn knows(&self, field: &str) -> bool {
        self.mappings().any(|mapping| mapping.knows(field))
    }

    /// Iterates over the sources that map a field, or a field of type `flattened` that has it as a key.
    pub(crate) fn mapped<'a>(&'a self, field: &'a str) -> impl Iterator<Item = MappedField<'a>> {
        let definitions = self.indices.values();
        definitions.filter_map(move |definition| definition.field(field))
    }

    /// Returns the longest part of a path in `_source` that is a field of an index.
    pub(in crate::job) fn known_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let known = self.mappings().filter_map(|mapping| mapping.known_path(path));
        known.max_by_key(|known| known.len())
    }

    /// Returns the fields that match a pattern with `*`.
    pub fn names_like(&self, pattern: &str) -> BTreeSet<String> {
        let names = self.mappings().flat_map(Mapping::names);
        let matching = names.filter(|name| matches_wildcard(pattern, name));
        matching.map(str::to_owned).collect()
    }

    /// Returns the types of fields and multi-fields by path. If indices differ, the last one wins.
    pub fn types(&self) -> BTreeMap<&str, &str> {
        self.mappings().flat_map(Mapping::types).collect()
    }

    /// Returns the default fields of a search, if every index sets `index.query.default_field`.
    pub(in crate::job) fn default_fields(&self) -> Option<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for definition in self.indices.values() {
            let setting = definition.settings.get("query.default_field")?;
            names.extend(one_or_many(Some(setting)).map(str::to_owned));
        }
        (!names.is_empty() && !names.contains("*")).then_some(names)
    }

    /// Whether a field has a resolution of milliseconds in one index and nanoseconds in another.
    pub fn differ_in_resolution(&self, field: &str) -> bool {
        let kinds = self.kinds(field);
        kinds.contains("date_nanos") && kinds.len() > 1
    }

    /// Returns the types of a field, a multi-field, the target of an alias or a runtime field in all indices.
    pub fn kinds(&self, field: &str) -> BTreeSet<&str> {
        self.mappings().filter_map(|mapping| mapping.kind(field)).collect()
    }

    /// Returns the indices without `_source`, whose documents cannot be read.
    pub fn without_source(&self) -> Vec<&str> {
        let without = |d: &Definition| d.mapping.json.pointer("/_source/enabled") == Some(&json!(false));
        let found = self.indices.iter().filter(|(_, d)| without(d));
        found.map(|(name, _)| name.as_str()).collect()
    }

    /// Returns those of the fields that an index excludes from `_source`, each with the index.
    pub fn left_out_of_source<'f>(&self, fields: &'f BTreeSet<String>) -> Vec<(&str, &'f str)> {
        let mut found = Vec::new();
        for (index, definition) in &self.indices {
            let source = definition.mapping.json.get("_source");
            let patterns = |key: &str| one_or_many(source.and_then(|source| source.get(key)));
            let matches = |key: &str, field: &str| patterns(key).any(|pattern| includes(pattern, field));
            for field in fields {
                let is_included = patterns("includes").next().is_none() || matches("includes", field);
                if definition.mapping.knows(field) && (matches("excludes", field) || !is_included) {
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

/// An index in a response to `GET /<index>` or in an archive.
#[derive(Deserialize)]
struct IndexJson<'a> {
    #[serde(borrow)]
    mappings: Option<&'a RawValue>,
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
}

/// Reads definitions of indices in bounded memory.
struct DefinitionReader<'a> {
    all: InputMappings,
    /// Parsed mappings by their text.
    known: HashMap<&'a str, Arc<Mapping>>,
    /// Bytes that may still be used.
    left: usize,
}

impl<'a> DefinitionReader<'a> {
    fn add(&mut self, index: String, json: &'a RawValue) -> serde_json::Result<()> {
        let Object(json) = serde_json::from_str::<Object<IndexJson<'a>>>(json.get())?;
        let text = json.mappings.map_or("{}", RawValue::get);
        let settings = json.settings.map_or("{}", RawValue::get);
        self.take(INDEX_BYTES + bytes_of(settings))?;
        let mapping = match self.known.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                self.take(bytes_of(text))?;
                let json: Map<String, Value> = serde_json::from_str(text)?;
                let mapping = Mapping::parse(json.into()).map_err(serde_json::Error::custom)?;
                Arc::clone(self.known.entry(text).or_insert(Arc::new(mapping)))
            }
        };
        let definition = Definition::new(mapping, &serde_json::from_str(settings)?);
        self.all.indices.insert(index, definition);
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> serde_json::Result<()> {
        self.left = self.left.saturating_sub(bytes);
        match self.left {
            0 => Err(serde_json::Error::custom("too much memory is needed")),
            _ => Ok(()),
        }
    }
}

/// The memory of a JSON text that is parsed into a tree.
pub(super) fn bytes_of(json: &str) -> usize {
    json.len() + count_values(json.as_bytes()) * VALUE_BYTES
}
