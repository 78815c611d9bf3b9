//! Filters sources and responses.

use serde_json::{Map, Value};

use super::names::matches;

/// The fields of `_source` to return.
#[derive(Clone, Debug)]
pub(super) enum SourceFilter {
    All,
    None,
    Fields(Vec<String>),
}

impl SourceFilter {
    /// Parses the `_source` of a search.
    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Bool(false) => Self::None,
            Value::String(field) => Self::Fields(vec![field.clone()]),
            Value::Array(fields) => Self::Fields(fields.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
            _ => Self::All,
        }
    }
}

/// Returns the fields of a source that match one of these patterns, directly or by a parent.
pub(super) fn filter_source(fields: &[String], source: &Value) -> Value {
    included(fields, source, "").unwrap_or_else(|| Value::Object(Map::new()))
}

fn included(fields: &[String], value: &Value, path: &str) -> Option<Value> {
    if fields.iter().any(|pattern| matches(pattern, path)) {
        return Some(value.clone());
    }
    match value {
        Value::Object(object) => {
            let kept = object.iter().filter_map(|(key, child)| {
                let path = if path.is_empty() {
                    key.clone()
                } else {
                    format!("{path}.{key}")
                };
                Some((key.clone(), included(fields, child, &path)?))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        Value::Array(items) => {
            let kept: Vec<Value> = items.iter().filter_map(|item| included(fields, item, path)).collect();
            (!kept.is_empty()).then_some(Value::Array(kept))
        }
        _ => None,
    }
}

/// Applies `filter_path`.
pub(super) fn filter_path(value: &Value, paths: &str) -> Value {
    let paths: Vec<Vec<&str>> = paths.split(',').map(|path| path.split('.').collect()).collect();
    let paths: Vec<&[&str]> = paths.iter().map(Vec::as_slice).collect();
    filtered(value, &paths).unwrap_or_else(|| Value::Object(Map::new()))
}

fn filtered(value: &Value, paths: &[&[&str]]) -> Option<Value> {
    if paths.iter().any(|path| path.is_empty()) {
        return Some(value.clone());
    }
    match value {
        Value::Array(items) => {
            let items: Vec<Value> = items.iter().filter_map(|item| filtered(item, paths)).collect();
            (!items.is_empty()).then_some(Value::Array(items))
        }
        Value::Object(object) => {
            let kept = object.iter().filter_map(|(key, child)| {
                let matching = paths.iter().filter(|path| matches(path[0], key));
                let rest: Vec<&[&str]> = matching.map(|path| &path[1..]).collect();
                Some((key.clone(), filtered(child, &rest)?))
            });
            let kept: Map<String, Value> = kept.collect();
            (!kept.is_empty()).then_some(Value::Object(kept))
        }
        _ => None,
    }
}
