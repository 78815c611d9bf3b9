//! `_search` with its scrolls and points in time, `_count`, and `_delete_by_query`.

use std::cmp::Ordering;
use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::Document;
use super::names::ExpandWildcards;
use super::page::{page, shards};
use super::query::{self, Query};
use super::request::Request;
use super::sort::{Sort, SortKey};
use super::store::Store;
use super::{aggregations, indices};

/// The view of an index in a search.
#[derive(Clone)]
pub(super) struct View {
    pub(super) name: String,
    uuid: String,
    closings: u64,
    pub(super) mappings: Arc<Value>,
    pub(super) visible: Arc<Vec<Arc<Document>>>,
    pub(super) shards: usize,
    window: usize,
    /// The filters of aliases. One of them must match.
    filters: Vec<Value>,
}

/// A context that stays open between requests.
pub(super) enum SearchContext {
    PointInTime(Vec<View>),
    Scroll {
        views: Vec<View>,
        request: Box<Request>,
        hits: Vec<Hit>,
        shown: usize,
    },
}

/// A hit: its position in the views, and its sort values.
#[derive(Clone, Debug)]
pub(super) struct Hit {
    pub(super) view: usize,
    pub(super) position: usize,
    pub(super) keys: Vec<i64>,
}

impl SearchContext {
    fn views(&self) -> &[View] {
        let (Self::PointInTime(views) | Self::Scroll { views, .. }) = self;
        views
    }
}

fn views(store: &Store, call: &Call, expression: &str) -> Outcome<Vec<View>> {
    let targets = store.resolve_open(expression, ExpandWildcards::of(call))?.into_iter();
    let views = targets.map(|target| {
        let index = &store.indices[&target.index];
        index.check_readable()?;
        Ok(View {
            uuid: index.uuid.clone(),
            closings: index.close_count,
            name: target.index,
            mappings: Arc::clone(&index.mappings),
            visible: Arc::clone(&index.visible),
            shards: index.shards(),
            window: index.result_window(),
            filters: target.filters,
        })
    });
    views.collect()
}

fn open(store: &mut Store, context: SearchContext) -> String {
    store.last_context += 1;
    store.contexts.insert(store.last_context, context);
    format!("stand-in context {}", store.last_context)
}

/// Returns the number of a context from its ID. The context may no longer be open.
fn number(id: &Value) -> Outcome<u64> {
    let number = id
        .as_str()
        .and_then(|id| id.strip_prefix("stand-in context ")?.parse().ok());
    number.ok_or_else(|| Failure::illegal(format!("invalid id: [{id}]")))
}

/// Returns an open context, if none of its indices was deleted or closed in the meantime.
fn context<'a>(store: &'a mut Store, id: &Value) -> Outcome<&'a mut SearchContext> {
    let number = number(id)?;
    let missing = || {
        let reason = format!("No search context found for id [{number}]");
        Failure::new(404, "search_context_missing_exception", reason).in_search()
    };
    let context = store.contexts.get_mut(&number).ok_or_else(missing)?;
    let there = context.views().iter().all(|view| {
        let index = store.indices.get(&view.name);
        index.is_some_and(|index| index.uuid == view.uuid && index.close_count == view.closings)
    });
    there.then_some(context).ok_or_else(missing)
}

pub(super) fn open_point_in_time(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    if call.param("keep_alive").is_none() {
        return Err(Failure::validation("[keep_alive] is not specified"));
    }
    let views = views(store, call, expression)?;
    let shards = shards(&views);
    let id = open(store, SearchContext::PointInTime(views));
    Ok(Answer::json(200, &json!({"id": id, "_shards": shards})))
}

pub(super) fn close_point_in_time(store: &mut Store, body: &Value) -> Outcome<Answer> {
    close(store, std::slice::from_ref(&body["id"]))
}

/// `DELETE /_search/scroll`.
pub(super) fn clear_scrolls(store: &mut Store, body: &Value) -> Outcome<Answer> {
    let id = &body["scroll_id"];
    close(store, id.as_array().map_or(std::slice::from_ref(id), Vec::as_slice))
}

fn close(store: &mut Store, ids: &[Value]) -> Outcome<Answer> {
    let mut freed = 0;
    for id in ids {
        let context = store.contexts.remove(&number(id)?);
        freed += context.map_or(0, |context| context.views().iter().map(|view| view.shards).sum());
    }
    let status = if freed == 0 { 404 } else { 200 };
    Ok(Answer::json(
        status,
        &json!({"succeeded": freed > 0, "num_freed": freed}),
    ))
}

