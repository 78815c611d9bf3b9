//! Scrolls and points in time that are open.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::watch;

use crate::cluster::{Cluster, Error, Path, Request, Result};

/// Something that the cluster keeps open for us, under its latest id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Context {
    PointInTime(String),
    Scroll(String),
}

/// All that are open, so that an interrupted command can close them.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Contexts {
    open: Mutex<(u64, HashMap<u64, Context>)>,
    /// How many are being opened.
    opening: watch::Sender<usize>,
}

/// One that is being opened.
struct Opening(Cluster);

impl Opening {
    fn of(cluster: &Cluster) -> Self {
        cluster.contexts().opening.send_modify(|opening| *opening += 1);
        Self(cluster.clone())
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        self.0.contexts().opening.send_modify(|opening| *opening -= 1);
    }
}

impl Contexts {
    fn lock(&self) -> MutexGuard<'_, (u64, HashMap<u64, Context>)> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers a context; the number stands for it although its id changes.
    pub(in crate::cluster) fn add(&self, context: Context) -> u64 {
        let mut guard = self.lock();
        guard.0 += 1;
        let number = guard.0;
        guard.1.insert(number, context);
        number
    }

    /// Notes the id that the latest answer gave.
    pub(in crate::cluster) fn renew(&self, number: u64, context: Context) {
        if let Some(known) = self.lock().1.get_mut(&number) {
            *known = context;
        }
    }

    /// Its latest id.
    pub(in crate::cluster) fn get(&self, number: u64) -> Option<Context> {
        self.lock().1.get(&number).cloned()
    }

    /// Forgets it, for closing.
    pub(in crate::cluster) fn take(&self, number: u64) -> Option<Context> {
        self.lock().1.remove(&number)
    }

    /// Forgets all.
    pub(in crate::cluster) fn take_all(&self) -> Vec<Context> {
        self.lock().1.drain().map(|(_, context)| context).collect()
    }
}

impl Cluster {
    /// Opens one, to the end whoever waits for it goes away: only the answer tells what is to be closed.
    pub(in crate::cluster) async fn opened<T, F>(&self, open: impl FnOnce(Self) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let (opening, work) = (Opening::of(self), open(self.clone()));
        let opened = tokio::spawn(async move {
            let _opening = opening;
            work.await
        });
        opened.await.unwrap_or_else(|_| {
            Err(Error::Unintelligible {
                what: "search".to_owned(),
                why: "it stopped while it was opened".to_owned(),
            })
        })
    }

    /// Closes all, those that are being opened too.
    pub(in crate::cluster) async fn close_all(&self) {
        let mut opening = self.contexts().opening.subscribe();
        let _ = opening.wait_for(|opening| *opening == 0).await;
        for context in self.contexts().take_all() {
            self.close(context).await;
        }
    }

    /// Closes it, best effort: the cluster drops it by itself after the keep-alive.
    pub(in crate::cluster) async fn close(&self, context: Context) {
        let request = match context {
            Context::PointInTime(id) => Request::delete(Path::of(["_pit"])).json(&json!({ "id": id })),
            Context::Scroll(id) => Request::delete(Path::of(["_search", "scroll"])).json(&json!({ "scroll_id": [id] })),
        };
        let _ = self.send(request.once()).await;
    }
}
