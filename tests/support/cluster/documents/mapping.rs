//! Mappings: types of fields, valid documents and new fields.

use serde_json::{Map, Value, json};

use super::dates;
use super::failure::{Failure, Outcome};
use super::names::matches;

/// How the values of a field are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldType {
    Keyword,
    Text,
    Long,
    Double,
    Date,
    DateNanos,
    Boolean,
}

impl FieldType {
    fn of(type_name: &str) -> Option<Self> {
        Some(match type_name {
            "text" | "match_only_text" => Self::Text,
            "keyword" | "constant_keyword" | "wildcard" | "ip" | "version" => Self::Keyword,
            "long" | "integer" | "short" | "byte" | "unsigned_long" => Self::Long,
            "double" | "float" | "half_float" | "scaled_float" => Self::Double,
            "date" => Self::Date,
            "date_nanos" => Self::DateNanos,
            "boolean" => Self::Boolean,
            _ => return None,
        })
    }

    pub(super) fn is_date(self) -> bool {
        matches!(self, Self::Date | Self::DateNanos)
    }
}

/// A searchable field.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// The path of its values in the source. The values of a multi-field are those of its parent.
    path: String,
    pub(super) kind: FieldType,
    pub(super) format: String,
    /// Longer keywords are not indexed. In characters.
    ignore_above: Option<u64>,
}

/// A value of a field.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Key {
    /// Dates are in milliseconds, `date_nanos` in nanoseconds.
    Int(i64),
    Float(f64),
    Text(String),
}

/// Returns the mapping of a field by its full name.
pub(super) fn definition<'a>(mappings: &'a Value, name: &str) -> Option<&'a Value> {
    if mappings["enabled"] == false {
        return None;
    }
    let children = ["properties", "fields"]
        .into_iter()
        .filter_map(|key| mappings.get(key)?.as_object());
    for (key, child) in children.flatten() {
        if key == name {
            return Some(child);
        }
        if let Some(rest) = name.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.'))
            && let Some(found) = definition(child, rest)
        {
            return Some(found);
        }
    }
    None
}

/// Returns a searchable field; `None` if it is not mapped.
pub(super) fn field(mappings: &Value, name: &str) -> Option<Field> {
    let found = definition(mappings, name)?;
    if found["type"] == "alias" {
        return field(mappings, found["path"].as_str()?);
    }
    let parent = name.rsplit_once('.').filter(|(parent, last)| {
        let parent = definition(mappings, parent);
        parent.is_some_and(|parent| !parent["fields"][last].is_null())
    });
    Field::new(found, parent.map_or(name, |(parent, _)| parent))
}

impl Field {
    fn new(definition: &Value, path: &str) -> Option<Self> {
        Some(Self {
            path: path.to_owned(),
            kind: FieldType::of(definition["type"].as_str()?)?,
            format: definition["format"].as_str().unwrap_or(dates::DEFAULT).to_owned(),
            ignore_above: definition["ignore_above"].as_u64(),
        })
    }

    /// Converts a value for comparisons; `None` if it is invalid for the field or not indexed.
    pub(super) fn key(&self, value: &Value) -> Option<Key> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            _ => return None,
        };
        match self.kind {
            FieldType::Keyword => {
                let limit = self.ignore_above.unwrap_or(u64::MAX);
                (text.chars().count() as u64 <= limit).then_some(Key::Text(text))
            }
            FieldType::Text => Some(Key::Text(text.to_lowercase())),
            FieldType::Long => {
                let whole = || text.parse::<f64>().ok().filter(|number| number.abs() < 9.2e18);
                let number = text.parse().ok().or_else(|| whole().map(|number| number as i64));
                number.map(Key::Int)
            }
            FieldType::Double => text.parse().ok().map(Key::Float),
            FieldType::Date => {
                let nanos = dates::parse(&text, &self.format)?;
                i64::try_from(nanos.div_euclid(1_000_000)).ok().map(Key::Int)
            }
            FieldType::DateNanos => i64::try_from(dates::parse(&text, &self.format)?).ok().map(Key::Int),
            FieldType::Boolean => text.parse::<bool>().ok().map(|value| Key::Int(value.into())),
        }
    }

    /// Returns the values of a document.
    pub(super) fn keys(&self, source: &Value) -> Vec<Key> {
        let mut found = Vec::new();
        collect(source, &self.path, &mut found);
        found.into_iter().filter_map(|value| self.key(value)).collect()
    }
}

/// Returns all values at a dotted path, through arrays and keys with dots.
fn collect<'a>(value: &'a Value, path: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, found)),
        Value::Object(object) => {
            for (key, child) in object {
                if let Some(rest) = path.strip_prefix(key.as_str()) {
                    match rest.strip_prefix('.') {
                        Some(rest) => collect(child, rest, found),
                        None if rest.is_empty() => collect(child, "", found),
                        None => {}
                    }
                }
            }
        }
        Value::Null => {}
        _ if path.is_empty() => found.push(value),
        _ => {}
    }
}

/// Adds the mapping of a field at its dotted name.
pub(super) fn add(mappings: &mut Value, path: &str, mapping: Value) {
    if !mappings.is_object() {
        *mappings = json!({});
    }
    match path.split_once('.') {
        None => mappings["properties"][path] = mapping,
        Some((first, rest)) => add(&mut mappings["properties"][first], rest, mapping),
    }
}

