//! Of an index's settings: those without which a copy would take other documents, or answer other searches.

use std::collections::BTreeMap;

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
