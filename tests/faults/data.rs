//! Responses that are valid except for missing data, and data that changes while it is read.

use super::export::{self, baseline};
use super::fixture::{JOB, Port, source};
use super::request::RequestId;
use super::runner::{redirect_target, run_all};
use super::scenario::rule_for;
use crate::support::binary::Run;
use crate::support::cluster::Call;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::stand_in::DirectClient;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

/// Exports with a fault. No file may remain.
fn check_failed_export(test_cluster: &TestCluster, message: &str, hint: &str) -> Result<Run, String> {
    let directory = tempfile::tempdir().unwrap();
    let run = export::run(test_cluster, &InProcess::new(), &directory.path().join("out.tar.gz"));
    let left = std::fs::read_dir(directory.path()).unwrap().count();
    let open = test_cluster.documents.open_contexts();
    match run.code == 1 && left == 0 && open == Some(0) && run.stderr.contains(message) && run.stderr.contains(hint) {
        true => Ok(run),
        false => Err(format!(
            "exit {}, {left} files, {open:?} open\n{}",
            run.code, run.stderr
        )),
    }
}

fn requests_where(filter: impl Fn(&RequestId) -> bool) -> Vec<&'static RequestId> {
    baseline().requests.iter().filter(|request| filter(request)).collect()
}

/// A valid response without the data of a shard.
pub const WITHOUT_ALL_SHARDS: &str = r#"{"count":5,"timed_out":false,"_shards":{"total":2,"successful":1,"skipped":0,"failed":1,"failures":[
    {"shard":0,"index":"i","reason":{"type":"circuit_breaking_exception","reason":"too much"}}]},
    "hits":{"total":{"value":5,"relation":"eq"},"hits":[]}}"#;

#[test]
fn response_with_failed_shards_is_refused() {
    let search = |request: &RequestId| request.path.ends_with("/_search") || request.path.ends_with("/_count");
    let report = run_all(requests_where(|request| search(request)), |request| {
        let test_cluster = source(Port::Plain);
        test_cluster
            .stand_in
            .faults()
            .add(rule_for(request).always().then(Action::status(200, WITHOUT_ALL_SHARDS)));
        check_failed_export(&test_cluster, "1 of 2 shards failed", "hint: ")
            .map(drop)
            .map_err(|why| format!("{request:?}: {why}"))
    });
    report.assert_no_failures("shards failed");
}

#[test]
fn search_context_expired_between_pages_is_reported() {
    let report = run_all(requests_where(|request| request.path == "/_search"), |request| {
        let test_cluster = source(Port::Plain);
        let documents = test_cluster.documents.clone();
        test_cluster.stand_in.faults().add(rule_for(request).run(move |_| {
            documents.expire_contexts();
        }));
        check_failed_export(&test_cluster, "search context no longer exists", "--keep-alive")
            .map(drop)
            .map_err(|why| format!("{request:?}: {why}"))
    });
    report.assert_no_failures("expired");
}

/// Removes a document immediately before that request.
fn check_deleted_document(rule: FaultRule, index: &'static str, message: &str) {
    let test_cluster = source(Port::Plain);
    let direct = test_cluster.stand_in.direct();
    test_cluster
        .stand_in
        .faults()
        .add(rule.run(move |_: &Call| remove_one(&direct, index)));
    check_failed_export(&test_cluster, message, "hint: ").unwrap_or_else(|why| panic!("{why}"));
}

fn remove_one(cluster: &DirectClient, index: &str) {
    let query = match index.starts_with(".ml-state") {
        true => r#"{"query":{"ids":{"values":["log-categories_model_state_1795433132#1"]}}}"#,
        false => r#"{"query":{"match_all":{}}}"#,
    };
    let found = cluster.call("POST", &format!("/{index}/_search"), query).value();
    let hit = &found["hits"]["hits"][0];
    let id = hit["_id"].as_str().unwrap().replace('#', "%23");
    let path = format!("/{}/_doc/{id}?refresh=true", hit["_index"].as_str().unwrap());
    assert_eq!(cluster.call("DELETE", &path, "").status, 200, "{found}");
}

#[test]
fn documents_deleted_after_the_count_are_reported() {
    check_deleted_document(
        FaultRule::on("POST", "/app-logs/_pit"),
        "app-logs",
        "input documents: 5 documents were counted, but only 4",
    );
    check_deleted_document(
        FaultRule::on("POST", "/.ml-annotations-read/_pit"),
        ".ml-annotations-read",
        "documents were counted",
    );
    check_deleted_document(
        FaultRule::on("POST", "/.ml-state"),
        ".ml-state*",
        "state documents, but 0 were found",
    );
}

#[test]
fn redirect_is_not_followed() {
    let test_cluster = source(Port::Plain);
    let to = Action::redirect(&redirect_target().url());
    test_cluster
        .stand_in
        .faults()
        .add(FaultRule::on("GET", &format!("/_ml/anomaly_detectors/{JOB}")).then(to));
    check_failed_export(&test_cluster, "redirects to", "--url").unwrap_or_else(|why| panic!("{why}"));
    // No request that is redirected in this file may be sent.
    assert!(redirect_target().requests().is_empty());
}
