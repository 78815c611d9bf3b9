//! Imports in which a request fails: the import is rolled back, or the message lists what remains and how to remove it.

use std::sync::OnceLock;

use super::fixture::{CREDENTIAL, Port, RETRIES, archive, target};
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::{FaultDuration, Scenario};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

pub fn run(cluster: &TestCluster, run: &InProcess) -> Run {
    run_with(cluster, run, &[])
}

pub fn run_with(cluster: &TestCluster, run: &InProcess, more: &[&str]) -> Run {
    let shared = archive();
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let line = ["import", &archive, "--yes", "--json", "--url", &url];
    run.run(&[&line, &RETRIES[..], &CREDENTIAL, more].concat())
}

/// The requests of an import without faults, and the cluster before and after it.
pub struct Baseline {
    pub requests: Vec<RequestId>,
    pub before: ClusterState,
    pub after: ClusterState,
}

pub fn baseline() -> &'static Baseline {
    static BASELINE: OnceLock<Baseline> = OnceLock::new();
    BASELINE.get_or_init(|| {
        let cluster = target(Port::Plain);
        let before = ClusterState::of(&cluster);
        run(&cluster, &InProcess::new()).expect(0);
        Baseline {
            requests: request_ids(&cluster.stand_in.requests()),
            before,
            after: ClusterState::of(&cluster).comparable(),
        }
    })
}

/// Sends the requests in the message. Each must find what it removes.
pub fn run_cleanup_requests(cluster: &TestCluster, run: &Run) -> Result<(), String> {
    for left in run.json()["remains"].as_array().into_iter().flatten() {
        let request = left["remove"].as_str().unwrap();
        let (line, body) = request.split_once('\n').unwrap_or((request, ""));
        let (method, path) = line.split_once(' ').unwrap();
        let body = if body.is_empty() {
            String::new()
        } else {
            format!("{body}\n")
        };
        cluster.call("POST", "/.ml-*/_refresh?expand_wildcards=all", "");
        let answer = cluster.call(method, path, body.as_str());
        // If the job is deleted first, its other parts no longer exist.
        if answer.status >= 300 && answer.status != 404 {
            return Err(format!("{request}: {answer:?}"));
        }
    }
    Ok(())
}

/// Checks that the cluster is unchanged, or as after an import without faults.
pub fn check_cluster(cluster: &TestCluster, run: &Run) -> Result<(), String> {
    cluster.stand_in.faults().clear();
    cluster.stand_in.network().listen();
    if run.code == 6 {
        run_cleanup_requests(cluster, run)?;
    }
    let after = ClusterState::of(cluster);
    match run.code {
        0 => after.comparable().check_same(&baseline().after),
        _ => after.check_unchanged(&baseline().before),
    }
}

/// Checks the exit code and the message. A successful run has the result of one without faults.
pub fn check_exit(scenario: &Scenario, requests: &[RequestId], run: &Run) -> Result<(), String> {
    // The cluster refuses the configuration, as it would one with an unknown option.
    let is_validation = scenario.request(requests).path.ends_with("/_validate");
    match (run.code, scenario.duration) {
        (0, _) => Ok(()),
        _ if scenario.succeeds(requests) => Err(format!("exit {}", run.code)),
        (1 | 5, _) | (6, FaultDuration::Permanent) => check_error_message(run, scenario.kind),
        (3, _) if is_validation => check_error_message(run, scenario.kind),
        (code, _) => Err(format!("exit {code}")),
    }
}

fn run_scenario(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own, requests) = (target(scenario.kind.port()), InProcess::new(), &baseline().requests);
    scenario.inject(&cluster, &own, requests);
    let run = run(&cluster, &own);
    check_exit(scenario, requests, &run)
        .and_then(|()| check_cluster(&cluster, &run))
        .map_err(|why| scenario.describe_failure("import", requests, &why, &run))
}

#[test]
fn failed_import_is_rolled_back_or_reports_the_rest() {
    run_all(Scenario::all(&baseline().requests), run_scenario).assert_no_failures("import");
}
