//! Aggregations of search results.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::failure::{Failure, Outcome};
use super::index::Document;
use super::mapping::{FieldType, Key, field};
use super::search::View;

/// A document that was found, with its index.
pub(super) type Found<'a> = (&'a View, &'a Document);

/// Computes all aggregations of a request.
pub(super) fn all(request: &Value, found: &[Found<'_>]) -> Outcome<Value> {
    let mut results = Map::new();
    for (name, definition) in request.as_object().into_iter().flatten() {
        results.insert(name.clone(), one(definition, found)?);
    }
    Ok(Value::Object(results))
}

fn one(definition: &Value, found: &[Found<'_>]) -> Outcome<Value> {
    let unsupported = || Failure::unsupported(&format!("the aggregation {definition}"));
    let mut kinds = definition
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(kind, _)| *kind != "aggs");
    let (Some((kind, body)), None) = (kinds.next(), kinds.next()) else {
        return Err(unsupported());
    };
    if kind == "terms" && body["field"] == "_index" {
        return indices(found, &definition["aggs"]);
    } else if definition.get("aggs").is_some() {
        return Err(unsupported());
    }
    let name = body["field"].as_str().ok_or_else(unsupported)?;
    match kind.as_str() {
        "min" => Ok(json!({"value": numbers(name, found).min()})),
        "max" if name == "_seq_no" => {
            let newest = found
                .iter()
                .map(|(_, document)| document.seq_no as f64)
                .reduce(f64::max);
            Ok(json!({"value": newest}))
        }
        "max" => Ok(json!({"value": numbers(name, found).max()})),
        "date_histogram" => {
            let interval = body["fixed_interval"].as_str().and_then(|text| text.strip_suffix("ms"));
            let interval = interval.and_then(|text| text.parse().ok()).ok_or_else(unsupported)?;
            Ok(histogram(interval, numbers(name, found)))
        }
        _ => Err(unsupported()),
    }
}

/// Returns the integers in a field; dates are in milliseconds.
fn numbers(name: &str, found: &[Found<'_>]) -> impl Iterator<Item = i64> {
    found.iter().flat_map(move |(view, document)| {
        let field = field(&view.mappings, name);
        let keys = field.iter().flat_map(|field| {
            let keys = field.keys(document.value()).into_iter();
            keys.map(move |key| match key {
                Key::Int(nanos) if field.kind == FieldType::DateNanos => nanos.div_euclid(1_000_000),
                Key::Int(number) => number,
                Key::Float(_) | Key::Text(_) => 0,
            })
        });
        keys.collect::<Vec<_>>()
    })
}

/// Counts the documents in each index, largest first, and computes the aggregations within it.
fn indices(found: &[Found<'_>], within: &Value) -> Outcome<Value> {
    let mut groups: BTreeMap<&str, Vec<Found<'_>>> = BTreeMap::new();
    for (view, document) in found {
        groups.entry(&view.name).or_default().push((view, document));
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, documents)| Reverse(documents.len()));
    let bucket = |(name, documents): (&str, Vec<Found<'_>>)| {
        let mut bucket = json!({"key": name, "doc_count": documents.len()});
        for (name, result) in all(within, &documents)?.as_object().into_iter().flatten() {
            bucket[name] = result.clone();
        }
        Ok(bucket)
    };
    let buckets = groups.into_iter().map(bucket).collect::<Outcome<Vec<Value>>>()?;
    Ok(json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": 0, "buckets": buckets}))
}

/// Intervals without documents are left out.
fn histogram(interval: i64, times: impl Iterator<Item = i64>) -> Value {
    let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
    for time in times {
        *counts.entry(time.div_euclid(interval) * interval).or_default() += 1;
    }
    let buckets = counts
        .iter()
        .map(|(time, count)| json!({"key": time, "doc_count": count}));
    json!({"buckets": buckets.collect::<Vec<_>>()})
}
