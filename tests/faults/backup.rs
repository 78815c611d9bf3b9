//! Exports with `--skip-unchanged` in which a request fails: the archive of the last run is unchanged.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::export::{comparable_entries, run_with};
use super::fixture::{JOB, Port, source};
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::Scenario;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::sample_step;
use crate::support::test_cluster::TestCluster;

/// One in this many scenarios is in a sample: most requests are those of an export.
const SAMPLE_INTERVAL: usize = 7;

fn back_up(cluster: &TestCluster, own: &InProcess, directory: &Path) -> Run {
    let directory = directory.display().to_string();
    run_with(cluster, own, &["--output-dir", &directory, "--skip-unchanged"])
}

fn archive_in(directory: &Path) -> PathBuf {
    directory.join(format!("{JOB}_state.tar.gz"))
}

/// The archive of a first run, and the requests of a second run that skips the job.
pub struct Baseline {
    archive: Vec<u8>,
    pub requests: Vec<RequestId>,
}

pub fn baseline() -> &'static Baseline {
    static BASELINE: OnceLock<Baseline> = OnceLock::new();
    BASELINE.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        back_up(&source(Port::Plain), &InProcess::new(), directory.path()).expect(0);
        let archive = std::fs::read(archive_in(directory.path())).unwrap();
        let cluster = source(Port::Plain);
        back_up(&cluster, &InProcess::new(), directory.path()).expect(0);
        assert_eq!(std::fs::read(archive_in(directory.path())).unwrap(), archive);
        let requests = request_ids(&cluster.stand_in.requests());
        Baseline { archive, requests }
    })
}

fn check(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own) = (source(scenario.kind.port()), InProcess::new());
    let (directory, Baseline { archive, requests }) = (tempfile::tempdir().unwrap(), baseline());
    let path = archive_in(directory.path());
    std::fs::write(&path, archive).unwrap();
    scenario.inject(&cluster, &own, requests);
    let run = back_up(&cluster, &own, directory.path());
    let is_unchanged = std::fs::read(&path).unwrap() == *archive;
    let files = std::fs::read_dir(directory.path()).unwrap().count();
    let judged = match run.code {
        _ if files > 1 => Err(format!("{files} files")),
        // Without an optional part, or without the number of its changes, the job is exported again.
        0 if ["400", "404"].contains(&scenario.kind.name) && !comparable_entries(&path).is_empty() => Ok(()),
        _ if !is_unchanged => Err("the archive has changed".to_owned()),
        0 => Ok(()),
        1 if scenario.succeeds(requests) => Err("the run failed".to_owned()),
        1 => check_error_message(&run, scenario.kind),
        code => Err(format!("exit {code}")),
    };
    judged.map_err(|why| scenario.describe_failure("export --skip-unchanged", requests, &why, &run))
}

#[test]
fn failed_backup_keeps_the_last_archive() {
    let scenarios = Scenario::all(&baseline().requests).into_iter();
    let sample = scenarios.step_by(sample_step(SAMPLE_INTERVAL)).collect();
    run_all(sample, check).assert_no_failures("export --skip-unchanged");
}
