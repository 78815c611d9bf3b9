//! Exports in which a request fails: no file is left under the archive's name, and no search context stays open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use super::fault_kinds::Scope;
use super::fixture::{CREDENTIAL, EXPORT, JOB, Port, RETRIES, source};
use super::request::{RequestId, request_ids};
use super::runner::{check_error_message, run_all};
use super::scenario::{FaultDuration, Scenario};
use crate::support::archive::entries;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

/// Runs an export with these options.
pub fn run_with(cluster: &TestCluster, run: &InProcess, more: &[&str]) -> Run {
    let url = cluster.stand_in.url();
    let line = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--url",
        &url,
        "--compression-level",
        "0",
    ];
    run.run(&[&line, &EXPORT[..], &RETRIES, &CREDENTIAL, more].concat())
}

pub fn run(cluster: &TestCluster, run: &InProcess, output: &Path) -> Run {
    run_with(cluster, run, &["-o", &output.display().to_string()])
}

/// The content of an archive, without the times of its creation.
pub fn comparable_entries(archive: &Path) -> BTreeMap<String, String> {
    let mut entries = entries(archive);
    entries.retain(|name, _| name != "esml_manifest.json");
    entries
}

/// The requests of an export without faults, and its archive.
pub struct Baseline {
    pub requests: Vec<RequestId>,
    entries: BTreeMap<String, String>,
}

pub fn baseline() -> &'static Baseline {
    static BASELINE: OnceLock<Baseline> = OnceLock::new();
    BASELINE.get_or_init(|| {
        let (cluster, directory) = (source(Port::Plain), tempfile::tempdir().unwrap());
        let output = directory.path().join("out.tar.gz");
        run(&cluster, &InProcess::new(), &output).expect(0);
        Baseline {
            requests: request_ids(&cluster.stand_in.requests()),
            entries: comparable_entries(&output),
        }
    })
}

/// Warnings about requests that are not required for an export.
const OPTIONAL_REQUESTS: [&str; 2] = ["warning: filter ", "warning: field types may change"];

/// Checks the result of a run with a fault.
fn check_outcome(scenario: &Scenario, cluster: &TestCluster, run: &Run, output: &Path) -> Result<(), String> {
    let Baseline {
        requests,
        entries: whole,
    } = baseline();
    let (request, kind) = (scenario.request(requests), scenario.kind);
    let left = std::fs::read_dir(output.parent().unwrap()).unwrap().count();
    let open = cluster.documents.open_contexts();
    // A context whose ID is unknown, or that cannot be reached, is not closed.
    let unknown = request.path.ends_with("/_pit") || scenario.at.len() > 1;
    let reachable =
        kind.port() == Port::Plain && (scenario.duration == FaultDuration::Once || kind.scope == Scope::ThisRequest);
    if !unknown && reachable && open != Some(0) {
        return Err(format!("{open:?} contexts are open"));
    }
    match run.code {
        // Missing documents may be omitted if this is reported.
        0 if kind.name == "404" && OPTIONAL_REQUESTS.iter().any(|words| run.stderr.contains(words)) => Ok(()),
        0 if comparable_entries(output) == *whole => Ok(()),
        0 => Err("the archive differs".to_owned()),
        1 if scenario.succeeds(requests) => Err("the run failed".to_owned()),
        1 if left > 0 => Err(format!("left {left} files")),
        1 => check_error_message(run, kind),
        code => Err(format!("exit {code}")),
    }
}

fn run_scenario(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own) = (source(scenario.kind.port()), InProcess::new());
    let (directory, requests) = (tempfile::tempdir().unwrap(), &baseline().requests);
    scenario.inject(&cluster, &own, requests);
    let output = directory.path().join("out.tar.gz");
    let run = run(&cluster, &own, &output);
    check_outcome(scenario, &cluster, &run, &output)
        .map_err(|why| scenario.describe_failure("export", requests, &why, &run))
}

#[test]
fn failed_export_leaves_no_file_and_no_search_context() {
    run_all(Scenario::all(&baseline().requests), run_scenario).assert_no_failures("export");
}
