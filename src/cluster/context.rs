//! Scrolls and points in time that are open.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;

use crate::cluster::{Cluster, Path, Request};

/// Something that the cluster keeps open for us, under its latest id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cluster) enum Context {
    PointInTime(String),
    Scroll(String),
}

/// All that are open, so that an interrupted command can close them.
#[derive(Debug, Default)]
pub(in crate::cluster) struct Contexts(Mutex<(u64, HashMap<u64, Context>)>);

impl Contexts {
    fn lock(&self) -> MutexGuard<'_, (u64, HashMap<u64, Context>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Closes it, best effort: the cluster drops it by itself after the keep-alive.
    pub(in crate::cluster) async fn close(&self, context: Context) {
        let request = match context {
            Context::PointInTime(id) => Request::delete(Path::of(["_pit"])).json(&json!({ "id": id })),
            Context::Scroll(id) => Request::delete(Path::of(["_search", "scroll"])).json(&json!({ "scroll_id": [id] })),
        };
        let _ = self.send(request.once()).await;
    }
}