pub(super) fn search(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let request = Request::read(call)?;
    let point_in_time = &request.body["pit"]["id"];
    let views = if point_in_time.is_null() {
        views(store, call, expression)?
    } else if expression.is_empty() {
        context(store, point_in_time)?.views().to_vec()
    } else {
        return Err(Failure::validation("[indices] cannot be used with point in time"));
    };
    let window = request.from + request.size;
    if let Some(view) = views.iter().find(|view| window > view.window) {
        let reason = format!(
            "Result window is too large, from + size must be less than or equal to: [{}] but was [{window}]. See the \
             scroll api for a more efficient way to request large data sets. This limit can be set by changing the \
             [index.max_result_window] index level setting.",
            view.window
        );
        return Err(Failure::illegal(reason).in_search());
    }
    let (hits, count) = matching_hits(&views, &request)?;
    let shown = (request.from + request.size).min(hits.len());
    let mut page = page(&views, &request, &hits[request.from.min(shown)..shown], count);
    page.pit_id = point_in_time.as_str().map(str::to_owned);
    // A search without indices has neither aggregations nor a scroll.
    if !views.is_empty() {
        let found = hits.iter().map(|hit| {
            let view = &views[hit.view];
            (view, &*view.visible[hit.position])
        });
        if let Some(aggregations) = request.body.get("aggs").or_else(|| request.body.get("aggregations")) {
            page.aggregations = Some(aggregations::all(aggregations, &found.collect::<Vec<_>>())?);
        }
        if request.scroll {
            let context = SearchContext::Scroll {
                views,
                request: Box::new(request),
                hits,
                shown,
            };
            page._scroll_id = Some(open(store, context));
        }
    }
    Ok(Answer::json(200, &page))
}

/// `_search/scroll`: returns the next page.
pub(super) fn scroll(store: &mut Store, body: &Value) -> Outcome<Answer> {
    let id = &body["scroll_id"];
    let SearchContext::Scroll {
        views,
        request,
        hits,
        shown,
    } = context(store, id)?
    else {
        return Err(Failure::illegal("Cannot parse scroll id"));
    };
    let end = (*shown + request.size).min(hits.len());
    let mut page = page(views, request, &hits[*shown..end], hits.len());
    page._scroll_id = id.as_str().map(str::to_owned);
    *shown = end;
    Ok(Answer::json(200, &page))
}

pub(super) fn count(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let views = views(store, call, expression)?;
    let (_, count) = matching_hits(&views, &Request::read(call)?)?;
    Ok(Answer::json(200, &json!({"count": count, "_shards": shards(&views)})))
}

pub(super) fn delete_by_query(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let views = views(store, call, expression)?;
    let (hits, count) = matching_hits(&views, &Request::read(call)?)?;
    for hit in hits {
        let view = &views[hit.view];
        let document = &view.visible[hit.position];
        let index = store.index(&view.name)?;
        index.check_writable()?;
        index.delete(&document.id, document.routing.as_deref());
    }
    if call.flag("refresh") {
        indices::refresh(store, call, expression)?;
    }
    Ok(Answer::json(
        200,
        &json!({"took": 0, "timed_out": false, "total": count, "deleted": count, "version_conflicts": 0,
            "failures": []}),
    ))
}

/// Returns the query of a request for one index, combined with the filters of the aliases.
fn query(request: &Request, view: &View) -> Outcome<Query> {
    let parse = |query| query::parse(query, &view.name, &view.mappings);
    let must = request.body.get("query").map(parse).transpose()?;
    let should = view.filters.iter().map(parse).collect::<Outcome<Vec<_>>>()?;
    Ok(Query::Bool {
        must: must.into_iter().collect(),
        minimum_should_match: should.len().min(1),
        should,
        must_not: Vec::new(),
    })
}

/// Returns everything that matches, in order and after `search_after`, and the total number of matches.
fn matching_hits(views: &[View], request: &Request) -> Outcome<(Vec<Hit>, usize)> {
    let after = request.body.get("search_after").map(search_after).transpose()?;
    let (mut hits, mut count, mut first) = (Vec::new(), 0, 0);
    for (number, view) in views.iter().enumerate() {
        let query = query(request, view)?;
        let sorts = request.sort.iter().map(|sort| sort.bind(&view.mappings));
        let sorts = sorts.collect::<Outcome<Vec<SortKey>>>().map_err(Failure::in_search)?;
        for (position, document) in view.visible.iter().enumerate() {
            if !query.matches(document) {
                continue;
            }
            count += 1;
            let key = |(sort, bound): (&Sort, &SortKey)| sort.key(bound, document, first + position as i64);
            let keys: Vec<i64> = request.sort.iter().zip(&sorts).map(key).collect();
            if after
                .as_ref()
                .is_none_or(|after| compare(request, &keys, after) == Ordering::Greater)
            {
                hits.push(Hit {
                    view: number,
                    position,
                    keys,
                });
            }
        }
        first += view.visible.len() as i64;
    }
    hits.sort_by(|a, b| compare(request, &a.keys, &b.keys));
    Ok((hits, count))
}

/// Parses the values of `search_after`.
fn search_after(values: &Value) -> Outcome<Vec<i64>> {
    let numbers = values.as_array().into_iter().flatten().map(Value::as_i64);
    let unsupported = || Failure::unsupported(&format!("search_after {values}"));
    numbers.collect::<Option<_>>().ok_or_else(unsupported)
}

fn compare(request: &Request, a: &[i64], b: &[i64]) -> Ordering {
    let keys = request.sort.iter().zip(a.iter().zip(b));
    let mut orders = keys.map(|(sort, (a, b))| sort.compare(*a, *b));
    orders
        .find(|order| *order != Ordering::Equal)
        .unwrap_or(Ordering::Equal)
}
