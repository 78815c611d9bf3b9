//! Pages of documents, by point in time or scroll, in slices merged in time order.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::{Receiver, channel};
use tokio::task::JoinSet;

use crate::cluster::context::Context;
use crate::cluster::merge::{self, Batch, Lane};
use crate::cluster::page::{Page, Shards};
use crate::cluster::reader::{Method, Reader, page};
use crate::cluster::{Cluster, Error, Path, Request, Result};

/// How to page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Pagination {
    /// Point in time where the cluster has it (7.10 and later, slices 7.15), scroll otherwise.
    #[default]
    Auto,
    /// Point in time with search_after.
    PointInTime,
    /// Scroll.
    Scroll,
}

/// In which order documents come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Ascending by this date or number; slices are merged so that the whole is in order.
    Ascending(String),
    /// The same by milliseconds, whatever an index counts: where some count nanoseconds the cluster would compare bare
    /// numbers.
    AscendingMillis(String),
    /// As the cluster likes.
    Unordered,
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
    /// Hidden indices too, and an index or wildcard that matches nothing is no error.
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
    /// Readers at once, at least 1.
    pub slices: usize,
    /// How to page.
    pub pagination: Pagination,
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

/// An open search. Dropping it stops its readers and leaves closing to [`Cluster::release`].
#[derive(Debug)]
pub struct Pages {
    cluster: Cluster,
    feed: Feed,
    page_size: usize,
    /// Aborted when dropped.
    readers: JoinSet<()>,
    contexts: Vec<u64>,
}

/// How pages of several readers come together.
#[derive(Debug)]
enum Feed {
    /// In any order, or of one reader: pages as they are.
    Shared(Receiver<Batch>),
    /// In order of the sort key.
    Merged(Vec<Lane>),
}

impl Pages {
    /// The next documents in order, or `None` at the end (the context is then closed).
    ///
    /// # Errors
    /// Any of a search; the search is then over.
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>> {
        let hits = match &mut self.feed {
            Feed::Shared(receiver) => match receiver.recv().await {
                Some(batch) => batch?.into_iter().map(|(_, hit)| hit).collect(),
                None => Vec::new(),
            },
            Feed::Merged(lanes) => merge::next(lanes, self.page_size).await?,
        };
        if !hits.is_empty() {
            return Ok(Some(hits));
        }
        // A reader that died must not look like the end.
        while let Some(ended) = self.readers.join_next().await {
            ended.map_err(|_| Error::Unintelligible {
                what: "search".to_owned(),
                why: "a reader stopped before its end".to_owned(),
            })?;
        }
        self.close_contexts().await;
        Ok(None)
    }

    /// Ends the search before its end.
    pub async fn close(mut self) {
        self.readers.shutdown().await;
        self.close_contexts().await;
    }

    async fn close_contexts(&mut self) {
        for number in self.contexts.drain(..) {
            if let Some(context) = self.cluster.contexts().get(number) {
                self.cluster.close(context).await;
                // Not before: an interruption while it closes leaves it to `release`.
                self.cluster.contexts().take(number);
            }
        }
    }
}

/// Hidden indices too, and nothing there is no error.
pub(in crate::cluster) fn leniently(request: Request) -> Request {
    request
        .query("expand_wildcards", "all")
        .query("ignore_unavailable", "true")
        .query("allow_no_indices", "true")
}

#[derive(Deserialize)]
struct Opened {
    id: String,
}

#[derive(Deserialize)]
struct Counted {
    count: u64,
    _shards: Shards,
}

