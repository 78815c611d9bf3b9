//! The fields of a mapping in one flat table: from a full name to what it is, and to the paths of its values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// Parents of a dotted name that are looked up. Elasticsearch allows 20 levels unless set otherwise
/// (`index.mapping.depth.limit`); a name from an untrusted file must not cost more than its length.
const MAX_NAME_PARTS: usize = 100;
/// Bytes of all names of a mapping. The default limit of Elasticsearch is 1,000 fields; in a hostile file, long names of
/// objects would be repeated for each field in them.
const MAX_NAME_BYTES: usize = 64 << 20;

/// The mapping of an index, with a table of its fields.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mapping {
    /// As Elasticsearch returns it.
    pub(crate) json: Value,
    fields: BTreeMap<String, Field>,
    /// Names that runtime fields define, each with the runtime field: itself, or the composite that it is part of.
    runtime: BTreeMap<String, String>,
}

/// A field, an object, a multi-field or an alias.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    /// `type`; objects are shown without one.
    pub(crate) kind: Option<String>,
    pub(crate) normalizer: Option<String>,
    pub(crate) ignore_above: Option<u64>,
    origin: Origin,
    /// Fields whose values are copied to it (`copy_to`).
    copied_from: Vec<String>,
    /// Where it is in the mapping.
    position: usize,
}

/// Where the values of a field come from.
#[derive(Clone, Debug, PartialEq)]
enum Origin {
    /// From documents, at the path that is its name.
    Stored,
    /// From the fields in it.
    Object,
    /// From this field, of which it is a multi-field.
    Parent(String),
    /// From the field of this name.
    Alias(String),
}

/// What one index reads under a name.
#[derive(Debug, Default)]
pub(super) struct ValueSource<'a> {
    /// Paths in `_source`; the first is the field's own.
    pub(super) paths: Vec<&'a str>,
    /// The runtime field that computes it, with its script.
    pub(super) runtime: Option<(&'a str, Option<&'a Value>)>,
}

impl Mapping {
    /// Checks the form of a mapping: what has another form would be left out of an index.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(json: Value) -> Result<Self, String> {
        check(&json, 0, &mut 0)?;
        Ok(Self::new(json))
    }

    pub(super) fn new(json: Value) -> Self {
        let mut builder = Builder::default();
        builder.properties(json.get("properties"), "");
        builder.runtime(json.get("runtime"));
        let Builder {
            mut fields,
            runtime,
            copies,
        } = builder;
        for (source, target) in copies {
            if let Some(target) = fields.get_mut(&target) {
                target.copied_from.push(source);
            }
        }
        Self { json, fields, runtime }
    }

    /// A field by its name or an alias, with its name.
    pub(crate) fn field(&self, name: &str) -> Option<(&str, &Field)> {
        let found = self.fields.get_key_value(name)?;
        let (name, field) = match &found.1.origin {
            Origin::Alias(target) => self.fields.get_key_value(target)?,
            _ => found,
        };
        (!matches!(field.origin, Origin::Alias(_))).then_some((name, field))
    }

    /// The same, or the field of type `flattened` whose key the name is.
    pub(crate) fn field_or_flattened(&self, name: &str) -> Option<(&str, &Field)> {
        self.field(name).or_else(|| {
            let mut around = parents(name).filter_map(|parent| self.fields.get_key_value(parent));
            let (name, field) = around.find(|(_, field)| field.is("flattened"))?;
            Some((name.as_str(), field))
        })
    }

    /// `None` where the mapping does not know the name.
    pub(super) fn value_source(&self, name: &str) -> Option<ValueSource<'_>> {
        if let Some((name, made)) = self.runtime.get_key_value(name) {
            let script = self.runtime_field(made)?.get("script");
            return Some(ValueSource {
                // Without a script its values are the document's own.
                paths: script.is_none().then_some(name.as_str()).into_iter().collect(),
                runtime: Some((made, script)),
            });
        }
        let (own, field) = self.field_or_flattened(name)?;
        let (path, field) = match &field.origin {
            Origin::Parent(parent) => (parent.as_str(), self.fields.get(parent)?),
            _ => (own, field),
        };
        let copied = field.copied_from.iter().map(String::as_str);
        Some(ValueSource {
            paths: std::iter::once(path).chain(copied).collect(),
            runtime: None,
        })
    }

    /// The type of a field, a multi-field, what an alias stands for, or a runtime field.
    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        match self.runtime.get(name) {
            Some(made) => self.runtime_field(made)?.get("type")?.as_str(),
            None => self.field_or_flattened(name)?.1.kind.as_deref(),
        }
    }

    fn runtime_field(&self, name: &str) -> Option<&Value> {
        self.json.get("runtime")?.get(name)
    }

    /// The longest part of a path in `_source` that is a field or an object; the whole path where what is inside is not
    /// mapped.
    pub(super) fn known_path<'p>(&self, path: &'p str) -> Option<&'p str> {
        let in_source = |path: &str| {
            let field = self.fields.get(path)?;
            (!matches!(field.origin, Origin::Parent(_))).then_some(field)
        };
        if in_source(path).is_some() {
            return Some(path);
        }
        let around: Vec<&str> = parents(path).collect();
        let (known, field) = around
            .into_iter()
            .rev()
            .find_map(|path| Some((path, in_source(path)?)))?;
        match field.kind.as_deref() {
            _ if field.origin == Origin::Object => None,
            // The rest is a key.
            None | Some("object" | "nested" | "flattened") => Some(path),
            // Of a text `.length` is no field.
            Some(_) => Some(known),
        }
    }

    /// The names of the fields that documents hold, in the order of the mapping.
    pub(super) fn stored(&self) -> Vec<&str> {
        let stored = self.fields.iter().filter(|(_, field)| field.origin == Origin::Stored);
        let mut stored: Vec<_> = stored.map(|(name, field)| (field.position, name.as_str())).collect();
        stored.sort_unstable();
        stored.into_iter().map(|(_, name)| name).collect()
    }

    /// The names of all fields, multi-fields, aliases and runtime fields.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let fields = self.fields.iter().filter(|(_, field)| field.origin != Origin::Object);
        let runtime = entries(self.json.get("runtime"));
        fields
            .map(|(name, _)| name.as_str())
            .chain(runtime.map(|(name, _)| name.as_str()))
    }

    /// The types of fields, multi-fields and aliases in documents, by name.
    pub(super) fn types(&self) -> impl Iterator<Item = (&str, &str)> {
        let fields = self.fields.iter();
        fields.filter_map(|(name, field)| Some((name.as_str(), field.kind.as_deref()?)))
    }
}

