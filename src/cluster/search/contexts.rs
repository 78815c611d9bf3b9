//! Scrolls and points in time that the cluster keeps open for us, so that an interrupted command can close them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::watch;

use crate::cluster::http::client::HttpClient;
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::request::{Path, Request, Response};

/// What is open, and how long the cluster keeps it between two pages.
#[derive(Debug)]
pub(crate) struct SearchContexts {
    pub(crate) keep_alive: String,
    open: Mutex<Open>,
    /// How many are being opened.
    opening: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct Open {
    last: u64,
    contexts: HashMap<u64, SearchContext>,
}

/// An open context under its latest ID.
#[derive(Clone, Debug)]
pub(crate) struct SearchContext {
    pub(crate) kind: ContextKind,
    pub(crate) id: String,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum ContextKind {
    PointInTime,
    Scroll,
}

/// One that is being opened.
struct Opening(Arc<SearchContexts>);

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.opening.send_modify(|opening| *opening -= 1);
    }
}

impl SearchContexts {
    pub(crate) fn new(keep_alive: String) -> Self {
        Self {
            keep_alive,
            open: Mutex::default(),
            opening: watch::Sender::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens one, to the end even if the caller is dropped: only the response contains what is to be closed. Returns the
    /// response with a number for the context, whose ID changes.
    pub(crate) async fn open(
        self: &Arc<Self>,
        http: &Arc<HttpClient>,
        request: Request,
        context: impl FnOnce(&Response) -> Option<SearchContext> + Send + 'static,
    ) -> Result<(Option<u64>, Response)> {
        self.opening.send_modify(|opening| *opening += 1);
        let (opening, http) = (Opening(Arc::clone(self)), Arc::clone(http));
        let opened = tokio::spawn(async move {
            let response = http.send(&request).await?;
            // Whatever else is wrong with the response, its context is open.
            let number = context(&response).map(|context| opening.0.add(context));
            Ok((number, response))
        });
        let stopped = |_| Err(Error::unexpected("search", "it stopped while it was opened"));
        opened.await.unwrap_or_else(stopped)
    }

    fn add(&self, context: SearchContext) -> u64 {
        let mut open = self.lock();
        open.last += 1;
        let number = open.last;
        open.contexts.insert(number, context);
        number
    }

    /// Notes the ID that the latest response contains.
    pub(crate) fn renew(&self, number: u64, id: Option<&String>) {
        if let (Some(id), Some(known)) = (id, self.lock().contexts.get_mut(&number)) {
            known.id.clone_from(id);
        }
    }

    /// Its latest ID; an error after [`SearchContexts::close_all`].
    pub(crate) fn id(&self, number: u64) -> Result<String> {
        let id = self.lock().contexts.get(&number).map(|context| context.id.clone());
        id.ok_or_else(|| Error::ContextExpired {
            what: "search".to_owned(),
        })
    }

    pub(crate) async fn close(&self, http: &HttpClient, number: u64) {
        let context = self.lock().contexts.get(&number).cloned();
        if let Some(context) = context {
            context.close(http).await;
            // Not before: an interruption while it closes leaves it to `close_all`.
            self.lock().contexts.remove(&number);
        }
    }

    /// Closes all, those that are being opened too.
    pub(crate) async fn close_all(&self, http: &HttpClient) {
        let _ = self.opening.subscribe().wait_for(|opening| *opening == 0).await;
        let contexts = std::mem::take(&mut self.lock().contexts);
        for context in contexts.into_values() {
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
