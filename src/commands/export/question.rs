//! The question that every export asks: the archive holds values of the data.

use super::options::ExportOptions;
use super::subject::Subject;
use super::survey::Survey;
use crate::commands::interrupt;
use crate::error::{Error, Result};
use crate::terminal::{PromptError, Terminal};
use crate::util::format::{amount, bytes};

/// Refuses at once where the question could not be asked later.
pub(super) fn can_be_answered(options: &ExportOptions, terminal: &Terminal) -> Result<()> {
    if options.yes || options.dry_run || terminal.interactive() {
        return Ok(());
    }
    Err(refused(
        "an export holds personal data (the model state itself does), and nobody is there to agree",
    ))
}

/// Asks; and once more where all inputs of an open range would go.
pub(super) async fn ask(
    options: &ExportOptions,
    subject: &Subject,
    survey: &Survey,
    terminal: &Terminal,
) -> Result<()> {
    if options.yes {
        return Ok(());
    }
    let job = subject.job.id();
    terminal.explain(&match options.tokens() {
        Some(_) => format!(
            "The archive of job {job} will hold tokens in the place of values, and its key file the values. Names of \
             the job, its fields, aggregations, indices, filters and calendars stay, and so do metrics and times."
        ),
        None => format!(
            "The archive of job {job} will hold values of your data: the model state keeps names of hosts, users or \
             whatever the job splits by, and annotations keep what people wrote."
        ),
    });
    confirm(terminal, "Export it?".to_owned()).await?;
    let open = options
        .inputs()
        .is_some_and(|inputs| inputs.after.is_none() || inputs.before.is_none());
    match survey.inputs {
        Some(inputs) if open => {
            terminal.explain(&format!(
                "The range of the inputs is open: {}, about {} before compression. --inputs-after-date and \
                 --inputs-before-date bound it.",
                amount(inputs.documents, "document", "documents"),
                bytes(inputs.bytes)
            ));
            confirm(terminal, "Include all of them?".to_owned()).await
        }
        _ => Ok(()),
    }
}

async fn confirm(terminal: &Terminal, question: String) -> Result<()> {
    match interrupt::while_waiting(terminal, move |asking| asking.confirm(&question)).await? {
        Ok(true) => Ok(()),
        Ok(false) => Err(refused("not exported")),
        Err(PromptError::Interrupted) => Err(Error::Interrupted),
        Err(PromptError::NoTerminal) => Err(refused("nobody is there to agree")),
    }
}

fn refused(message: &str) -> Error {
    Error::refused(message, "agree beforehand with --yes")
}
