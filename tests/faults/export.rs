//! An export in which a request goes wrong: nothing stands under the archive's name, nothing stays open.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;

use super::cell::{Cell, Stay};
use super::kinds::Lasting;
use super::spot::{Spot, spots};
use super::subject::{JOB, Port, source};
use super::walk::{each, told};
use crate::support::archive::entries;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::world::World;

pub fn run(world: &World, run: &InProcess, output: &Path) -> Run {
    let (url, output) = (world.stand_in.url(), output.display().to_string());
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
    pub spots: Vec<Spot>,
    said: BTreeMap<String, String>,
}

pub fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let (world, directory) = (source(Port::Plain), tempfile::tempdir().unwrap());
        let output = directory.path().join("out.tar.gz");
        run(&world, &InProcess::new(), &output).expect(0);
        Undisturbed {
            spots: spots(&world.stand_in.requests()),
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
fn judge(cell: &Cell, world: &World, run: &Run, output: &Path) -> Result<(), String> {
    let Undisturbed { spots, said: whole } = undisturbed();
    let (spot, kind) = (cell.spot(spots), cell.kind);
    let left = std::fs::read_dir(output.parent().unwrap()).unwrap().count();
    let open = world.documents.open_contexts();
    // What is not known to be open is not closed, nor what cannot be reached.
    let unknown = spot.path.ends_with("/_pit") || cell.at.len() > 1;
    let reachable = kind.port() == Port::Plain && (cell.stay == Stay::Once || kind.lasts == Lasting::ThisRequest);
    if !unknown && reachable && open != Some(0) {
        return Err(format!("{open:?} contexts are open"));
    }
    match run.code {
        // What is not there may be left out, and said so.
        0 if kind.name == "404" && LEFT_OUT.iter().any(|words| run.stderr.contains(words)) => Ok(()),
        0 if said(output) == *whole => Ok(()),
        0 => Err("the archive is another".to_owned()),
        1 if cell.survives(spots) => Err("was not survived".to_owned()),
        1 if left > 0 => Err(format!("left {left} files")),
        1 => told(run, kind),
        code => Err(format!("exit {code}")),
    }
}

fn walk(cell: &Cell) -> Result<(), String> {
    let (world, own) = (source(cell.kind.port()), InProcess::new());
    let (directory, spots) = (tempfile::tempdir().unwrap(), &undisturbed().spots);
    cell.disturb(&world, &own, spots);
    let output = directory.path().join("out.tar.gz");
    let run = run(&world, &own, &output);
    judge(cell, &world, &run, &output).map_err(|why| cell.failed("export", spots, &why, &run))
}

#[test]
fn nothing_is_left_whatever_goes_wrong() {
    each(Cell::all(&undisturbed().spots), walk).hold("export");
}
