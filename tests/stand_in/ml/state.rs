//! The documents that a job is restored from, and those that remain after its deletion.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use serde_json::{Value, json};

use super::{Cluster, revert};
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{JobState, MlOptions, MlVersion};
use crate::support::cluster::{Answer, Call, Documents};
use crate::support::fixtures::{Fixture, OTHER_JOB, StoredDocument, load};

#[tokio::test]
async fn every_fixture_opens_with_its_complete_state() {
    for (name, categorizer) in [
        ("web-latency", 0),
        ("log-categories", 1),
        ("user-population", 0),
        ("log-categories-multisnap", 1),
    ] {
        for new in [name, "a.dotted-job.id"] {
            let fixture = Fixture::load(name).renamed(new);
            let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
            let response = cluster
                .call("POST", &format!("/_ml/anomaly_detectors/{new}/_open"), Value::Null)
                .await;
            assert_eq!(response.0, 200, "{name} as {new}: {}", response.1);
            let restored = cluster.ml.last_restored(new).unwrap();
            assert_eq!(
                (restored.model_docs, restored.categorizer_docs),
                (1, categorizer),
                "{name} as {new}"
            );
            assert!(restored.quantiles);
            assert_eq!(
                restored.latest_record_timestamp,
                fixture.data_counts["latest_record_timestamp"].as_i64()
            );
        }
    }
}

/// A document store that yields to other tasks.
struct YieldingDocuments(InMemory);

impl Documents for YieldingDocuments {
    fn call(&self, call: Call) -> Pin<Box<dyn Future<Output = Answer> + Send + '_>> {
        Box::pin(async move {
            tokio::task::yield_now().await;
            self.0.answer(&call)
        })
    }
}

#[tokio::test]
async fn job_id_is_unique() {
    let cluster = Cluster {
        documents: Arc::new(YieldingDocuments(InMemory::new())),
        ..Cluster::of(MlVersion::new(9, 2, 0))
    };
    let analysis = json!({"bucket_span": "15m", "detectors": [{"function": "count"}]});
    let job = json!({"analysis_config": analysis, "data_description": {"time_field": "t"}});
    let put = || cluster.call("PUT", "/_ml/anomaly_detectors/a", job.clone());
    let (one, other) = tokio::join!(put(), put());
    let mut response = [one.0, other.0];
    response.sort_unstable();
    assert_eq!(response, [200, 400], "{} {}", one.1, other.1);
}

#[tokio::test]
async fn datafeed_starts_where_the_data_counts_end() {
    let fixture = Fixture::load("web-latency");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(8, 19, 0)), &fixture).await;
    cluster
        .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
        .await;
    let (status, _) = cluster
        .call("POST", "/_ml/datafeeds/datafeed-web-latency/_start", Value::Null)
        .await;
    assert_eq!(status, 200);
    let latest = fixture.data_counts["latest_record_timestamp"].as_i64().unwrap();
    assert_eq!(
        cluster.ml.last_restored("web-latency").unwrap().datafeed_start,
        Some(latest + 1)
    );
}

#[tokio::test]
async fn missing_or_corrupt_state_fails_the_opening() {
    let damage: [fn(&mut Fixture); 3] = [
        |fixture| fixture.state.clear(),
        |fixture| {
            let source = &mut fixture.state[0].source;
            let middle = source.len() / 2;
            let other = if source[middle..].starts_with('A') { "B" } else { "A" };
            source.replace_range(middle..=middle, other);
        },
        |fixture| {
            let body = fixture.state[0]
                .source
                .trim_start_matches('{')
                .replace(",\"eos\":true}", "}");
            fixture.state[0].source = format!("{{\"eos\":true,{body}");
        },
    ];
    for (number, damage) in damage.into_iter().enumerate() {
        let mut fixture = Fixture::load("web-latency");
        damage(&mut fixture);
        let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
        let response = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(response.0, 500, "damage {number}: {}", response.1);
        assert_eq!(
            cluster.ml.job_state("web-latency"),
            Some(JobState::Failed),
            "damage {number}"
        );
    }
}

