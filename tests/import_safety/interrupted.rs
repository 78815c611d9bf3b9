//! Signals at the write requests of an import in turn: at all of them, or at a sample. In memory; if a real node is set, every
//! twelfth run uses it.
#![cfg(unix)]

use std::time::Duration;

use serde_json::Value;

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, is_write, sampled, target, write_count};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::signals::{Signal, SignalTarget};
use crate::support::test_cluster::TestCluster;

/// Printed after the first signal.
const ROLLBACK: &str = "rolling back the import";

/// Imports with these options, and sends the signal at the `k`th write request. If `announced`, the request is only carried
/// out after the import has announced its rollback. Returns the exit code, `None` if the process was killed.
fn import_with_signal(
    cluster: &TestCluster,
    binary: &Binary,
    k: usize,
    (signal, announced): (Signal, bool),
    more: &[&str],
) -> (Option<i32>, String) {
    let process = SignalTarget::default();
    let hooked = process.clone();
    let send = move |_: &_| {
        if announced {
            hooked.interrupt(signal, ROLLBACK);
        } else {
            hooked.signal(signal);
        }
    };
    cluster
        .stand_in
        .faults()
        .add(FaultRule::when(is_write).nth(k).run(send));
    let (archive, url) = (archive_of(JOB), cluster.stand_in.url());
    let line = ["import", &archive.display().to_string(), "--yes", "--url", &url];
    let output = process.run(binary.command([&line[..], more].concat()));
    cluster.stand_in.faults().clear();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

fn check_interrupted_imports(signal: Signal, code: i32, first: usize) {
    let binary = Binary::new();
    for k in sampled(write_count(JOB, &[]), first, 3) {
        let cluster = target(k, 12);
        let before = ClusterState::of(&cluster);
        let (exit, stderr) = import_with_signal(&cluster, &binary, k, (signal, true), &[]);
        let name = format!("{signal:?} at write {k}: {stderr}");
        assert_eq!(exit, Some(code), "{name}");
        ClusterState::of(&cluster).assert_unchanged(&before, &name);
    }
}

#[test]
fn ctrl_c_at_any_write_undoes_everything() {
    check_interrupted_imports(Signal::INT, 130, 1);
}

#[test]
fn sigterm_at_any_write_undoes_everything() {
    check_interrupted_imports(Signal::TERM, 143, 2);
}

/// The second signal is sent when the rollback deletes the job.
#[test]
fn second_ctrl_c_lists_what_remains() {
    let (cluster, binary, process) = (target(1, usize::MAX), Binary::new(), SignalTarget::default());
    let (first, second) = (process.clone(), process.clone());
    let faults = cluster.stand_in.faults();
    let interrupt = move |_: &_| first.interrupt(Signal::INT, ROLLBACK);
    faults.add(FaultRule::on("POST", "/_revert").run(interrupt));
    let interrupt_again = move |_: &_| {
        second.signal(Signal::INT);
        second.wait(Duration::from_secs(10));
    };
    let deletion = FaultRule::on("DELETE", "/_ml/anomaly_detectors/").run(interrupt_again);
    faults.add(deletion.then(Action::Close));
    let (archive, url) = (archive_of(JOB), cluster.stand_in.url());
    let args = [
        "import",
        &archive.display().to_string(),
        "--yes",
        "--json",
        "--url",
        &url,
    ];
    let output = process.run(binary.command(args));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(6), "{stderr}");
    for line in [
        "Interrupted: rolling back the import. A second Ctrl-C exits at once and may leave job web-latency incomplete.",
        "error: interrupted during the rollback",
        "hint: to complete the import instead, run the same command with --replace",
        "Not everything was removed. These requests remove what remains:",
        "  # job web-latency (may remain)",
        "  DELETE /_ml/anomaly_detectors/web-latency",
        "  # filter canary-hosts (may remain)",
        "  DELETE /_ml/filters/canary-hosts",
    ] {
        assert!(stderr.lines().any(|printed| printed == line), "{line}\n{stderr}");
    }
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["exit"], 6);
    faults.clear();
    cluster.import(&binary, &archive, &["--replace"]).expect(0);
}

#[test]
fn ctrl_c_during_a_rollback_does_not_stop_it() {
    let (cluster, binary, process) = (target(1, usize::MAX), Binary::new(), SignalTarget::default());
    let before = ClusterState::of(&cluster);
    let faults = cluster.stand_in.faults();
    faults.add(FaultRule::on("POST", "/_revert").then(Action::status(400, "{}")));
    let hooked = process.clone();
    let interrupt = move |_: &_| hooked.interrupt(Signal::INT, ROLLBACK);
    faults.add(FaultRule::on("DELETE", "/").run(interrupt));
    let (archive, url) = (archive_of(JOB), cluster.stand_in.url());
    let args = ["import", &archive.display().to_string(), "--yes", "--url", &url];
    let output = process.run(binary.command(args));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("Interrupted: rolling back the import."), "{stderr}");
    ClusterState::of(&cluster).assert_unchanged(&before, &stderr);
}

#[test]
fn replace_completes_an_import_killed_at_any_write() {
    let binary = Binary::new();
    let undisturbed = {
        let cluster = target(1, usize::MAX);
        cluster.import(&binary, &archive_of(JOB), &[]).expect(0);
        ClusterState::of(&cluster).comparable()
    };
    for k in sampled(write_count(JOB, &[]), 1, 2) {
        let cluster = target(k, 12);
        let (exit, _) = import_with_signal(&cluster, &binary, k, (Signal::KILL, false), &[]);
        assert_eq!(exit, None, "write {k}");
        std::thread::sleep(Duration::from_millis(5));
        let run = cluster.import(&binary, &archive_of(JOB), &["--replace"]);
        assert_eq!(run.code, 0, "write {k}: {}", run.stderr);
        let after = ClusterState::of(&cluster);
        after.assert_aliases_intact("replaced");
        after
            .comparable()
            .assert_same(&undisturbed, &format!("killed at write {k}"));
    }
}

#[test]
fn replace_completes_a_replacement_killed_at_any_write() {
    let binary = Binary::new();
    let prepared = |run| {
        let cluster = target(run, 12);
        cluster.import(&binary, &archive_of(JOB), &[]).expect(0);
        cluster.stand_in.clear_requests();
        cluster
    };
    let (writes, undisturbed) = {
        let cluster = prepared(1);
        cluster.import(&binary, &archive_of(JOB), &["--replace"]).expect(0);
        (cluster.stand_in.writes().len(), ClusterState::of(&cluster).comparable())
    };
    for k in sampled(writes, 1, 3) {
        let cluster = prepared(k);
        let (exit, _) = import_with_signal(&cluster, &binary, k, (Signal::KILL, false), &["--replace"]);
        assert_eq!(exit, None, "write {k}");
        std::thread::sleep(Duration::from_millis(5));
        let run = cluster.import(&binary, &archive_of(JOB), &["--replace"]);
        assert_eq!(run.code, 0, "write {k}: {}", run.stderr);
        let after = ClusterState::of(&cluster).comparable();
        after.assert_same(&undisturbed, &format!("killed at write {k} of a replacement"));
    }
}
