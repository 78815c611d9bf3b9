//! Failures of this machine: disks, permissions, files that change, closed outputs.

mod changed_archive;
#[cfg(target_os = "linux")]
mod disk;
mod limits;
#[cfg(unix)]
mod permissions;
#[cfg(unix)]
mod stdout;

use std::path::Path;
#[cfg(target_os = "linux")]
use std::process::Output;

use crate::import_safety::options;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

/// A cluster with the job.
fn cluster() -> TestCluster {
    let cluster = TestCluster::with(options());
    cluster.seed(&Fixture::load(JOB));
    cluster.stand_in.clear_requests();
    cluster
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Checks that a run prints one error with a hint, and nothing to stdout.
#[cfg(target_os = "linux")]
#[track_caller]
fn assert_failed(output: &Output, words: &[&str]) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    for words in words.iter().chain(&["error: ", "hint: "]) {
        assert!(stderr.contains(words), "no `{words}` in {stderr}");
    }
    let printed = String::from_utf8_lossy(&output.stdout);
    assert_eq!(printed, "", "nothing is left");
}