#[tokio::test]
async fn revert_to_a_missing_snapshot_blocks_the_job() {
    let fixture = Fixture::load("web-latency");
    for (version, opens) in [(MlVersion::new(7, 10, 2), 200), (MlVersion::new(7, 17, 28), 409)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        let path = "/_ml/anomaly_detectors/web-latency/model_snapshots/nosuch/_revert";
        assert_eq!(cluster.call("POST", path, Value::Null).await.0, 404);
        let open = || cluster.call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null);
        assert_eq!(open().await.0, opens);
        if opens == 409 {
            assert_eq!(cluster.call("POST", &revert(&fixture), Value::Null).await.0, 200);
            assert_eq!(open().await.0, 200);
        }
    }
}

#[tokio::test]
async fn nightly_maintenance_deletes_only_state_without_a_job() {
    let fixture = Fixture::load("log-categories");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    let orphan = StoredDocument {
        index: String::new(),
        id: "gone_model_state_1#1".to_owned(),
        source: "{\"compressed\":[]}".to_owned(),
    };
    load(&cluster.documents, ".ml-state-write", &[orphan], true).await;
    let deleted = cluster.ml.run_nightly_maintenance(Arc::clone(&cluster.documents)).await;
    assert_eq!(deleted, ["gone_model_state_1#1"]);
}

#[tokio::test]
async fn deletion_of_a_job_keeps_other_documents() {
    let fixture = Fixture::load("log-categories");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    let response = cluster
        .call("DELETE", "/_ml/anomaly_detectors/log-categories", Value::Null)
        .await;
    assert_eq!(response.0, 200, "{}", response.1);
    assert_eq!(cluster.count(".ml-state*", json!({"match_all": {}})).await, 0);
    assert_eq!(
        cluster
            .count(".ml-anomalies-*", json!({"term": {"job_id": OTHER_JOB}}))
            .await,
        5
    );
    assert_eq!(
        cluster
            .count(".ml-annotations-read", json!({"term": {"job_id": "log-categories"}}))
            .await,
        1
    );
    assert!(
        cluster
            .count(".ml-notifications-*", json!({"term": {"job_id": "log-categories"}}))
            .await
            >= 4
    );
    assert_eq!(cluster.ml.datafeed_ids(), Vec::<String>::new());
}

#[tokio::test]
async fn index_in_place_of_the_state_alias_breaks_ml() {
    let cluster = Cluster::of(MlVersion::new(9, 2, 0));
    cluster
        .call("PUT", "/.ml-state-write/_doc/x", json!({"compressed": []}))
        .await;
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}});
    cluster.call("PUT", "/_ml/anomaly_detectors/j", job).await;
    let path = "/_ml/anomaly_detectors/j/model_snapshots/empty/_revert";
    let (status, response) = cluster.call("POST", path, Value::Null).await;
    assert_eq!(
        (status, &response["error"]["type"]),
        (400, &json!("invalid_alias_name_exception"))
    );
    assert_eq!(
        cluster
            .call("POST", "/_ml/anomaly_detectors/j/_open", Value::Null)
            .await
            .0,
        500
    );
    assert_eq!(cluster.ml.job_state("j"), Some(JobState::Failed));
}

#[tokio::test]
async fn fixture_sources_share_ids() {
    let fixture = Fixture::load("web-latency").with_second_source("weblogs-2024.02");
    let cluster = Cluster::seeded(MlOptions::new(MlVersion::new(9, 2, 0)), &fixture).await;
    assert_eq!(cluster.count("weblogs-*", json!({"match_all": {}})).await, 400);
    assert_eq!(
        cluster
            .count("weblogs-*", json!({"ids": {"values": ["i000000"]}}))
            .await,
        2
    );
}
