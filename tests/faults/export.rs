//! An export in which a request goes wrong: nothing stands under the archive's name, nothing stays open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use super::fault_kinds::Lasting;
use super::fixture::{JOB, Port, source};
use super::request::{RequestId, spots};
use super::runner::{each, told};
use super::scenario::{FaultDuration, Scenario};
use crate::support::archive::entries;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

pub fn run(cluster: &TestCluster, run: &InProcess, output: &Path) -> Run {
    let (url, output) = (cluster.stand_in.url(), output.display().to_string());
    let mut line = vec![
        "export",
        "--job-id",
        JOB,
        "-o",
        &output,
        "--yes",
        "--include-inputs",
        "--url",
        &url,
    ];
    line.extend([
        "--page-size",
        "2",
        "--slices",
        "1",
        "--retries",
        "2",
        // One slow request makes the time of the run jump by two minutes, for those beside it too.
        "--retry-for",
        "10m",
        "--api-key",
        "id:key-s3cr3t",
        "--ignore-certs",
        "--compression-level",
        "0",
        "-vv",
    ]);
    run.run(&line)
}

/// What an archive says, less the times of its making.
fn said(archive: &Path) -> BTreeMap<String, String> {
    let mut entries = entries(archive);
    entries.retain(|name, _| name != "esml_manifest.json");
    entries
}

/// The requests of an undisturbed export and what it writes.
pub struct Undisturbed {
    pub spots: Vec<RequestId>,
    said: BTreeMap<String, String>,
}

pub fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let (cluster, directory) = (source(Port::Plain), tempfile::tempdir().unwrap());
        let output = directory.path().join("out.tar.gz");
        run(&cluster, &InProcess::new(), &output).expect(0);
        Undisturbed {
            spots: spots(&cluster.stand_in.requests()),
            said: said(&output),
        }
    })
}

/// What an export can do without, and says so.
const LEFT_OUT: [&str; 2] = [
    "warning: a rule of the job names filter",
    "warning: no mappings are found",
];

/// Sees how a disturbed run ended.
fn judge(scenario: &Scenario, cluster: &TestCluster, run: &Run, output: &Path) -> Result<(), String> {
    let Undisturbed { spots, said: whole } = undisturbed();
    let (spot, kind) = (scenario.spot(spots), scenario.kind);
    let left = std::fs::read_dir(output.parent().unwrap()).unwrap().count();
    let open = cluster.documents.open_contexts();
    // What is not known to be open is not closed, nor what cannot be reached.
    let unknown = spot.path.ends_with("/_pit") || scenario.at.len() > 1;
    let reachable =
        kind.port() == Port::Plain && (scenario.stay == FaultDuration::Once || kind.lasts == Lasting::ThisRequest);
    if !unknown && reachable && open != Some(0) {
        return Err(format!("{open:?} contexts are open"));
    }
    match run.code {
        // What is not there may be left out, and said so.
        0 if kind.name == "404" && LEFT_OUT.iter().any(|words| run.stderr.contains(words)) => Ok(()),
        0 if said(output) == *whole => Ok(()),
        0 => Err("the archive is another".to_owned()),
        1 if scenario.survives(spots) => Err("was not survived".to_owned()),
        1 if left > 0 => Err(format!("left {left} files")),
        1 => told(run, kind),
        code => Err(format!("exit {code}")),
    }
}

fn walk(scenario: &Scenario) -> Result<(), String> {
    let (cluster, own) = (source(scenario.kind.port()), InProcess::new());
    let (directory, spots) = (tempfile::tempdir().unwrap(), &undisturbed().spots);
    scenario.disturb(&cluster, &own, spots);
    let output = directory.path().join("out.tar.gz");
    let run = run(&cluster, &own, &output);
    judge(scenario, &cluster, &run, &output).map_err(|why| scenario.failed("export", spots, &why, &run))
}

#[test]
fn failed_export_leaves_no_file_and_no_search_context() {
    each(Scenario::all(&undisturbed().spots), walk).hold("export");
}
