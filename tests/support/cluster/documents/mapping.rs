//! Mappings: what fields are, what documents may hold, what new fields become.

mod arrival;

use serde_json::{Value, json};

use super::dates;
use super::failure::{Failure, Outcome};
pub(super) use arrival::Arrival;

/// How a field's values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Keyword,
    Text,
    Long,
    Double,
    Date,
    DateNanos,
    Boolean,
}

/// A field that can be searched.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// Where its values stand in the source: a multi-field's are its parent's.
    pub(super) path: String,
    pub(super) kind: Kind,
    pub(super) format: String,
    /// Longer keywords are not indexed. In characters.
    pub(super) ignore_above: Option<u64>,
}

/// One value of a field.
#[derive(Clone, Debug, PartialEq, PartialOrd)]
pub(super) enum Key {
    Int(i64),
    Float(f64),
    Text(String),
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "text" | "match_only_text" => Kind::Text,
        "keyword" | "constant_keyword" | "wildcard" | "ip" | "version" => Kind::Keyword,
        "long" | "integer" | "short" | "byte" | "unsigned_long" => Kind::Long,
        "double" | "float" | "half_float" | "scaled_float" => Kind::Double,
        "date" => Kind::Date,
        "date_nanos" => Kind::DateNanos,
        "boolean" => Kind::Boolean,
        _ => return None,
    })
}

/// The mapping of a field by its full name.
pub(super) fn definition<'a>(mappings: &'a Value, name: &str) -> Option<&'a Value> {
    if mappings.get("enabled") == Some(&Value::Bool(false)) {
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

/// A searchable field; `None` when the index does not know it or does not index it.
pub(super) fn field(mappings: &Value, name: &str) -> Option<Field> {
    let found = definition(mappings, name)?;
    let type_name = found.get("type")?.as_str()?;
    if type_name == "alias" {
        return field(mappings, found.get("path")?.as_str()?);
    }
    if found.get("index") == Some(&Value::Bool(false)) && found.get("doc_values") == Some(&Value::Bool(false)) {
        return None;
    }
    let path = match name.rsplit_once('.') {
        Some((parent, last)) => {
            let multi = definition(mappings, parent).and_then(|parent| parent.get("fields")?.get(last));
            if multi.is_some() { parent } else { name }
        }
        None => name,
    };
    let format = found
        .get("format")
        .and_then(Value::as_str)
        .unwrap_or(dates::DEFAULT)
        .to_owned();
    Some(Field {
        path: path.to_owned(),
        kind: kind(type_name)?,
        format,
        ignore_above: found.get("ignore_above").and_then(Value::as_u64),
    })
}

impl Field {
    /// A value as this field compares it; `None`: it is none for such a field.
    pub(super) fn key(&self, value: &Value) -> Option<Key> {
        let text = || match value {
            Value::String(text) => Some(text.clone()),
            Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
            _ => None,
        };
        match self.kind {
            Kind::Keyword => {
                let indexed = |text: &String| {
                    self.ignore_above
                        .is_none_or(|limit| text.chars().count() as u64 <= limit)
                };
                text().filter(indexed).map(Key::Text)
            }
            Kind::Text => text().map(|text| Key::Text(text.to_lowercase())),
            Kind::Long => long(value).map(Key::Int),
            Kind::Double => double(value).map(Key::Float),
            Kind::Date => {
                let nanos = dates::parse(value, &self.format)?;
                i64::try_from(nanos.div_euclid(1_000_000)).ok().map(Key::Int)
            }
            Kind::DateNanos => i64::try_from(dates::parse(value, &self.format)?).ok().map(Key::Int),
            Kind::Boolean => match value {
                Value::Bool(value) => Some(Key::Int(i64::from(*value))),
                Value::String(text) if text == "true" => Some(Key::Int(1)),
                Value::String(text) if text == "false" || text.is_empty() => Some(Key::Int(0)),
                _ => None,
            },
        }
    }

    /// The values of a document.
    pub(super) fn keys(&self, source: &Value) -> Vec<Key> {
        let mut found = Vec::new();
        collect(source, &self.path, &mut found);
        found.into_iter().filter_map(|value| self.key(value)).collect()
    }
}

fn long(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
        Value::String(text) => text.parse().ok().or_else(|| text.parse::<f64>().ok().and_then(whole)),
        _ => None,
    }
}

/// The whole part of what a long can hold.
fn whole(number: f64) -> Option<i64> {
    (number.abs() < 9.2e18).then_some(number as i64)
}

fn double(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

/// All leaves under a dotted path, through arrays and through keys with dots.
pub(super) fn collect<'a>(value: &'a Value, path: &str, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, path, out)),
        Value::Object(object) => {
            for (key, child) in object {
                if key == path {
                    leaves(child, out);
                } else if let Some(rest) = path.strip_prefix(key.as_str()).and_then(|rest| rest.strip_prefix('.')) {
                    collect(child, rest, out);
                }
            }
        }
        _ => {}
    }
}

fn leaves<'a>(value: &'a Value, out: &mut Vec<&'a Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| leaves(item, out)),
        Value::Null | Value::Object(_) => {}
        _ => out.push(value),
    }
}

/// Puts a field's mapping at its dotted name.
pub(super) fn add(mappings: &mut Value, path: &str, mapping: Value) {
    if !mappings.is_object() {
        *mappings = json!({});
    }
    match path.split_once('.') {
        None => mappings["properties"][path] = mapping,
        Some((first, rest)) => add(&mut mappings["properties"][first], rest, mapping),
    }
}

/// Merges a mapping update. Types do not change.
pub(super) fn merge(into: &mut Value, update: &Value, path: &str) -> Outcome<()> {
    let Value::Object(update) = update else { return Ok(()) };
    if !into.is_object() {
        *into = json!({});
    }
    let shown = |mapping: &Value| {
        mapping
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or("object")
            .to_owned()
    };
    for (key, value) in update {
        if key != "properties" && key != "fields" {
            into[key] = value.clone();
            continue;
        }
        for (name, child) in value.as_object().into_iter().flatten() {
            let full = if path.is_empty() {
                name.clone()
            } else {
                format!("{path}.{name}")
            };
            if let Some(old) = into.get(key).and_then(|children| children.get(name)) {
                let (old, new) = (shown(old), shown(child));
                if old != new {
                    let reason = format!("mapper [{full}] cannot be changed from type [{old}] to [{new}]");
                    return Err(Failure::illegal(reason));
                }
            }
            merge(&mut into[key][name], child, &full)?;
        }
    }
    Ok(())
}
