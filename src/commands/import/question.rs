//! The question that every import asks: it is meant for reproducing issues, not for production.

use super::options::ImportOptions;
use super::plan::Plan;
use crate::commands::interrupt;
use crate::error::{Error, Result};
use crate::terminal::{NoAnswer, Terminal};

const MEANT_FOR: &str = "Imports are meant for reproducing issues and for test clusters, not for production.";

/// Refuses at once where the question could not be asked later.
pub(super) fn can_be_answered(options: &ImportOptions, terminal: &Terminal) -> Result<()> {
    if options.yes || options.dry_run || terminal.interactive() {
        Ok(())
    } else {
        Err(refused("nobody is there to agree to the import"))
    }
}

/// Shows the plan and asks.
pub(super) async fn ask(options: &ImportOptions, plan: &Plan, terminal: &Terminal) -> Result<()> {
    let notes = plan.notes.iter().map(|note| format!("note: {note}"));
    if options.yes {
        notes.for_each(|note| terminal.say(&note));
        return Ok(());
    }
    notes.for_each(|note| terminal.lay_open(&note));
    terminal.explain(MEANT_FOR);
    for line in plan.lines() {
        terminal.lay_open(&format!("  {line}"));
    }
    let question = format!("Import job {}?", plan.job());
    match interrupt::while_waiting(terminal, move |asking| asking.confirm(&question)).await? {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("not imported")),
        Err(NoAnswer::Interrupted) => Err(Error::Interrupted),
        Err(NoAnswer::NoTerminal) => Err(refused("nobody is there to agree to the import")),
    }
}

fn refused(message: &str) -> Error {
    Error::Refused {
        message: message.into(),
        hint: format!("{MEANT_FOR} Agree beforehand with --yes"),
    }
}
