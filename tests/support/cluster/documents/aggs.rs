//! Aggregations: figures over what a search found.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::context::View;
use super::dates;
use super::failure::{Failure, Outcome};
use super::index::Document;
use super::mapping::{Field, Key, Kind, field};

/// One found document and the index it is from.
pub(super) type Found<'a> = (&'a View, &'a Document);

/// All aggregations of a request.
pub(super) fn all(request: &Value, found: &[Found<'_>]) -> Outcome<Value> {
    let mut results = Map::new();
    for (name, definition) in request.as_object().into_iter().flatten() {
        results.insert(name.clone(), one(definition, found)?);
    }
    Ok(Value::Object(results))
}

fn one(definition: &Value, found: &[Found<'_>]) -> Outcome<Value> {
    let entries = definition.as_object().into_iter().flatten();
    let mut kinds = entries.filter(|(key, _)| !["aggs", "aggregations", "meta"].contains(&key.as_str()));
    let Some((kind, body)) = kinds.next() else {
        return Err(Failure::illegal("Missing definition for aggregation"));
    };
    let inner = definition.get("aggs").or_else(|| definition.get("aggregations"));
    let name = body["field"].as_str().unwrap_or_default();
    match kind.as_str() {
        "min" | "max" | "avg" | "sum" | "value_count" | "stats" => Ok(figures(kind, name, found)),
        "terms" => terms(body, name, inner, found),
        "date_histogram" => histogram(body, name, inner, found),
        other => Err(Failure::parsing(format!("Unknown aggregation type [{other}]"), (1, 1))),
    }
}

fn keys<'a>(name: &str, found: &'a [Found<'_>]) -> Vec<(Field, Vec<Key>, Found<'a>)> {
    let keyed = found.iter().filter_map(|(view, document)| {
        if name == "_index" {
            let of_index = Field {
                path: String::new(),
                kind: Kind::Keyword,
                format: String::new(),
                ignore_above: None,
            };
            return Some((of_index, vec![Key::Text(view.name.clone())], (*view, *document)));
        }
        let field = field(&view.mappings, name)?;
        let keys = field.keys(document.value());
        Some((field, keys, (*view, *document)))
    });
    keyed.collect()
}

fn figures(kind: &str, name: &str, found: &[Found<'_>]) -> Value {
    let keyed = keys(name, found);
    let date = keyed
        .first()
        .is_some_and(|(field, ..)| matches!(field.kind, Kind::Date | Kind::DateNanos));
    let numbers = keyed.iter().flat_map(|(field, keys, _)| {
        keys.iter().map(|key| match key {
            Key::Int(nanos) if field.kind == Kind::DateNanos => nanos.div_euclid(1_000_000) as f64,
            Key::Int(number) => *number as f64,
            Key::Float(number) => *number,
            Key::Text(_) => f64::NAN,
        })
    });
    let numbers: Vec<f64> = numbers.collect();
    let count = numbers.len();
    if kind == "value_count" {
        return json!({"value": count});
    }
    let sum: f64 = numbers.iter().sum();
    let some = |number: f64| if count == 0 { Value::Null } else { number.into() };
    let min = numbers.iter().copied().fold(f64::INFINITY, f64::min);
    let max = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let avg = sum / count as f64;
    let text = |number: f64| dates::print(number.floor() as i64);
    if kind == "stats" {
        let mut stats = json!({"count": count, "min": some(min), "max": some(max), "avg": some(avg), "sum": sum});
        if date && count > 0 {
            for (key, number) in [("min", min), ("max", max), ("avg", avg), ("sum", sum)] {
                stats[format!("{key}_as_string")] = text(number).into();
            }
        }
        return stats;
    }
    let number = match kind {
        "min" => min,
        "max" => max,
        "avg" => avg,
        _ => return json!({"value": sum}),
    };
    let mut value = json!({"value": some(number)});
    if date && count > 0 {
        value["value_as_string"] = text(number).into();
    }
    value
}

fn with_inner(mut bucket: Value, inner: Option<&Value>, members: &[Found<'_>]) -> Outcome<Value> {
    if let Some(inner) = inner {
        for (name, result) in all(inner, members)?.as_object().into_iter().flatten() {
            bucket[name] = result.clone();
        }
    }
    Ok(bucket)
}

fn terms(body: &Value, name: &str, inner: Option<&Value>, found: &[Found<'_>]) -> Outcome<Value> {
    let mut buckets: BTreeMap<String, (Key, Kind, Vec<Found<'_>>)> = BTreeMap::new();
    for (field, mut keys, member) in keys(name, found) {
        keys.dedup();
        for key in keys {
            let order = match &key {
                Key::Int(number) => format!("{:020}", i128::from(*number) + (1 << 64)),
                Key::Float(number) => format!("{number:040.10}"),
                Key::Text(text) => text.clone(),
            };
            buckets
                .entry(order)
                .or_insert_with(|| (key, field.kind, Vec::new()))
                .2
                .push(member);
        }
    }
    let mut buckets: Vec<_> = buckets.into_values().collect();
    if !body["order"].get("_key").is_some_and(Value::is_string) {
        buckets.sort_by_key(|(_, _, members)| std::cmp::Reverse(members.len()));
    }
    let size = usize::try_from(body["size"].as_u64().unwrap_or(10)).unwrap_or(usize::MAX);
    let rest: usize = buckets.iter().skip(size).map(|(_, _, members)| members.len()).sum();
    let mut shown = Vec::new();
    for (key, kind, members) in buckets.iter().take(size) {
        let mut bucket = match key {
            Key::Text(text) => json!({"key": text}),
            Key::Float(number) => json!({"key": number}),
            Key::Int(number) => json!({"key": number}),
        };
        match (key, kind) {
            (Key::Int(millis), Kind::Date) => bucket["key_as_string"] = dates::print(*millis).into(),
            (Key::Int(flag), Kind::Boolean) => bucket["key_as_string"] = (*flag == 1).to_string().into(),
            _ => {}
        }
        bucket["doc_count"] = members.len().into();
        shown.push(with_inner(bucket, inner, members)?);
    }
    Ok(json!({"doc_count_error_upper_bound": 0, "sum_other_doc_count": rest, "buckets": shown}))
}

/// Milliseconds of `500ms`, `1s`, `15m`, `1h`, `1d`.
fn interval(text: &str) -> Option<i64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: i64 = text[..digits].parse().ok()?;
    let unit = match &text[digits..] {
        "ms" => 1,
        "s" | "second" => 1_000,
        "m" | "minute" => 60_000,
        "h" | "hour" => 3_600_000,
        "d" | "day" => 86_400_000,
        _ => return None,
    };
    Some(number * unit).filter(|interval| *interval > 0)
}

fn histogram(body: &Value, name: &str, inner: Option<&Value>, found: &[Found<'_>]) -> Outcome<Value> {
    let text = body["fixed_interval"].as_str().unwrap_or_default();
    let interval = interval(text).ok_or_else(|| {
        Failure::illegal(
            "Required one of fields [interval, calendar_interval, fixed_interval], but none were specified. ",
        )
    })?;
    let mut buckets: BTreeMap<i64, Vec<Found<'_>>> = BTreeMap::new();
    for (field, keys, member) in keys(name, found) {
        for key in keys {
            let Key::Int(at) = key else { continue };
            let at = if field.kind == Kind::DateNanos {
                at.div_euclid(1_000_000)
            } else {
                at
            };
            buckets
                .entry(at.div_euclid(interval) * interval)
                .or_default()
                .push(member);
        }
    }
    let least = usize::try_from(body["min_doc_count"].as_u64().unwrap_or(0)).unwrap_or(0);
    if least == 0
        && let (Some((first, _)), Some((last, _))) = (buckets.first_key_value(), buckets.last_key_value())
    {
        let (first, last) = (*first, *last);
        if (last - first) / interval >= 65_536 {
            let reason = "Trying to create too many buckets. Must be less than or equal to: [65536].";
            return Err(Failure::new(400, "too_many_buckets_exception", reason).with("max_buckets", 65_536));
        }
        let mut at = first;
        while at <= last {
            buckets.entry(at).or_default();
            at += interval;
        }
    }
    let mut shown = Vec::new();
    for (key, members) in buckets.iter().filter(|(_, members)| members.len() >= least) {
        let bucket = json!({"key_as_string": dates::print(*key), "key": key, "doc_count": members.len()});
        shown.push(with_inner(bucket, inner, members)?);
    }
    Ok(json!({"buckets": shown}))
}
