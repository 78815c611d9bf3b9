//! A mapping cut down to some of its fields, as a plain index takes it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::one_or_many;

/// Which fields are kept.
#[derive(Clone, Copy)]
pub(super) enum Selection<'a> {
    /// These, by names or patterns, with the objects around them.
    Only(&'a BTreeSet<String>),
    /// All but these. An object that loses all its fields goes too.
    Except(&'a dyn Fn(&str) -> bool),
}

pub(super) const ALL: Selection<'_> = Selection::Except(&|_| false);

impl Selection<'_> {
    fn has(&self, path: &str) -> bool {
        match self {
            Self::Except(unwanted) => !unwanted(path),
            Self::Only(fields) => {
                let around = path.match_indices('.').map(|(dot, _)| &path[..dot]);
                let inner = format!("{path}.");
                let first_inside = fields.range(inner.clone()..).next();
                around.chain([path]).any(|object| fields.contains(object))
                    || first_inside.is_some_and(|field| field.starts_with(&inner))
                    || fields
                        .iter()
                        .any(|field| field.contains('*') && matches_wildcard(field, path))
            }
        }
    }
}

/// The selected fields, and the runtime fields whose names are wanted. Aliases are kept with their targets, since the
/// datafeed's query may go by the alias's name; `constant_keyword` keeps its value, which documents need not hold.
/// `dynamic` stays as it was: what the source did not map need not fit any type.
pub(super) fn select(mapping: &Value, selection: Selection<'_>, runtime: impl Fn(&str) -> bool) -> Value {
    let mut kept = Map::new();
    let dynamic = mapping.get("dynamic").cloned();
    kept.insert("dynamic".into(), dynamic.unwrap_or_else(|| json!(true)));
    if let Some(subobjects) = mapping.get("subobjects") {
        kept.insert("subobjects".into(), subobjects.clone());
    }
    if let Some(all) = mapping.get("runtime").and_then(Value::as_object) {
        let mut all = all.clone();
        all.retain(|name, _| runtime(name));
        if !all.is_empty() {
            kept.insert("runtime".into(), all.into());
        }
    }
    let all = mapping.get("properties").and_then(Value::as_object);
    let properties = all.map(|all| properties(all, "", selection)).unwrap_or_default();
    kept.insert("properties".into(), properties.into());
    kept.into()
}

fn properties(all: &Map<String, Value>, above: &str, selection: Selection<'_>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, definition) in all {
        let path = format!("{above}{name}");
        let kind = definition.get("type").and_then(Value::as_str);
        let target = definition.get("path").and_then(Value::as_str);
        let target = target.filter(|_| kind == Some("alias")).unwrap_or(&path);
        let inner = definition.get("properties").and_then(Value::as_object);
        let selected = inner.map(|inner| properties(inner, &format!("{path}."), selection));
        let (was_empty, is_empty) = (
            inner.is_none_or(Map::is_empty),
            selected.as_ref().is_none_or(Map::is_empty),
        );
        let keeps = match selection {
            Selection::Only(_) => {
                let is_constant = kind == Some("constant_keyword") && definition.get("value").is_some();
                selection.has(target) || !is_empty || is_constant
            }
            Selection::Except(_) => selection.has(&path) && selection.has(target) && (was_empty || !is_empty),
        };
        if keeps {
            kept.insert(name.clone(), plain(definition, kind, selected, selection));
        }
    }
    kept
}

/// A definition without what works only in the index that it was made for.
fn plain(
    definition: &Value,
    kind: Option<&str>,
    properties: Option<Map<String, Value>>,
    selection: Selection<'_>,
) -> Value {
    match kind {
        // One needs routing, the other a model: their values are kept.
        Some("join") => return json!({"type": "object", "enabled": false}),
        Some("semantic_text") => return json!({"type": "text"}),
        _ => {}
    }
    let mut kept = definition.as_object().cloned().unwrap_or_default();
    for parameter in ["time_series_dimension", "time_series_metric", "similarity"] {
        kept.shift_remove(parameter);
    }
    if let Some(properties) = properties {
        kept.insert("properties".into(), properties.into());
    }
    if let Some(targets) = kept.shift_remove("copy_to") {
        let targets: Vec<&str> = one_or_many(Some(&targets)).filter(|name| selection.has(name)).collect();
        if !targets.is_empty() {
            kept.insert("copy_to".into(), json!(targets));
        }
    }
    kept.into()
}

/// Whether a field's name, or a pattern, includes a path: it is the path, an object around it, or matches it.
pub fn includes(name: &str, path: &str) -> bool {
    let below = path.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'));
    name == path || below || matches_wildcard(name, path)
}

/// Whether a pattern with `*` matches a text. Linear: each part between two `*` takes the first place where it fits.
pub fn matches_wildcard(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = text.strip_prefix(head).and_then(|text| text.strip_suffix(tail)) else {
        return false;
    };
    middle.split('*').all(|part| match left.find(part) {
        Some(at) => {
            left = &left[at + part.len()..];
            true
        }
        None => false,
    })
}
#[cfg(test)]
mod tests {
    use super::matches_wildcard;

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
            assert_eq!(matches_wildcard(pattern, text), wanted, "{pattern} {text}");
        }
    }

    #[test]
    fn many_wildcards_take_linear_time() {
        // Longer than anyone waits, where each asterisk tries every length.
        let (pattern, text) = ("*a".repeat(10_000) + "b", "a".repeat(1 << 20));
        assert!(!matches_wildcard(&pattern, &text));
        assert!(matches_wildcard(&"*a".repeat(10_000), &text));
    }
}
