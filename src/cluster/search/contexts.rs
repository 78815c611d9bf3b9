//! Scrolls and points in time that the cluster keeps open for us, so that an interrupted command can close them.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;
use tokio::sync::RwLock;

use crate::cluster::http::{Error, HttpClient, Path, Request, Response, Result};

/// What is open, and how long the cluster keeps it between two pages.
#[derive(Debug)]
pub(crate) struct SearchContexts {
    pub(crate) keep_alive: String,
    /// By number; `None` once closed.
    open: Mutex<Vec<Option<SearchContext>>>,
    /// Held for reading while one is being opened.
    opening: Arc<RwLock<()>>,
}

/// An open context under its latest ID.
#[derive(Clone, Debug)]
struct SearchContext {
    kind: ContextKind,
    id: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ContextKind {
    PointInTime,
    Scroll,
}

impl SearchContexts {
    pub(crate) fn new(keep_alive: String) -> Self {
        Self {
            keep_alive,
            open: Mutex::default(),
            opening: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<SearchContext>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens one, to the end even if the caller is dropped: only the response contains what is to be closed. Returns the
    /// response with a number for the context, whose ID changes.
    pub(crate) async fn open(
        self: &Arc<Self>,
        http: &Arc<HttpClient>,
        kind: ContextKind,
        request: Request,
    ) -> Result<(Option<usize>, Response)> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(alias = "_scroll_id")]
            id: String,
        }
        let opening = Arc::clone(&self.opening).read_owned().await;
        let (contexts, http) = (Arc::clone(self), Arc::clone(http));
        let opened = tokio::spawn(async move {
            let _opening = opening;
            let response = http.send(&request).await?;
            // Whatever else is wrong with the response, its context is open.
            let opened: Option<Opened> = response.json().ok();
            let number = opened.map(|Opened { id }| {
                let mut open = contexts.lock();
                open.push(Some(SearchContext { kind, id }));
                open.len() - 1
            });
            Ok((number, response))
        });
        let stopped = |_| Err(Error::unexpected("search", "it stopped while it was opened"));
        opened.await.unwrap_or_else(stopped)
    }

    /// Notes the ID that the latest response contains.
    pub(crate) fn renew(&self, number: usize, id: Option<&String>) {
        if let (Some(id), Some(Some(known))) = (id, self.lock().get_mut(number)) {
            known.id.clone_from(id);
        }
    }

    fn get(&self, number: usize) -> Option<SearchContext> {
        self.lock().get(number).cloned().flatten()
    }

    /// Its latest ID; an error after [`SearchContexts::close_all`].
    pub(crate) fn id(&self, number: usize) -> Result<String> {
        let what = "search".to_owned();
        let context = self.get(number).ok_or(Error::ContextExpired { what })?;
        Ok(context.id)
    }

    pub(crate) async fn close(&self, http: &HttpClient, number: usize) {
        if let Some(context) = self.get(number) {
            context.close(http).await;
            // Not before: an interruption while it closes leaves it to `close_all`.
            self.lock()[number] = None;
        }
    }

    /// Closes all, those that are being opened too.
    pub(crate) async fn close_all(&self, http: &HttpClient) {
        let _none_is_opening = self.opening.write().await;
        let open: Vec<SearchContext> = self.lock().iter_mut().filter_map(Option::take).collect();
        for context in open {
            context.close(http).await;
        }
    }
}

impl SearchContext {
    /// Best effort: the cluster drops it by itself after the keep-alive.
    async fn close(self, http: &HttpClient) {
        let id = self.id;
        let request = match self.kind {
            ContextKind::PointInTime => Request::delete(Path::of(["_pit"])).json(&json!({ "id": id })),
            ContextKind::Scroll => Request::delete(Path::of(["_search", "scroll"])).json(&json!({ "scroll_id": [id] })),
        };
        let _ = http.send(&request.once()).await;
    }
}
