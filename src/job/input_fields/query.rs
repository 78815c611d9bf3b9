//! The fields that a query reads.

use serde_json::{Map, Value};

use super::references::FieldReferences;
use super::{query_string, script};

/// Reads a query, or a list of them.
pub(super) fn read(query: &Value, found: &mut FieldReferences) {
    if let Some(list) = query.as_array() {
        return list.iter().for_each(|query| read(query, found));
    }
    for (kind, body) in query.as_object().into_iter().flatten() {
        match kind.as_str() {
            "match_all" | "match_none" => {}
            // The field's name is the key of the body.
            "match_phrase_prefix" => keyed(body, is_option, found),
            "term" | "terms" | "terms_set" | "range" | "match" | "match_phrase" | "match_bool_prefix" | "prefix"
            | "wildcard" | "regexp" | "fuzzy" | "intervals" | "span_term" => keyed(body, is_option, found),
            "geo_distance" | "geo_bounding_box" | "geo_polygon" | "geo_shape" | "geo_grid" | "shape"
            | "text_expansion" | "weighted_tokens" => keyed(body, is_option_of_place, found),
            // Its name is in `field`, `fields` or `default_field`.
            "simple_query_string" => naming(kind, body, found),
            "exists" | "multi_match" | "combined_fields" | "query_string" | "distance_feature" | "rank_feature"
            | "knn" | "semantic" | "sparse_vector" | "more_like_this" => naming(kind, body, found),
            "bool" | "constant_score" | "dis_max" | "boosting" | "function_score" | "nested" | "has_child"
            | "has_parent" | "span_near" | "span_or" | "span_not" | "span_first" | "span_containing"
            | "span_within" | "pinned" | "span_multi" | "field_masking_span" => compound(kind, body, found),
            "script" | "script_score" => scripted(body, found),
            "parent_id" => related(kind, found),
            "ids" => found.depends_on_index("_id"),
            "type" => found.depends_on_index("_type"),
            kind => found.warn(format!("query of kind `{kind}`")),
        }
    }
}

/// What any query can have beside the field's name; where it is alone, it is the name of a field.
fn is_option(name: &str, body: &Map<String, Value>) -> bool {
    matches!(name, "boost" | "_name") && body.len() > 1
}

/// What a query about places has beside the field's name.
fn is_option_of_place(name: &str, _: &Map<String, Value>) -> bool {
    matches!(
        name,
        "distance"
            | "distance_type"
            | "validation_method"
            | "ignore_unmapped"
            | "type"
            | "unit"
            | "boost"
            | "_name"
            | "coerce"
    )
}

fn keyed(body: &Value, is_option: fn(&str, &Map<String, Value>) -> bool, found: &mut FieldReferences) {
    let Some(body) = body.as_object() else { return };
    for (field, value) in body {
        if is_option(field, body) && !value.is_object() && !value.is_array() {
            continue;
        }
        found.name(field);
        beside_the_document(value, found);
        if let Some(name) = value.get("minimum_should_match_field").and_then(Value::as_str) {
            found.name(name);
        }
        if let Some(code) = value.get("minimum_should_match_script") {
            script::read(code, "query", found);
        }
        uses_field(value, found);
    }
}

/// Terms and shapes of another document, and times relative to now.
fn beside_the_document(value: &Value, found: &mut FieldReferences) {
    let Some(options) = value.as_object() else { return };
    if options.contains_key("index") || options.contains_key("indexed_shape") {
        found.depends_on_index("a document of another index");
    }
    let is_relative = |bound: &Value| bound.as_str().is_some_and(|text| text.trim_start().starts_with("now"));
    if options.values().any(is_relative) {
        found.depends_on_index("now");
    }
}

/// `intervals` may take another field anywhere inside.
fn uses_field(value: &Value, found: &mut FieldReferences) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(name) if key == "use_field" => found.name(name),
                    _ => uses_field(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| uses_field(value, found)),
        _ => {}
    }
}

