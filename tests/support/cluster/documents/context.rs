//! Scrolls and points in time: what searches saw when they were opened.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::Answer;
use super::failure::{Failure, Outcome};
use super::index::Slot;
use super::names::Target;
use super::request::Request;
use super::search::Hit;
use super::store::Store;

/// One index as a search sees it.
#[derive(Clone)]
pub(super) struct View {
    pub(super) name: String,
    uuid: String,
    closings: u64,
    pub(super) mappings: Arc<Value>,
    pub(super) visible: Arc<Vec<Slot>>,
    pub(super) shards: usize,
    pub(super) window: usize,
    pub(super) filters: Vec<Value>,
}

/// What became of the index of a view.
#[derive(Clone, Copy)]
pub(super) enum Lost {
    Deleted,
    Closed,
}

/// What stays open between requests.
pub(super) enum SearchContext {
    PointInTime(Vec<View>),
    Scroll {
        views: Vec<View>,
        request: Box<Request>,
        hits: Vec<Hit>,
        at: usize,
    },
}

impl SearchContext {
    /// The cluster holds and frees one context per shard.
    fn shards(&self) -> usize {
        let (Self::PointInTime(views) | Self::Scroll { views, .. }) = self;
        views.iter().map(|view| view.shards).sum()
    }
}

/// A scroll id that never was one.
pub(super) fn unreadable() -> Failure {
    Failure::illegal("Cannot parse scroll id").caused_by(json!({"type": "e_o_f_exception", "reason": null}))
}

impl Store {
    /// The views of targets as of now.
    pub(super) fn views(&self, targets: Vec<Target>) -> Outcome<Vec<View>> {
        let views = targets.into_iter().map(|target| {
            let index = &self.indices[&target.index];
            index.refuse_reads()?;
            Ok(View {
                uuid: index.uuid.clone(),
                closings: index.closings,
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

    /// Why the shards of a context's view are gone: its index was deleted, or closed in the meantime.
    pub(super) fn lost(&self, view: &View) -> Option<Lost> {
        match self.indices.get(&view.name).filter(|index| index.uuid == view.uuid) {
            None => Some(Lost::Deleted),
            Some(index) if index.closings > view.closings => Some(Lost::Closed),
            Some(_) => None,
        }
    }

    pub(super) fn open(&mut self, context: SearchContext) -> u64 {
        self.next_context += 1;
        self.contexts.insert(self.next_context, context);
        self.next_context
    }
}

/// An id as clients get it: base64 that says nothing to them.
/// Like the cluster's own it holds the names of its indices.
pub(super) fn encode(kind: &str, number: u64, views: &[View]) -> String {
    let names: Vec<&str> = views.iter().map(|view| view.name.as_str()).collect();
    STANDARD.encode(format!("stand-in context: {kind} {number:020} {}", names.join(",")))
}

/// The first index in an id.
pub(super) fn first_index(id: &str) -> String {
    let text = STANDARD
        .decode(id)
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .unwrap_or_default();
    text.rsplit(' ')
        .next()
        .unwrap_or_default()
        .split(',')
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// The number in an id; `None`: it was never given out.
pub(super) fn decode(kind: &str, id: &str) -> Option<u64> {
    let text = String::from_utf8(STANDARD.decode(id).ok()?).ok()?;
    let rest = text
        .strip_prefix("stand-in context: ")?
        .strip_prefix(kind)?
        .trim_start();
    rest.split(' ').next()?.parse().ok()
}

pub(super) fn missing(number: u64) -> Failure {
    Failure::new(
        404,
        "search_context_missing_exception",
        format!("No search context found for id [{number}]"),
    )
}

/// `POST /<index>/_pit`.
pub(super) fn open_point_in_time(store: &mut Store, views: Vec<View>) -> Answer {
    let shards: usize = views.iter().map(|view| view.shards).sum();
    let number = store.open(SearchContext::PointInTime(views.clone()));
    let shards = json!({"total": shards, "successful": shards, "skipped": 0, "failed": 0});
    Answer::json(200, &json!({"id": encode("pit", number, &views), "_shards": shards}))
}

/// `DELETE /_pit`.
pub(super) fn close_point_in_time(store: &mut Store, body: &Value) -> Outcome<Answer> {
    let id = body["id"]
        .as_str()
        .ok_or_else(|| Failure::illegal("search context id is is not provided"))?;
    let number = decode("pit", id).ok_or_else(|| Failure::illegal("invalid id: [".to_owned() + id + "]"))?;
    Ok(freed(
        store.contexts.remove(&number).map_or(0, |context| context.shards()),
    ))
}

/// `DELETE /_search/scroll`, with ids in the body or the path.
pub(super) fn clear_scrolls(store: &mut Store, body: &Value, path: Option<&str>) -> Outcome<Answer> {
    let ids: Vec<&str> = match (path, &body["scroll_id"]) {
        (Some(path), _) => path.split(',').collect(),
        (None, Value::String(id)) => vec![id.as_str()],
        (None, Value::Array(ids)) => ids.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if ids.is_empty() {
        let reason = "Validation Failed: 1: no scroll ids specified;";
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    let mut count = 0;
    if ids == ["_all"] {
        store.contexts.retain(|_, context| match context {
            SearchContext::PointInTime(_) => true,
            SearchContext::Scroll { .. } => {
                count += context.shards();
                false
            }
        });
        return Ok(freed_all(count));
    }
    for id in ids {
        let number = decode("scroll", id).ok_or_else(unreadable)?;
        count += store.contexts.remove(&number).map_or(0, |context| context.shards());
    }
    Ok(freed(count))
}

fn freed(count: usize) -> Answer {
    let status = if count == 0 { 404 } else { 200 };
    Answer::json(status, &json!({"succeeded": count > 0, "num_freed": count}))
}

fn freed_all(count: usize) -> Answer {
    Answer::json(200, &json!({"succeeded": true, "num_freed": count}))
}
