//! One slice of a search, read page by page.

use std::sync::Arc;

use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use crate::cluster::context::Context;
use crate::cluster::merge::Batch;
use crate::cluster::page::Page;
use crate::cluster::{Cluster, Error, Path, Request, Result, Search};

/// Documents of the first page of a point in time, before their size is known.
const FIRST_PAGE: usize = 1_000;
/// A page grows by this at most from one to the next: documents of one age tend to be alike.
const GROWTH: usize = 10;
/// Bytes of a page, about: some pages of each slice are in memory at once.
const PAGE_BYTES: usize = 2 << 20;
/// About what stands around a document in an answer.
const BESIDE_SOURCE: usize = 100;

/// One slice on its way.
pub(in crate::cluster) struct Reader {
    pub(in crate::cluster) cluster: Cluster,
    pub(in crate::cluster) search: Arc<Search>,
    pub(in crate::cluster) slice: Option<usize>,
    pub(in crate::cluster) method: Method,
    pub(in crate::cluster) context: u64,
}

/// How a search is paged, decided.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::cluster) enum Method {
    PointInTime,
    Scroll,
}

impl Reader {
    /// Sends pages until none is left or nobody listens.
    pub(in crate::cluster) async fn run(self, first: Option<Page>, sender: Sender<Batch>) {
        if let Err(error) = self.read(first, &sender).await {
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn read(&self, first: Option<Page>, sender: &Sender<Batch>) -> Result<()> {
        let mut after = None;
        let mut size = self.search.size().min(FIRST_PAGE);
        let mut page = match first {
            Some(page) => page,
            None => self.after(&after, size).await?,
        };
        loop {
            size = self.search.size().min(fitting(&page, size));
            if page.hits.is_empty() || sender.send(Ok(std::mem::take(&mut page.hits))).await.is_err() {
                return Ok(());
            }
            after = page.last.take();
            page = self.after(&after, size).await?;
        }
    }

    async fn after(&self, after: &Option<Box<RawValue>>, size: usize) -> Result<Page> {
        match (self.method, self.cluster.contexts().get(self.context)) {
            (Method::PointInTime, Some(Context::PointInTime(id))) => {
                let request = self
                    .search
                    .page_request(&self.cluster, &id, self.slice, after.as_deref(), size)?;
                let page = page(&self.cluster, request).await?;
                if let Some(id) = &page.pit_id {
                    self.cluster
                        .contexts()
                        .renew(self.context, Context::PointInTime(id.clone()));
                }
                Ok(page)
            }
            (Method::Scroll, Some(Context::Scroll(id))) => {
                let body = json!({ "scroll": self.cluster.keep_alive(), "scroll_id": id });
                // A scroll that is asked twice gives the page after: a lost answer is lost for good.
                let request = Request::post(Path::of(["_search", "scroll"])).json(&body).once();
                let mut tries = self.cluster.tries();
                let page = loop {
                    match page(&self.cluster, request.clone()).await {
                        Err(error) if error.is_unbegun() && tries.again(&error).await => {}
                        answer => break answer?,
                    }
                };
                if let Some(id) = &page.scroll_id {
                    self.cluster.contexts().renew(self.context, Context::Scroll(id.clone()));
                }
                Ok(page)
            }
            // `release` has taken it.
            _ => Err(Error::ContextExpired {
                what: "search".to_owned(),
            }),
        }
    }
}

/// How many documents like those of the page make one of about the right size.
fn fitting(page: &Page, asked: usize) -> usize {
    let bytes: usize = page.hits.iter().map(|(_, hit)| hit.source.len() + BESIDE_SOURCE).sum();
    match page.hits.len() * PAGE_BYTES / bytes.max(1) {
        0 if page.hits.is_empty() => asked,
        documents => documents.clamp(1, asked.saturating_mul(GROWTH)),
    }
}

/// Asks for a page and cuts it.
pub(in crate::cluster) async fn page(cluster: &Cluster, request: Request) -> Result<Page> {
    let what = request.what();
    Page::cut(&cluster.send(request).await?.body, &what)
}
