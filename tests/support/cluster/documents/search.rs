//! `_search`, its scrolls and points in time, and `_count`.

use std::cmp::Ordering;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::aggs;
use super::context::{self, SearchContext, View};
use super::failure::{Failure, Outcome};
use super::hash;
use super::mapping::{Field, Key};
use super::query::{self, Query};
use super::request::Request;
use super::store::Store;

/// A found document: where it is in the views, and its sort keys.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    view: usize,
    slot: usize,
    shard: usize,
    keys: Vec<Option<Key>>,
}

/// Everything that matches, in order. The fields of each sort per view go along to print keys.
struct Matched {
    hits: Vec<Hit>,
    total: usize,
    fields: Vec<Vec<Option<Field>>>,
}

fn failed(failure: Failure, view: &View) -> Failure {
    // Only what is not one of the cluster's own exceptions is repeated as the cause.
    let outer = (failure.kind() == "illegal_argument_exception").then(|| {
        let cause = failure.in_item();
        let mut outer = cause.clone();
        outer["caused_by"] = cause;
        outer
    });
    failure.in_search(0, Some(&view.name), outer)
}

fn query_of(request: &Value, view: &View, text: &str) -> Outcome<Query> {
    let mut must = Vec::new();
    for part in [request.get("query"), request.get("post_filter")].into_iter().flatten() {
        must.push(query::parse(part, &view.mappings, text)?);
    }
    if !view.filters.is_empty() {
        let filters = view
            .filters
            .iter()
            .map(|filter| query::parse(filter, &view.mappings, ""));
        let should = filters.collect::<Outcome<Vec<_>>>()?;
        must.push(Query::Bool {
            must: Vec::new(),
            should,
            must_not: Vec::new(),
            at_least: 1,
        });
    }
    Ok(Query::Bool {
        must,
        should: Vec::new(),
        must_not: Vec::new(),
        at_least: 0,
    })
}

fn matched(views: &[View], request: &Request) -> Outcome<Matched> {
    let mut matched = Matched {
        hits: Vec::new(),
        total: 0,
        fields: Vec::new(),
    };
    let mut first_shard = 0;
    let after = request.body.get("search_after").and_then(Value::as_array);
    if after.is_some_and(|after| after.len() != request.sort.len()) {
        let reason = format!(
            "search_after has {} value(s) but sort has {}.",
            after.map_or(0, Vec::len),
            request.sort.len()
        );
        let failure = Failure::illegal(reason);
        return Err(views.first().map_or(failure.clone(), |view| failed(failure, view)));
    }
    for (number, view) in views.iter().enumerate() {
        let query = query_of(&request.body, view, &request.text).map_err(|failure| match failure.kind() {
            "parse_exception" | "number_format_exception" => failed(failure, view),
            _ => failure,
        })?;
        let fields = request
            .sort
            .iter()
            .map(|sort| sort.bind(view))
            .collect::<Outcome<Vec<_>>>();
        let fields = fields.map_err(|failure| failed(failure, view))?;
        let after = after.map(|after| {
            let pairs = request.sort.iter().zip(&fields).zip(after);
            pairs
                .map(|((sort, field), value)| sort.after(field.as_ref(), value))
                .collect::<Outcome<Vec<_>>>()
        });
        let after = after.transpose().map_err(|failure| failed(failure, view))?;
        let mut sizes = vec![0; view.shards];
        view.visible.iter().for_each(|slot| sizes[slot.shard] += 1);
        for (at, slot) in view.visible.iter().enumerate() {
            if !in_slice(request, slot.shard, slot.place, &sizes, &slot.document.id)
                || !query.matches(&slot.document, &view.mappings)
            {
                continue;
            }
            matched.total += 1;
            let shard = first_shard + slot.shard;
            let sorts = request.sort.iter().zip(&fields);
            let keys: Vec<_> = sorts
                .map(|(sort, field)| sort.key(field.as_ref(), slot, shard))
                .collect();
            if after
                .as_ref()
                .is_none_or(|after| compare(request, &keys, after) == Ordering::Greater)
            {
                matched.hits.push(Hit {
                    view: number,
                    slot: at,
                    shard,
                    keys,
                });
            }
        }
        matched.fields.push(fields);
        first_shard += view.shards;
    }
    matched
        .hits
        .sort_by(|a, b| compare(request, &a.keys, &b.keys).then(a.shard.cmp(&b.shard)));
    Ok(matched)
}

fn compare(request: &Request, a: &[Option<Key>], b: &[Option<Key>]) -> Ordering {
    let keys = request.sort.iter().zip(a.iter().zip(b));
    let mut orders = keys.map(|(sort, (a, b))| sort.compare(a.as_ref(), b.as_ref()));
    orders
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}

/// Slices go by shards first; within one, by place for points in time and by the id's hash for scrolls.
fn in_slice(request: &Request, shard: usize, place: usize, sizes: &[usize], id: &str) -> bool {
    let Some((slice, max)) = request.slice else { return true };
    let shards = sizes.len();
    let (slice, max) = if shards == 1 {
        (slice, max)
    } else if max >= shards {
        if slice % shards != shard {
            return false;
        }
        (slice / shards, max / shards + usize::from(max % shards > shard))
    } else {
        return shard % max == slice;
    };
    if max == 1 {
        return true;
    }
    if !request.point_in_time {
        return hash::in_slice(id, slice, max);
    }
    let (each, over) = (sizes[shard] / max, sizes[shard] % max);
    let start = |slice: usize| slice * each + slice.min(over);
    (start(slice)..start(slice + 1)).contains(&place)
}

