//! Exports with `--close-job` in which a request fails: the job runs again, or the message has the requests that start it.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::export::{comparable_entries, run_with};
use super::fixture::{Port, source, start_job, states};
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::Scenario;
use crate::support::binary::Run;
use crate::support::cluster::ml::JobState;
use crate::support::in_process::InProcess;
use crate::support::sample_step_of_known_requests;
use crate::support::test_cluster::TestCluster;

/// One in this many scenarios is in a sample: most requests are those of an export.
const SAMPLE_INTERVAL: usize = 7;

fn running(port: Port) -> TestCluster {
    let cluster = source(port);
    start_job(&cluster);
    cluster
}

fn archive_in(directory: &Path) -> PathBuf {
    directory.join("out.tar.gz")
}

fn close_and_export(cluster: &TestCluster, own: &InProcess, directory: &Path) -> Run {
    let output = archive_in(directory).display().to_string();
    run_with(cluster, own, &["--close-job", "-o", &output])
}

/// The requests of a run without faults.
pub fn requests() -> &'static [RequestId] {
    static REQUESTS: OnceLock<Vec<RequestId>> = OnceLock::new();
    REQUESTS.get_or_init(|| {
        let (cluster, directory) = (running(Port::Plain), tempfile::tempdir().unwrap());
        let before = cluster.stand_in.requests().len();
        close_and_export(&cluster, &InProcess::new(), directory.path()).expect(0);
        request_ids(&cluster.stand_in.requests()[before..])
    })
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own) = (running(scenario.kind.port()), InProcess::new());
    let (directory, requests) = (tempfile::tempdir().unwrap(), requests());
    scenario.inject(&cluster, &own, requests);
    let run = close_and_export(&cluster, &own, directory.path());
    cluster.stand_in.faults().clear();
    cluster.stand_in.network().listen();
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    let is_running = states(&cluster) == (Some(JobState::Opened), "started".to_owned());
    let judged = match run.code {
        0 | 1 if !is_running => Err(format!("the job is {:?}", states(&cluster))),
        0 if comparable_entries(&archive_in(directory.path())).is_empty() => Err("the archive is empty".to_owned()),
        0 => Ok(()),
        _ if scenario.succeeds(requests) => Err(format!("exit {}", run.code)),
        1 if files > 0 => Err(format!("left {files} files")),
        // The archive is complete if only the restart failed.
        6 if !run.stderr.contains("/_open") => Err("no request to open the job".to_owned()),
        1 | 6 => check_error_message(&run, scenario.kind),
        code => Err(format!("exit {code}")),
    };
    judged.map_err(|why| scenario.describe_failure("export --close-job", requests, &why, &run))
}

#[test]
fn failed_export_of_an_open_job_restarts_it() {
    let scenarios = Scenario::all(requests()).into_iter();
    let sample = scenarios
        .step_by(sample_step_of_known_requests(SAMPLE_INTERVAL))
        .collect();
    run_all(sample, check).assert_no_failures("export --close-job");
}
