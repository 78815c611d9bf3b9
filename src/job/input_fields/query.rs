//! The fields that queries and aggregations read.

use serde_json::Value;

use super::query_string;
use super::references::FieldReferences;
use super::script;
use crate::job::datafeed::entries;

/// What any query can have beside the name of a field.
const OPTIONS: &str = "boost _name";
/// What a query about places can have.
const PLACE_OPTIONS: &str = "boost _name distance distance_type validation_method ignore_unmapped type unit coerce";
/// What a compound query holds other queries in, beside `functions`.
const INNER: [&str; 15] = [
    "must", "filter", "should", "must_not", "query", "queries", "positive", "negative", "organic", "clauses",
    "include", "exclude", "match", "big", "little",
];

/// The values of these members, those of lists one by one.
fn values<'a>(body: &'a Value, members: &[&str]) -> impl Iterator<Item = &'a Value> {
    members.iter().filter_map(|name| body.get(name)).flat_map(one_or_many)
}

fn one_or_many(value: &Value) -> &[Value] {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice)
}

/// Reads a query, or a list of them.
pub(super) fn read(query: &Value, found: &mut FieldReferences) {
    for (kind, body) in one_or_many(query).iter().flat_map(entries) {
        match kind.as_str() {
            "match_all" | "match_none" => {}
            // The field's name is the key of the body.
            "term"
            | "terms"
            | "terms_set"
            | "range"
            | "match"
            | "match_phrase"
            | "match_phrase_prefix"
            | "match_bool_prefix"
            | "prefix"
            | "wildcard"
            | "regexp"
            | "fuzzy"
            | "intervals"
            | "span_term" => {
                keyed(body, OPTIONS, found);
            }
            "geo_distance" | "geo_bounding_box" | "geo_polygon" | "geo_shape" | "geo_grid" | "shape"
            | "text_expansion" | "weighted_tokens" => keyed(body, PLACE_OPTIONS, found),
            // Its name is in `field`, `fields` or `default_field`.
            "exists"
            | "multi_match"
            | "combined_fields"
            | "query_string"
            | "simple_query_string"
            | "distance_feature"
            | "rank_feature"
            | "knn"
            | "semantic"
            | "sparse_vector"
            | "more_like_this" => {
                naming(kind, body, found);
            }
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

fn keyed(body: &Value, options: &str, found: &mut FieldReferences) {
    // An option that is alone is the name of a field.
    let has_options = entries(body).count() > 1;
    for (field, value) in entries(body) {
        let is_option = has_options && options.split(' ').any(|option| option == field);
        if is_option && !value.is_object() && !value.is_array() {
            continue;
        }
        found.name(field);
        found.name_in(value, "minimum_should_match_field");
        script::read_in(value, "minimum_should_match_script", "query", found);
        uses_field(value, found);
        // Terms and shapes of another document, and times relative to now.
        if value.get("index").is_some() || value.get("indexed_shape").is_some() {
            found.depends_on_index("a document of another index");
        }
        let mut texts = entries(value).filter_map(|(_, bound)| bound.as_str());
        if texts.any(|text| text.trim_start().starts_with("now")) {
            found.depends_on_index("now");
        }
    }
}

/// `intervals` may take another field anywhere inside.
fn uses_field(value: &Value, found: &mut FieldReferences) {
    found.name_in(value, "use_field");
    let list = value.as_array().into_iter().flatten();
    let inner = entries(value).map(|(_, inner)| inner).chain(list);
    inner.for_each(|inner| uses_field(inner, found));
}

fn naming(kind: &str, body: &Value, found: &mut FieldReferences) {
    let mut named = false;
    for name in values(body, &["field", "default_field", "fields"]).filter_map(Value::as_str) {
        // `title^3`
        let name = name.split('^').next().unwrap_or(name);
        // Every document has some field.
        named |= name != "*" || kind == "exists";
        if name != "*" {
            found.name(name);
        }
    }
    values(body, &["filter"]).for_each(|filter| read(filter, found));
    let text = body.get("query").and_then(Value::as_str).unwrap_or_default();
    if kind == "query_string" && query_string::is_relative(text) {
        found.depends_on_index("now");
    }
    // `{"_index": …, "_id": …}` among texts.
    if kind == "more_like_this" && values(body, &["like", "unlike"]).any(Value::is_object) {
        found.depends_on_index("a document of another index");
    }
    let bare = match kind {
        "query_string" => query_string::read(text, found),
        "simple_query_string" => text.trim() != "*",
        _ => true,
    };
    if bare && !named {
        found.by_default.get_or_insert_with(|| kind.to_owned());
    }
}

fn compound(kind: &str, body: &Value, found: &mut FieldReferences) {
    match kind {
        "pinned" => found.depends_on_index("_id"),
        "has_child" | "has_parent" => related(kind, found),
        "nested" => nested(body, found),
        "field_masking_span" => found.name_in(body, "field"),
        _ => {}
    }
    values(body, &INNER).for_each(|inner| read(inner, found));
    // What `function_score` adds, once or in a list.
    values(body, &["functions"]).for_each(|function| compound("function_score", function, found));
    values(body, &["field_value_factor", "random_score"]).for_each(|score| found.name_in(score, "field"));
    values(body, &["script_score"]).for_each(|score| scripted(score, found));
    let decays = values(body, &["gauss", "exp", "linear"]).flat_map(entries);
    let fields = decays.filter(|(key, _)| *key != "multi_value_mode");
    fields.for_each(|(field, _)| found.name(field));
}

/// Parent and child must be in one shard, which their routing decides, and an import keeps no `join` field.
fn related(kind: &str, found: &mut FieldReferences) {
    found.depends_on_index("parents and children");
    found.warn(format!("query of kind `{kind}`"));
}

/// The nested objects themselves are read only where no field of theirs is named.
fn nested(body: &Value, found: &mut FieldReferences) {
    let Some(path) = body.get("path").and_then(Value::as_str) else {
        return;
    };
    let mut inner = FieldReferences::default();
    values(body, &["query"]).for_each(|query| read(query, &mut inner));
    let below = |name: &String| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    if !inner.names.iter().any(below) {
        found.name(path);
    }
}

fn scripted(body: &Value, found: &mut FieldReferences) {
    values(body, &["query"]).for_each(|query| read(query, found));
    script::read_in(body, "script", "query", found);
}

/// Reads an object of aggregations by name.
pub(super) fn read_aggregations(aggregations: &Value, found: &mut FieldReferences) {
    for (kind, body) in entries(aggregations).flat_map(|(_, aggregation)| entries(aggregation)) {
        match kind.as_str() {
            "aggs" | "aggregations" => read_aggregations(body, found),
            "filter" => read(body, found),
            "filters" | "adjacency_matrix" => match body.get("filters") {
                Some(Value::Object(named)) => named.values().for_each(|filter| read(filter, found)),
                Some(list) => read(list, found),
                None => {}
            },
            // One sorts buckets by other aggregations, the path of the other leads out of a nested one.
            "meta" | "bucket_sort" | "reverse_nested" => {}
            "nested" => {
                let path = body.get("path").and_then(Value::as_str);
                found.nested.extend(path.map(str::to_owned));
            }
            "children" | "parent" => found.warn(format!("aggregation of kind `{kind}`")),
            _ => read_options(body, found),
        }
    }
}

/// `field`, `fields` and scripts at any depth: `sources` of a composite, `metrics` of `top_metrics`,
/// `value` and `weight` of a weighted average.
fn read_options(body: &Value, found: &mut FieldReferences) {
    if let Value::Array(list) = body {
        return list.iter().for_each(|item| read_options(item, found));
    }
    let bucket_script = body.get("buckets_path").is_some();
    for (key, value) in entries(body) {
        match key.as_str() {
            "field" if value.is_string() => names(value, found),
            "fields" | "_source" | "docvalue_fields" => names(value, found),
            // Of a composite: each a name and one aggregation.
            "sources" => values(body, &["sources"]).for_each(|source| read_aggregations(source, found)),
            "sort" => sort(value, found),
            "filter" | "background_filter" => read(value, found),
            "script" | "init_script" | "map_script" | "combine_script" | "reduce_script" if !bucket_script => {
                script::read(value, "aggregation", found);
            }
            // Options without names of fields.
            "buckets_path" | "meta" | "order" | "params" | "missing" | "script" => {}
            _ => read_options(value, found),
        }
    }
}

fn names(value: &Value, found: &mut FieldReferences) {
    for item in one_or_many(value) {
        match item {
            Value::String(name) => found.name(name),
            object => values(object, &["field", "includes"]).for_each(|name| names(name, found)),
        }
    }
}

fn sort(value: &Value, found: &mut FieldReferences) {
    for item in one_or_many(value) {
        match item {
            // Of a `geo_line`.
            Value::Object(object) if object.get("field").is_some_and(Value::is_string) => names(item, found),
            Value::Object(object) => object.keys().for_each(|name| found.name(name)),
            item => names(item, found),
        }
    }
}