impl Field {
    fn new(definition: &Value, origin: Origin, position: usize) -> Self {
        let text = |name: &str| definition.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind: text("type"),
            normalizer: text("normalizer"),
            ignore_above: definition.get("ignore_above").and_then(number),
            origin,
            copied_from: Vec::new(),
            position,
        }
    }

    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind.as_deref() == Some(kind)
    }
}

/// A number that may be written as a string, as in settings.
pub(super) fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The objects and fields that a dotted name may be inside of, the outermost first.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    name.match_indices('.')
        .take(MAX_NAME_PARTS)
        .map(|(dot, _)| &name[..dot])
}

#[derive(Default)]
struct Builder {
    fields: BTreeMap<String, Field>,
    runtime: BTreeMap<String, String>,
    /// From, to.
    copies: Vec<(String, String)>,
}

impl Builder {
    fn properties(&mut self, properties: Option<&Value>, above: &str) {
        for (name, definition) in entries(properties) {
            let path = format!("{above}{name}");
            for target in one_or_many(definition.get("copy_to")) {
                self.copies.push((path.clone(), target.to_owned()));
            }
            for (inner, definition) in entries(definition.get("fields")) {
                let name = format!("{path}.{inner}");
                let position = self.fields.len();
                self.fields
                    .insert(name, Field::new(definition, Origin::Parent(path.clone()), position));
            }
            let inner = definition.get("properties").filter(|inner| inner.is_object());
            self.properties(inner, &format!("{path}."));
            let target = definition.get("path").and_then(Value::as_str);
            let origin = match target.filter(|_| definition.get("type").is_some_and(|kind| kind == "alias")) {
                Some(target) => Origin::Alias(target.to_owned()),
                None if inner.is_some() => Origin::Object,
                None => Origin::Stored,
            };
            let position = self.fields.len();
            self.fields.insert(path, Field::new(definition, origin, position));
        }
    }

    /// Runtime fields hide fields of the same name.
    fn runtime(&mut self, runtime: Option<&Value>) {
        for (made, definition) in entries(runtime) {
            let inner = entries(definition.get("fields")).map(|(inner, _)| format!("{made}.{inner}"));
            for name in inner.chain([made.clone()]) {
                self.runtime.insert(name, made.clone());
            }
        }
    }
}

/// `above` is the length of the names around, `all` of those before.
fn check(mapping: &Value, above: usize, all: &mut usize) -> Result<(), String> {
    for section in ["properties", "fields", "runtime"] {
        let Some(fields) = mapping.get(section) else { continue };
        let fields = fields
            .as_object()
            .ok_or_else(|| format!("`{section}` is not an object"))?;
        for (name, definition) in fields {
            if !definition.is_object() {
                return Err(format!("the definition of field `{name}` is not an object"));
            }
            let length = above + name.len();
            *all += length * (1 + one_or_many(definition.get("copy_to")).count());
            if *all > MAX_NAME_BYTES {
                return Err(format!(
                    "the names of its fields have more than {} MiB",
                    MAX_NAME_BYTES >> 20
                ));
            }
            check(definition, length, all)?;
        }
    }
    Ok(())
}

fn entries(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// The texts of a parameter that takes one or a list of them.
pub(super) fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = match value {
        Some(Value::Array(values)) => values.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    values.iter().filter_map(Value::as_str)
}
