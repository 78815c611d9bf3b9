//! Reads all documents of a search in pages: from a point in time with several readers, or from a scroll.

pub(crate) mod contexts;
pub(crate) mod documents;
mod point_in_time;
pub(crate) mod query;
pub(crate) mod response;
mod time_ranges;

use std::sync::Arc;

use serde_json::json;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::cluster::cluster::Cluster;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result, Retry};
use contexts::SearchContext;
use point_in_time::PointInTime;
use query::{Pagination, Search, SearchRange, Sort};
use response::{Hit, Page};
use time_ranges::TimeRanges;

/// The documents of a page, or the error that stopped the reader.
type Batch = Result<Vec<Hit>>;

/// An open search. Dropping it stops its readers; [`Cluster::release`] closes its context.
#[derive(Debug)]
pub struct Pages {
    cluster: Cluster,
    /// The ranges in order, each with the pages of its reader.
    ranges: Receiver<Receiver<Batch>>,
    current: Option<Receiver<Batch>>,
    /// Aborted when dropped.
    readers: JoinSet<()>,
    context: Option<Arc<SearchContext>>,
}

impl Pages {
    /// The next documents in order; `None` at the end, when the context is closed. After an error, the search ends.
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>> {
        loop {
            if let Some(pages) = &mut self.current
                && let Some(batch) = pages.recv().await
            {
                return batch.map(Some);
            }
            self.current = self.ranges.recv().await;
            if self.current.is_none() {
                break;
            }
        }
        // A reader that panicked must not be mistaken for the end.
        while let Some(ended) = self.readers.join_next().await {
            ended.map_err(|_| Error::unexpected("search", "the task that reads it ended early"))?;
        }
        if let Some(context) = self.context.take() {
            self.cluster.contexts.close(&self.cluster.http, &context).await;
        }
        Ok(None)
    }
}

impl Cluster {
    /// Opens a search.
    pub async fn pages(&self, search: Search) -> Result<Pages> {
        let search = Arc::new(search);
        let mut readers = JoinSet::new();
        let (sender, ranges) = channel(search.slices);
        let context = match self.uses_point_in_time(search.pagination)? {
            true => {
                let point_in_time = PointInTime::open(self, Arc::clone(&search)).await?;
                let queue = Arc::new(Mutex::new((TimeRanges::new(point_in_time.clone()), sender)));
                for _ in 0..search.slices {
                    readers.spawn(read_ranges(point_in_time.clone(), Arc::clone(&queue)));
                }
                Some(point_in_time.context)
            }
            false => self.open_scroll(&search).await?.map(|(context, first)| {
                readers.spawn(read_scroll(self.clone(), search, Arc::clone(&context), first, sender));
                context
            }),
        };
        Ok(Pages {
            cluster: self.clone(),
            ranges,
            current: None,
            readers,
            context,
        })
    }

    /// 7.10 and 7.11 have points in time, but not `_shard_doc`: documents with the same time could be skipped.
    fn uses_point_in_time(&self, pagination: Pagination) -> Result<bool> {
        let version = self.identity.version;
        let complete = self.identity.serverless || version.at_least(7, 12);
        match pagination {
            Pagination::Auto => Ok(complete),
            Pagination::Scroll => Ok(false),
            Pagination::PointInTime if complete => Ok(true),
            Pagination::PointInTime => Err(Error::Options(format!(
                "reading all documents with a point in time requires Elasticsearch 7.12 or later, and this cluster has \
                 {version}: use --pagination scroll"
            ))),
        }
    }

    /// Opens a scroll, which has one reader; `None` if no index matches.
    async fn open_scroll(&self, search: &Search) -> Result<Option<(Arc<SearchContext>, Page)>> {
        let mut body = search.body(SearchRange::default(), search.max_page());
        // A scroll requires the total.
        body["track_total_hits"] = json!(true);
        body["sort"] = search.sort.to_json((search.sort == Sort::Unordered).then_some("_doc"));
        let keep_alive = &*self.http.options.keep_alive;
        let request = search.request("_search").query("scroll", keep_alive);
        let request = request.json(&body).returns(BodyLimit::Large);
        let close = |id: &str| Request::delete(Path::of(["_search", "scroll"])).json(&json!({ "scroll_id": [id] }));
        let (context, response) = self.contexts.open(&self.http, close, request).await?;
        let page = self.complete_page(search, &response).await?;
        match context {
            Some(context) => Ok(Some((context, page))),
            None if page.shards == 0 => Ok(None),
            None => Err(Error::unexpected(response.what, "_scroll_id is missing")),
        }
    }

    async fn next_scroll_page(&self, search: &Search, context: &SearchContext) -> Result<Page> {
        let body = json!({ "scroll": self.http.options.keep_alive, "scroll_id": context.id() });
        let request = Request::post(Path::of(["_search", "scroll"])).json(&body);
        let mut request = request.returns(BodyLimit::Large);
        request.retry = Retry::NotStarted;
        self.page(search, request).await
    }
}

/// Shared by the readers of a point in time: the next ranges, and the channel to which the pages of each range are sent.
type Queue = Arc<Mutex<(TimeRanges, Sender<Receiver<Batch>>)>>;

/// Reads one range after another, until none is left or the search is dropped.
async fn read_ranges(point_in_time: PointInTime, queue: Queue) {
    loop {
        let (sender, receiver) = channel(1);
        let mut shared = queue.lock().await;
        let Some(range) = shared.0.next().await.transpose() else {
            return;
        };
        if shared.1.send(receiver).await.is_err() {
            return;
        }
        drop(shared);
        let read = match range {
            Ok(range) => point_in_time.read(range, &sender).await,
            Err(error) => Err(error),
        };
        if let Err(error) = read {
            let _ = sender.send(Err(error)).await;
            return;
        }
    }
}

/// Sends the pages of a scroll as one range, until a page is empty or the search is dropped.
async fn read_scroll(
    cluster: Cluster,
    search: Arc<Search>,
    context: Arc<SearchContext>,
    mut page: Page,
    ranges: Sender<Receiver<Batch>>,
) {
    let (sender, pages) = channel(1);
    if ranges.send(pages).await.is_err() {
        return;
    }
    loop {
        context.renew(page.context_id.as_ref());
        if page.hits.is_empty() || sender.send(Ok(page.hits)).await.is_err() {
            return;
        }
        page = match cluster.next_scroll_page(&search, &context).await {
            Ok(next) => next,
            Err(error) => {
                let _ = sender.send(Err(error)).await;
                return;
            }
        };
    }
}
