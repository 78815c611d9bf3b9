//! Open scrolls and points in time, so that an interrupted command can close them.

use std::sync::{Arc, Mutex};

use serde::Deserialize;
use tokio::sync::RwLock;

use crate::cluster::http::{Error, HttpClient, Request, Response, Result};
use crate::util::process::lock;

/// All open contexts.
#[derive(Debug, Default)]
pub(crate) struct SearchContexts {
    open: Mutex<Vec<Arc<SearchContext>>>,
    /// A read lock is held while a context is being opened.
    opening: Arc<RwLock<()>>,
}

/// An open context with its latest ID.
#[derive(Debug)]
pub(crate) struct SearchContext {
    close: CloseRequest,
    id: Mutex<String>,
}

/// Creates the request that closes the context with this ID.
pub(crate) type CloseRequest = fn(id: &str) -> Request;

impl SearchContexts {
    /// Opens a context. Continues if the caller is dropped, because only the response contains the ID to close it with.
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
            // Even if the rest of the response is invalid, its context is open.
            let opened: Option<Opened> = response.json().ok();
            let context = opened.map(|Opened { id }| Arc::new(SearchContext { close, id }));
            lock(&contexts.open).extend(context.clone());
            Ok((context, response))
        });
        let stopped = |_| Err(Error::unexpected("search", "the task that opens it ended early"));
        opened.await.unwrap_or_else(stopped)
    }

    pub(crate) async fn close(&self, http: &HttpClient, context: &Arc<SearchContext>) {
        context.close(http).await;
        // Removed afterward, so that `close_all` closes it after an interruption.
        lock(&self.open).retain(|open| !Arc::ptr_eq(open, context));
    }

    /// Closes all contexts, including those that are being opened.
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

    /// Stores the ID in the latest response.
    pub(crate) fn renew(&self, id: Option<&String>) {
        if let Some(id) = id {
            lock(&self.id).clone_from(id);
        }
    }

    /// Ignores failures: the context expires after its keep-alive.
    async fn close(&self, http: &HttpClient) {
        let _ = http.send(&(self.close)(&self.id()).without_retry()).await;
    }
}
