//! Somebody else at the job while it is imported: noticed, said, and nothing that is theirs is undone.

use std::time::Duration;

use serde_json::{Value, json};

use super::fixture::{JOB, Port, target};
use super::import::{self, undisturbed};
use super::request::RequestId;
use super::runner::each;
use super::scenario::on;
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Run;
use crate::support::cluster::stand_in::Direct;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

const PATH: &str = "/_ml/anomaly_detectors/log-categories";

/// The requests that follow on the job's creation one by one; inputs are written beside them.
pub fn points() -> Vec<&'static RequestId> {
    let spots = &undisturbed().spots;
    let creation = spots.iter().position(|spot| spot.method == "PUT" && spot.path == PATH);
    let later = &spots[creation.expect("the job is created") + 1..];
    let beside = |spot: &&RequestId| spot.path.contains("-importing-");
    later.iter().filter(|spot| !beside(spot)).collect()
}

fn ask(cluster: &Direct, method: &str, path: &str, body: &Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let answer = cluster.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// Imports, and right before that request somebody else does something; how it went, and whether that came to pass.
fn meanwhile(spot: &RequestId, act: fn(&Direct)) -> (TestCluster, Run) {
    let (test_cluster, own) = (target(Port::Plain), InProcess::new());
    let direct = test_cluster.stand_in.direct();
    test_cluster.stand_in.faults().add(on(spot).run(move |_| act(&direct)));
    let run = import::run(&test_cluster, &own);
    assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{spot:?}");
    (test_cluster, run)
}

fn hold(what: &str, judge: impl Fn(&RequestId) -> Result<(), String> + Sync) {
    each(points(), |spot| judge(spot)).hold(what);
}

/// Nobody opens a job before its filter is there.
fn does_not_open_yet(spot: &RequestId) -> bool {
    spot.path.starts_with("/_ml/filters/")
}

fn failed(spot: &RequestId, why: &str, run: &Run) -> String {
    format!("{spot:?}: {why}: exit {}\n{}\n{}", run.code, run.stdout, run.stderr)
}

#[test]
fn job_deleted_during_the_import_causes_a_rollback() {
    hold("the job is deleted", |spot| {
        let (test_cluster, run) = meanwhile(spot, |cluster| ask(cluster, "DELETE", PATH, &Value::Null));
        match run.code == 5 && run.stderr.contains("somebody else deleted job log-categories while") {
            true => import::sound(&test_cluster, &run).map_err(|why| failed(spot, &why, &run)),
            false => Err(failed(spot, "not noticed", &run)),
        }
    });
}

/// Opened before it stands at its snapshot it cannot come to it; afterwards it has all that it needs.
#[test]
fn job_opened_during_the_import_stays_open() {
    let at = |spot: &RequestId| points().iter().position(|other| *other == spot).unwrap();
    let reverts = |spot: &&&RequestId| spot.path.ends_with("/_revert") && !spot.path.contains("/empty/");
    let revert = at(points().iter().find(reverts).unwrap());
    hold("the job is opened", |spot| {
        if does_not_open_yet(spot) {
            return Ok(());
        }
        let (test_cluster, run) = meanwhile(spot, |cluster| {
            ask(cluster, "POST", &format!("{PATH}/_open"), &Value::Null);
        });
        let early = at(spot) <= revert;
        let said = run
            .stderr
            .contains("somebody else opened job log-categories (it is opened) while");
        let open = test_cluster
            .ml
            .job_state(JOB)
            .is_some_and(|state| format!("{state:?}") == "Opened");
        if !said || !open || run.code != if early { 6 } else { 0 } {
            return Err(failed(spot, "not noticed, or closed", &run));
        }
        if !early {
            let direct = test_cluster.stand_in.direct();
            ask(&direct, "POST", &format!("{PATH}/_close"), &Value::Null);
        }
        // Where it failed, by what the message says to send.
        let ended = match early {
            true => import::sound(&test_cluster, &run),
            false => never_closed(ClusterState::of(&test_cluster).comparable())
                .same(&never_closed(undisturbed().after.clone())),
        };
        ended.map_err(|why| failed(spot, &why, &run))
    });
}

/// Without when jobs were last closed.
fn never_closed(mut state: ClusterState) -> ClusterState {
    for job in state.configurations["jobs"].as_array_mut().into_iter().flatten() {
        job["finished_time"] = Value::Null;
    }
    state
}

#[test]
fn job_recreated_during_the_import_is_kept() {
    hold("the job is made anew", |spot| {
        let (test_cluster, run) = meanwhile(spot, |cluster| {
            ask(cluster, "DELETE", PATH, &Value::Null);
            // Told apart by the time of their creation.
            std::thread::sleep(Duration::from_millis(2));
            let theirs = json!({
                "description": "theirs", "analysis_config": {"detectors": [{"function": "count"}]},
                "data_description": {},
            });
            ask(cluster, "PUT", PATH, &theirs);
        });
        let said = run
            .stderr
            .contains("somebody else deleted job log-categories and created it again while");
        let left = run.json()["kept"].as_array().map(Vec::len) >= Some(1) && run.json()["remains"].is_null();
        let there = test_cluster.ml.job_config(JOB).map(|job| job["description"].clone());
        match run.code == 5 && said && left && there == Some(json!("theirs")) {
            true => Ok(()),
            false => Err(failed(spot, "not noticed, or deleted", &run)),
        }
    });
}
