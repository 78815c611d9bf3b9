//! Reduces a mapping to some of its fields for a normal index, with the settings that affect which documents the index
//! accepts and what searches return: limits, and the analyzers of its fields.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use crate::job::config;
use crate::json::is_within;
use crate::util::format::is_among;

/// The fields to keep.
#[derive(Clone, Copy)]
pub(super) enum Selection<'a> {
    /// These fields, by name or pattern, with the objects around them.
    Only(&'a BTreeSet<String>),
    /// All other fields. An object without remaining fields is removed.
    Except(&'a dyn Fn(&str) -> bool),
}

pub(super) const ALL: Selection<'_> = Selection::Except(&|_| false);

impl Selection<'_> {
    fn has(&self, path: &str) -> bool {
        match self {
            Self::Except(unwanted) => !unwanted(path),
            // The time does not depend on the number of fields, except for patterns.
            Self::Only(fields) => {
                let mut around = path.match_indices('.').map(|(dot, _)| &path[..dot]);
                let inner = format!("{path}.");
                let first_inside = fields.range(inner.clone()..).next();
                let mut patterns = fields.iter().filter(|field| field.contains('*'));
                fields.contains(path)
                    || around.any(|object| fields.contains(object))
                    || first_inside.is_some_and(|field| field.starts_with(&inner))
                    || patterns.any(|pattern| matches_wildcard(pattern, path))
            }
        }
    }
}

