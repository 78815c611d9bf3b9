//! What a search shows of what it found.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::Hit;
use crate::support::cluster::documents::context::View;
use crate::support::cluster::documents::mapping::Field;
use crate::support::cluster::documents::request::Request;

#[derive(Serialize)]
struct ShownHit<'a> {
    _index: &'a str,
    _id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _routing: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _version: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _seq_no: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _primary_term: Option<u64>,
    _score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _source: Option<Shown<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    sort: Vec<Value>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Shown<'a> {
    AsReceived(&'a RawValue),
    Chosen(Value),
}

fn shown(views: &[View], request: &Request, fields: &[Vec<Option<Field>>], hits: &[Hit]) -> Box<RawValue> {
    let flag = |name: &str| request.body.get(name) == Some(&Value::Bool(true));
    let shown: Vec<ShownHit<'_>> = hits
        .iter()
        .map(|hit| {
            let view = &views[hit.view];
            let document = &view.visible[hit.slot].document;
            let keys = request.sort.iter().zip(&fields[hit.view]).zip(&hit.keys);
            let source = match &request.source {
                choice if choice.none => None,
                choice if choice.is_whole() => Some(Shown::AsReceived(&document.source)),
                choice => Some(Shown::Chosen(choice.apply(document.value()))),
            };
            ShownHit {
                _index: &view.name,
                _id: &document.id,
                _routing: document.routing.as_deref(),
                _version: flag("version").then_some(document.version),
                _seq_no: flag("seq_no_primary_term").then_some(document.seq_no),
                _primary_term: flag("seq_no_primary_term").then_some(1),
                _score: scored(request).then(|| score(request)),
                _source: source,
                sort: keys
                    .map(|((sort, field), key)| sort.shown(field.as_ref(), key.as_ref()))
                    .collect(),
            }
        })
        .collect();
    to_raw_value(&shown).expect("hits print")
}

fn scored(request: &Request) -> bool {
    request.sort.is_empty() || request.sort.iter().any(|sort| sort.name == "_score")
}

/// Filters alone do not score.
fn score(request: &Request) -> f64 {
    let filters_only = request
        .body
        .pointer("/query/bool")
        .and_then(Value::as_object)
        .is_some_and(|clauses| {
            clauses
                .keys()
                .all(|name| ["filter", "must_not"].contains(&name.as_str()))
                && clauses.contains_key("filter")
        });
    if filters_only { 0.0 } else { 1.0 }
}

#[derive(Serialize)]
pub(super) struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) _scroll_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pit_id: Option<String>,
    took: u64,
    timed_out: bool,
    pub(super) _shards: Value,
    hits: Hits,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) aggregations: Option<Value>,
}

#[derive(Serialize)]
struct Hits {
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<Value>,
    max_score: Option<f64>,
    hits: Box<RawValue>,
}

fn total(count: usize, wanted: Option<usize>) -> Option<Value> {
    match wanted {
        Some(0) => None,
        Some(limit) if count > limit => Some(json!({"value": limit, "relation": "gte"})),
        _ => Some(json!({"value": count, "relation": "eq"})),
    }
}

pub(super) fn page(
    views: &[View],
    request: &Request,
    hits: &[Hit],
    count: usize,
    wanted: Option<usize>,
    fields: &[Vec<Option<Field>>],
) -> Page {
    let shards: usize = views.iter().map(|view| view.shards).sum();
    let max_score = if views.is_empty() {
        Some(0.0)
    } else {
        (scored(request) && !hits.is_empty()).then(|| score(request))
    };
    Page {
        _scroll_id: None,
        pit_id: None,
        took: 0,
        timed_out: false,
        _shards: json!({"total": shards, "successful": shards, "skipped": 0, "failed": 0}),
        hits: Hits {
            total: total(count, wanted),
            max_score,
            hits: shown(views, request, fields, hits),
        },
        aggregations: None,
    }
}
