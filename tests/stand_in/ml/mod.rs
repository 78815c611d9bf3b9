//! The ML API of the stand-in: a replay of recorded exchanges, and differences between versions.

mod recorded;
mod security;
mod state;
mod versions;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::{Answer, Api, Call, Documents};
use crate::support::fixtures::Fixture;

/// A cluster in memory.
#[derive(Clone)]
struct Cluster {
    ml: MlApi,
    documents: Arc<dyn Documents>,
}

impl Cluster {
    pub(super) fn new(options: MlOptions) -> Self {
        Self {
            ml: MlApi::new(options),
            documents: Arc::new(InMemory::new()),
        }
    }

    pub(super) fn of(version: MlVersion) -> Self {
        Self::new(MlOptions::new(version))
    }

    /// A cluster with the document store that this run tests.
    pub(super) fn on_test_documents(options: MlOptions) -> Self {
        Self {
            ml: MlApi::new(options),
            documents: documents_for_tests(),
        }
    }

    pub(super) async fn send(&self, call: Call) -> Answer {
        match self.ml.call(call.clone(), Arc::clone(&self.documents)).await {
            Some(answer) => answer,
            None => self.documents.call(call).await,
        }
    }

    pub(super) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self.send(Call::new(method, path, body)).await;
        (answer.status, answer.value())
    }

    pub(super) async fn seeded(options: MlOptions, fixture: &Fixture) -> Self {
        let cluster = Self {
            ml: MlApi::new(options),
            documents: documents_for_tests(),
        };
        fixture.seed(&cluster.ml, Arc::clone(&cluster.documents)).await;
        cluster
    }

    pub(super) async fn count(&self, index: &str, query: Value) -> u64 {
        let (status, found) = self
            .call(
                "POST",
                &format!("/{index}/_search?expand_wildcards=all"),
                json!({"query": query, "size": 0}),
            )
            .await;
        assert_eq!(status, 200, "{found}");
        found["hits"]["total"]["value"].as_u64().unwrap()
    }
}

fn revert(fixture: &Fixture) -> String {
    format!(
        "/_ml/anomaly_detectors/{}/model_snapshots/{}/_revert",
        fixture.id(),
        fixture.snapshot_id()
    )
}
