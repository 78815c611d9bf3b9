//! Exporting a job to an archive: its contents, and what remains after a failure.

mod backup;
mod completeness;
mod datafeeds;
mod fields;
mod files;
mod limits;
mod many;
mod new_indices;
mod open_jobs;
mod output;
mod paging;
mod parallel;
#[cfg(unix)]
mod progress;
mod python_scripts;
mod remote;
mod results;
mod rollover;
mod selection;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod terminal;

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::support::archive::entries;
use crate::support::binary::{Binary, Run};
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

fn version() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

fn cluster(fixture: &Fixture) -> TestCluster {
    TestCluster::seeded(version(), fixture)
}

/// The entries of an archive after a successful export.
#[track_caller]
fn exported(cluster: &TestCluster, job: &str, more: &[&str]) -> BTreeMap<String, String> {
    let binary = Binary::new();
    let path = cluster.export(&binary, job, "out", more);
    let found = entries(&path);
    assert_eq!(files(binary.directory()), ["out.tar.gz"], "nothing else is left");
    found
}

/// An `export` that fails, leaves no file in the directory, and leaves no context open on the cluster.
#[track_caller]
fn failed_export(cluster: &TestCluster, job: &str, more: &[&str], code: i32) -> Run {
    let binary = Binary::new();
    let mut args = vec!["export", "--job-id", job, "--yes"];
    args.extend(more);
    let run = cluster.run(&binary, &args).expect(code);
    assert_eq!(run.stdout, "");
    assert_eq!(files(binary.directory()), Vec::<String>::new(), "{}", run.stderr);
    assert_no_open_contexts(cluster);
    run
}

#[track_caller]
fn assert_no_open_contexts(cluster: &TestCluster) {
    assert_eq!(
        cluster.documents.open_contexts(),
        Some(0),
        "{:#?}",
        cluster.stand_in.requests()
    );
}

fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The documents of the entries with this ending, without action lines.
fn lines<'a>(entries: &'a BTreeMap<String, String>, ending: &str) -> Vec<&'a str> {
    let found = entries.iter().filter(|(name, _)| name.ends_with(ending));
    let lines = found.flat_map(|(_, text)| text.lines());
    lines.filter(|line| !line.starts_with("{\"index\"")).collect()
}

/// Input documents in the order of the archive.
fn inputs(entries: &BTreeMap<String, String>) -> Vec<Value> {
    let mut parts: Vec<(usize, &String)> = entries
        .iter()
        .filter(|(name, _)| name.ends_with(".ndjson"))
        .filter_map(|(name, text)| {
            let (_, number) = name.strip_suffix(".ndjson")?.rsplit_once("_input_")?;
            Some((number.parse().ok()?, text))
        })
        .collect();
    parts.sort();
    let lines = parts.into_iter().flat_map(|(_, text)| text.lines().skip(1).step_by(2));
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn stored(id: &str, source: Value) -> StoredDocument {
    StoredDocument {
        index: String::new(),
        id: id.to_owned(),
        source: source.to_string(),
    }
}
