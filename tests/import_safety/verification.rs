//! Verification detects everything that the cluster lost or changed after it was written, and rolls back.

use std::sync::Arc;

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::{JOB, add_index, archive_of, import, target};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::stand_in::DirectClient;

type Change = fn(&DirectClient);

/// Returns the first document that the query finds.
fn first_document(cluster: &DirectClient, index: &str, query: Value) -> (String, String, Value) {
    cluster.call("POST", &format!("/{index}/_refresh"), "");
    let body = json!({"size": 1000, "query": query}).to_string();
    let found = cluster.call("POST", &format!("/{index}/_search"), body).value();
    let hits = found["hits"]["hits"].as_array().unwrap();
    let ours = |hit: &&Value| {
        !index.contains("notations") && !index.contains("notif") || hit["_id"].as_str().unwrap().starts_with("esml-")
    };
    let hit = hits.iter().find(ours).unwrap_or_else(|| panic!("{index}: {found}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&hit["_index"]), text(&hit["_id"]), hit["_source"].clone())
}

fn delete_document(cluster: &DirectClient, index: &str, query: Value) {
    let (index, id, _) = first_document(cluster, index, query);
    let path = format!("/{index}/_doc/{}?refresh=true", id.replace('#', "%23"));
    let answer = cluster.call("DELETE", &path, "");
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn change_document(cluster: &DirectClient, index: &str, query: Value, change: impl FnOnce(&mut Value)) {
    let (index, id, mut source) = first_document(cluster, index, query);
    change(&mut source);
    let path = format!("/{index}/_doc/{}?refresh=true", id.replace('#', "%23"));
    let answer = cluster.call("PUT", &path, source.to_string());
    assert!(answer.status < 300, "{answer:?}");
}

fn id_query(id: &str) -> Value {
    json!({"ids": {"values": [id]}})
}

fn job_query() -> Value {
    json!({"term": {"job_id": JOB}})
}

fn record_query() -> Value {
    json!({"term": {"result_type": "record"}})
}

/// Makes each change immediately before the last write.
fn check_detected(job: &'static str, last: (&str, &str), cases: &[(&str, Change)]) {
    let binary = Binary::new();
    for (run, (name, change)) in cases.iter().enumerate() {
        let test_cluster = target(run, 5);
        let before = ClusterState::of(&test_cluster);
        let (direct, change) = (test_cluster.stand_in.direct(), Arc::new(*change));
        test_cluster
            .stand_in
            .faults()
            .add(FaultRule::on(last.0, last.1).run(move |_| change(&direct)));
        let run = import(&test_cluster, &binary, &archive_of(job), &[]);
        assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{name}");
        assert_eq!(run.code, 5, "{name}: {}", run.stderr);
        assert!(run.stderr.contains("Rolled back"), "{name}: {}", run.stderr);
        ClusterState::of(&test_cluster).assert_unchanged(&before, name);
    }
}

#[test]
fn verification_finds_lost_and_changed_documents() {
    check_detected(
        JOB,
        ("PUT", "/jobs/web-latency"),
        &[
            ("a state document is lost", |cluster| {
                delete_document(cluster, ".ml-state*", model_state_query(cluster))
            }),
            ("a byte of the state is another", |cluster| {
                change_document(cluster, ".ml-state*", model_state_query(cluster), |source| {
                    let text = source["compressed"][0].as_str().unwrap();
                    let other = if text.ends_with("AAA") { "B" } else { "A" };
                    source["compressed"][0] = json!(format!("{}{other}{}", &text[..40], &text[41..]));
                });
            }),
            ("an annotation is lost", |cluster| {
                delete_document(cluster, ".ml-annotations-read", job_query())
            }),
            ("an annotation is another", |cluster| {
                change_document(cluster, ".ml-annotations-read", job_query(), |source| {
                    source["annotation"] = json!("other")
                });
            }),
            ("a notification is lost", |cluster| {
                delete_document(cluster, ".ml-notifications-*", job_query())
            }),
            ("a result is lost", |cluster| {
                delete_document(cluster, ".ml-anomalies-web-latency", record_query())
            }),
            ("a result is another", |cluster| {
                change_document(cluster, ".ml-anomalies-web-latency", record_query(), |source| {
                    source["record_score"] = json!(1)
                });
            }),
            ("a result is in two indices", |cluster| {
                let (index, id, source) = first_document(cluster, ".ml-anomalies-web-latency", record_query());
                add_index(cluster, ".ml-anomalies-.write-web-latency", false);
                let path = format!("/{index}-2/_doc/{id}?refresh=true");
                assert_eq!(cluster.call("PUT", &path, source.to_string()).status, 201);
            }),
            ("an input is lost", |cluster| {
                delete_document(cluster, "web-latency-input", json!({"match_all": {}}))
            }),
            ("an input document has another ID", |cluster| {
                delete_document(cluster, "web-latency-input", json!({"match_all": {}}));
                cluster.call("PUT", "/web-latency-input/_doc/other?refresh=true", "{}");
            }),
            ("an additional input document", |cluster| {
                cluster.call("PUT", "/web-latency-input/_doc/other?refresh=true", "{}");
            }),
            ("the job uses another snapshot", |cluster| {
                let path = "/_ml/anomaly_detectors/web-latency/model_snapshots/empty/_revert";
                assert_eq!(cluster.call("POST", path, "").status, 200);
            }),
            ("data counts are others", |cluster| {
                change_document(
                    cluster,
                    ".ml-anomalies-web-latency",
                    id_query("web-latency_data_counts"),
                    |source| {
                        source["latest_record_timestamp"] = json!(1);
                    },
                );
            }),
            ("the snapshot document is another", |cluster| {
                let query = json!({"exists": {"field": "snapshot_doc_count"}});
                change_document(cluster, ".ml-anomalies-web-latency", query, |source| {
                    source["retain"] = json!(true)
                });
            }),
            ("the snapshot document is lost", |cluster| {
                delete_document(
                    cluster,
                    ".ml-anomalies-web-latency",
                    json!({"exists": {"field": "snapshot_doc_count"}}),
                );
            }),
            ("the datafeed does not exist", |cluster| {
                let datafeeds = cluster.call("GET", "/_ml/datafeeds", "").value();
                let mine = datafeeds["datafeeds"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .find(|feed| feed["job_id"] == JOB)
                    .unwrap();
                let path = format!("/_ml/datafeeds/{}", mine["datafeed_id"].as_str().unwrap());
                assert_eq!(cluster.call("DELETE", &path, "").status, 200);
            }),
            ("an event of the calendar does not exist", |cluster| {
                let events = cluster.call("GET", "/_ml/calendars/maintenance/events", "").value();
                let id = events["events"][0]["event_id"].as_str().unwrap();
                assert_eq!(
                    cluster
                        .call("DELETE", &format!("/_ml/calendars/maintenance/events/{id}"), "")
                        .status,
                    200
                );
            }),
        ],
    );
}

/// If the number of writes proves that all input documents exist, their IDs are not checked; otherwise each ID is.
#[test]
fn verification_reads_input_documents_by_id_if_counts_are_not_enough() {
    let binary = Binary::new();
    let refusal = r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#;
    for (run, (name, by_id)) in [("undisturbed", false), ("written again", true), ("not counted", true)]
        .iter()
        .enumerate()
    {
        let test_cluster = target(run, 5);
        let direct = test_cluster.stand_in.direct();
        let again = move |_: &_| change_document(&direct, "web-latency-input", json!({"match_all": {}}), |_| ());
        match *name {
            "written again" => test_cluster
                .stand_in
                .faults()
                .add(FaultRule::on("PUT", "/jobs/web-latency").run(again)),
            "not counted" => test_cluster
                .stand_in
                .faults()
                .add(FaultRule::on("GET", "/_stats").then(Action::status(403, refusal))),
            _ => {}
        }
        import(&test_cluster, &binary, &archive_of(JOB), &[]).expect(0);
        let requests = test_cluster.stand_in.requests();
        let times = |path: &str| requests.iter().filter(|one| one.path == path).count();
        assert_eq!(times("/web-latency-input/_count") > 1, *by_id, "{name}");
        assert_eq!(times("/web-latency-input/_stats/indexing"), 1, "{name}");
    }
}

/// Returns the first model state document of the job, of any snapshot.
fn model_state_query(cluster: &DirectClient) -> Value {
    let snapshots = cluster
        .call("GET", "/_ml/anomaly_detectors/web-latency/model_snapshots", "")
        .value();
    let snapshot = snapshots["model_snapshots"][0]["snapshot_id"].as_str().unwrap();
    id_query(&format!("web-latency_model_state_{snapshot}#1"))
}

#[test]
fn verification_finds_lost_categories() {
    check_detected(
        "log-categories",
        ("PUT", "/_ml/datafeeds/"),
        &[
            ("categorizer state is lost", |cluster| {
                delete_document(cluster, ".ml-state*", id_query("log-categories_categorizer_state#1"));
            }),
            ("a category is lost", |cluster| {
                delete_document(
                    cluster,
                    ".ml-anomalies-log-categories",
                    json!({"exists": {"field": "category_id"}}),
                );
            }),
            ("a category is another", |cluster| {
                let query = json!({"exists": {"field": "category_id"}});
                change_document(cluster, ".ml-anomalies-log-categories", query, |source| {
                    source["regex"] = json!(".*")
                });
            }),
        ],
    );
}

#[test]
fn verification_finds_a_different_latest_record_time() {
    let test_cluster = target(1, 5);
    let before = ClusterState::of(&test_cluster);
    let stats =
        r#"{"count":1,"jobs":[{"job_id":"web-latency","state":"closed","data_counts":{"latest_record_timestamp":1}}]}"#;
    let fault = FaultRule::on("GET", "/_ml/anomaly_detectors/web-latency/_stats");
    test_cluster
        .stand_in
        .faults()
        .add(fault.then(Action::status(200, stats)));
    let run = import(&test_cluster, &Binary::new(), &archive_of(JOB), &[]).expect(5);
    run.expect_stderr("the latest record time of job web-latency is 1970-01-01T00:00:00.001Z");
    ClusterState::of(&test_cluster).assert_unchanged(&before, "another time");
}
