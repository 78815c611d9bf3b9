//! A sample of the table against the built binary, whose time and network are the machine's.

use super::fault_kinds::{How, KINDS, Kind};
use super::fixture::{JOB, Port, archive, source, target};
use super::request::RequestId;
use super::runner::{elsewhere, told};
use super::scenario::on;
use super::{export, import};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::Action;
use crate::support::test_cluster::TestCluster;

const LINE: [&str; 5] = ["--retries", "1", "--timeout", "1", "--ignore-certs"];

/// Makes the request go wrong once; what needs the clock of a test, or would keep it waiting, is left to the table.
fn disturb(cluster: &TestCluster, spot: &RequestId, kind: &Kind) -> bool {
    let action = match kind.how {
        How::Refused | How::NoTls => return false,
        How::Answer(_) if kind.name.contains("Retry-After") => return false,
        How::Answer(action) => action(&elsewhere().url()),
        How::Lost => Action::Close,
        How::Slow => Action::Hang,
    };
    let carried_out = matches!(kind.how, How::Lost | How::Slow);
    let fault = on(spot).then(action);
    cluster
        .stand_in
        .faults()
        .add(if carried_out { fault.carry_out() } else { fault });
    true
}

fn judge(run: &Run, kind: &Kind, spot: &RequestId) {
    let ended = match (kind.passes, run.code) {
        // One that is too large goes in halves.
        (_, 0) if kind.passes || kind.name == "413" => Ok(()),
        (false, 1 | 5) => told(run, kind),
        (_, code) => Err(format!("exit {code}")),
    };
    ended.unwrap_or_else(|why| panic!("{spot:?}, {}: {why}\n{}", kind.name, run.stderr));
}

#[test]
fn binary_and_library_behave_alike() {
    let find = |spots: &[RequestId], path: &str| spots.iter().find(|spot| spot.path.ends_with(path)).unwrap().clone();
    let read = find(&export::undisturbed().spots, "/model_snapshots");
    let written = find(&import::undisturbed().spots, "/.ml-state-write/_bulk");
    let shared = archive();
    let archive = shared.display().to_string();
    for kind in &KINDS {
        let (cluster, binary) = (source(Port::Plain), Binary::new());
        if !disturb(&cluster, &read, kind) {
            continue;
        }
        let run = cluster.run(&binary, &[&["export", "--job-id", JOB, "--yes"][..], &LINE].concat());
        if kind.name != "404" {
            judge(&run, kind, &read);
        }
        let left = std::fs::read_dir(binary.directory()).unwrap().count();
        assert_eq!(left, usize::from(run.code == 0), "{}", kind.name);
        let cluster = target(Port::Plain);
        assert!(disturb(&cluster, &written, kind));
        let run = cluster.run(&binary, &[&["import", &archive, "--yes", "--json"][..], &LINE].concat());
        judge(&run, kind, &written);
        import::sound(&cluster, &run).unwrap_or_else(|why| panic!("{}: {why}\n{}", kind.name, run.stderr));
    }
}
