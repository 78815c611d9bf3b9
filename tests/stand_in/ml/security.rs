//! Privileges.

use std::sync::Arc;

use super::Cluster;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion, User};
use crate::support::cluster::{Call, Documents};
use crate::support::fixtures::Fixture;

#[test]
fn test_requests_bypass_security() {
    let fixture = Fixture::load("web-latency");
    let documents: Arc<dyn Documents> = Arc::new(InMemory::new());
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.users = Some(vec![User::new("narrow", "example").cluster(&["monitor"])]);
    let ml = MlApi::new(options);
    fixture.seed_blocking(&ml, &documents);
    let server = ml.serve(documents);
    let state = server.call("POST", "/.ml-state*/_search", "{}").value();
    assert_eq!(state["hits"]["total"]["value"], 2);
    assert_eq!(
        server.call("GET", "/_ml/anomaly_detectors/web-latency", "").value()["count"],
        1
    );
}

#[tokio::test]
async fn wildcards_hide_indices_without_privileges() {
    let fixture = Fixture::load("web-latency");
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    let reader = User::new("reader", "p")
        .cluster(&["monitor", "manage_ml"])
        .indices(&[".ml-state*"], &["read"]);
    options.users = Some(vec![reader]);
    let cluster = Cluster::seeded(options, &fixture).await;
    for (path, status, hits) in [
        ("/.ml-state*/_search", 200, Some(2)),
        ("/.ml-annotations*/_search", 200, Some(0)),
        ("/.ml-annotations-read/_search", 403, None),
        ("/weblogs-2024.01/_search", 403, None),
    ] {
        let mut call = Call::new("POST", &format!("{path}?expand_wildcards=all"), "{}");
        call.headers
            .push(("authorization".to_owned(), "Basic cmVhZGVyOnA=".to_owned()));
        let answer = cluster.send(call).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.value());
        assert_eq!(answer.value()["hits"]["total"]["value"].as_u64(), hits, "{path}");
    }
    let mut call = Call::new(
        "POST",
        "/_bulk",
        "{\"index\":{\"_index\":\".ml-state-write\",\"_id\":\"x\"}}\n{}\n",
    );
    call.headers
        .push(("authorization".to_owned(), "Basic cmVhZGVyOnA=".to_owned()));
    let answer = cluster.send(call).await.value();
    assert_eq!(answer["items"][0]["index"]["status"], 403, "{answer}");
}
