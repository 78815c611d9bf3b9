//! Differences between versions, flavors and licenses.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Cluster, revert};
use crate::support::cluster::ml::{License, MlOptions, MlVersion};
use crate::support::fixtures::{Fixture, OTHER_JOB};

#[tokio::test]
async fn version_9_reverts_to_an_old_snapshot_but_does_not_open_it() {
    let fixture = Fixture::load("web-latency").min_version("7.11.0");
    for (version, opens) in [(MlVersion::new(8, 19, 0), 200), (MlVersion::new(9, 2, 0), 400)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        assert_eq!(cluster.call("POST", &revert(&fixture), Value::Null).await.0, 200);
        let (status, response) = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(status, opens, "{response}");
        if opens == 400 {
            let reason = response["error"]["reason"].as_str().unwrap();
            assert!(reason.contains("has min version before [8.3.0]"), "{reason}");
        }
    }
}

#[tokio::test]
async fn deletion_of_intervening_results_affects_other_jobs_on_some_versions() {
    let fixture = Fixture::load("web-latency");
    for (version, left) in [
        (MlVersion::new(7, 17, 28), 4),
        (MlVersion::new(8, 19, 0), 2),
        (MlVersion::new(9, 2, 6), 4),
    ] {
        let cluster = Cluster::seeded(MlOptions::new(version.clone()), &fixture).await;
        let body = json!({"delete_intervening_results": true});
        assert_eq!(cluster.call("POST", &revert(&fixture), body).await.0, 200);
        let query =
            json!({"bool": {"filter": [{"term": {"job_id": OTHER_JOB}}, {"exists": {"field": "result_type"}}]}});
        assert_eq!(cluster.count(".ml-anomalies-*", query).await, left, "{version:?}");
    }
}

#[tokio::test]
async fn put_adds_the_defaults_of_its_version() {
    let job = json!({"analysis_config": {"bucket_span": "15m", "categorization_field_name": "message",
        "categorization_filters": ["a.*b"], "detectors": [{"function": "count", "by_field_name": "mlcategory"}]},
        "data_description": {}});
    for (version, tokenizer, window) in [
        (MlVersion::new(7, 10, 2), Value::Null, Value::Null),
        (MlVersion::new(7, 17, 28), json!("ml_standard"), Value::Null),
        (MlVersion::new(9, 2, 0), json!("ml_standard"), json!("30d")),
    ] {
        let cluster = Cluster::of(version.clone());
        let (status, kept) = cluster.call("PUT", "/_ml/anomaly_detectors/c", job.clone()).await;
        assert_eq!(status, 200, "{kept}");
        let analysis = &kept["analysis_config"];
        assert_eq!(
            analysis["categorization_analyzer"]["tokenizer"], tokenizer,
            "{version:?}"
        );
        assert_eq!(analysis["model_prune_window"], window, "{version:?}");
        assert_eq!(
            analysis.get("categorization_filters").is_none(),
            !tokenizer.is_null(),
            "{version:?}"
        );
    }
}

#[tokio::test]
async fn older_versions_refuse_unknown_options() {
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}], "model_prune_window": "30d"},
        "data_description": {}});
    let (status, response) = Cluster::of(MlVersion::new(7, 10, 2))
        .call("PUT", "/_ml/anomaly_detectors/c", job)
        .await;
    assert_eq!(status, 400);
    let cause = response["error"]["root_cause"][0]["reason"].as_str().unwrap();
    assert!(
        cause.ends_with("[analysis_config] unknown field [model_prune_window]"),
        "{cause}"
    );
    let generated = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {},
        "create_time": 1, "model_snapshot_id": "1"});
    for (version, kind) in [
        (MlVersion::new(8, 13, 0), "illegal_argument_exception"),
        (MlVersion::new(8, 14, 0), "x_content_parse_exception"),
    ] {
        let response = Cluster::of(version)
            .call("PUT", "/_ml/anomaly_detectors/c", generated.clone())
            .await;
        assert_eq!(response.1["error"]["type"], kind, "{}", response.1);
    }
}

#[tokio::test]
async fn missing_filter_fails_the_opening_since_8_6() {
    let mut fixture = Fixture::load("web-latency");
    fixture.filters.clear();
    for (version, opens) in [(MlVersion::new(8, 5, 0), 200), (MlVersion::new(8, 6, 0), 404)] {
        let cluster = Cluster::seeded(MlOptions::new(version), &fixture).await;
        let response = cluster
            .call("POST", "/_ml/anomaly_detectors/web-latency/_open", Value::Null)
            .await;
        assert_eq!(response.0, opens, "{}", response.1);
    }
}

#[tokio::test]
async fn distributions_and_licenses_without_ml_refuse() {
    let job = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}});
    let serverless = Cluster::of(MlVersion::serverless());
    assert_eq!(serverless.call("GET", "/_ml/info", Value::Null).await.0, 410);
    assert_eq!(
        serverless.call("GET", "/", Value::Null).await.1["version"]["build_flavor"],
        "serverless"
    );
    let opensearch = Cluster::of(MlVersion::opensearch(2, 19, 0));
    assert_eq!(
        opensearch.call("GET", "/", Value::Null).await.1["version"]["distribution"],
        "opensearch"
    );
    assert_eq!(opensearch.call("GET", "/_ml/info", Value::Null).await.0, 400);
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.license = License::Basic;
    let basic = Cluster::new(options);
    let (status, response) = basic.call("PUT", "/_ml/anomaly_detectors/j", job.clone()).await;
    assert_eq!(
        (status, &response["error"]["license.expired.feature"]),
        (403, &json!("ml"))
    );
    assert_eq!(basic.call("GET", "/_ml/anomaly_detectors", Value::Null).await.0, 200);
}

#[tokio::test]
async fn results_index_depends_on_the_version() {
    for (name, version, suffix, index) in [
        ("shared", MlVersion::new(9, 2, 0), None, ".ml-anomalies-shared"),
        (
            "shared",
            MlVersion::new(9, 2, 0),
            Some("-000001"),
            ".ml-anomalies-shared-000001",
        ),
        ("shared", MlVersion::new(9, 3, 0), None, ".ml-anomalies-shared-000001"),
        (
            "custom-security",
            MlVersion::new(8, 19, 0),
            None,
            ".ml-anomalies-custom-security",
        ),
    ] {
        let mut options = MlOptions::new(version);
        options.results_suffix = suffix.map(str::to_owned);
        let fixture = Fixture::load("user-population").results_index_name(name);
        let cluster = Cluster::seeded(options, &fixture).await;
        let found = cluster
            .ml
            .results_index_of("user-population", Arc::clone(&cluster.documents))
            .await;
        assert_eq!(found, [index]);
    }
}
