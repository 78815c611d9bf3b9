//! An import in which a request goes wrong: all or nothing, or exactly what remains and what removes it.

use std::sync::OnceLock;

use super::fixture::{Port, archive, target};
use super::request::{RequestId, spots};
use super::runner::{each, told};
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

/// The requests of an undisturbed import, what was there before, and what it makes.
pub struct Undisturbed {
    pub spots: Vec<RequestId>,
    pub before: ClusterState,
    pub after: ClusterState,
}

pub fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let cluster = target(Port::Plain);
        let before = ClusterState::of(&cluster);
        run(&cluster, &InProcess::new()).expect(0);
        Undisturbed {
            spots: spots(&cluster.stand_in.requests()),
            before,
            after: ClusterState::of(&cluster).comparable(),
        }
    })
}

/// Sends the requests that the message names; each must find what it removes.
pub fn clean_up(cluster: &TestCluster, run: &Run) -> Result<(), String> {
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

/// Sees that the cluster is as it was, or as the undisturbed import leaves it.
pub fn sound(cluster: &TestCluster, run: &Run) -> Result<(), String> {
    cluster.stand_in.faults().clear();
    cluster.stand_in.network().listen();
    if run.code == 6 {
        clean_up(cluster, run)?;
    }
    let after = ClusterState::of(cluster);
    match run.code {
        0 => after.comparable().same(&undisturbed().after),
        _ => after.as_before(&undisturbed().before),
    }
}

fn walk(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own, spots) = (target(scenario.kind.port()), InProcess::new(), &undisturbed().spots);
    scenario.disturb(&cluster, &own, spots);
    let run = run(&cluster, &own);
    // What succeeds all the same has made what an undisturbed import makes.
    let judged = match (run.code, scenario.stay) {
        (0, _) => Ok(()),
        _ if scenario.survives(spots) => Err(format!("exit {}", run.code)),
        (1 | 5, _) | (6, FaultDuration::Lasts) => told(&run, scenario.kind),
        (code, _) => Err(format!("exit {code}")),
    };
    judged
        .and_then(|()| sound(&cluster, &run))
        .map_err(|why| scenario.failed("import", spots, &why, &run))
}

#[test]
fn failed_import_is_rolled_back_or_reports_the_rest() {
    each(Scenario::all(&undisturbed().spots), walk).hold("import");
}
