//! A point in time and the pages read from it, each about as large as the others whatever the documents are like.

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
/// A page grows by this at most from one to the next: documents of one age tend to be alike.
const MAX_GROWTH: usize = 10;
/// Bytes of a page, about: some pages of each reader are in memory at once. Twice as many take a few hundredths less
/// time and 4 MiB more.
const PAGE_BYTES: usize = 640 << 10;
/// About what surrounds a document in a response.
const BESIDE_SOURCE: usize = 100;

/// An open point in time. Clones read the same one, and learn from each other how large documents are.
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
        // Only recent versions report a cluster that is not in the point in time.
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

    /// Sends the pages of a range until its end, or until the receiver is dropped.
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

    /// The first documents of a range with their total, and aggregations over all of it. `None` where the cluster cannot
    /// aggregate the field; without aggregations where no index was searched.
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

    /// A page, and for how many documents it was asked. `filter_path` is not used: with it the cluster prints documents
    /// again.
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

/// How many documents make a page of about the right size, as far as is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct PageSizer {
    /// 0: no page was read yet.
    learned: Arc<AtomicUsize>,
}

impl PageSizer {
    /// As many as a page of the search has, once one was read.
    pub(crate) fn learned(&self, search: &Search) -> Option<usize> {
        let learned = self.learned.load(Ordering::Relaxed);
        (learned > 0).then(|| learned.min(search.max_page()))
    }

    /// How many documents like these make a page.
    pub(crate) fn fitting(page: &Page) -> Option<usize> {
        let bytes: usize = page.hits.iter().map(|hit| hit.source.len() + BESIDE_SOURCE).sum();
        (!page.hits.is_empty()).then(|| (page.hits.len() * PAGE_BYTES / bytes.max(1)).max(1))
    }

    /// From a page for which `asked` documents were requested.
    fn learn(&self, page: &Page, asked: usize) {
        if let Some(fitting) = Self::fitting(page) {
            let size = fitting.min(asked.saturating_mul(MAX_GROWTH));
            self.learned.store(size, Ordering::Relaxed);
        }
    }
}
