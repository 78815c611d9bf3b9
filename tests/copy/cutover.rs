//! `--cutover`: the source is closed and the target runs, or the other way around after a failure.

use std::sync::Arc;

use super::{clusters, copy};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::JobState;
use crate::support::fixtures::Fixture;
use crate::support::open_jobs::{DATAFEED, JOB, NEW, open, write_snapshot_when_closed};
use crate::support::test_cluster::TestCluster;

/// A source with a running job, and an empty target.
fn running() -> (Arc<TestCluster>, TestCluster) {
    let (source, target) = clusters(&[Fixture::load(JOB)]);
    let source = Arc::new(source);
    open(&source);
    write_snapshot_when_closed(&source);
    (source, target)
}

/// The states of the job and its datafeed.
fn states(cluster: &TestCluster) -> (Option<JobState>, String) {
    let stats = cluster
        .call("GET", &format!("/_ml/datafeeds/{DATAFEED}/_stats"), "")
        .value();
    let datafeed = stats["datafeeds"][0]["state"].as_str().unwrap_or("none").to_owned();
    (cluster.ml.job_state(JOB), datafeed)
}

fn are(job: JobState, datafeed: &str) -> (Option<JobState>, String) {
    (Some(job), datafeed.to_owned())
}

fn cut_over(source: &TestCluster, target: &TestCluster, more: &[&str]) -> Run {
    copy(&Binary::new(), source, target, &[&[JOB, "--cutover"], more].concat())
}

#[test]
fn source_is_closed_and_the_copy_continues_from_its_last_snapshot() {
    let (source, target) = running();
    let run = cut_over(&source, &target, &[]).expect(0);
    assert_eq!(run.stdout, format!("{JOB}\n"));
    run.expect_stderr(&format!("Stopped datafeed {DATAFEED}\nClosed job {JOB}\n"))
        .expect_stderr(&format!("Opened job {JOB}\nStarted datafeed {DATAFEED}\n"));
    assert_eq!(states(&source), are(JobState::Closed, "stopped"));
    assert_eq!(states(&target), are(JobState::Opened, "started"));
    assert_eq!(target.job(JOB)["model_snapshot_id"], NEW);
}

#[test]
fn source_is_started_again_after_a_failure() {
    for (path, on_source) in [
        ("/_revert", false),
        ("/_open", false),
        ("/_start", false),
        ("/_search", true),
    ] {
        let (source, target) = running();
        let before = ClusterState::of(&target);
        let failing = if on_source { &*source } else { &target };
        let rule = FaultRule::when(move |call| call.path.ends_with(path)).always();
        failing.stand_in.faults().add(rule.then(Action::status(400, "{}")));
        let run = cut_over(&source, &target, &[]).expect(1);
        assert_eq!(
            states(&source),
            are(JobState::Opened, "started"),
            "{path}: {}",
            run.stderr
        );
        run.expect_stderr(&format!("Opened job {JOB} again"));
        failing.stand_in.faults().clear();
        if matches!(path, "/_open" | "/_start") {
            run.expect_stderr(&format!("job {JOB} was imported, but "));
        } else {
            ClusterState::of(&target).assert_unchanged(&before, path);
        }
    }
}

#[test]
fn source_is_not_closed_if_the_copy_is_refused_or_a_dry_run() {
    let (source, target) = running();
    cut_over(&source, &target, &["--dry-run"])
        .expect(0)
        .expect_stderr("is open; to include them, add --cutover, or close the job first");
    target.seed(&Fixture::load(JOB));
    cut_over(&source, &target, &[])
        .expect(3)
        .expect_stderr("already exists on ");
    assert!(
        !source
            .stand_in
            .requests()
            .iter()
            .any(|request| request.path.ends_with("/_stop"))
    );
    assert_eq!(states(&source), are(JobState::Opened, "started"));
}

#[test]
fn closed_job_is_copied_and_started() {
    let (source, target) = clusters(&[Fixture::load(JOB)]);
    cut_over(&source, &target, &[]).expect(0);
    assert_eq!(states(&source), are(JobState::Closed, "stopped"));
    assert_eq!(states(&target), are(JobState::Opened, "started"));
}

#[cfg(unix)]
#[test]
fn source_is_started_again_after_ctrl_c() {
    use crate::support::signals::{Signal, SignalTarget};
    for (at_source, path) in [
        (true, "/_stop"),
        (true, "/_search"),
        (false, "/_revert"),
        (false, "/_bulk"),
    ] {
        let (source, target) = running();
        let before = ClusterState::of(&target);
        let process = SignalTarget::default();
        let hooked = process.clone();
        let cluster = if at_source { &*source } else { &target };
        let rule = FaultRule::when(move |call| call.path.ends_with(path));
        cluster.stand_in.faults().add(
            rule.run(move |_| hooked.interrupt(Signal::INT, "Interrupted: "))
                .then(Action::Pass),
        );
        let (from, to) = (source.stand_in.url(), target.stand_in.url());
        let args = ["copy", JOB, "--cutover", "--yes", "--from", &from, "--to", &to];
        let output = process.run(Binary::new().command(args));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{path}: {stderr}");
        assert_eq!(states(&source), are(JobState::Opened, "started"), "{path}: {stderr}");
        ClusterState::of(&target).assert_unchanged(&before, path);
    }
}
