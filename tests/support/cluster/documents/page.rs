//! Formats search results.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::request::Request;
use super::search::{Hit, View};
use super::source::{self, SourceFilter};

#[derive(Serialize)]
pub(super) struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) _scroll_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) pit_id: Option<String>,
    took: u64,
    timed_out: bool,
    _shards: Value,
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

#[derive(Serialize)]
struct HitJson<'a> {
    _index: &'a str,
    _id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _routing: Option<&'a str>,
    _score: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    _source: Option<Source<'a>>,
    #[serde(skip_serializing_if = "<[i64]>::is_empty")]
    sort: &'a [i64],
}

#[derive(Serialize)]
#[serde(untagged)]
enum Source<'a> {
    Unfiltered(&'a RawValue),
    Filtered(Value),
}

/// Returns the `_shards` of a search.
pub(super) fn shards(views: &[View]) -> Value {
    let shards: usize = views.iter().map(|view| view.shards).sum();
    json!({"total": shards, "successful": shards, "skipped": 0, "failed": 0})
}

/// `count` is the total number of hits.
pub(super) fn page(views: &[View], request: &Request, hits: &[Hit], count: usize) -> Page {
    let score = request.sort.is_empty().then_some(1.0);
    let shown: Vec<HitJson<'_>> = hits
        .iter()
        .map(|hit| {
            let view = &views[hit.view];
            let document = &view.visible[hit.position];
            HitJson {
                _index: &view.name,
                _id: &document.id,
                _routing: document.routing.as_deref(),
                _score: score,
                _source: match &request.source {
                    SourceFilter::None => None,
                    SourceFilter::All => Some(Source::Unfiltered(&document.source)),
                    SourceFilter::Fields(fields) => {
                        Some(Source::Filtered(source::filter_source(fields, document.value())))
                    }
                },
                sort: &hit.keys,
            }
        })
        .collect();
    let total = match request.track_total_hits() {
        0 => None,
        limit if count > limit => Some(json!({"value": limit, "relation": "gte"})),
        _ => Some(json!({"value": count, "relation": "eq"})),
    };
    Page {
        _scroll_id: None,
        pit_id: None,
        took: 0,
        timed_out: false,
        _shards: shards(views),
        hits: Hits {
            total,
            max_score: score,
            hits: to_raw_value(&shown).expect("hits serialize"),
        },
        aggregations: None,
    }
}