#[derive(Serialize)]
struct ShownHit<'a> {
    _index: &'a str,
    _id: &'a str,
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
struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    _scroll_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pit_id: Option<String>,
    took: u64,
    timed_out: bool,
    _shards: Value,
    hits: Hits,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregations: Option<Value>,
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

fn page(
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

fn check_window(views: &[View], request: &Request) -> Outcome<()> {
    for view in views {
        let asked = request.from + request.size;
        if request.scroll && request.size > view.window {
            let reason = format!(
                "Batch size is too large, size must be less than or equal to: [{}] but was [{}]. Scroll batch sizes cost as much memory as result windows so they are controlled by the [index.max_result_window] index level setting.",
                view.window, request.size
            );
            return Err(failed(Failure::illegal(reason), view));
        }
        if !request.scroll && asked > view.window {
            let reason = format!(
                "Result window is too large, from + size must be less than or equal to: [{}] but was [{asked}]. See the scroll api for a more efficient way to request large data sets. This limit can be set by changing the [index.max_result_window] index level setting.",
                view.window
            );
            return Err(failed(Failure::illegal(reason), view));
        }
    }
    Ok(())
}

/// `_search`. `views`: what its index names mean; a point in time brings its own.
pub(super) fn search(store: &mut Store, call: &Call, views: Outcome<Vec<View>>) -> Outcome<Answer> {
    let request = Request::read(call)?;
    if request.point_in_time && !call.path.trim_matches('/').starts_with("_search") {
        let reason = "Validation Failed: 1: [indices] cannot be used with point in time. Do not specify any index with point in time.;";
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    let (views, pit_id) = match request.body.get("pit") {
        None => (views?, None),
        Some(pit) => {
            let id = pit["id"].as_str().unwrap_or_default();
            let broken = || {
                Failure::new(
                    400,
                    "x_content_parse_exception",
                    "[1:14] [pit] failed to parse field [id]",
                )
            };
            let number = context::decode("pit", id).ok_or_else(broken)?;
            match store.contexts.get(&number) {
                Some(SearchContext::PointInTime(views)) => (views.clone(), Some(id.to_owned())),
                _ => return Err(context::missing(number).in_search(0, Some(&context::first_index(id)), None)),
            }
        }
    };
    check_window(&views, &request)?;
    let matched = matched(&views, &request)?;
    let wanted = request.total_wanted(call);
    let start = request.from.min(matched.hits.len());
    let end = (request.from + request.size).min(matched.hits.len());
    let mut page = page(
        &views,
        &request,
        &matched.hits[start..end],
        matched.total,
        wanted,
        &matched.fields,
    );
    page.pit_id = pit_id;
    if let Some(aggregations) = request.body.get("aggs").or_else(|| request.body.get("aggregations")) {
        let found: Vec<aggs::Found<'_>> = matched
            .hits
            .iter()
            .map(|hit| {
                let view = &views[hit.view];
                (view, view.visible[hit.slot].document.as_ref())
            })
            .collect();
        page.aggregations = Some(aggs::all(aggregations, &found)?);
    }
    if request.scroll {
        let names = views.clone();
        let context = SearchContext::Scroll {
            views,
            request: Box::new(request),
            hits: matched.hits,
            at: end,
        };
        page._scroll_id = Some(context::encode("scroll", store.open(context), &names));
    }
    Ok(Answer::json(200, &page))
}

/// `_search/scroll`: the next page.
pub(super) fn scroll(store: &mut Store, id: &str) -> Outcome<Answer> {
    let number = context::decode("scroll", id).ok_or_else(context::unreadable)?;
    let Some(SearchContext::Scroll {
        views,
        request,
        hits,
        at,
    }) = store.contexts.get_mut(&number)
    else {
        let cause = context::missing(number).in_item();
        return Err(context::missing(number).in_search(-1, None, Some(cause)));
    };
    let end = (*at + request.size).min(hits.len());
    let sorts = views
        .iter()
        .map(|view| request.sort.iter().map(|sort| sort.bind(view)).collect());
    let fields = sorts.collect::<Outcome<Vec<Vec<Option<Field>>>>>()?;
    let mut page = page(views, request, &hits[*at..end], hits.len(), None, &fields);
    *at = end;
    page._scroll_id = Some(id.to_owned());
    Ok(Answer::json(200, &page))
}

/// `_count`.
pub(super) fn count(call: &Call, views: &[View]) -> Outcome<Answer> {
    let request = Request::read(call)?;
    let count = matched(views, &request)?.total;
    let shards: usize = views.iter().map(|view| view.shards).sum();
    let shards = json!({"total": shards, "successful": shards, "skipped": 0, "failed": 0});
    Ok(Answer::json(200, &json!({"count": count, "_shards": shards})))
}

/// The ids per index that a query finds, for `_delete_by_query`.
pub(super) fn found_ids(call: &Call, views: &[View]) -> Outcome<Vec<(String, String)>> {
    let request = Request::read(call)?;
    let hits = matched(views, &request)?.hits;
    let ids = hits.iter().map(|hit| {
        let view = &views[hit.view];
        (
            view.name.clone(),
            Arc::clone(&view.visible[hit.slot].document).id.clone(),
        )
    });
    Ok(ids.collect())
}
