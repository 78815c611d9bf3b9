//! An open search: its readers, and how what they read comes together in order.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::cluster::body::Size;
use crate::cluster::context::Context;
use crate::cluster::page::Page;
use crate::cluster::ranges::Ranges;
use crate::cluster::reader::{Batch, Method, Portion, Reader, Typical};
use crate::cluster::remote::Clusters;
use crate::cluster::{Cluster, Error, Hit, Path, Request, Result, Search, Sort};

/// An open search. Dropping it stops its readers and leaves closing to [`Cluster::release`].
#[derive(Debug)]
pub struct Pages {
    cluster: Cluster,
    feed: Feed,
    /// Aborted when dropped.
    readers: JoinSet<()>,
    /// Until it is closed.
    context: Option<u64>,
}

/// How pages of several readers come together.
#[derive(Debug)]
enum Feed {
    /// The pages of one reader.
    One(Receiver<Batch>),
    /// Range after range, each with the pages of its reader.
    Ranges {
        coming: Receiver<Receiver<Batch>>,
        current: Option<Receiver<Batch>>,
    },
}

impl Feed {
    /// The next documents; none at the end.
    async fn next(&mut self) -> Result<Vec<Hit>> {
        let batch = match self {
            Self::One(receiver) => receiver.recv().await,
            Self::Ranges { coming, current } => loop {
                if let Some(pages) = current
                    && let Some(batch) = pages.recv().await
                {
                    break Some(batch);
                }
                *current = coming.recv().await;
                if current.is_none() {
                    break None;
                }
            },
        };
        Ok(batch.transpose()?.unwrap_or_default())
    }
}

impl Pages {
    /// The next documents in order, or `None` at the end (the context is then closed).
    ///
    /// # Errors
    /// Any of a search; the search is then over.
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>> {
        let hits = self.feed.next().await?;
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
        if let Some(number) = self.context.take()
            && let Some(context) = self.cluster.contexts().get(number)
        {
            self.cluster.close(context).await;
            // Not before: an interruption while it closes leaves it to `release`.
            self.cluster.contexts().take(number);
        }
        Ok(None)
    }
}

/// Reads through the context, with several readers that take ranges of time in turn where that is possible.
fn start(reader: Reader, first: Option<Page>, readers: &mut JoinSet<()>) -> Feed {
    let search = Arc::clone(&reader.search);
    let several = reader.method == Method::PointInTime && search.slices > 1;
    match search.sort.field().filter(|_| several) {
        Some(field) => {
            let (lanes, coming) = channel(search.slices);
            let ranges = Ranges::new(reader.clone(), field.to_owned());
            let queue = Arc::new(Mutex::new((ranges, lanes)));
            for _ in 0..search.slices {
                readers.spawn(read_ranges(reader.clone(), Arc::clone(&queue)));
            }
            Feed::Ranges { coming, current: None }
        }
        None => {
            let (sender, receiver) = channel(1);
            readers.spawn(reader.run(first, sender));
            Feed::One(receiver)
        }
    }
}

/// What readers of ranges share: the ranges to come, and where the pages of each go.
type Queue = Arc<Mutex<(Ranges, Sender<Receiver<Batch>>)>>;

/// Takes the next range and reads it until none is left or nobody listens.
async fn read_ranges(reader: Reader, queue: Queue) {
    loop {
        let (sender, receiver) = channel(1);
        let range = {
            let mut queue = queue.lock().await;
            let range = queue.0.next().await;
            if matches!(range, Ok(None)) || queue.1.send(receiver).await.is_err() {
                return;
            }
            range
        };
        match range {
            Ok(Some(range)) => reader.of(Portion::Range(range)).run(None, sender).await,
            Ok(None) => return,
            Err(error) => {
                let _ = sender.send(Err(error)).await;
                return;
            }
        }
    }
}

#[derive(Deserialize)]
struct Opened {
    id: String,
    #[serde(default)]
    _clusters: Clusters,
}

/// The scroll that an answer names.
fn scroll_of(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        _scroll_id: String,
    }
    let named: Named = serde_json::from_slice(body).ok()?;
    Some(named._scroll_id)
}

impl Cluster {
    /// Opens the search.
    ///
    /// # Errors
    /// Any of a request, and a way of paging that the cluster does not have.
    pub async fn pages(&self, search: Search) -> Result<Pages> {
        let method = search.method(self)?;
        let search = Arc::new(search);
        let (context, first) = match method {
            Method::PointInTime => (Some(self.open_point_in_time(&search).await?), None),
            Method::Scroll => {
                let (context, first) = self.open_scroll(&search).await?;
                (context, Some(first))
            }
        };
        let mut readers = JoinSet::new();
        // Without an index there is nothing to scroll.
        let Some(number) = context else {
            return Ok(Pages {
                cluster: self.clone(),
                feed: Feed::One(channel(1).1),
                readers,
                context,
            });
        };
        let reader = Reader {
            cluster: self.clone(),
            search,
            portion: Portion::Whole,
            method,
            context: number,
            typical: Typical::default(),
        };
        let feed = start(reader, first, &mut readers);
        Ok(Pages {
            cluster: self.clone(),
            feed,
            readers,
            context,
        })
    }

    async fn open_point_in_time(&self, search: &Arc<Search>) -> Result<u64> {
        let request =
            Request::post(Path::indices(&search.indices).then(["_pit"])).query("keep_alive", self.keep_alive());
        let request = search.addressed(request);
        let what = request.what();
        let opening = what.clone();
        let (context, clusters) = self
            .opened(|cluster| async move {
                let opened: Opened = cluster.send(request).await?.parse(&opening)?;
                let context = cluster.contexts().add(Context::PointInTime(opened.id));
                Ok((context, opened._clusters))
            })
            .await?;
        self.require_all_clusters(&clusters, search, &what).await?;
        // Only recent versions report a cluster that is not in the point in time.
        self.ask_all_clusters(search).await?;
        Ok(context)
    }

    /// The first page, and the scroll where there is something to scroll.
    async fn open_scroll(&self, search: &Arc<Search>) -> Result<(Option<u64>, Page)> {
        let mut body = search.body(&Portion::Whole);
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
        let request = search.addressed(request.returns(Size::Large));
        let what = request.what();
        let (context, body) = self
            .opened(|cluster| async move {
                let body = cluster.send(request).await?.body;
                // Whatever else is wrong with the answer, its scroll is open.
                let id = scroll_of(&body);
                Ok((id.map(|id| cluster.contexts().add(Context::Scroll(id))), body))
            })
            .await?;
        let page = Page::cut(&body, &what)?;
        self.require_all_clusters(&page.clusters, search, &what).await?;
        if context.is_none() && page.shards > 0 {
            return Err(Error::Unintelligible {
                what,
                why: "_scroll_id is missing".to_owned(),
            });
        }
        Ok((context, page))
    }
}
