//! Documents in memory: the part of Elasticsearch's document API that the tests use without a real node.
//!
//! It implements what the client, the ML API and the tests use, and refuses everything else. The details of
//! Elasticsearch are tested on a real node. Scores are constant, and `took` is zero.

mod aggregations;
mod aliases;
mod bulk;
mod dates;
mod failure;
mod index;
mod indices;
mod mapping;
mod names;
mod page;
mod query;
mod reindex;
mod request;
mod routes;
mod search;
mod sort;
mod source;
mod store;
mod templates;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::store::Store;
use super::{Answer, Call, Documents};

/// An Elasticsearch without ML, security and disk.
#[derive(Clone, Default)]
pub struct InMemory {
    store: Arc<Mutex<Store>>,
    tasks: Arc<reindex::Tasks>,
}

impl InMemory {
    /// Creates an empty cluster of a recent version.
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns an independent copy without search contexts.
    pub fn fork(&self) -> Self {
        let store = self.store();
        let copy = Store {
            indices: store.indices.clone(),
            templates: store.templates.clone(),
            ..Store::default()
        };
        Self {
            store: Arc::new(Mutex::new(copy)),
            tasks: Arc::default(),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers a request.
    pub fn answer(&self, call: &Call) -> Answer {
        let answer = routes::answer(&mut self.store(), call).unwrap_or_else(|failure| failure.answer());
        match call.param("filter_path") {
            Some(paths) if answer.status < 400 => Answer {
                body: Answer::json(200, &source::filter_path(&answer.value(), paths)).body,
                ..answer
            },
            _ => answer,
        }
    }
}

impl Documents for InMemory {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async move {
            let answer = self.reindex_answer(&call).await;
            answer.unwrap_or_else(|| self.answer(&call))
        })
    }

    fn open_contexts(&self) -> Option<usize> {
        Some(self.store().contexts.len())
    }

    fn expire_contexts(&self) -> bool {
        self.store().contexts.clear();
        true
    }
}
