//! Signals during a copy.

use super::{clusters, small};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::FaultRule;
use crate::support::signals::{Signal, SignalTarget};
use crate::support::test_cluster::TestCluster;

/// Copies all jobs, and sends Ctrl-C when the rule matches a request to the cluster, which is carried out after the
/// interruption was announced.
fn interrupted(source: &TestCluster, target: &TestCluster, at: &TestCluster, rule: FaultRule, more: &[&str]) -> Run {
    let (process, binary) = (SignalTarget::default(), Binary::new());
    let hooked = process.clone();
    let interrupt = move |_: &_| hooked.interrupt(Signal::INT, "Interrupted: ");
    at.stand_in.faults().add(rule.run(interrupt));
    let (from, to) = (source.stand_in.url(), target.stand_in.url());
    let args = ["copy", "--all", "--yes", "--from", &from, "--to", &to];
    let args: Vec<String> = args.iter().chain(more).map(ToString::to_string).collect();
    let output = process.run(binary.command(&args));
    Run {
        args,
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn ctrl_c_rolls_back_the_current_job_and_lists_those_not_started() {
    let (source, target) = clusters(&[small("job-1"), small("job-2"), small("job-3")]);
    let before = ClusterState::of(&source);
    let rule = FaultRule::on("PUT", "/_ml/anomaly_detectors/job-2");
    let run = interrupted(&source, &target, &target, rule, &["--json"]).expect(130);
    run.expect_stderr("Interrupted: rolling back the import.")
        .expect_stderr("Not started: job-3");
    for (job, exists) in [("job-1", true), ("job-2", false), ("job-3", false)] {
        assert_eq!(target.job(job).is_object(), exists, "{job}");
    }
    let document = run.json();
    let results: Vec<_> = document["copies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|copy| &copy["result"])
        .collect();
    assert_eq!(results, ["imported", "interrupted", "not started"]);
    ClusterState::of(&source).assert_unchanged(&before, "the source");
}

#[test]
fn ctrl_c_during_the_export_leaves_no_search_and_writes_nothing() {
    let (source, target) = clusters(&[small("job-1")]);
    let before = ClusterState::of(&target);
    let rule = FaultRule::on("POST", "/_search").nth(3);
    let run = interrupted(&source, &target, &source, rule, &[]).expect(130);
    run.expect_stderr("Interrupted: closing searches and removing the partial temporary file.");
    ClusterState::of(&target).assert_unchanged(&before, "the target");
    assert_eq!(source.documents.open_contexts(), Some(0));
}
