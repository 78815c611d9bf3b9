//! The fields that aggregations read.

use serde_json::Value;

use super::references::FieldReferences;
use super::{query, script};

/// Reads an object of aggregations by name.
pub(super) fn read(aggregations: &Value, found: &mut FieldReferences) {
    for aggregation in aggregations.as_object().into_iter().flat_map(|all| all.values()) {
        for (kind, body) in aggregation.as_object().into_iter().flatten() {
            match kind.as_str() {
                "aggs" | "aggregations" => read(body, found),
                "meta" => {}
                "filter" => query::read(body, found),
                "filters" | "adjacency_matrix" => filters(body, found),
                // Sorts buckets by other aggregations.
                "bucket_sort" => {}
                "nested" => found.nested(body),
                // Its path leads out of a nested one.
                "reverse_nested" => {}
                "children" | "parent" => found.warn(format!("aggregation of kind `{kind}`")),
                _ => body_of(body, found),
            }
        }
    }
}

fn filters(body: &Value, found: &mut FieldReferences) {
    match body.get("filters") {
        Some(Value::Object(named)) => named.values().for_each(|filter| query::read(filter, found)),
        Some(list) => query::read(list, found),
        None => {}
    }
}

/// `field`, `fields` and scripts at any depth: `sources` of a composite, `metrics` of `top_metrics`,
/// `value` and `weight` of a weighted average.
fn body_of(body: &Value, found: &mut FieldReferences) {
    match body {
        Value::Array(list) => list.iter().for_each(|item| body_of(item, found)),
        Value::Object(object) => {
            let bucket_script = object.contains_key("buckets_path");
            for (key, value) in object {
                match key.as_str() {
                    "field" if value.is_string() => names(value, found),
                    "sources" => sources(value, found),
                    "fields" | "_source" | "docvalue_fields" => names(value, found),
                    "sort" => sort(value, found),
                    "filter" | "background_filter" => query::read(value, found),
                    "script" | "init_script" | "map_script" | "combine_script" | "reduce_script" if !bucket_script => {
                        script::read(value, "aggregation", found);
                    }
                    // Options without names of fields.
                    "buckets_path" | "meta" | "order" | "params" | "missing" | "script" => {}
                    _ => body_of(value, found),
                }
            }
        }
        _ => {}
    }
}

/// Of a composite: each a name and one aggregation.
fn sources(value: &Value, found: &mut FieldReferences) {
    match value {
        Value::Array(list) => list.iter().for_each(|source| read(source, found)),
        source => read(source, found),
    }
}

fn names(value: &Value, found: &mut FieldReferences) {
    match value {
        Value::String(name) => found.name(name),
        Value::Array(list) => list.iter().for_each(|item| names(item, found)),
        Value::Object(object) => {
            for key in ["field", "includes"] {
                object.get(key).into_iter().for_each(|value| names(value, found));
            }
        }
        _ => {}
    }
}

fn sort(value: &Value, found: &mut FieldReferences) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| sort(item, found)),
        // Of a `geo_line`.
        Value::Object(object) if object.get("field").is_some_and(Value::is_string) => names(value, found),
        Value::Object(object) => object.keys().for_each(|name| found.name(name)),
        Value::String(name) => found.name(name),
        _ => {}
    }
}
