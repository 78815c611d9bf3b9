//! Which documents a search finds, and in which order.

use std::cmp::Ordering;

use serde_json::Value;

use super::failed;
use crate::support::cluster::documents::context::View;
use crate::support::cluster::documents::failure::{Failure, Outcome};
use crate::support::cluster::documents::hash;
use crate::support::cluster::documents::mapping::{Field, Key};
use crate::support::cluster::documents::query::{self, Query};
use crate::support::cluster::documents::request::Request;

/// A found document: where it is in the views, and its sort keys.
#[derive(Clone, Debug)]
pub(in super::super) struct Hit {
    pub(super) view: usize,
    pub(super) slot: usize,
    shard: usize,
    pub(super) keys: Vec<Option<Key>>,
}

/// Everything that matches, in order. The fields of each sort per view go along to print keys.
pub(super) struct Matched {
    pub(super) hits: Vec<Hit>,
    pub(super) total: usize,
    pub(super) fields: Vec<Vec<Option<Field>>>,
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

pub(super) fn matched(views: &[View], request: &Request) -> Outcome<Matched> {
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
