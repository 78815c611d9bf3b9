//! The settings of an index without which a copy would accept other documents, or answer other searches: limits, and
//! the analyzers that its fields name.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// What documents may be, and what analyzers may do.
const CARRIED: [&str; 19] = [
    "mapping.coerce",
    "mapping.ignore_malformed",
    "mapping.ignore_above",
    "mapping.depth.limit",
    "mapping.field_name_length.limit",
    "mapping.nested_fields.limit",
    "mapping.nested_objects.limit",
    "mapping.total_fields.limit",
    "mapping.total_fields.ignore_dynamic_beyond_limit",
    "max_docvalue_fields_search",
    "max_ngram_diff",
    "max_regex_length",
    "max_result_window",
    "max_script_fields",
    "max_shingle_diff",
    "max_terms_count",
    "query.default_field",
    "query_string.lenient",
    "query_string.allow_leading_wildcard",
];

/// By dotted name without `index.`.
pub(super) type Settings = BTreeMap<String, Value>;

/// From `settings.index` of an index, nested or dotted.
pub(super) fn carried(index: &Map<String, Value>) -> Settings {
    let mut found = Settings::new();
    flatten(index, "", &mut found);
    let mode = index.get("mode").and_then(Value::as_str);
    found.retain(|name, _| CARRIED.contains(&name.as_str()));
    // What this mode does unless told otherwise, and other modes do not.
    if mode == Some("logsdb") {
        found
            .entry("mapping.ignore_malformed".into())
            .or_insert_with(|| "true".into());
    }
    found
}

fn flatten(object: &Map<String, Value>, above: &str, found: &mut Settings) {
    for (key, value) in object {
        let name = format!("{above}{key}");
        match value {
            Value::Object(inner) => flatten(inner, &format!("{name}."), found),
            value => drop(found.insert(name, value.clone())),
        }
    }
}

/// Of two indices: the larger limit; `None` where they treat documents or searches differently.
pub(super) fn merged(left: &Settings, right: &Settings) -> Option<Settings> {
    let mut both = left.clone();
    for name in left.keys().chain(right.keys()) {
        let number = |settings: &Settings| settings.get(name)?.as_str()?.parse::<u64>().ok();
        let larger = match (left.get(name), right.get(name)) {
            (Some(l), Some(r)) if l == r => l,
            (Some(l), Some(r)) => match (number(left)?, number(right)?) {
                (less, more) if less < more => r,
                _ => l,
            },
            (Some(limit), None) if number(left).is_some() => limit,
            (None, Some(limit)) if number(right).is_some() => limit,
            _ => return None,
        };
        both.insert(name.clone(), larger.clone());
    }
    Some(both)
}

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

/// The analyzers that fields name, and what these are made of. `None` where nothing of it is needed.
pub(super) fn needed_analysis(analysis: &Value, mappings: &Value) -> Option<Value> {
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

/// The texts at such parameters, at any depth. A field that is called so is an object.
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
        let kept = needed_analysis(&analysis, &mappings).unwrap_or_default();
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
        let kept = needed_analysis(&analysis, &keyword).unwrap_or_default();
        assert_eq!(
            kept,
            json!({"normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}}})
        );
        assert_eq!(
            needed_analysis(&analysis, &json!({"properties": {"n": {"type": "long"}}})),
            None
        );
    }

    #[test]
    fn a_default_analyzer_is_every_texts() {
        let analysis = json!({"analyzer": {"default": {"type": "whitespace"}}});
        let text = json!({"properties": {"o": {"properties": {"m": {"type": "text"}}}}});
        assert_eq!(needed_analysis(&analysis, &text), Some(analysis.clone()));
        assert_eq!(
            needed_analysis(&analysis, &json!({"properties": {"k": {"type": "keyword"}}})),
            None
        );
    }
}
