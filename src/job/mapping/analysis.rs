//! Of an index's analyzers: those that its fields name, and what these are made of.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Parameters of a field, and of an analyzer or filter, that name a part of the analysis.
const NAMING: [&str; 9] = [
    "analyzer",
    "search_analyzer",
    "search_quote_analyzer",
    "normalizer",
    "tokenizer",
    "filter",
    "filters",
    "char_filter",
    "article_analyzer",
];
/// Used by every text that names none.
const DEFAULTS: [&str; 2] = ["default", "default_search"];

/// `None` where nothing of it is needed.
pub(super) fn needed(analysis: &Value, mappings: &Value) -> Option<Value> {
    let sections = analysis.as_object()?;
    let mut wanted = BTreeSet::new();
    named(mappings, &mut wanted);
    if has_text(mappings) {
        wanted.extend(DEFAULTS.map(str::to_owned));
    }
    let mut kept: Map<String, Value> = Map::new();
    loop {
        let before = wanted.len();
        for (section, parts) in sections {
            for (name, part) in parts.as_object().into_iter().flatten() {
                if wanted.contains(name) {
                    named(part, &mut wanted);
                    let section = kept.entry(section.clone()).or_insert_with(|| Map::new().into());
                    section[name] = part.clone();
                }
            }
        }
        if wanted.len() == before {
            break;
        }
    }
    (!kept.is_empty()).then_some(Value::Object(kept))
}

/// The texts at naming keys, at any depth. A field that is called so is an object.
fn named(value: &Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                if NAMING.contains(&key.as_str()) {
                    texts(value, wanted);
                }
                named(value, wanted);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| named(value, wanted)),
        _ => {}
    }
}

/// A multiplexer writes `lowercase, stem`.
fn texts(value: &Value, wanted: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => wanted.extend(text.split(',').map(|name| name.trim().to_owned())),
        Value::Array(list) => list.iter().for_each(|value| texts(value, wanted)),
        _ => {}
    }
}

fn has_text(value: &Value) -> bool {
    match value {
        Value::Object(object) => {
            let kind = object.get("type").and_then(Value::as_str);
            kind.is_some_and(|kind| kind.contains("text") || kind == "search_as_you_type")
                || object.values().any(has_text)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_fields_name_is_kept_with_what_it_is_made_of() {
        let analysis = json!({
            "analyzer": {"mine": {"type": "custom", "tokenizer": "cut", "filter": ["lowercase", "both"]},
                "other": {"type": "custom", "tokenizer": "standard", "filter": ["secret_synonyms"]}},
            "normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}},
            "tokenizer": {"cut": {"type": "pattern", "pattern": "/"}},
            "filter": {"both": {"type": "multiplexer", "filters": ["lowercase, short", "unique"]},
                "short": {"type": "truncate", "length": 3}, "secret_synonyms": {"type": "synonym", "synonyms": ["a => b"]}}});
        let mappings = json!({"properties": {"m": {"type": "text", "analyzer": "mine"}}});
        let kept = needed(&analysis, &mappings).unwrap_or_default();
        let names = |section: &str| {
            kept.get(section)
                .and_then(Value::as_object)
                .map(|all| all.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(names("analyzer"), Some(vec!["mine".to_owned()]));
        assert_eq!(names("tokenizer"), Some(vec!["cut".to_owned()]));
        assert_eq!(names("filter"), Some(vec!["both".to_owned(), "short".to_owned()]));
        assert_eq!(names("normalizer"), None);
        let keyword = json!({"properties": {"k": {"type": "keyword", "normalizer": "low"}}});
        let kept = needed(&analysis, &keyword).unwrap_or_default();
        assert_eq!(
            kept,
            json!({"normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}}})
        );
        assert_eq!(needed(&analysis, &json!({"properties": {"n": {"type": "long"}}})), None);
    }

    #[test]
    fn a_default_analyzer_is_every_texts() {
        let analysis = json!({"analyzer": {"default": {"type": "whitespace"}}});
        let text = json!({"properties": {"o": {"properties": {"m": {"type": "text"}}}}});
        assert_eq!(needed(&analysis, &text), Some(analysis.clone()));
        assert_eq!(
            needed(&analysis, &json!({"properties": {"k": {"type": "keyword"}}})),
            None
        );
    }
}
