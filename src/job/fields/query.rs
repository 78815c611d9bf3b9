//! The fields that a query reads.

use serde_json::{Map, Value};

use super::{Found, script};

/// Queries with the field's name as the key of their body.
const KEYED: [&str; 22] = [
    "term",
    "terms",
    "terms_set",
    "range",
    "match",
    "match_phrase",
    "match_phrase_prefix",
    "match_bool_prefix",
    "prefix",
    "wildcard",
    "regexp",
    "fuzzy",
    "intervals",
    "geo_distance",
    "geo_bounding_box",
    "geo_polygon",
    "geo_shape",
    "geo_grid",
    "shape",
    "span_term",
    "sparse_vector",
    "text_expansion",
];
/// Queries with the name in `field`, `fields` or `default_field`.
const NAMING: [&str; 9] = [
    "exists",
    "multi_match",
    "combined_fields",
    "query_string",
    "simple_query_string",
    "distance_feature",
    "rank_feature",
    "knn",
    "semantic",
];
/// Queries made of queries.
const COMPOUND: [&str; 15] = [
    "bool",
    "constant_score",
    "dis_max",
    "boosting",
    "function_score",
    "nested",
    "has_child",
    "has_parent",
    "span_near",
    "span_or",
    "span_not",
    "span_first",
    "span_containing",
    "span_within",
    "pinned",
];
const NO_FIELD: [&str; 4] = ["match_all", "match_none", "ids", "type"];
/// Options that stand beside the field's name in a keyed query.
const OPTIONS: [&str; 11] = [
    "boost",
    "_name",
    "distance",
    "distance_type",
    "validation_method",
    "ignore_unmapped",
    "type",
    "minimum_should_match",
    "case_insensitive",
    "unit",
    "execution",
];

/// Reads a query, or a list of them.
pub(super) fn read(query: &Value, found: &mut Found) {
    if let Some(list) = query.as_array() {
        return list.iter().for_each(|query| read(query, found));
    }
    for (kind, body) in query.as_object().into_iter().flatten() {
        let kind = kind.as_str();
        if KEYED.contains(&kind) {
            keyed(body, found);
        } else if NAMING.contains(&kind) {
            naming(kind, body, found);
        } else if COMPOUND.contains(&kind) {
            compound(kind, body, found);
        } else if kind == "script" || kind == "script_score" {
            scripted(body, found);
        } else if !NO_FIELD.contains(&kind) {
            found.doubt(format!("query of kind `{kind}`"));
        }
    }
}

fn keyed(body: &Value, found: &mut Found) {
    for (field, value) in body.as_object().into_iter().flatten() {
        if OPTIONS.contains(&field.as_str()) && !value.is_object() {
            continue;
        }
        found.name(field);
        if let Some(name) = value.get("minimum_should_match_field").and_then(Value::as_str) {
            found.name(name);
        }
        if let Some(code) = value.get("minimum_should_match_script") {
            script::read(code, "query", found);
        }
        uses_field(value, found);
    }
}

/// `intervals` may take another field anywhere inside.
fn uses_field(value: &Value, found: &mut Found) {
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

fn naming(kind: &str, body: &Value, found: &mut Found) {
    let mut named = false;
    for key in ["field", "default_field", "fields"] {
        let names = match body.get(key) {
            Some(Value::Array(names)) => names.as_slice(),
            Some(name) => std::slice::from_ref(name),
            None => continue,
        };
        for name in names.iter().filter_map(Value::as_str) {
            named = true;
            // `title^3`
            field_or_pattern(kind, name.split('^').next().unwrap_or(name), found);
        }
    }
    if let Some(filter) = body.get("filter") {
        read(filter, found);
    }
    if kind == "query_string"
        && let Some(text) = body.get("query").and_then(Value::as_str)
    {
        named |= query_string(text, found);
    }
    if !named {
        found.doubt(format!("`{kind}` without a field reads all fields"));
    }
}

fn field_or_pattern(kind: &str, name: &str, found: &mut Found) {
    found.name(name);
    if name == "*" {
        found.doubt(format!("`{kind}` over all fields"));
    }
}

/// The words before a colon. True where each bare word of the text belongs to one, and none needs a default field.
fn query_string(text: &str, found: &mut Found) -> bool {
    let mut named = text.trim() == "*";
    let mut word = String::new();
    let mut chars = text.chars();
    let mut quoted = false;
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.clear();
            }
            _ if quoted => {}
            '\\' => word.extend(chars.next()),
            ':' => {
                let name = std::mem::take(&mut word);
                if name == "_exists_" {
                    // The field's name is what follows.
                    let rest: String = chars.clone().take_while(|c| !c.is_whitespace() && *c != ')').collect();
                    found.name(rest.trim_matches('"'));
                    named = true;
                } else if !name.is_empty() {
                    field_or_pattern("query_string", &name, found);
                    named = true;
                }
            }
            c if c.is_whitespace() || "()[]{}<>=!&|+-".contains(c) && word.is_empty() => word.clear(),
            '(' | ')' => word.clear(),
            c => word.push(c),
        }
    }
    named
}

fn compound(kind: &str, body: &Value, found: &mut Found) {
    let Some(body) = body.as_object() else { return };
    if kind == "nested"
        && let Some(path) = body.get("path").and_then(Value::as_str)
    {
        found.name(path);
    }
    for key in [
        "must", "filter", "should", "must_not", "query", "queries", "positive", "negative", "organic", "clauses",
    ]
    .iter()
    .chain(&["include", "exclude", "match", "big", "little"])
    {
        if let Some(inner) = body.get(*key) {
            read(inner, found);
        }
    }
    functions(body, found);
}

/// What `function_score` adds, once or in a list.
fn functions(body: &Map<String, Value>, found: &mut Found) {
    for function in body.get("functions").and_then(Value::as_array).into_iter().flatten() {
        if let Some(function) = function.as_object() {
            function
                .get("filter")
                .into_iter()
                .for_each(|filter| read(filter, found));
            functions(function, found);
        }
    }
    if let Some(name) = body
        .get("field_value_factor")
        .and_then(|f| f.get("field"))
        .and_then(Value::as_str)
    {
        found.name(name);
    }
    if let Some(name) = body
        .get("random_score")
        .and_then(|f| f.get("field"))
        .and_then(Value::as_str)
    {
        found.name(name);
    }
    for decay in ["gauss", "exp", "linear"] {
        let fields = body
            .get(decay)
            .and_then(Value::as_object)
            .into_iter()
            .flat_map(Map::keys);
        fields
            .filter(|key| *key != "multi_value_mode")
            .for_each(|field| found.name(field));
    }
    if let Some(score) = body.get("script_score") {
        scripted(score, found);
    }
}

fn scripted(body: &Value, found: &mut Found) {
    body.get("query").into_iter().for_each(|query| read(query, found));
    body.get("script")
        .into_iter()
        .for_each(|code| script::read(code, "query", found));
}
