//! What is in an archive, and whether it is complete.

mod compare;
mod entries;
mod facts;
mod inspection;
mod options;
mod output;
mod page;
mod values;

use std::path::Path;

use crate::commands::interrupt::{self, Signals};
use crate::commands::session::RunContext;
use crate::error::Result;
use crate::terminal::Terminal;
use inspection::{Inspection, inspect};
pub use options::InspectOptions;
use output::{Output, failure_lines, finish, print, print_json};

/// Runs the inspection and prints its result. It needs no cluster. An archive that cannot be imported is an error after
/// the result was printed.
pub async fn run(options: InspectOptions, context: &RunContext, terminal: &Terminal) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    signals.or(print_result(&options, terminal)).await
}

async fn print_result(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    match (&options.show, &options.other) {
        (Some(entry), _) => {
            let (options, entry, terminal) = (options.clone(), entry.clone(), terminal.clone());
            interrupt::abandonable(move || entries::show(&options, &entry, &terminal)).await
        }
        (None, _) if options.list => {
            let inspection = read(&options.archive, options, terminal).await?;
            let list = entries::EntryList::of(&inspection.report);
            match options.json {
                true => print_json(&list, terminal)?,
                false => print(&list.table(), terminal)?,
            }
            finish(inspection.failure, options.json)
        }
        (None, None) => {
            let output = Output::prepare(options)?;
            let inspection = read(&options.archive, options, terminal).await?;
            let report = &inspection.report;
            let page = match &report.values {
                Some(values) if options.html.is_none() => page::values_page(report, values),
                _ => page::page(report),
            };
            match options.prints_failures_only(terminal) {
                true => print(&failure_lines(report), terminal)?,
                false => output.write(report, &page, terminal)?,
            }
            finish(inspection.failure, options.json)
        }
        (None, Some(other)) => {
            let output = Output::prepare(options)?;
            let first = read(&options.archive, options, terminal).await?;
            let second = read(other, options, terminal).await?;
            let comparison = compare::compare(&first, &second);
            output.write(&comparison, &compare::page(&comparison), terminal)?;
            finish(first.failure.or(second.failure), options.json)
        }
    }
}

/// Reads an archive on a thread of its own, which a signal does not wait for.
async fn read(path: &Path, options: &InspectOptions, terminal: &Terminal) -> Result<Inspection> {
    let (path, options, terminal) = (path.to_owned(), options.clone(), terminal.clone());
    interrupt::abandonable(move || inspect(&path, &options, &terminal)).await
}

#[cfg(test)]
mod tests;
