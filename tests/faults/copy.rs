//! Copies in which a request to the source or to the target fails: the target has the complete job or is as before, and the
//! source is as before or, after a cutover, runs the job again.

use std::sync::OnceLock;

use serde_json::Value;

use super::fault_kinds::Scope;
use super::fixture::{DATAFEED, EXPORT, JOB, Port, RETRIES, source, start_job, states, target};
use super::import::{check_exit, run_cleanup_requests};
use super::request::{RequestId, request_ids};
use super::runner::run_all;
use super::scenario::{FaultDuration, Scenario};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Run;
use crate::support::cluster::ml::JobState;
use crate::support::in_process::InProcess;
use crate::support::sample_step_of_known_requests;
use crate::support::test_cluster::TestCluster;

/// One in this many scenarios is in a sample: most requests are those of an export or an import.
const SAMPLE_INTERVAL: usize = 13;

/// The cluster whose requests fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Source,
    Target,
}

struct Clusters {
    source: TestCluster,
    target: TestCluster,
}

impl Clusters {
    /// The job on the source runs before a cutover.
    fn new(side: Side, port: Port, cutover: bool) -> Self {
        let of = |other: Side| if side == other { port } else { Port::Plain };
        let (source, target) = (source(of(Side::Source)), target(of(Side::Target)));
        if cutover {
            start_job(&source);
        }
        Self { source, target }
    }

    fn side(&self, side: Side) -> &TestCluster {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    fn copy(&self, own: &InProcess, cutover: bool) -> Run {
        let (from, to) = (self.source.stand_in.url(), self.target.stand_in.url());
        let line = ["copy", JOB, "--from", &from, "--to", &to, "--yes", "--json"];
        let cutover: &[&str] = if cutover { &["--cutover"] } else { &[] };
        own.run(&[&line, &EXPORT[..], &RETRIES, cutover].concat())
    }
}

/// The requests of a copy without faults, and the clusters before and after it.
pub struct Baseline {
    source: Vec<RequestId>,
    target: Vec<RequestId>,
    target_before: ClusterState,
    target_after: ClusterState,
}

impl Baseline {
    fn of(cutover: bool) -> Self {
        let clusters = Clusters::new(Side::Source, Port::Plain, cutover);
        let target_before = ClusterState::of(&clusters.target);
        let [source, target] = [&clusters.source, &clusters.target].map(|cluster| cluster.stand_in.requests().len());
        clusters.copy(&InProcess::new(), cutover).expect(0);
        Self {
            source: request_ids(&clusters.source.stand_in.requests()[source..]),
            target: request_ids(&clusters.target.stand_in.requests()[target..]),
            target_before,
            target_after: copied(&clusters.target, cutover),
        }
    }

    fn requests(&self, side: Side) -> &[RequestId] {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    pub fn count(&self) -> usize {
        self.source.len() + self.target.len()
    }
}

pub fn baseline(cutover: bool) -> &'static Baseline {
    static BASELINES: [OnceLock<Baseline>; 2] = [OnceLock::new(), OnceLock::new()];
    BASELINES[usize::from(cutover)].get_or_init(|| Baseline::of(cutover))
}

/// The target with the copy. Closing a job adds a notification with the time.
fn copied(target: &TestCluster, cutover: bool) -> ClusterState {
    let mut state = ClusterState::of(target).comparable();
    let is_compared = |index: &str| !cutover || !index.starts_with(".ml-notifications");
    state.contents.retain(|(index, _), _| is_compared(index));
    state
}

/// Checks the target: the copy, or nothing. If only starting it failed, the copy remains.
fn check_target(clusters: &Clusters, run: &Run, cutover: bool) -> Result<(), String> {
    let baseline = baseline(cutover);
    run_cleanup_requests(&clusters.target, run)?;
    let remains = run.stderr.contains(&format!("job {JOB} was imported, but "));
    match run.code {
        0 if run.stderr.contains("warning: filter ") => Ok(()),
        0 => copied(&clusters.target, cutover).check_same(&baseline.target_after),
        _ if remains => Ok(()),
        _ => ClusterState::of(&clusters.target).check_unchanged(&baseline.target_before),
    }
}

/// Excludes what closing a job changes.
fn without_finished_time(mut state: ClusterState) -> ClusterState {
    for job in state.configurations["jobs"].as_array_mut().into_iter().flatten() {
        job["finished_time"] = Value::Null;
    }
    state
}

/// Checks the source: unchanged, and after a cutover closed if the copy runs, and otherwise running.
fn check_source(clusters: &Clusters, run: &Run, cutover: bool, before: &ClusterState) -> Result<(), String> {
    without_finished_time(ClusterState::of(&clusters.source)).check_unchanged(before)?;
    let expected = match run.code {
        _ if !cutover => (Some(JobState::Closed), "stopped"),
        0 => (Some(JobState::Closed), "stopped"),
        // The message has the requests that restart it.
        6 if run.stderr.contains("was closed and cannot be restarted") => return Ok(()),
        _ => (Some(JobState::Opened), "started"),
    };
    let (job, datafeed) = states(&clusters.source);
    match (job, datafeed.as_str()) == expected {
        true => Ok(()),
        false => Err(format!("the source is {job:?} and {DATAFEED} is {datafeed}")),
    }
}

fn check(scenario: &Scenario, side: Side, cutover: bool) -> Result<(), String> {
    let (kind, baseline) = (scenario.kind, baseline(cutover));
    let (clusters, own) = (Clusters::new(side, kind.port(), cutover), InProcess::new());
    let requests = baseline.requests(side);
    let before = without_finished_time(ClusterState::of(&clusters.source));
    scenario.inject(clusters.side(side), &own, requests);
    let run = clusters.copy(&own, cutover);
    let open = clusters.source.documents.open_contexts();
    let failing = &clusters.side(side).stand_in;
    failing.faults().clear();
    failing.network().listen();
    let unknown = scenario.request(requests).path.ends_with("/_pit") || scenario.at.len() > 1;
    let reachable = kind.port() == Port::Plain
        && (side == Side::Target || scenario.duration == FaultDuration::Once || kind.scope == Scope::ThisRequest);
    check_exit(scenario, requests, &run)
        .and_then(|()| match open {
            Some(1..) if !unknown && reachable => Err(format!("{open:?} contexts are open")),
            _ => Ok(()),
        })
        .and_then(|()| check_target(&clusters, &run, cutover))
        .and_then(|()| check_source(&clusters, &run, cutover, &before))
        .map_err(|why| scenario.describe_failure(&format!("copy, {side:?}"), requests, &why, &run))
}

fn check_all(cutover: bool) {
    let scenarios = [Side::Source, Side::Target].into_iter().flat_map(|side| {
        let all = Scenario::all(baseline(cutover).requests(side));
        all.into_iter().map(move |scenario| (side, scenario))
    });
    let sample = scenarios
        .step_by(sample_step_of_known_requests(SAMPLE_INTERVAL))
        .collect();
    run_all(sample, |(side, scenario)| check(scenario, *side, cutover)).assert_no_failures("copy");
}

#[test]
fn failed_copy_leaves_both_clusters_as_they_were() {
    check_all(false);
}

#[test]
fn failed_cutover_starts_the_source_again() {
    check_all(true);
}
