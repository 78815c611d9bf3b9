//! Searches, and their request bodies.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};

use crate::cluster::http::{Path, Request};
use crate::job::is_remote;
use crate::util::timestamp::EpochMillis;

/// The default of `index.max_result_window`.
pub(crate) const MAX_PAGE: usize = 10_000;

/// How pages are requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pagination {
    /// Point in time if the cluster has `_shard_doc` (7.12 and later), otherwise scroll.
    #[default]
    Auto,
    /// Point in time with `search_after`; an error before 7.12.
    PointInTime,
    /// Scroll.
    Scroll,
}

/// The order of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Ascending by this date or number field.
    Ascending(String),
    /// Ascending by this date field in milliseconds. Without it, the cluster would compare the milliseconds of one index with
    /// the nanoseconds of another.
    AscendingMillis(String),
    /// Any order.
    Unordered,
}

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    /// Names, aliases, wildcards.
    pub indices: Vec<String>,
    /// Includes hidden indices. An index or wildcard that matches nothing is not an error; a closed index is.
    pub lenient: bool,
    /// Query parameters that define how names and wildcards are resolved (`expand_wildcards`, `ignore_unavailable`,
    /// `allow_no_indices`). Not for lenient searches.
    pub indices_options: Vec<(&'static str, String)>,
    /// The query.
    pub query: Value,
    /// Runtime mappings that the query needs.
    pub runtime_mappings: Option<Value>,
    /// The requested fields of `_source`, in a document that the cluster formats again; `None` for all of it, with exactly
    /// the bytes that were indexed.
    pub fields: Option<Vec<String>>,
    /// The order.
    pub sort: Sort,
    /// Documents per page, at most 10,000.
    pub page_size: usize,
    /// Concurrent readers of a point in time, at least 1; a scroll has one.
    pub slices: usize,
    /// How pages are requested.
    pub pagination: Pagination,
    /// `Some` if documents of remote clusters may be missing: the names of those that did not respond completely.
    pub incomplete_clusters: Option<Arc<Mutex<BTreeSet<String>>>>,
}

/// A range of time, from inclusive to exclusive; `None` is unbounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SearchRange {
    /// The first moment.
    pub from: Option<EpochMillis>,
    /// The first moment after it.
    pub until: Option<EpochMillis>,
}

impl Sort {
    /// The field by which documents are sorted.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Ascending(field) | Self::AscendingMillis(field) => Some(field),
            Self::Unordered => None,
        }
    }

    /// The `sort` of a request. Documents with equal values are sorted by `tie`.
    pub(crate) fn to_json(&self, tie: Option<&str>) -> Value {
        let mut sort = Vec::new();
        if let Some(field) = self.field() {
            let mut order = json!({ "order": "asc", "unmapped_type": "date" });
            if matches!(self, Self::AscendingMillis(_)) {
                order["numeric_type"] = json!("date");
            }
            sort.push(json!({ field: order }));
        }
        sort.extend(tie.map(|tie| json!({ tie: "asc" })));
        Value::Array(sort)
    }
}

impl Search {
    /// Complete documents in any order from system indices, including hidden ones. Missing indices are not an error.
    pub fn lenient<'a>(indices: impl IntoIterator<Item = &'a str>, query: Value) -> Self {
        Self {
            indices: indices.into_iter().map(str::to_owned).collect(),
            lenient: true,
            indices_options: Vec::new(),
            query,
            runtime_mappings: None,
            fields: None,
            sort: Sort::Unordered,
            page_size: 1_000,
            slices: 1,
            pagination: Pagination::Auto,
            incomplete_clusters: None,
        }
    }

    /// Whether it reads indices of remote clusters.
    pub fn is_remote(&self) -> bool {
        self.indices.iter().any(|index| is_remote(index))
    }

    pub(crate) fn max_page(&self) -> usize {
        self.page_size.clamp(1, MAX_PAGE)
    }

    /// `POST /<indices>/<api>`.
    pub(crate) fn request(&self, api: &str) -> Request {
        let mut request = Request::post(Path::indices(&self.indices).then([api]));
        request.query.extend(self.indices_options.iter().cloned());
        if self.lenient { request.all_indices() } else { request }
    }

    /// The search for the documents of a range of time.
    pub fn in_range(&self, range: SearchRange) -> Self {
        let query = self.body(range, 0)["query"].take();
        Self { query, ..self.clone() }
    }

    /// The request body for `size` documents of a range of time.
    pub(crate) fn body(&self, range: SearchRange, size: usize) -> Value {
        let field = self.sort.field();
        let query = match field.and_then(|field| time_range(field, range.from, range.until)) {
            Some(time) => json!({ "bool": { "filter": [self.query, time] } }),
            None => self.query.clone(),
        };
        let mut body = json!({ "size": size, "query": query, "track_total_hits": false });
        if let Some(mappings) = &self.runtime_mappings {
            body["runtime_mappings"] = mappings.clone();
        }
        if let Some(fields) = &self.fields {
            body["_source"] = json!(fields);
        }
        body
    }
}

/// A query for documents whose `field` is in this range of time, from inclusive to exclusive; `None` without bounds.
pub fn time_range(field: &str, from: Option<EpochMillis>, until: Option<EpochMillis>) -> Option<Value> {
    let bounds = [("gte", from), ("lt", until)].into_iter();
    let bounds = bounds.filter_map(|(name, bound)| Some((name.to_owned(), bound?.0.into())));
    let mut bounds: Map<String, Value> = bounds.collect();
    if bounds.is_empty() {
        return None;
    }
    bounds.insert("format".to_owned(), "epoch_millis".into());
    Some(json!({ "range": { field: bounds } }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_added_to_the_query() {
        let query = json!({ "match_all": {} });
        let mut search = Search::lenient(["a"], query.clone());
        search.sort = Sort::Ascending("t".to_owned());
        let of_range = |from, until| search.body(SearchRange { from, until }, 1)["query"].take();
        assert_eq!(of_range(None, None), query);
        let bounds = json!({ "range": { "t": { "gte": 5, "lt": 7, "format": "epoch_millis" } } });
        assert_eq!(
            of_range(Some(EpochMillis(5)), Some(EpochMillis(7))),
            json!({ "bool": { "filter": [query, bounds] } })
        );
    }
}
