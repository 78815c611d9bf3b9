//! An import in which a request goes wrong: all or nothing, or exactly what remains and what removes it.

use std::sync::OnceLock;

use super::cell::{Cell, Stay};
use super::spot::{Spot, spots};
use super::subject::{Port, archive, target};
use super::walk::{each, told};
use crate::import_safety::state::ClusterState;
use crate::support::binary::Run;
use crate::support::in_process::InProcess;
use crate::support::world::World;

pub fn run(world: &World, run: &InProcess) -> Run {
    let (url, archive) = (world.stand_in.url(), archive().display().to_string());
    let line = [
        "import",
        &archive,
        "--yes",
        "--json",
        "--url",
        &url,
        "--retries",
        "2",
        // One slow request makes the time of the run jump by two minutes, for those beside it too.
        "--retry-for",
        "10m",
        "--ignore-certs",
        "-vv",
    ];
    run.run(&[&line[..], &["--api-key", "id:key-s3cr3t"]].concat())
}

/// The requests of an undisturbed import, what was there before, and what it makes.
pub struct Undisturbed {
    pub spots: Vec<Spot>,
    pub before: ClusterState,
    pub after: ClusterState,
}

pub fn undisturbed() -> &'static Undisturbed {
    static UNDISTURBED: OnceLock<Undisturbed> = OnceLock::new();
    UNDISTURBED.get_or_init(|| {
        let world = target(Port::Plain);
        let before = ClusterState::of(&world);
        run(&world, &InProcess::new()).expect(0);
        Undisturbed {
            spots: spots(&world.stand_in.requests()),
            before,
            after: ClusterState::of(&world).comparable(),
        }
    })
}

/// Sends the requests that the message names; each must find what it removes.
pub fn clean_up(world: &World, run: &Run) -> Result<(), String> {
    for left in run.json()["remains"].as_array().into_iter().flatten() {
        let request = left["remove"].as_str().unwrap();
        let (line, body) = request.split_once('\n').unwrap_or((request, ""));
        let (method, path) = line.split_once(' ').unwrap();
        let body = if body.is_empty() {
            String::new()
        } else {
            format!("{body}\n")
        };
        world.call("POST", "/.ml-*/_refresh?expand_wildcards=all", "");
        let answer = world.call(method, path, body.as_str());
        // What goes with a job that is deleted first is gone by then.
        if answer.status >= 300 && answer.status != 404 {
            return Err(format!("{request}: {answer:?}"));
        }
    }
    Ok(())
}

/// Sees that the cluster is as it was, or as the undisturbed import leaves it.
pub fn sound(world: &World, run: &Run) -> Result<(), String> {
    world.stand_in.faults().clear();
    world.stand_in.network().listen();
    if run.code == 6 {
        clean_up(world, run)?;
    }
    let after = ClusterState::of(world);
    match run.code {
        0 => after.comparable().same(&undisturbed().after),
        _ => after.as_before(&undisturbed().before),
    }
}

fn walk(cell: &Cell) -> Result<(), String> {
    let (world, own, spots) = (target(cell.kind.port()), InProcess::new(), &undisturbed().spots);
    cell.disturb(&world, &own, spots);
    let run = run(&world, &own);
    // What succeeds all the same has made what an undisturbed import makes.
    let judged = match (run.code, cell.stay) {
        (0, _) => Ok(()),
        _ if cell.survives(spots) => Err(format!("exit {}", run.code)),
        (1 | 5, _) | (6, Stay::Lasts) => told(&run, cell.kind),
        (code, _) => Err(format!("exit {code}")),
    };
    judged
        .and_then(|()| sound(&world, &run))
        .map_err(|why| cell.failed("import", spots, &why, &run))
}

#[test]
fn all_or_nothing_whatever_goes_wrong() {
    each(Cell::all(&undisturbed().spots), walk).hold("import");
}
