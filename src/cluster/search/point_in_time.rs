//! Points in time, which are read in pages of about the same size in bytes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use crate::cluster::cluster::Cluster;
use crate::cluster::http::{Error, Path, Request, Result, parse_json};
use crate::cluster::search::contexts::SearchContext;
use crate::cluster::search::query::{Search, SearchRange};
use crate::cluster::search::response::{Clusters, Hit, Page};

/// Documents of the first page, before their size is known.
const FIRST_PAGE: usize = 1_000;
/// The largest factor by which the number of documents grows from page to page: later documents may be larger.
const MAX_GROWTH: usize = 10;
/// The approximate size of a page in bytes: each reader holds some pages in memory. Pages of twice this size take a few
/// percent less time and 4 MiB more memory.
const PAGE_BYTES: usize = 640 << 10;
/// The approximate number of bytes in a response for each document besides its source.
const BESIDE_SOURCE: usize = 100;

/// An open point in time. Clones read the same one, and share the estimated page size.
#[derive(Clone, Debug)]
pub(crate) struct PointInTime {
    cluster: Cluster,
    pub(crate) search: Arc<Search>,
    pub(crate) context: Arc<SearchContext>,
    pub(crate) sizer: PageSizer,
}

impl PointInTime {
    pub(crate) async fn open(cluster: &Cluster, search: Arc<Search>) -> Result<Self> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(default)]
            _clusters: Clusters,
        }
        let http = &cluster.http;
        let request = search.request("_pit").query("keep_alive", &*http.options.keep_alive);
        let close = |id: &str| Request::delete(Path::of(["_pit"])).json(&json!({ "id": id }));
        let opening = cluster.contexts.open(http, close, request);
        let (context, response) = opening.await?;
        let opened: Opened = response.json()?;
        let context = context.ok_or_else(|| Error::unexpected(&*response.what, "id is missing"))?;
        let clusters = &opened._clusters;
        cluster.require_all_clusters(clusters, &search, &response.what).await?;
        // Earlier versions do not report a cluster that is missing from the point in time.
        if search.is_remote() {
            let body = json!({ "size": 0, "track_total_hits": false, "query": { "match_none": {} } });
            cluster.page(&search, search.request("_search").json(&body)).await?;
        }
        Ok(Self {
            cluster: cluster.clone(),
            search,
            context,
            sizer: PageSizer::default(),
        })
    }

    /// Sends the pages of a range, until the end or until the receiver is dropped.
    pub(crate) async fn read(&self, range: SearchRange, sender: &Sender<Result<Vec<Hit>>>) -> Result<()> {
        let mut more = json!({});
        loop {
            let first = FIRST_PAGE.min(self.search.max_page());
            let size = self.sizer.learned(&self.search).unwrap_or(first);
            let (page, size) = self.page(size, range, &more).await?;
            self.sizer.learn(&page, size);
            let last = page.hits.len() < size;
            if !page.hits.is_empty() && sender.send(Ok(page.hits)).await.is_err() || last {
                return Ok(());
            }
            if let Some(last) = page.last {
                more["search_after"] = parse_json(last.get().as_bytes(), "POST /_search")?;
            }
        }
    }

    /// The first documents of a range with the total number, and aggregations over the range. `None` if the cluster cannot
    /// aggregate the field; no aggregations if no index was searched.
    pub(crate) async fn aggregate<T: for<'a> Deserialize<'a>>(
        &self,
        range: SearchRange,
        size: usize,
        aggregations: &Value,
    ) -> Result<Option<(Page, Option<T>)>> {
        let more = json!({ "track_total_hits": true, "aggs": aggregations });
        let page = match self.page(size, range, &more).await {
            Err(Error::Refused { source, .. }) if source.status == 400 => return Ok(None),
            page => page?.0,
        };
        let aggregations = page.aggregations()?;
        Ok(Some((page, aggregations)))
    }

    /// A page, and the number of documents requested. With `filter_path`, the cluster would format documents again.
    async fn page(&self, size: usize, range: SearchRange, more: &Value) -> Result<(Page, usize)> {
        let keep_alive = &self.cluster.http.options.keep_alive;
        let request = |size| {
            let mut body = self.search.body(range, size);
            body["pit"] = json!({ "id": self.context.id(), "keep_alive": keep_alive });
            body["sort"] = self.search.sort.to_json(Some("_shard_doc"));
            for (name, value) in more.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
            Request::post(Path::of(["_search"])).json(&body)
        };
        let (page, size) = self.cluster.page_of_size(&self.search, size, request).await?;
        self.context.renew(page.context_id.as_ref());
        Ok((page, size))
    }
}

/// Estimates the number of documents in a page of [`PAGE_BYTES`].
#[derive(Clone, Debug, Default)]
pub(crate) struct PageSizer {
    /// 0 before the first page.
    learned: Arc<AtomicUsize>,
}

impl PageSizer {
    /// The number of documents for the next page; `None` before the first page.
    pub(crate) fn learned(&self, search: &Search) -> Option<usize> {
        let learned = self.learned.load(Ordering::Relaxed);
        (learned > 0).then(|| learned.min(search.max_page()))
    }

    /// The number of documents of this size that fit in a page.
    pub(crate) fn fitting(page: &Page) -> Option<usize> {
        let bytes: usize = page.hits.iter().map(|hit| hit.source.len() + BESIDE_SOURCE).sum();
        (!page.hits.is_empty()).then(|| (page.hits.len() * PAGE_BYTES / bytes.max(1)).max(1))
    }

    /// Updates the estimate from a page for which `asked` documents were requested.
    fn learn(&self, page: &Page, asked: usize) {
        if let Some(fitting) = Self::fitting(page) {
            let size = fitting.min(asked.saturating_mul(MAX_GROWTH));
            self.learned.store(size, Ordering::Relaxed);
        }
    }
}