/// Returns the selected fields, and the runtime fields with these names. Aliases are kept with their targets, since the
/// datafeed's query may use the alias. `constant_keyword` keeps its value, which documents need not contain. `dynamic`
/// is kept, since unmapped values may not fit any type.
pub(super) fn select(mapping: &Value, selection: Selection<'_>, runtime: impl Fn(&str) -> bool) -> Value {
    let section = |name: &str| mapping.get(name).and_then(Value::as_object);
    let mut kept = json!({"dynamic": mapping.get("dynamic").unwrap_or(&Value::Bool(true))});
    if let Some(subobjects) = mapping.get("subobjects") {
        kept["subobjects"] = subobjects.clone();
    }
    let mut computed = section("runtime").cloned().unwrap_or_default();
    computed.retain(|name, _| runtime(name));
    if !computed.is_empty() {
        kept["runtime"] = computed.into();
    }
    let properties = section("properties").map(|all| properties(all, "", selection));
    kept["properties"] = properties.unwrap_or_default().into();
    kept
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
        let was_empty = inner.is_none_or(Map::is_empty);
        let is_empty = selected.as_ref().is_none_or(Map::is_empty);
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

/// Returns a definition without parts that only work in its original index.
fn plain(
    definition: &Value,
    kind: Option<&str>,
    properties: Option<Map<String, Value>>,
    selection: Selection<'_>,
) -> Value {
    match kind {
        // `join` needs routing, and `semantic_text` a model. Only their values are kept.
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

/// Returns the texts of a parameter that is one text or a list.
pub(super) fn one_or_many(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let values = value.into_iter().flat_map(config::one_or_many);
    values.filter_map(Value::as_str)
}

/// Whether a field name or pattern includes a path: it is the path, an enclosing object, or a match.
pub fn includes(name: &str, path: &str) -> bool {
    is_within(path, name) || matches_wildcard(name, path)
}

/// Whether a text matches a pattern with `*`. Takes linear time: each part between two `*` is matched at its first
/// occurrence.
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

/// Settings that affect which documents are accepted and what analyzers may do.
const CARRIED: &str = "mapping.coerce mapping.ignore_malformed mapping.ignore_above mapping.depth.limit \
    mapping.field_name_length.limit mapping.nested_fields.limit mapping.nested_objects.limit \
    mapping.total_fields.limit mapping.total_fields.ignore_dynamic_beyond_limit max_docvalue_fields_search \
    max_ngram_diff max_regex_length max_result_window max_script_fields max_shingle_diff max_terms_count \
    query.default_field query_string.lenient query_string.allow_leading_wildcard";

/// Settings by dotted name without `index.`.
pub(super) type Settings = BTreeMap<String, Value>;

/// Selects from `settings.index` of an index, nested or dotted.
pub(super) fn carried(index: &Map<String, Value>) -> Settings {
    let mode = index.get("mode").and_then(Value::as_str);
    let settings = flat_settings(index).into_iter();
    let mut found: Settings = settings.filter(|(name, _)| is_among(CARRIED, name)).collect();
    // The default in this mode, in contrast to other modes.
    if mode == Some("logsdb") {
        let ignores = found.entry("mapping.ignore_malformed".into());
        ignores.or_insert_with(|| "true".into());
    }
    found
}

/// Returns settings by dotted name without `index.`, from any form that Elasticsearch prints or accepts.
pub fn flat_settings(settings: &Map<String, Value>) -> Map<String, Value> {
    fn flatten(settings: &Map<String, Value>, above: &str, found: &mut Map<String, Value>) {
        for (name, value) in settings {
            let name = format!("{above}{name}");
            match value {
                Value::Object(inner) => flatten(inner, &format!("{name}."), found),
                value => drop(found.insert(name.strip_prefix("index.").unwrap_or(&name).to_owned(), value.clone())),
            }
        }
    }
    let mut found = Map::new();
    flatten(settings, "", &mut found);
    found
}

/// Merges the settings of two indices with the larger limits. `None` if they treat documents or searches differently.
pub(super) fn merged_settings(left: &Settings, right: &Settings) -> Option<Settings> {
    let names = left.keys().chain(right.keys());
    let both = names.map(|name| Some((name.clone(), larger(left.get(name), right.get(name))?.clone())));
    both.collect()
}

fn larger<'a>(left: Option<&'a Value>, right: Option<&'a Value>) -> Option<&'a Value> {
    if left == right {
        return left;
    }
    let limit = |value: &'a Value| Some((value.as_str()?.parse::<u64>().ok()?, value));
    let limits: Option<Vec<_>> = left.into_iter().chain(right).map(limit).collect();
    let larger = limits?.into_iter().max_by_key(|(limit, _)| *limit);
    larger.map(|(_, value)| value)
}

/// Parameters of fields, analyzers and filters that name a part of the analysis.
const NAMING: &str = "analyzer search_analyzer search_quote_analyzer normalizer tokenizer filter filters \
    char_filter article_analyzer";
/// Used by every text without an explicit analyzer.
const DEFAULTS: [&str; 2] = ["default", "default_search"];

/// Returns the analyzers that fields use, and their parts. `None` if none are needed.
pub(super) fn needed_analysis(analysis: &Value, mappings: &Value) -> Option<Value> {
    let sections = analysis.as_object()?;
    let mut wanted = BTreeSet::new();
    named(mappings, false, &mut wanted);
    if has_text(mappings) {
        wanted.extend(DEFAULTS.map(str::to_owned));
    }
    let mut kept: Map<String, Value> = Map::new();
    loop {
        let before = wanted.len();
        for (section, parts) in sections {
            for (name, part) in parts.as_object().into_iter().flatten() {
                if wanted.contains(name) {
                    named(part, false, &mut wanted);
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

/// Collects the texts of such parameters at any depth. If the value is an object, it is a field with that name.
fn named(value: &Value, names_part: bool, wanted: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                named(member, is_among(NAMING, name), wanted);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, names_part, wanted)),
        // A multiplexer lists filters as `lowercase, stem`.
        Value::String(text) if names_part => wanted.extend(text.split(',').map(|name| name.trim().to_owned())),
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
    use super::*;

    #[test]
    fn only_referenced_analysis_components_are_kept() {
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
    fn default_analyzer_is_kept_for_text_fields() {
        let analysis = json!({"analyzer": {"default": {"type": "whitespace"}}});
        let text = json!({"properties": {"o": {"properties": {"m": {"type": "text"}}}}});
        assert_eq!(needed_analysis(&analysis, &text), Some(analysis.clone()));
        assert_eq!(
            needed_analysis(&analysis, &json!({"properties": {"k": {"type": "keyword"}}})),
            None
        );
    }

    #[test]
    fn wildcard_patterns_match_field_names() {
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
    fn many_wildcards_are_matched_in_linear_time() {
        // Trying every length for each asterisk would not end in a reasonable time.
        let (pattern, text) = ("*a".repeat(10_000) + "b", "a".repeat(1 << 20));
        assert!(!matches_wildcard(&pattern, &text));
        assert!(matches_wildcard(&"*a".repeat(10_000), &text));
    }
}
