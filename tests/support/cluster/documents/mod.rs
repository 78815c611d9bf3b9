//! Documents in memory: the part of Elasticsearch's document API that exports, imports and the ML API use.
//!
//! It answers as the recorded exchanges of real servers do. Scores are constant, and `took` is zero.

mod admin;
mod aggs;
mod aliases;
mod bulk;
mod context;
mod dates;
mod failure;
mod get;
mod hash;
mod index;
mod mapping;
mod names;
mod overview;
mod query;
mod request;
mod routes;
mod search;
mod sort;
mod source;
mod store;
mod templates;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::store::Store;
use super::{Answer, Call, Documents};

/// The id of the one node.
const NODE: &str = "oSNaezmOQJGGQeWP4n2zgA";

/// An Elasticsearch without ML, security and disk.
pub struct InMemory {
    store: Mutex<Store>,
}

impl InMemory {
    /// An empty cluster of a recent version.
    pub fn new() -> Self {
        Self {
            store: Mutex::default(),
        }
    }

    /// Another cluster that holds the same and goes its own way from here.
    pub fn fork(&self) -> Self {
        let store = self.store();
        let copy = Store {
            indices: store.indices.clone(),
            templates: store.templates.clone(),
            component_templates: store.component_templates.clone(),
            legacy_templates: store.legacy_templates.clone(),
            ..Store::default()
        };
        Self {
            store: Mutex::new(copy),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Performs a call at once.
    pub fn answer(&self, call: &Call) -> Answer {
        let answer = routes::answer(&mut self.store(), call);
        let answer = answer.unwrap_or_else(|failure| failure.answer());
        if call.method == "HEAD" {
            return Answer {
                body: bytes::Bytes::new(),
                ..answer
            };
        }
        match call.param("filter_path") {
            Some(paths) if answer.status < 400 => Answer {
                body: Answer::json(200, &source::filter_path(&answer.value(), paths)).body,
                ..answer
            },
            _ => answer,
        }
    }
}

impl Default for InMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl Documents for InMemory {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async move { self.answer(&call) })
    }

    fn open_contexts(&self) -> Option<usize> {
        Some(self.store().contexts.len())
    }

    fn expire_contexts(&self) -> bool {
        self.store().contexts.clear();
        true
    }
}