fn naming(kind: &str, body: &Value, found: &mut FieldReferences) {
    let mut named = false;
    for key in ["field", "default_field", "fields"] {
        let names = match body.get(key) {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => continue,
        };
        for name in names.iter().filter_map(Value::as_str) {
            // `title^3`
            let name = name.split('^').next().unwrap_or(name);
            // Every document has some field.
            named |= name != "*" || kind == "exists";
            if name != "*" {
                found.name(name);
            }
        }
    }
    if let Some(filter) = body.get("filter") {
        read(filter, found);
    }
    let text = body.get("query").and_then(Value::as_str).unwrap_or_default();
    if kind == "query_string" && is_relative(text) {
        found.depends_on_index("now");
    }
    if kind == "more_like_this" && (names_document(body.get("like")) || names_document(body.get("unlike"))) {
        found.depends_on_index("a document of another index");
    }
    let bare = match kind {
        "query_string" => query_string::read(text, found),
        "simple_query_string" => text.trim() != "*",
        _ => true,
    };
    if bare && !named {
        found.default_fields(kind);
    }
}

/// `[now-1d TO now]`; a value that only looks so does no harm.
fn is_relative(text: &str) -> bool {
    let after = |c: Option<char>| c.is_none_or(|c| !(c.is_alphanumeric() || matches!(c, '_' | '.')));
    text.match_indices("now")
        .any(|(at, word)| after(text[..at].chars().next_back()) && after(text[at + word.len()..].chars().next()))
}

/// `{"_index": …, "_id": …}` among texts.
fn names_document(like: Option<&Value>) -> bool {
    match like {
        Some(Value::Array(likes)) => likes.iter().any(Value::is_object),
        like => like.is_some_and(Value::is_object),
    }
}

fn compound(kind: &str, body: &Value, found: &mut FieldReferences) {
    let Some(body) = body.as_object() else { return };
    if kind == "pinned" {
        found.depends_on_index("_id");
    }
    if matches!(kind, "has_child" | "has_parent") {
        related(kind, found);
    }
    if kind == "nested"
        && let Some(path) = body.get("path").and_then(Value::as_str)
    {
        nested(path, body.get("query"), found);
    }
    if kind == "field_masking_span"
        && let Some(name) = body.get("field").and_then(Value::as_str)
    {
        found.name(name);
    }
    const INNER: [&str; 15] = [
        "must", "filter", "should", "must_not", "query", "queries", "positive", "negative", "organic", "clauses",
        "include", "exclude", "match", "big", "little",
    ];
    INNER
        .iter()
        .filter_map(|key| body.get(*key))
        .for_each(|inner| read(inner, found));
    functions(body, found);
}

/// Parent and child must be in one shard, which their routing decides, and an import keeps no `join` field.
fn related(kind: &str, found: &mut FieldReferences) {
    found.depends_on_index("parents and children");
    found.warn(format!("query of kind `{kind}`"));
}

/// The nested objects themselves are read only where no field of theirs is named.
fn nested(path: &str, query: Option<&Value>, found: &mut FieldReferences) {
    let mut inner = FieldReferences::default();
    query.into_iter().for_each(|query| read(query, &mut inner));
    let below = |name: &String| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    if !inner.names.iter().any(below) {
        found.name(path);
    }
}

/// What `function_score` adds, once or in a list.
fn functions(body: &Map<String, Value>, found: &mut FieldReferences) {
    for function in body.get("functions").and_then(Value::as_array).into_iter().flatten() {
        if let Some(function) = function.as_object() {
            function
                .get("filter")
                .into_iter()
                .for_each(|filter| read(filter, found));
            functions(function, found);
        }
    }
    for scored in ["field_value_factor", "random_score"] {
        let name = body.get(scored).and_then(|function| function.get("field")?.as_str());
        name.into_iter().for_each(|name| found.name(name));
    }
    for decay in ["gauss", "exp", "linear"] {
        let options = body.get(decay).and_then(Value::as_object);
        let fields = options.into_iter().flat_map(Map::keys);
        let fields = fields.filter(|key| *key != "multi_value_mode");
        fields.for_each(|field| found.name(field));
    }
    if let Some(score) = body.get("script_score") {
        scripted(score, found);
    }
}

fn scripted(body: &Value, found: &mut FieldReferences) {
    body.get("query").into_iter().for_each(|query| read(query, found));
    body.get("script")
        .into_iter()
        .for_each(|code| script::read(code, "query", found));
}
