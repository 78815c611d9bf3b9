//! The question that every import asks: it is meant for reproducing issues, not for production.

use super::options::ImportOptions;
use super::plan::Plan;
use crate::cluster::Cluster;
use crate::commands::interrupt;
use crate::error::{Error, Result};
use crate::terminal::{PromptError, Terminal};

const MEANT_FOR: &str = "Imports are meant for reproducing issues and for test clusters, not for production.";
const UNSUPPORTED: &str = "An import writes to internal indices of machine learning, which Elastic does not support as \
                           an interface.";
const NO_TERMINAL: &str = "cannot ask for confirmation of the import without a terminal";

/// Refuses at once where the question could not be asked later.
pub(super) fn can_be_answered(options: &ImportOptions, terminal: &Terminal) -> Result<()> {
    if options.yes || options.dry_run || terminal.interactive() {
        Ok(())
    } else {
        Err(refused(NO_TERMINAL))
    }
}

/// Shows the plan and asks.
pub(super) async fn ask(cluster: &Cluster, options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    let notes = plan.notes.iter().map(|note| format!("note: {note}"));
    if options.yes {
        notes.for_each(|note| terminal.print(&note));
        return Ok(());
    }
    notes.for_each(|note| terminal.print_always(&note));
    terminal.explain(&format!("{MEANT_FOR} {UNSUPPORTED}"));
    for line in plan.lines() {
        terminal.print_always(&format!("  {line}"));
    }
    let question = question(cluster, plan);
    match interrupt::while_waiting(terminal, move |asking| asking.confirm(&question)).await? {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("not imported")),
        Err(PromptError::Interrupted) => Err(Error::Interrupted),
        Err(PromptError::NoTerminal) => Err(refused(NO_TERMINAL)),
    }
}

/// Names what is replaced, and the cluster: many have one for tests and one that must not change.
fn question(cluster: &Cluster, plan: &Plan) -> String {
    let (job, target) = (plan.job(), cluster.described());
    match plan.existing.job {
        true => format!(
            "The existing job {job} is deleted first, and it is not restored if the import fails. Replace job {job} on \
             {target}?"
        ),
        false => format!("Import job {job} into {target}?"),
    }
}

fn refused(message: &str) -> Error {
    Error::refused(message, format!("{MEANT_FOR} Agree beforehand with --yes"))
}
