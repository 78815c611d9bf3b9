//! Ctrl-C, SIGTERM and SIGHUP at every request.

use esml_state::error::ExitCode;

use super::fixture::{Port, source, target};
use super::runner::run_all;
use super::scenario::rule_for;
use super::{export, import};
use crate::support::in_process::InProcess;
use crate::support::{exhaustive, sample_step};

const SIGNALS: [ExitCode; 3] = [ExitCode::Interrupted, ExitCode::Terminated, ExitCode::HungUp];

/// The last requests of an export. Reading may complete before a signal sent with these requests is received.
const LAST_REQUESTS: usize = 3;

/// Returns every request with every signal, or every second request with one of them.
fn interruption_points(requests: usize) -> Vec<(usize, ExitCode)> {
    (0..requests)
        .step_by(sample_step(2))
        .flat_map(|at| (0..if exhaustive() { 3 } else { 1 }).map(move |pass| (at, SIGNALS[(at + pass) % 3])))
        .collect()
}

fn interrupt_export(at: usize, signal: ExitCode) -> Result<(), String> {
    let (cluster, own, directory) = (source(Port::Plain), InProcess::new(), tempfile::tempdir().unwrap());
    let request = &export::baseline().requests[at];
    let interrupt = own.interrupter();
    cluster
        .stand_in
        .faults()
        .add(rule_for(request).run(move |_| interrupt(signal)));
    let run = export::run(&cluster, &own, &directory.path().join("out.tar.gz"));
    let left: Vec<_> = std::fs::read_dir(directory.path()).unwrap().collect();
    let open = cluster.documents.open_contexts();
    // Work that was completed before the signal was received is kept.
    let done = run.code == 0 && at + LAST_REQUESTS >= export::baseline().requests.len();
    match done || run.code == signal as i32 && left.is_empty() && open == Some(0) && run.stdout.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "export interrupted at {request:?}: exit {}, left {left:?}, open {open:?}\n{}",
            run.code, run.stderr
        )),
    }
}

fn interrupt_import(at: usize, signal: ExitCode) -> Result<(), String> {
    let (cluster, own) = (target(Port::Plain), InProcess::new());
    let request = &import::baseline().requests[at];
    let interrupt = own.interrupter();
    cluster
        .stand_in
        .faults()
        .add(rule_for(request).run(move |_| interrupt(signal)));
    let run = import::run(&cluster, &own);
    let ended = match run.code == signal as i32 {
        true => import::check_cluster(&cluster, &run),
        false => Err(format!("exit {}", run.code)),
    };
    ended.map_err(|why| format!("import interrupted at {request:?}: {why}\n{}", run.stderr))
}

#[test]
fn interrupted_export_leaves_no_file_and_no_search_context() {
    let points = interruption_points(export::baseline().requests.len());
    run_all(points, |&(at, signal)| interrupt_export(at, signal)).assert_no_failures("export interrupted");
}

#[test]
fn interrupted_import_is_rolled_back() {
    let points = interruption_points(import::baseline().requests.len());
    run_all(points, |&(at, signal)| interrupt_import(at, signal)).assert_no_failures("import interrupted");
}
