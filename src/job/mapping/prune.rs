//! A mapping cut down to fields, as a plain index takes it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Parameters that only work in the index that they were made for.
const DROPPED: [&str; 4] = ["time_series_dimension", "time_series_metric", "dynamic", "similarity"];

/// Runtime fields are kept: the job may read them. Aliases are kept with their targets, since the
/// datafeed's query may go by the alias's name; `constant_keyword` keeps its value, which documents need not hold.
pub(super) fn mappings(mappings: &Value, fields: &BTreeSet<String>) -> Value {
    let mut kept = Map::new();
    // Fields that are carried without being mapped are to be searchable too.
    kept.insert("dynamic".into(), json!(true));
    if let Some(runtime) = mappings.get("runtime") {
        kept.insert("runtime".into(), runtime.clone());
    }
    let all = mappings.get("properties").and_then(Value::as_object);
    kept.insert(
        "properties".into(),
        Value::Object(all.map(|all| cut(all, "", fields)).unwrap_or_default()),
    );
    Value::Object(kept)
}

fn cut(properties: &Map<String, Value>, above: &str, fields: &BTreeSet<String>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, definition) in properties {
        let path = format!("{above}{name}");
        let alias = definition.get("type").and_then(Value::as_str) == Some("alias");
        let target = definition
            .get("path")
            .and_then(Value::as_str)
            .filter(|_| alias)
            .unwrap_or(&path);
        let inner = definition.get("properties").and_then(Value::as_object);
        let inner = inner.map(|inner| cut(inner, &format!("{path}."), fields));
        let holds = inner.as_ref().is_some_and(|inner| !inner.is_empty());
        if carried(target, fields) || holds || constant(definition) {
            kept.insert(name.clone(), plain(definition, inner, fields));
        }
    }
    kept
}

fn constant(definition: &Value) -> bool {
    definition.get("type").and_then(Value::as_str) == Some("constant_keyword") && definition.get("value").is_some()
}

/// The field itself, an object that holds it, or a pattern that takes it in.
fn carried(path: &str, fields: &BTreeSet<String>) -> bool {
    fields.iter().any(|field| {
        let below = |inner: &str, outer: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
        field == path || below(path, field) || below(field, path) || (field.contains('*') && matches(field, path))
    })
}

fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => text.strip_prefix(head).is_some_and(|rest| {
            rest.char_indices()
                .map(|(n, _)| n)
                .chain([rest.len()])
                .any(|n| matches(tail, &rest[n..]))
        }),
    }
}

fn plain(definition: &Value, inner: Option<Map<String, Value>>, fields: &BTreeSet<String>) -> Value {
    let mut kept = definition.as_object().cloned().unwrap_or_default();
    kept.retain(|key, _| !DROPPED.contains(&key.as_str()));
    if let Some(inner) = inner {
        kept.insert("properties".into(), Value::Object(inner));
    }
    if let Some(target) = kept.get_mut("copy_to") {
        let names = target.as_array().cloned().unwrap_or_else(|| vec![target.clone()]);
        let names: Vec<Value> = names
            .into_iter()
            .filter(|n| n.as_str().is_some_and(|n| carried(n, fields)))
            .collect();
        *target = Value::Array(names);
    }
    if kept.get("copy_to").and_then(Value::as_array).is_some_and(Vec::is_empty) {
        kept.remove("copy_to");
    }
    Value::Object(kept)
}