/// Merges a mapping update. Types cannot change.
pub(super) fn merge(into: &mut Value, update: &Value, path: &str) -> Outcome<()> {
    let type_of = |mapping: &Value| mapping["type"].as_str().unwrap_or("object").to_owned();
    if !into.is_object() {
        *into = json!({});
    }
    for (key, value) in update.as_object().into_iter().flatten() {
        if key != "properties" && key != "fields" {
            into[key] = value.clone();
            continue;
        }
        for (name, child) in value.as_object().into_iter().flatten() {
            let full = join(path, name);
            let old = &mut into[key][name];
            if !old.is_null() && type_of(old) != type_of(child) {
                let (old, new) = (type_of(old), type_of(child));
                let reason = format!("mapper [{full}] cannot be changed from type [{old}] to [{new}]");
                return Err(Failure::illegal(reason));
            }
            merge(old, child, &full)?;
        }
    }
    Ok(())
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() {
        name.to_owned()
    } else {
        format!("{path}.{name}")
    }
}

/// A document that is being indexed. Its fields are checked, and new ones collected.
pub(super) struct DynamicMapper<'a> {
    mappings: &'a Value,
    id: &'a str,
    added: Vec<(String, Value)>,
}

impl<'a> DynamicMapper<'a> {
    /// Returns the mappings of the document's new fields by full name.
    pub(super) fn fields(mappings: &'a Value, id: &'a str, source: &Value) -> Outcome<Vec<(String, Value)>> {
        let mut arrival = Self {
            mappings,
            id,
            added: Vec::new(),
        };
        match source {
            Value::Object(object) => arrival.object(mappings, object, "", &Value::Null)?,
            _ => return Err(Failure::new(400, "document_parsing_exception", "[1:1] failed to parse")),
        }
        Ok(arrival.added)
    }

    /// `dynamic` is inherited from the closest parent that sets it.
    fn object(&mut self, mapping: &Value, object: &Map<String, Value>, path: &str, dynamic: &Value) -> Outcome<()> {
        if mapping["enabled"] == false {
            return Ok(());
        }
        let dynamic = mapping.get("dynamic").unwrap_or(dynamic);
        for (key, value) in object {
            let full = join(path, key);
            match definition(mapping, key) {
                Some(child) => self.known(child, value, &full, dynamic)?,
                None => self.unknown(value, &full, dynamic)?,
            }
        }
        Ok(())
    }

    fn known(&mut self, mapping: &Value, value: &Value, path: &str, dynamic: &Value) -> Outcome<()> {
        let type_name = mapping["type"].as_str().unwrap_or("object");
        let has_fields = ["object", "nested"].contains(&type_name);
        match value {
            Value::Null => return Ok(()),
            Value::Array(items) => {
                return items
                    .iter()
                    .try_for_each(|item| self.known(mapping, item, path, dynamic));
            }
            Value::Object(object) if has_fields => return self.object(mapping, object, path, dynamic),
            _ => {}
        }
        let valid = match Field::new(mapping, path) {
            Some(field) => {
                let whole = Field {
                    ignore_above: None,
                    ..field
                };
                whole.key(value).is_some() || mapping["ignore_malformed"] == true
            }
            None => !has_fields || mapping["enabled"] == false,
        };
        if valid {
            return Ok(());
        }
        let reason = format!(
            "failed to parse field [{path}] of type [{type_name}] in document with id '{}'",
            self.id
        );
        Err(Failure::new(400, "document_parsing_exception", reason))
    }

    fn unknown(&mut self, value: &Value, path: &str, dynamic: &Value) -> Outcome<()> {
        match dynamic.as_str() {
            _ if *dynamic == false => return Ok(()),
            Some("false" | "runtime") => return Ok(()),
            Some("strict") => {
                let reason =
                    format!("mapping set to strict, dynamic introduction of [{path}] within [_doc] is not allowed");
                return Err(Failure::new(400, "strict_dynamic_mapping_exception", reason));
            }
            _ => {}
        }
        match value {
            Value::Object(object) => self.object(&Value::Null, object, path, dynamic),
            Value::Array(items) => items.iter().try_for_each(|item| self.unknown(item, path, dynamic)),
            Value::Null => Ok(()),
            _ => {
                if !self.added.iter().any(|(name, _)| name == path) {
                    let mapping = self.new_field(value, path);
                    self.known(&mapping, value, path, dynamic)?;
                    self.added.push((path.to_owned(), mapping));
                }
                Ok(())
            }
        }
    }

    /// Returns the mapping of a new field from a dynamic template or its value.
    fn new_field(&self, value: &Value, path: &str) -> Value {
        let is_date = |text: &str| text.contains('-') && dates::parse(text, "strict_date_optional_time").is_some();
        let (json_type, default) = match value {
            Value::String(text) if is_date(text) => ("string", json!({"type": "date"})),
            Value::String(_) => {
                let keyword = json!({"type": "keyword", "ignore_above": 256});
                ("string", json!({"type": "text", "fields": {"keyword": keyword}}))
            }
            Value::Bool(_) => ("boolean", json!({"type": "boolean"})),
            Value::Number(number) if number.is_f64() => ("double", json!({"type": "float"})),
            _ => ("long", json!({"type": "long"})),
        };
        let last = path.rsplit('.').next().unwrap_or(path);
        let applies = |template: &&Value| {
            [("match_mapping_type", json_type), ("match", last), ("path_match", path)]
                .iter()
                .all(|(key, text)| template[key].as_str().is_none_or(|pattern| matches(pattern, text)))
        };
        let templates = self.mappings["dynamic_templates"].as_array().into_iter().flatten();
        let mut templates = templates.filter_map(|named| named.as_object()?.values().next());
        templates
            .find(applies)
            .map_or(default, |template| template["mapping"].clone())
    }
}
