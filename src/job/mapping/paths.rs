//! From a field's name to its place in `_source`.

use serde_json::{Map, Value};

/// `None` where the mapping does not know the field.
pub(super) fn source_path(mappings: &Value, field: &str) -> Option<String> {
    find(mappings.get("properties")?.as_object()?, field, "")
}

fn find(properties: &Map<String, Value>, rest: &str, above: &str) -> Option<String> {
    for (name, definition) in properties {
        let Some(tail) = rest.strip_prefix(name.as_str()) else {
            continue;
        };
        if tail.is_empty() {
            let alias = definition.get("type").and_then(Value::as_str) == Some("alias");
            let target = definition.get("path").and_then(Value::as_str).filter(|_| alias);
            return Some(target.map_or_else(|| format!("{above}{name}"), str::to_owned));
        }
        let Some(tail) = tail.strip_prefix('.') else { continue };
        let multi = definition
            .get("fields")
            .is_some_and(|fields| fields.get(tail).is_some());
        // A `flattened` field's keys are read from the field itself.
        if multi || definition.get("type").and_then(Value::as_str) == Some("flattened") {
            return Some(format!("{above}{name}"));
        }
        let inner = definition.get("properties").and_then(Value::as_object);
        if let Some(path) = inner.and_then(|inner| find(inner, tail, &format!("{above}{name}."))) {
            return Some(path);
        }
    }
    None
}
