//! An import in which a request goes wrong: all or nothing, or exactly what remains and what removes it.

use std::sync::OnceLock;

use super::fixture::{Port, archive, target};
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::{FaultDuration, Scenario};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

pub fn run(cluster: &TestCluster, run: &InProcess) -> Run {
    let shared = archive();
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let line = [
        "import",
        &archive,
        "--yes",
        "--json",
        "--url",
        &url,
        "--retries",
        "2",
        // One slow request makes the time of the run jump by two minutes, for those beside it too.
        "--retry-for",
        "10m",
        "--ignore-certs",
        "-vv",
    ];
    run.run(&[&line[..], &["--api-key", "id:key-s3cr3t"]].concat())
}

/// The requests of a fault-free import, what was there before, and what it makes.
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

/// Sends the requests that the message names; each must find what it removes.
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
        // What goes with a job that is deleted first is gone by then.
        if answer.status >= 300 && answer.status != 404 {
            return Err(format!("{request}: {answer:?}"));
        }
    }
    Ok(())
}

/// Sees that the cluster is as it was, or as the fault-free import leaves it.
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

fn run_scenario(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own, requests) = (target(scenario.kind.port()), InProcess::new(), &baseline().requests);
    scenario.inject(&cluster, &own, requests);
    let run = run(&cluster, &own);
    // What succeeds all the same has made what a fault-free import makes.
    let judged = match (run.code, scenario.duration) {
        (0, _) => Ok(()),
        _ if scenario.survives(requests) => Err(format!("exit {}", run.code)),
        (1 | 5, _) | (6, FaultDuration::Permanent) => check_error_message(&run, scenario.kind),
        (code, _) => Err(format!("exit {code}")),
    };
    judged
        .and_then(|()| check_cluster(&cluster, &run))
        .map_err(|why| scenario.describe_failure("import", requests, &why, &run))
}

#[test]
fn failed_import_is_rolled_back_or_reports_the_rest() {
    run_all(Scenario::all(&baseline().requests), run_scenario).assert_no_failures("import");
}
