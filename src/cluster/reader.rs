//! One portion of a search, read page by page.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use serde_json::value::RawValue;
use tokio::sync::mpsc::Sender;

use crate::cluster::body::Size;
use crate::cluster::context::Context;
use crate::cluster::page::Page;
use crate::cluster::ranges::Range;
use crate::cluster::{Cluster, Error, Hit, Path, Request, Result, Search};

/// What a reader sends: documents, or why it stopped.
pub(in crate::cluster) type Batch = Result<Vec<Hit>>;

/// Documents of the first page of a point in time, before their size is known.
const FIRST_PAGE: usize = 1_000;
/// A page grows by this at most from one to the next: documents of one age tend to be alike.
const GROWTH: usize = 10;
/// Bytes of a page, about: some pages of each reader are in memory at once. Twice as many take a few hundredths less
/// time and 4 MiB more.
const PAGE_BYTES: usize = 640 << 10;
/// About what stands around a document in an answer.
const BESIDE_SOURCE: usize = 100;

/// A portion on its way.
#[derive(Clone, Debug)]
pub(in crate::cluster) struct Reader {
    pub(in crate::cluster) cluster: Cluster,
    pub(in crate::cluster) search: Arc<Search>,
    pub(in crate::cluster) portion: Portion,
    pub(in crate::cluster) method: Method,
    pub(in crate::cluster) context: u64,
    pub(in crate::cluster) typical: Typical,
}

/// Which documents of a search are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Portion {
    /// All.
    Whole,
    /// Those of a range of time.
    Range(Range),
}

/// How a search is paged, decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Method {
    PointInTime,
    Scroll,
}

/// How many documents make a page of about the right size, as far as is known; shared by the readers of a search.
#[derive(Clone, Debug, Default)]
pub(in crate::cluster) struct Typical {
    /// 0: no page was read yet.
    learned: Arc<AtomicUsize>,
}

impl Typical {
    /// As many as a page of the search has, once one was read.
    pub(in crate::cluster) fn learned(&self, search: &Search) -> Option<u64> {
        let learned = self.learned.load(Ordering::Relaxed);
        (learned > 0).then(|| learned.min(search.size()) as u64)
    }

    /// So many documents like these would make a page.
    pub(in crate::cluster) fn fitting(page: &Page) -> Option<usize> {
        let bytes: usize = page.hits.iter().map(|hit| hit.source.len() + BESIDE_SOURCE).sum();
        (!page.hits.is_empty()).then(|| (page.hits.len() * PAGE_BYTES / bytes.max(1)).max(1))
    }

    /// Looks at a page for which `asked` documents were wanted.
    fn learn(&self, page: &Page, asked: usize) {
        if let Some(fitting) = Self::fitting(page) {
            let size = fitting.min(asked.saturating_mul(GROWTH));
            self.learned.store(size, Ordering::Relaxed);
        }
    }

    fn size(&self, search: &Search) -> usize {
        match self.learned.load(Ordering::Relaxed) {
            0 => FIRST_PAGE.min(search.size()),
            learned => learned.min(search.size()),
        }
    }
}

impl Reader {
    /// The same for another portion.
    pub(in crate::cluster) fn of(&self, portion: Portion) -> Self {
        Self {
            portion,
            ..self.clone()
        }
    }

    /// Sends pages until none is left or nobody listens.
    pub(in crate::cluster) async fn run(self, first: Option<Page>, sender: Sender<Batch>) {
        if let Err(error) = self.read(first, &sender).await {
            let _ = sender.send(Err(error)).await;
        }
    }

    async fn read(&self, first: Option<Page>, sender: &Sender<Batch>) -> Result<()> {
        let mut after = None;
        let mut size = self.typical.size(&self.search);
        let mut page = match first {
            Some(page) => page,
            None => self.after(&after, &mut size).await?,
        };
        loop {
            self.typical.learn(&page, size);
            let last = page.hits.is_empty() || (self.method == Method::PointInTime && page.hits.len() < size);
            if !page.hits.is_empty() && sender.send(Ok(std::mem::take(&mut page.hits))).await.is_err() || last {
                return Ok(());
            }
            after = page.last.take();
            size = self.typical.size(&self.search);
            page = self.after(&after, &mut size).await?;
        }
    }

    /// Of a point in time `size` documents, or as many as are not too large for one response.
    async fn after(&self, after: &Option<Box<RawValue>>, size: &mut usize) -> Result<Page> {
        let page = match self.method {
            Method::PointInTime => loop {
                let request = self.request(&self.portion, after.as_deref(), *size, None)?;
                match self.cluster.page(&self.search, request).await {
                    Err(Error::TooLarge { .. }) if *size > 1 => *size = fewer(*size),
                    answer => break answer?,
                }
            },
            Method::Scroll => {
                let Some(Context::Scroll(id)) = self.cluster.contexts().get(self.context) else {
                    return Err(released());
                };
                let body = json!({ "scroll": self.cluster.keep_alive(), "scroll_id": id });
                // A scroll that is asked twice gives the page after: a lost answer is lost for good.
                let request = Request::post(Path::of(["_search", "scroll"])).json(&body).once();
                let request = request.returns(Size::Large);
                let mut tries = self.cluster.tries();
                loop {
                    match self.cluster.page(&self.search, request.clone()).await {
                        Err(error) if error.is_unbegun() && tries.again(&error).await => {}
                        answer => break answer?,
                    }
                }
            }
        };
        self.renew(&page);
        Ok(page)
    }

    /// The request for a page of the point in time.
    pub(in crate::cluster) fn request(
        &self,
        portion: &Portion,
        after: Option<&RawValue>,
        size: usize,
        aggregations: Option<&serde_json::Value>,
    ) -> Result<Request> {
        let Some(Context::PointInTime(id)) = self.cluster.contexts().get(self.context) else {
            return Err(released());
        };
        self.search
            .page_request(&self.cluster, &id, portion, after, size, aggregations)
    }

    /// Notes the id under which the context goes on.
    pub(in crate::cluster) fn renew(&self, page: &Page) {
        let context = match self.method {
            Method::PointInTime => page.pit_id.clone().map(Context::PointInTime),
            Method::Scroll => page.scroll_id.clone().map(Context::Scroll),
        };
        if let Some(context) = context {
            self.cluster.contexts().renew(self.context, context);
        }
    }
}

/// [`Cluster::release`] has taken the context.
fn released() -> Error {
    Error::ContextExpired {
        what: "search".to_owned(),
    }
}

/// So many documents are asked for where more are too large for one response.
pub(in crate::cluster) fn fewer(size: usize) -> usize {
    (size / 4).max(1)
}

impl Cluster {
    /// A page of the search, complete.
    pub(in crate::cluster) async fn page(&self, search: &Search, request: Request) -> Result<Page> {
        let what = request.what();
        let page = Page::cut(&self.send(request).await?.body, &what)?;
        self.require_all_clusters(&page.clusters, search, &what).await?;
        Ok(page)
    }
}
