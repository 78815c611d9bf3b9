//! Another user changes the job during its import: this is detected and reported, and the change is not rolled back.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{JOB, Port, target};
use super::import::{self, baseline};
use super::request::RequestId;
use super::runner::run_all;
use super::scenario::rule_for;
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Run;
use crate::support::cluster::stand_in::DirectClient;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;
use crate::support::{exhaustive, sample_step};

const PATH: &str = "/_ml/anomaly_detectors/log-categories";

/// The requests after the creation of the job that are sent one at a time; input documents are written concurrently.
pub fn requests_after_creation() -> Vec<&'static RequestId> {
    let requests = &baseline().requests;
    let creation = requests
        .iter()
        .position(|request| request.method == "PUT" && request.path == PATH);
    let later = &requests[creation.expect("the job is created") + 1..];
    let beside = |request: &&RequestId| request.path.contains("-importing-");
    later.iter().filter(|request| !beside(request)).collect()
}

fn send(cluster: &DirectClient, method: &str, path: &str, body: &Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = cluster.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// Imports, with an action of another user immediately before that request.
fn import_with_concurrent_change(request: &RequestId, act: fn(&DirectClient)) -> (TestCluster, Run) {
    let (test_cluster, own) = (target(Port::Plain), InProcess::new());
    let direct = test_cluster.stand_in.direct();
    test_cluster
        .stand_in
        .faults()
        .add(rule_for(request).run(move |_| act(&direct)));
    let run = import::run(&test_cluster, &own);
    assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{request:?}");
    (test_cluster, run)
}

/// Checks every request, or a sample that starts with the request `first`.
fn check_each_request(what: &str, first: usize, check: impl Fn(&RequestId) -> Result<(), String> + Sync) {
    let first = if exhaustive() { 0 } else { first };
    let requests = requests_after_creation().into_iter().skip(first);
    let requests = requests.step_by(sample_step(3)).collect();
    run_all(requests, |request| check(request)).assert_no_failures(what);
}

/// A job cannot be opened before its filter exists.
fn precedes_filter(request: &RequestId) -> bool {
    request.path.starts_with("/_ml/filters/")
}

fn describe_failure(request: &RequestId, why: &str, run: &Run) -> String {
    format!("{request:?}: {why}: exit {}\n{}\n{}", run.code, run.stdout, run.stderr)
}

#[test]
fn job_deleted_during_the_import_causes_a_rollback() {
    check_each_request("the job is deleted", 0, |request| {
        let (test_cluster, run) =
            import_with_concurrent_change(request, |cluster| send(cluster, "DELETE", PATH, &Value::Null));
        match run.code == 5 && run.stderr.contains("another client deleted job log-categories during") {
            true => import::check_cluster(&test_cluster, &run).map_err(|why| describe_failure(request, &why, &run)),
            false => Err(describe_failure(request, "not noticed", &run)),
        }
    });
}

/// If the job is opened before it is reverted, the import fails; afterward, the job is complete.
#[test]
fn job_opened_during_the_import_stays_open() {
    let at = |request: &RequestId| {
        requests_after_creation()
            .iter()
            .position(|other| *other == request)
            .unwrap()
    };
    let reverts = |request: &&&RequestId| request.path.ends_with("/_revert") && !request.path.contains("/empty/");
    let revert = at(requests_after_creation().iter().find(reverts).unwrap());
    check_each_request("the job is opened", 1, |request| {
        if precedes_filter(request) {
            return Ok(());
        }
        let (test_cluster, run) = import_with_concurrent_change(request, |cluster| {
            send(cluster, "POST", &format!("{PATH}/_open"), &Value::Null);
        });
        let early = at(request) <= revert;
        let reported = run
            .stderr
            .contains("another client opened job log-categories (state: opened) during");
        let open = test_cluster
            .ml
            .job_state(JOB)
            .is_some_and(|state| format!("{state:?}") == "Opened");
        if !reported || !open || run.code != if early { 6 } else { 0 } {
            return Err(describe_failure(request, "not noticed, or closed", &run));
        }
        if !early {
            let direct = test_cluster.stand_in.direct();
            send(&direct, "POST", &format!("{PATH}/_close"), &Value::Null);
        }
        // After a failure, with the requests that the message lists.
        let ended = match early {
            true => import::check_cluster(&test_cluster, &run),
            false => without_close_times(ClusterState::of(&test_cluster).comparable())
                .check_same(&without_close_times(baseline().after.clone())),
        };
        ended.map_err(|why| describe_failure(request, &why, &run))
    });
}

/// Without the times at which jobs were last closed.
fn without_close_times(mut state: ClusterState) -> ClusterState {
    for job in state.configurations["jobs"].as_array_mut().into_iter().flatten() {
        job["finished_time"] = Value::Null;
    }
    state
}

#[test]
fn job_recreated_during_the_import_is_kept() {
    check_each_request("the job is recreated", 2, |request| {
        let (test_cluster, run) = import_with_concurrent_change(request, |cluster| {
            send(cluster, "DELETE", PATH, &Value::Null);
            // Jobs are distinguished by their creation time.
            std::thread::sleep(Duration::from_millis(2));
            let theirs = json!({
                "description": "theirs", "analysis_config": {"detectors": [{"function": "count"}]},
                "data_description": {},
            });
            send(cluster, "PUT", PATH, &theirs);
        });
        let reported = run
            .stderr
            .contains("another client deleted and recreated job log-categories during");
        let left = run.json()["kept"].as_array().map(Vec::len) >= Some(1) && run.json()["remains"].is_null();
        let there = test_cluster.ml.job_config(JOB).map(|job| job["description"].clone());
        match run.code == 5 && reported && left && there == Some(json!("theirs")) {
            true => Ok(()),
            false => Err(describe_failure(request, "not noticed, or deleted", &run)),
        }
    });
}
