//! What is searched, and how much there is of it.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::cluster::body::Size;
use crate::cluster::page::Shards;
use crate::cluster::reader::{Portion, fewer};
use crate::cluster::remote::Clusters;
use crate::cluster::{Cluster, Error, Path, Request, Result};

/// How to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pagination {
    /// Point in time where the cluster has `_shard_doc` (7.12 and later), otherwise scroll.
    #[default]
    Auto,
    /// Point in time with search_after; refused before 7.12.
    PointInTime,
    /// Scroll.
    Scroll,
}

/// In which order documents come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Ascending by this date or number.
    Ascending(String),
    /// The same by milliseconds, whatever an index counts: where some count nanoseconds the cluster would compare bare
    /// numbers.
    AscendingMillis(String),
    /// As the cluster likes.
    Unordered,
}

impl Sort {
    /// What is sorted by.
    pub(in crate::cluster) fn field(&self) -> Option<&str> {
        match self {
            Self::Ascending(field) | Self::AscendingMillis(field) => Some(field),
            Self::Unordered => None,
        }
    }
}

/// Which part of `_source` is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceFields {
    /// All of it, byte for byte as it was indexed.
    All,
    /// These fields; the cluster prints the document anew.
    Only(Vec<String>),
}

/// What is searched.
#[derive(Clone, Debug)]
pub struct Search {
    /// Names, aliases, wildcards.
    pub indices: Vec<String>,
    /// Hidden indices too, and an index or wildcard that matches nothing is no error; a closed one is.
    pub lenient: bool,
    /// Query parameters that say otherwise what names and wildcards mean (`expand_wildcards`, `ignore_unavailable`,
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
    /// Whether documents of remote clusters that do not answer may be missing.
    pub allow_partial: bool,
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
}

/// One document. Cloning shares the page's bytes.
#[derive(Clone, Debug)]
pub struct Hit {
    /// The concrete index.
    pub index: Arc<str>,
    /// `_id`.
    pub id: String,
    /// `_source`, exactly the bytes received.
    pub source: Bytes,
}

/// Hidden and closed indices too, and nothing there is no error. Not for searches: of a closed index the cluster would
/// leave the documents out without an error.
pub(in crate::cluster) fn leniently(request: Request) -> Request {
    completely(request).query("ignore_unavailable", "true")
}

/// Hidden and closed indices too; a wildcard that matches nothing is no error. A search of a closed index is refused.
pub(in crate::cluster) fn completely(request: Request) -> Request {
    request
        .query("expand_wildcards", "all")
        .query("allow_no_indices", "true")
}

#[derive(Deserialize)]
struct Count {
    count: u64,
    _shards: Shards,
}

/// How many documents a search finds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Documents.
    pub documents: u64,
    /// Whether an index matches.
    pub anywhere: bool,
}

/// Documents by index.
#[derive(Deserialize)]
struct Spread {
    _shards: Shards,
    #[serde(default)]
    _clusters: Clusters,
    /// Missing where no index matches.
    #[serde(default)]
    aggregations: Indices,
}

#[derive(Default, Deserialize)]
struct Indices {
    indices: Buckets,
}

#[derive(Default, Deserialize)]
struct Buckets {
    buckets: Vec<Bucket>,
}

#[derive(Deserialize)]
struct Bucket {
    key: String,
}

impl Cluster {
    /// How many documents the search has.
    ///
    /// # Errors
    /// Any of a request, and shards or remote clusters that did not answer.
    pub async fn count(&self, search: &Search) -> Result<u64> {
        self.counted(search).await.map(|counted| counted.documents)
    }

    /// How many documents the search has, and whether there is an index to search.
    ///
    /// # Errors
    /// As [`Cluster::count`].
    pub async fn counted(&self, search: &Search) -> Result<Counted> {
        let indices = Path::indices(&search.indices);
        // `_count` takes no runtime mappings, and does not report remote clusters that it skips.
        if search.runtime_mappings.is_none() && !search.is_remote() {
            let request = Request::post(indices.then(["_count"]))
                .json(&json!({ "query": search.query }))
                .returns(Size::Status);
            let request = search.addressed(request);
            let what = request.what();
            let response = match self.send(request).await {
                Err(error) if search.lenient && error.is_no_such_index() => return Ok(Counted::default()),
                response => response?,
            };
            let counted: Count = response.parse(&what)?;
            counted._shards.check(&what)?;
            return Ok(Counted {
                documents: counted.count,
                anywhere: counted._shards.total > 0,
            });
        }
        let mut body = json!({ "size": 0, "track_total_hits": true, "query": search.query });
        if let Some(mappings) = &search.runtime_mappings {
            body["runtime_mappings"] = mappings.clone();
        }
        let request = search
            .addressed(Request::post(indices.then(["_search"])).json(&body))
            .returns(Size::Status);
        let what = request.what();
        let page = self.page(search, request).await?;
        let documents = page.total.ok_or(Error::Unintelligible {
            what,
            why: "hits.total is missing".to_owned(),
        })?;
        Ok(Counted {
            documents,
            anywhere: page.shards > 0,
        })
    }

    /// The indices that its documents are in, `most` at most; none where the cluster does not tell.
    ///
    /// # Errors
    /// Any of a request, and shards that did not answer.
    pub async fn indices_of(&self, search: &Search, most: usize) -> Result<Vec<String>> {
        let mut body = search.body(&Portion::Whole);
        body.insert("size".to_owned(), json!(0));
        let terms = json!({ "field": "_index", "size": most });
        body.insert("aggs".to_owned(), json!({ "indices": { "terms": terms } }));
        let request = Request::post(Path::indices(&search.indices).then(["_search"]));
        let request = search.addressed(request.json(&Value::Object(body)));
        let what = request.what();
        let answer = match self.send(request).await {
            Err(Error::Refused { refusal, .. }) if refusal.status == 400 => return Ok(Vec::new()),
            answer => answer?,
        };
        let spread: Spread = answer.parse(&what)?;
        spread._shards.check(&what)?;
        self.require_all_clusters(&spread._clusters, search, &what).await?;
        let buckets = spread.aggregations.indices.buckets.into_iter();
        Ok(buckets.map(|bucket| bucket.key).collect())
    }

    /// The first of its documents, `size` at most.
    ///
    /// # Errors
    /// Any of a search.
    pub async fn sample(&self, search: &Search, size: usize) -> Result<Vec<Hit>> {
        let mut body = search.body(&Portion::Whole);
        body.insert("sort".to_owned(), search.sort(&[]));
        let mut size = size;
        loop {
            body.insert("size".to_owned(), json!(size));
            let request = Request::post(Path::indices(&search.indices).then(["_search"]));
            let request = search.addressed(request.json(&Value::Object(body.clone())));
            match self.page(search, request.returns(Size::of_documents(size))).await {
                Err(Error::TooLarge { .. }) if size > 1 => size = fewer(size),
                Err(error) if search.lenient && error.is_no_such_index() => return Ok(Vec::new()),
                page => return Ok(page?.hits),
            }
        }
    }
}
