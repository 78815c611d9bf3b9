//! Ctrl-C, SIGTERM and SIGHUP at every request.

use esml_state::error::ExitCode;

use super::fixture::{Port, source, target};
use super::runner::each;
use super::scenario::on;
use super::{export, import};
use crate::support::in_process::InProcess;

const SIGNALS: [ExitCode; 3] = [ExitCode::Interrupted, ExitCode::Terminated, ExitCode::HungUp];

/// The last requests of an export: what read them has ended before a signal that came with them is heard.
const LAST: usize = 3;

fn points(requests: usize) -> Vec<(usize, ExitCode)> {
    (0..requests)
        .flat_map(|at| SIGNALS.map(|signal| (at, signal)))
        .collect()
}

fn exported(at: usize, signal: ExitCode) -> Result<(), String> {
    let (cluster, own, directory) = (source(Port::Plain), InProcess::new(), tempfile::tempdir().unwrap());
    let spot = &export::undisturbed().spots[at];
    let interrupt = own.interrupter();
    cluster.stand_in.faults().add(on(spot).run(move |_| interrupt(signal)));
    let run = export::run(&cluster, &own, &directory.path().join("out.tar.gz"));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    let open = cluster.documents.open_contexts();
    // Work that was done before the signal was noticed is done.
    let done = run.code == 0 && at + LAST >= export::undisturbed().spots.len();
    match done || run.code == signal as i32 && left.is_empty() && open == Some(0) && run.stdout.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "export interrupted at {spot:?}: exit {}, left {left:?}, open {open:?}\n{}",
            run.code, run.stderr
        )),
    }
}

fn imported(at: usize, signal: ExitCode) -> Result<(), String> {
    let (cluster, own) = (target(Port::Plain), InProcess::new());
    let spot = &import::undisturbed().spots[at];
    let interrupt = own.interrupter();
    cluster.stand_in.faults().add(on(spot).run(move |_| interrupt(signal)));
    let run = import::run(&cluster, &own);
    let ended = match run.code == signal as i32 {
        true => import::sound(&cluster, &run),
        false => Err(format!("exit {}", run.code)),
    };
    ended.map_err(|why| format!("import interrupted at {spot:?}: {why}\n{}", run.stderr))
}

#[test]
fn interrupted_export_leaves_no_file_and_no_search_context() {
    let points = points(export::undisturbed().spots.len());
    each(points, |&(at, signal)| exported(at, signal)).hold("export interrupted");
}

#[test]
fn interrupted_import_is_rolled_back() {
    let points = points(import::undisturbed().spots.len());
    each(points, |&(at, signal)| imported(at, signal)).hold("import interrupted");
}
