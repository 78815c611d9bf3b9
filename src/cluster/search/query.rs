//! What is searched, as request bodies.

use serde_json::{Map, Value, json};

use crate::cluster::http::{Path, Request};
use crate::job::is_remote;

/// The limit of `index.max_result_window`.
pub(crate) const MAX_PAGE: usize = 10_000;

/// How to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pagination {
    /// Point in time where the cluster has `_shard_doc` (7.12 and later), otherwise scroll.
    #[default]
    Auto,
    /// Point in time with `search_after`; refused before 7.12.
    PointInTime,
    /// Scroll.
    Scroll,
}

/// In which order documents come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Ascending by this date or number.
    Ascending(String),
    /// The same by milliseconds, whatever the unit of an index: where some count nanoseconds the cluster would compare bare
    /// numbers.
    AscendingMillis(String),
    /// Any order.
    Unordered,
}

/// Which part of `_source` is requested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFields {
    /// All of it, byte for byte as it was indexed.
    All,
    /// These fields; the cluster prints the document again.
    Only(Vec<String>),
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// Names, aliases, wildcards.
    pub indices: Vec<String>,
    /// Hidden indices too, and an index or wildcard that matches nothing is no error; a closed one is.
    pub lenient: bool,
    /// Query parameters that define what names and wildcards mean (`expand_wildcards`, `ignore_unavailable`,
    /// `allow_no_indices`); not used by a lenient search.
    pub indices_options: Vec<(&'static str, String)>,
    /// The query.
    pub query: Value,
    /// Runtime mappings that the query needs.
    pub runtime_mappings: Option<Value>,
    /// Which part of the documents.
    pub fields: SourceFields,
    /// The order.
    pub sort: Sort,
    /// Documents a page, at most 10,000.
    pub page_size: usize,
    /// Readers of a point in time at once, at least 1; a scroll has one.
    pub slices: usize,
    /// How to page.
    pub pagination: Pagination,
    /// Whether documents of remote clusters that do not respond may be missing.
    pub allow_partial: bool,
}

/// From a moment to before another, in milliseconds; without bound where none is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SearchRange {
    pub(crate) from: Option<i64>,
    pub(crate) until: Option<i64>,
}

impl Sort {
    /// The field that is sorted by.
    pub(crate) fn field(&self) -> Option<&str> {
        match self {
            Self::Ascending(field) | Self::AscendingMillis(field) => Some(field),
            Self::Unordered => None,
        }
    }

    /// Documents that compare equal are sorted by `tie`.
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
    /// Whole documents in any order from indices of the cluster's own: hidden ones too, and none is no error.
    pub fn lenient<'a>(indices: impl IntoIterator<Item = &'a str>, query: Value) -> Self {
        Self {
            indices: indices.into_iter().map(str::to_owned).collect(),
            lenient: true,
            indices_options: Vec::new(),
            query,
            runtime_mappings: None,
            fields: SourceFields::All,
            sort: Sort::Unordered,
            page_size: 1_000,
            slices: 1,
            pagination: Pagination::Auto,
            allow_partial: false,
        }
    }

    /// Whether it reads indices of other clusters.
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

    /// A search for `size` documents of a range of time.
    pub(crate) fn body(&self, range: SearchRange, size: usize) -> Value {
        let query = match self.sort.field() {
            Some(field) => range.within(&self.query, field),
            None => self.query.clone(),
        };
        let mut body = json!({ "size": size, "query": query, "track_total_hits": false });
        if let Some(mappings) = &self.runtime_mappings {
            body["runtime_mappings"] = mappings.clone();
        }
        if let SourceFields::Only(fields) = &self.fields {
            body["_source"] = json!(fields);
        }
        body
    }
}

impl SearchRange {
    /// The documents of `query` whose `field` is in this range.
    fn within(&self, query: &Value, field: &str) -> Value {
        let mut bounds = Map::new();
        bounds.extend(self.from.map(|from| ("gte".to_owned(), from.into())));
        bounds.extend(self.until.map(|until| ("lt".to_owned(), until.into())));
        if bounds.is_empty() {
            return query.clone();
        }
        bounds.insert("format".to_owned(), "epoch_millis".into());
        json!({ "bool": { "filter": [query, { "range": { field: bounds } }] } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_added_to_the_query() {
        let query = json!({ "match_all": {} });
        let range = |from, until| SearchRange { from, until }.within(&query, "t");
        assert_eq!(range(None, None), query);
        let bounds = json!({ "range": { "t": { "gte": 5, "lt": 7, "format": "epoch_millis" } } });
        assert_eq!(
            range(Some(5), Some(7)),
            json!({ "bool": { "filter": [query, bounds] } })
        );
    }
}
