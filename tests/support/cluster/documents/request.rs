//! Search requests.

use serde_json::{Value, json};

use super::super::Call;
use super::failure::{Failure, Outcome};
use super::sort::Sort;
use super::source::SourceFilter;

/// A search request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) body: Value,
    pub(super) from: usize,
    pub(super) size: usize,
    pub(super) sort: Vec<Sort>,
    pub(super) source: SourceFilter,
    pub(super) scroll: bool,
}

const SUPPORTED: [&str; 11] = [
    "query",
    "from",
    "size",
    "sort",
    "search_after",
    "track_total_hits",
    "_source",
    "pit",
    "aggs",
    "aggregations",
    "runtime_mappings",
];

impl Request {
    pub(super) fn read(call: &Call) -> Outcome<Self> {
        let body = match call.body.is_empty() {
            true => json!({}),
            false => serde_json::from_slice::<Value>(&call.body)
                .map_err(|error| Failure::new(400, "x_content_parse_exception", error.to_string()))?,
        };
        let mut keys = body.as_object().into_iter().flat_map(serde_json::Map::keys);
        if let Some(key) = keys.find(|key| !SUPPORTED.contains(&key.as_str())) {
            return Err(Failure::unsupported(&format!("[{key}] in a search")));
        }
        let number = |name: &str, default: usize| {
            let given = call.param(name).and_then(|text| text.parse().ok());
            let given = given.or_else(|| body[name].as_u64().map(|number| number as usize));
            given.unwrap_or(default)
        };
        let sort = match call.param("sort") {
            Some(field) => match field.split_once(':') {
                Some((field, order)) => Sort::list(&json!({ field: order })),
                None => Sort::list(&field.into()),
            },
            None => Sort::list(&body["sort"]),
        };
        let source = match call.param("_source") {
            Some(field) => SourceFilter::of(&field.into()),
            None => SourceFilter::of(&body["_source"]),
        };
        let request = Self {
            from: number("from", 0),
            size: number("size", 10),
            sort,
            source,
            scroll: call.param("scroll").is_some(),
            body,
        };
        if request.scroll && (!request.body["pit"].is_null() || !request.body["search_after"].is_null()) {
            return Err(Failure::validation(
                "using [point in time] is not allowed in a scroll context",
            ));
        }
        Ok(request)
    }

    /// Returns the maximum number of hits that are counted; 0 if none are.
    pub(super) fn track_total_hits(&self) -> usize {
        match &self.body["track_total_hits"] {
            Value::Bool(false) => 0,
            Value::Bool(true) => usize::MAX,
            _ if self.scroll => usize::MAX,
            _ => 10_000,
        }
    }
}
