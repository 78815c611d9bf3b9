//! A mapping cut down to fields, as a plain index takes it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Parameters that only work in the index that they were made for.
const DROPPED: [&str; 3] = ["time_series_dimension", "time_series_metric", "similarity"];

/// What is left of these is told by their values alone: one needs routing, the other a model.
const REPLACED: [(&str, &str); 2] = [
    ("join", r#"{"type":"object","enabled":false}"#),
    ("semantic_text", r#"{"type":"text"}"#),
];

/// Of the runtime fields those of these names (all without names). Aliases are kept with their targets, since the
/// datafeed's query may go by the alias's name; `constant_keyword` keeps its value, which documents need not hold.
/// `dynamic` stays as it was: what the source did not map need not fit any type.
pub(super) fn mappings(mappings: &Value, fields: &BTreeSet<String>, runtime: Option<&BTreeSet<String>>) -> Value {
    let mut kept = Map::new();
    kept.insert(
        "dynamic".into(),
        mappings.get("dynamic").cloned().unwrap_or_else(|| json!(true)),
    );
    if let Some(subobjects) = mappings.get("subobjects") {
        kept.insert("subobjects".into(), subobjects.clone());
    }
    if let Some(made) = mappings.get("runtime").and_then(Value::as_object) {
        let mut made = made.clone();
        made.retain(|name, _| runtime.is_none_or(|runtime| runtime.contains(name)));
        if !made.is_empty() {
            kept.insert("runtime".into(), Value::Object(made));
        }
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

/// A mapping without the fields at some paths and without some runtime fields. Of the rest, only what an import needs.
pub(super) fn without(mapping: &Value, unwanted: &dyn Fn(&str) -> bool, runtime: &BTreeSet<String>) -> Value {
    let every = BTreeSet::from(["*".to_owned()]);
    let mut kept = mappings(mapping, &every, None);
    if let Some(made) = kept.get_mut("runtime").and_then(Value::as_object_mut) {
        made.retain(|name, _| !runtime.contains(name));
    }
    if let Some(properties) = kept.get_mut("properties").and_then(Value::as_object_mut) {
        leave_out(properties, "", unwanted);
    }
    kept
}

fn leave_out(properties: &mut Map<String, Value>, above: &str, unwanted: &dyn Fn(&str) -> bool) {
    properties.retain(|name, definition| {
        let path = format!("{above}{name}");
        let target = definition.get("path").and_then(Value::as_str).unwrap_or(&path);
        if unwanted(&path) || unwanted(target) {
            return false;
        }
        if let Some(copies) = definition.get_mut("copy_to") {
            let names = copies.as_array().cloned().unwrap_or_else(|| vec![copies.clone()]);
            let wanted = |name: &Value| name.as_str().is_some_and(|name| !unwanted(name));
            *copies = names.into_iter().filter(wanted).collect();
            if copies.as_array().is_some_and(Vec::is_empty)
                && let Some(definition) = definition.as_object_mut()
            {
                definition.shift_remove("copy_to");
            }
        }
        let Some(inner) = definition.get_mut("properties").and_then(Value::as_object_mut) else {
            return true;
        };
        let before = inner.len();
        leave_out(inner, &format!("{path}."), unwanted);
        before == 0 || !inner.is_empty()
    });
}

fn constant(definition: &Value) -> bool {
    definition.get("type").and_then(Value::as_str) == Some("constant_keyword") && definition.get("value").is_some()
}

/// The field itself, an object that holds it, or a pattern that takes it in.
fn carried(path: &str, fields: &BTreeSet<String>) -> bool {
    let above = path.match_indices('.').map(|(dot, _)| &path[..dot]);
    let inner = format!("{path}.");
    let first_inside = fields.range(inner.clone()..).next();
    above.chain([path]).any(|object| fields.contains(object))
        || first_inside.is_some_and(|field| field.starts_with(&inner))
        || fields.iter().any(|field| field.contains('*') && fits(field, path))
}

/// Whether a field's name, or a pattern, takes in a path, or an object above it.
pub fn takes_in(name: &str, path: &str) -> bool {
    name == path || below(path, name) || fits(name, path)
}

fn below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'))
}

/// Whether a pattern with `*` takes in a text. Linear: each part between two `*` takes the first place where it fits.
pub fn fits(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(text) = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail)) else {
        return false;
    };
    let after = |text: &str, part: &str| text.find(part).map(|at| at + part.len());
    let mut left = text;
    middle.split('*').all(|part| match after(left, part) {
        Some(end) => {
            left = &left[end..];
            true
        }
        None => false,
    })
}

fn plain(definition: &Value, inner: Option<Map<String, Value>>, fields: &BTreeSet<String>) -> Value {
    let kind = definition.get("type").and_then(Value::as_str);
    if let Some((_, other)) = REPLACED.iter().find(|(replaced, _)| kind == Some(replaced)) {
        return serde_json::from_str(other).unwrap_or_default();
    }
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

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_take_in_what_their_parts_are_found_in() {
        for (pattern, text, wanted) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("*", "", true),
            ("**", "a.b", true),
            ("a*", "a", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*.key*", "user.keyword", true),
            ("*b*b", "abb", true),
            ("*b*b", "ab", false),
            ("a*b*c", "axxbyybzzc", true),
            ("a*b*c", "axxc", false),
            ("ä*ö", "äüö", true),
        ] {
            assert_eq!(fits(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn many_wildcards_take_linear_time() {
        // Longer than anyone waits, where each asterisk tries every length.
        let (pattern, text) = ("*a".repeat(10_000) + "b", "a".repeat(1 << 20));
        assert!(!fits(&pattern, &text));
        assert!(fits(&"*a".repeat(10_000), &text));
    }
}
