//! Scrolls and points in time that the cluster keeps open for us, so that an interrupted command can close them.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::sync::RwLock;

use crate::cluster::http::{Error, HttpClient, Request, Response, Result};
use crate::util::process::lock;

/// What is open.
#[derive(Debug, Default)]
pub(crate) struct SearchContexts {
    open: Mutex<Vec<Arc<SearchContext>>>,
    /// Held for reading while one is being opened.
    opening: Arc<RwLock<()>>,
}

/// An open context under its latest ID.
#[derive(Debug)]
pub(crate) struct SearchContext {
    close: CloseRequest,
    id: Mutex<String>,
}

/// The request that closes the context of this ID.
pub(crate) type CloseRequest = fn(id: &str) -> Request;

impl SearchContexts {
    /// Opens one, to the end even if the caller is dropped: only the response contains what is to be closed.
    pub(crate) async fn open(
        self: &Arc<Self>,
        http: &Arc<HttpClient>,
        close: CloseRequest,
        request: Request,
    ) -> Result<(Option<Arc<SearchContext>>, Response)> {
        #[derive(Deserialize)]
        struct Opened {
            #[serde(alias = "_scroll_id")]
            id: Mutex<String>,
        }
        let opening = Arc::clone(&self.opening).read_owned().await;
        let (contexts, http) = (Arc::clone(self), Arc::clone(http));
        let opened = tokio::spawn(async move {
            let _opening = opening;
            let response = http.send(&request).await?;
            // Whatever else is wrong with the response, its context is open.
            let opened: Option<Opened> = response.json().ok();
            let context = opened.map(|Opened { id }| Arc::new(SearchContext { close, id }));
            lock(&contexts.open).extend(context.clone());
            Ok((context, response))
        });
        let stopped = |_| Err(Error::unexpected("search", "it stopped while it was opened"));
        opened.await.unwrap_or_else(stopped)
    }

    pub(crate) async fn close(&self, http: &HttpClient, context: &Arc<SearchContext>) {
        context.close(http).await;
        // Not before: an interruption while it closes leaves it to `close_all`.
        lock(&self.open).retain(|open| !Arc::ptr_eq(open, context));
    }

    /// Closes all, those that are being opened too.
    pub(crate) async fn close_all(&self, http: &HttpClient) {
        let _none_is_opening = self.opening.write().await;
        let open = std::mem::take(&mut *lock(&self.open));
        for context in open {
            context.close(http).await;
        }
    }
}

impl SearchContext {
    pub(crate) fn id(&self) -> String {
        lock(&self.id).clone()
    }

    /// Notes the ID that the latest response contains.
    pub(crate) fn renew(&self, id: Option<&String>) {
        if let Some(id) = id {
            lock(&self.id).clone_from(id);
        }
    }

    /// Best effort: the cluster drops it by itself after the keep-alive.
    async fn close(&self, http: &HttpClient) {
        let _ = http.send(&(self.close)(&self.id()).without_retry()).await;
    }
}