impl Cluster {
    /// How many documents the search has.
    ///
    /// # Errors
    /// Any of a request, and shards that did not answer.
    pub async fn count(&self, search: &Search) -> Result<u64> {
        let indices = Path::indices(&search.indices);
        let Some(mappings) = &search.runtime_mappings else {
            let request = Request::post(indices.then(["_count"])).json(&json!({ "query": search.query }));
            let request = search.addressed(request);
            let what = request.what();
            let counted: Counted = self.send(request).await?.parse(&what)?;
            counted._shards.check(&what)?;
            return Ok(counted.count);
        };
        // `_count` takes no runtime mappings.
        let body = json!({ "size": 0, "track_total_hits": true, "query": search.query, "runtime_mappings": mappings });
        let request = search.addressed(Request::post(indices.then(["_search"])).json(&body));
        let what = request.what();
        let page = page(self, request).await?;
        page.total.ok_or(Error::Unintelligible {
            what,
            why: "hits.total is missing".to_owned(),
        })
    }

    /// Opens the search.
    ///
    /// # Errors
    /// Any of a request, and a way of paging that the cluster does not have.
    pub async fn pages(&self, search: Search) -> Result<Pages> {
        let method = search.method(self)?;
        let sliced = search.slices > 1 && (method == Method::Scroll || self.has(7, 15));
        let slices: Vec<Option<usize>> = if sliced {
            (0..search.slices).map(Some).collect()
        } else {
            vec![None]
        };
        let merged = sliced && search.sort != Sort::Unordered;
        let page_size = search.size();
        let search = Arc::new(search);
        let (sender, receiver) = channel(1);
        let mut pages = Pages {
            cluster: self.clone(),
            feed: Feed::Shared(receiver),
            page_size,
            readers: JoinSet::new(),
            contexts: Vec::new(),
        };
        let point = match method {
            Method::PointInTime => Some(self.open_point_in_time(&search).await?),
            Method::Scroll => None,
        };
        pages.contexts.extend(point);
        // All are open before the first is read on: an interruption then knows of each what to close.
        let mut opened = Vec::new();
        for slice in slices {
            opened.push(match point {
                Some(point) => (slice, point, None),
                None => {
                    let (context, first) = self.open_scroll(&search, slice).await?;
                    pages.contexts.push(context);
                    (slice, context, Some(first))
                }
            });
        }
        let mut lanes = Vec::new();
        for (slice, context, first) in opened {
            let reader = Reader {
                cluster: self.clone(),
                search: Arc::clone(&search),
                slice,
                method,
                context,
            };
            let sender = if merged {
                let (sender, receiver) = channel(1);
                lanes.push(Lane::new(receiver));
                sender
            } else {
                sender.clone()
            };
            pages.readers.spawn(reader.run(first, sender));
        }
        if merged {
            pages.feed = Feed::Merged(lanes);
        }
        Ok(pages)
    }

    async fn open_point_in_time(&self, search: &Search) -> Result<u64> {
        let request =
            Request::post(Path::indices(&search.indices).then(["_pit"])).query("keep_alive", self.keep_alive());
        let request = search.addressed(request);
        self.opened(|cluster| async move {
            let what = request.what();
            let opened: Opened = cluster.send(request).await?.parse(&what)?;
            Ok(cluster.contexts().add(Context::PointInTime(opened.id)))
        })
        .await
    }

    async fn open_scroll(&self, search: &Search, slice: Option<usize>) -> Result<(u64, Page)> {
        let mut body = search.body(slice);
        // With a scroll the total cannot be left out.
        body.remove("track_total_hits");
        let sort = if search.sort == Sort::Unordered {
            json!(["_doc"])
        } else {
            search.sort(&[])
        };
        body.insert("sort".to_owned(), sort);
        let request = Request::post(Path::indices(&search.indices).then(["_search"]))
            .query("scroll", self.keep_alive())
            .json(&Value::Object(body));
        let request = search.addressed(request);
        self.opened(|cluster| async move {
            let what = request.what();
            let page = page(&cluster, request).await?;
            let id = page.scroll_id.clone();
            let id = id.ok_or(Error::Unintelligible {
                what,
                why: "_scroll_id is missing".to_owned(),
            })?;
            Ok((cluster.contexts().add(Context::Scroll(id)), page))
        })
        .await
    }
}
