//! `_search`, its scrolls and points in time, and `_count`.

mod matching;
mod page;

use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::aggs;
use super::context::{self, Lost, SearchContext, View};
use super::failure::{Failure, Outcome};
use super::index::Document;
use super::mapping::Field;
use super::request::Request;
use super::store::Store;
pub(super) use matching::Hit;
use matching::matched;
use page::page;

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
    let (views, lost) = still_there(store, views, pit_id.as_deref())?;
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
    report_lost(&mut page, lost);
    // Over no index there are neither aggregations nor a scroll.
    let anywhere = !views.is_empty();
    let aggregations = request.body.get("aggs").or_else(|| request.body.get("aggregations"));
    if let Some(aggregations) = aggregations.filter(|_| anywhere) {
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
    if request.scroll && anywhere {
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

/// The views of a point in time that still have their shards, and what is reported of the others.
fn still_there(store: &Store, views: Vec<View>, pit_id: Option<&str>) -> Outcome<(Vec<View>, Vec<Value>)> {
    let number = pit_id.and_then(|id| context::decode("pit", id));
    let (mut there, mut lost) = (Vec::new(), Vec::new());
    for view in views {
        let Some(number) = number.filter(|_| store.lost(&view).is_some()) else {
            there.push(view);
            continue;
        };
        let failure = match store.lost(&view) {
            Some(Lost::Deleted) => Failure::new(503, "no_shard_available_action_exception", Value::Null),
            _ => context::missing(number),
        };
        let node = matches!(store.lost(&view), Some(Lost::Closed)).then_some(super::NODE);
        let shards = (0..view.shards)
            .map(|shard| json!({"shard": shard, "index": view.name, "node": node, "reason": failure.in_item()}));
        lost.push((failure.clone(), shards.collect::<Vec<_>>()));
    }
    if let Some((failure, _)) = lost.first().filter(|_| there.is_empty()) {
        let failure = failure.clone();
        let failures: Vec<Value> = lost.into_iter().flat_map(|(_, shards)| shards).collect();
        return Err(failure.of_all_shards(&failures, None));
    }
    Ok((there, lost.into_iter().flat_map(|(_, shards)| shards).collect()))
}

fn report_lost(page: &mut page::Page, lost: Vec<Value>) {
    if lost.is_empty() {
        return;
    }
    let total = page._shards["total"].as_u64().unwrap_or_default() + lost.len() as u64;
    page._shards["total"] = total.into();
    page._shards["failed"] = lost.len().into();
    page._shards["failures"] = lost.into();
}

/// `_search/scroll`: the next page.
pub(super) fn scroll(store: &mut Store, id: &str) -> Outcome<Answer> {
    let number = context::decode("scroll", id).ok_or_else(context::unreadable)?;
    let missing = || {
        let cause = context::missing(number).in_item();
        context::missing(number).in_search(-1, None, Some(cause))
    };
    let Some(mut context) = store.contexts.remove(&number) else {
        return Err(missing());
    };
    let page = next_page(store, &mut context, number);
    store.contexts.insert(number, context);
    let mut page = page?.ok_or_else(missing)?;
    page._scroll_id = Some(id.to_owned());
    Ok(Answer::json(200, &page))
}

/// `None` where no shard of the scroll is left.
fn next_page(store: &Store, context: &mut SearchContext, number: u64) -> Outcome<Option<page::Page>> {
    let SearchContext::Scroll {
        views,
        request,
        hits,
        at,
    } = context
    else {
        return Ok(None);
    };
    let gone: Vec<bool> = views.iter().map(|view| store.lost(view).is_some()).collect();
    if gone.iter().all(|gone| *gone) {
        return Ok(None);
    }
    hits.retain(|hit| !gone[hit.view]);
    let start = (*at).min(hits.len());
    let end = (start + request.size).min(hits.len());
    let sorts = views
        .iter()
        .map(|view| request.sort.iter().map(|sort| sort.bind(view)).collect());
    let fields = sorts.collect::<Outcome<Vec<Vec<Option<Field>>>>>()?;
    let mut page = page(views, request, &hits[start..end], hits.len(), None, &fields);
    *at = end;
    let lost = views.iter().zip(&gone).filter(|(_, gone)| **gone);
    let lost = lost.map(|(view, _)| view.shards).sum();
    page._shards["total"] = (page._shards["total"].as_u64().unwrap_or_default() - lost as u64).into();
    let failure = json!({"shard": -1, "index": null, "reason": context::missing(number).in_item()});
    report_lost(&mut page, vec![failure; lost]);
    Ok(Some(page))
}

/// `_count`.
pub(super) fn count(call: &Call, views: &[View]) -> Outcome<Answer> {
    let request = Request::read(call)?;
    let count = matched(views, &request)?.total;
    let shards: usize = views.iter().map(|view| view.shards).sum();
    let shards = json!({"total": shards, "successful": shards, "skipped": 0, "failed": 0});
    Ok(Answer::json(200, &json!({"count": count, "_shards": shards})))
}

/// The documents per index that a query finds, for `_delete_by_query`.
pub(super) fn found_documents(call: &Call, views: &[View]) -> Outcome<Vec<(String, Arc<Document>)>> {
    let request = Request::read(call)?;
    let hits = matched(views, &request)?.hits;
    let found = hits.iter().map(|hit| {
        let view = &views[hit.view];
        (view.name.clone(), Arc::clone(&view.visible[hit.slot].document))
    });
    Ok(found.collect())
}
