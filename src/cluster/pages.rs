//! An open search: its readers, and how what they read comes together in order.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;

use crate::cluster::context::Context;
use crate::cluster::merge::{self, Batch, Lane};
use crate::cluster::page::Page;
use crate::cluster::ranges::Ranges;
use crate::cluster::reader::{Method, Portion, Reader, Typical, page};
use crate::cluster::{Cluster, Error, Hit, Path, Request, Result, Search, Sort};

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
    /// Range after range, each with the pages of its reader.
    Ranges {
        coming: Receiver<Receiver<Batch>>,
        current: Option<Receiver<Batch>>,
    },
    /// Slices, in order of the sort key.
    Merged(Vec<Lane>),
}

impl Feed {
    /// The next documents; none at the end.
    async fn next(&mut self, page_size: usize) -> Result<Vec<Hit>> {
        let batch = match self {
            Self::Merged(lanes) => return merge::next(lanes, page_size).await,
            Self::Shared(receiver) => receiver.recv().await,
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
        let hits = batch.transpose()?.unwrap_or_default();
        Ok(hits.into_iter().map(|(_, hit)| hit).collect())
    }
}

impl Pages {
    /// The next documents in order, or `None` at the end (the context is then closed).
    ///
    /// # Errors
    /// Any of a search; the search is then over.
    pub async fn next(&mut self) -> Result<Option<Vec<Hit>>> {
        let hits = self.feed.next(self.page_size).await?;
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

    async fn close_contexts(&mut self) {
        for number in self.contexts.drain(..) {
            if let Some(context) = self.cluster.contexts().get(number) {
                self.cluster.close(context).await;
                // Not before: an interruption while it closes leaves it to `release`.
                self.cluster.contexts().take(number);
            }
        }
    }

    /// One reader of a point in time, or several that take its ranges in turn.
    fn read_point(&mut self, search: &Arc<Search>, context: u64) {
        let reader = Reader {
            cluster: self.cluster.clone(),
            search: Arc::clone(search),
            portion: Portion::Whole,
            method: Method::PointInTime,
            context,
            typical: Typical::default(),
        };
        match search.sort.field().filter(|_| search.slices > 1) {
            Some(field) => {
                let (lanes, coming) = channel(search.slices);
                let ranges = Ranges::new(reader.clone(), field.to_owned());
                let queue = Arc::new(Mutex::new((ranges, lanes)));
                for _ in 0..search.slices {
                    self.readers.spawn(read_ranges(reader.clone(), Arc::clone(&queue)));
                }
                self.feed = Feed::Ranges { coming, current: None };
            }
            None => {
                let (sender, receiver) = channel(1);
                self.readers.spawn(reader.run(None, sender));
                self.feed = Feed::Shared(receiver);
            }
        }
    }

    /// A reader for each scroll. All are open before the first is read on: an interruption then knows of each what to
    /// close.
    async fn read_scrolls(&mut self, search: &Arc<Search>) -> Result<()> {
        let portions: Vec<Portion> = match search.slices {
            0 | 1 => vec![Portion::Whole],
            slices => (0..slices).map(Portion::Slice).collect(),
        };
        let mut opened = Vec::new();
        for portion in portions {
            let (context, first) = self.cluster.open_scroll(search, &portion).await?;
            self.contexts.push(context);
            opened.push((portion, context, first));
        }
        let merged = opened.len() > 1 && search.sort != Sort::Unordered;
        let (shared, receiver) = channel(1);
        let mut lanes = Vec::new();
        for (portion, context, first) in opened {
            let reader = Reader {
                cluster: self.cluster.clone(),
                search: Arc::clone(search),
                portion,
                method: Method::Scroll,
                context,
                typical: Typical::default(),
            };
            let sender = if merged {
                let (sender, receiver) = channel(1);
                lanes.push(Lane::new(receiver));
                sender
            } else {
                shared.clone()
            };
            self.readers.spawn(reader.run(Some(first), sender));
        }
        self.feed = if merged {
            Feed::Merged(lanes)
        } else {
            Feed::Shared(receiver)
        };
        Ok(())
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
}

impl Cluster {
    /// Opens the search.
    ///
    /// # Errors
    /// Any of a request, and a way of paging that the cluster does not have.
    pub async fn pages(&self, search: Search) -> Result<Pages> {
        let method = search.method(self)?;
        let search = Arc::new(search);
        let mut pages = Pages {
            cluster: self.clone(),
            feed: Feed::Merged(Vec::new()),
            page_size: search.size(),
            readers: JoinSet::new(),
            contexts: Vec::new(),
        };
        match method {
            Method::PointInTime => {
                let point = self.open_point_in_time(&search).await?;
                pages.contexts.push(point);
                pages.read_point(&search, point);
            }
            Method::Scroll => pages.read_scrolls(&search).await?,
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

    async fn open_scroll(&self, search: &Search, portion: &Portion) -> Result<(u64, Page)> {
        let mut body = search.body(portion);
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
