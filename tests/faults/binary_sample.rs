//! Runs a sample of the faults with the built binary, which uses the real clock and network.

use super::fault_kinds::{FailureMode, KINDS, Kind};
use super::fixture::{JOB, Port, archive, source, target};
use super::request::RequestId;
use super::runner::{check_error_message, redirect_target};
use super::scenario::rule_for;
use super::{export, import};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::Action;
use crate::support::test_cluster::TestCluster;

const OPTIONS: [&str; 5] = ["--retries", "1", "--timeout", "1s", "--ignore-certs"];

/// Makes the request fail once. Faults that need a simulated clock or take long are excluded.
fn inject(cluster: &TestCluster, request: &RequestId, kind: &Kind) -> bool {
    let action = match kind.mode {
        FailureMode::ConnectionRefused | FailureMode::NoTls => return false,
        FailureMode::Answer(_) if kind.name.contains("Retry-After") => return false,
        FailureMode::Answer(action) => action(&redirect_target().url()),
        FailureMode::LostResponse => Action::Close,
        FailureMode::Timeout => Action::Hang,
    };
    let carried_out = matches!(kind.mode, FailureMode::LostResponse | FailureMode::Timeout);
    let fault = rule_for(request).then(action);
    cluster
        .stand_in
        .faults()
        .add(if carried_out { fault.carry_out() } else { fault });
    true
}

fn check_outcome(run: &Run, kind: &Kind, request: &RequestId) {
    let ended = match (kind.retried, run.code) {
        // A bulk request that is too large is split.
        (_, 0) if kind.retried || kind.name == "413" => Ok(()),
        (false, 1 | 5) => check_error_message(run, kind),
        (_, code) => Err(format!("exit {code}")),
    };
    ended.unwrap_or_else(|why| panic!("{request:?}, {}: {why}\n{}", kind.name, run.stderr));
}

#[test]
fn binary_behaves_like_the_library() {
    let find = |requests: &[RequestId], path: &str| {
        requests
            .iter()
            .find(|request| request.path.ends_with(path))
            .unwrap()
            .clone()
    };
    let read = find(&export::baseline().requests, "/model_snapshots");
    let written = find(&import::baseline().requests, "/.ml-state-write/_bulk");
    let shared = archive();
    let archive = shared.display().to_string();
    for kind in &KINDS {
        let (cluster, binary) = (source(Port::Plain), Binary::new());
        if !inject(&cluster, &read, kind) {
            continue;
        }
        let run = cluster.run(&binary, &[&["export", "--job-id", JOB, "--yes"][..], &OPTIONS].concat());
        if kind.name != "404" {
            check_outcome(&run, kind, &read);
        }
        let left = std::fs::read_dir(binary.directory()).unwrap().count();
        assert_eq!(left, usize::from(run.code == 0), "{}", kind.name);
        let cluster = target(Port::Plain);
        assert!(inject(&cluster, &written, kind));
        let run = cluster.run(
            &binary,
            &[&["import", &archive, "--yes", "--json"][..], &OPTIONS].concat(),
        );
        check_outcome(&run, kind, &written);
        import::check_cluster(&cluster, &run).unwrap_or_else(|why| panic!("{}: {why}\n{}", kind.name, run.stderr));
    }
}
