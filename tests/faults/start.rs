//! Faults at the requests that open an imported job and start its datafeed: the import remains.

use std::sync::OnceLock;

use super::fault_kinds::KINDS;
use super::fixture::{JOB, Port, target};
use super::import::run_with;
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::{FaultDuration, Scenario};
use crate::support::binary::Run;
use crate::support::cluster::ml::JobState;
use crate::support::exhaustive;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

fn run(cluster: &TestCluster, own: &InProcess) -> Run {
    run_with(cluster, own, &["--open", "--start-datafeed"])
}

/// The requests of a run without faults.
fn requests() -> &'static [RequestId] {
    static REQUESTS: OnceLock<Vec<RequestId>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let cluster = target(Port::Plain);
        run(&cluster, &InProcess::new()).expect(0);
        request_ids(&cluster.stand_in.requests())
    })
}

fn scenarios() -> Vec<Scenario> {
    let opening = requests().iter().position(|request| request.path.ends_with("/_open"));
    let mut scenarios = Vec::new();
    for (number, kind) in KINDS.iter().enumerate() {
        for at in opening.expect("the job is opened")..requests().len() {
            let durations = [FaultDuration::Once, FaultDuration::Permanent];
            let sampled = |duration: &FaultDuration| {
                exhaustive() || (at + number + usize::from(*duration == FaultDuration::Once)).is_multiple_of(6)
            };
            scenarios.extend(durations.into_iter().filter(sampled).map(|duration| Scenario {
                at: vec![at],
                kind,
                duration,
            }));
        }
    }
    scenarios
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own) = (target(scenario.kind.port()), InProcess::new());
    scenario.inject(&cluster, &own, requests());
    let run = run(&cluster, &own);
    cluster.stand_in.faults().clear();
    cluster.stand_in.network().listen();
    let judged = match run.code {
        _ if cluster.ml.job_state(JOB).is_none() => Err("the import was rolled back".to_owned()),
        0 if cluster.ml.job_state(JOB) != Some(JobState::Opened) => Err("the job is not open".to_owned()),
        0 => Ok(()),
        code if scenario.succeeds(requests()) => Err(format!("exit {code}")),
        1 => check_error_message(&run, scenario.kind),
        code => Err(format!("exit {code}")),
    };
    judged.map_err(|why| scenario.describe_failure("import --open", requests(), &why, &run))
}

#[test]
fn failed_start_leaves_the_import() {
    run_all(scenarios(), check).assert_no_failures("import --open");
}
