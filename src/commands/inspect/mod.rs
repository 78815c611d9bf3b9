//! Shows what an archive contains and whether it can be imported.

mod compare;
mod directory;
mod facts;
mod inspection;
mod options;
mod page;
mod results;
mod rules;
mod timeline;
mod values;

use crate::commands::interrupt::{self, Signals};
use crate::commands::session::RunContext;
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::format::count;
use inspection::{entry_list, entry_table, inspect, show};
pub use options::InspectOptions;

/// Inspects archives and prints the result, without a cluster. If an archive cannot be imported, the error comes after the
/// result.
pub async fn run(options: InspectOptions, context: &RunContext, terminal: &Terminal) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    match options.has_directory() {
        true => directory::list(options, &signals, terminal).await,
        false => signals.or(print_result(options, terminal)).await,
    }
}

async fn print_result(options: InspectOptions, terminal: &Terminal) -> Result<()> {
    let (reader, messages) = (options.clone(), terminal.clone());
    if let Some(entry) = options.show {
        return interrupt::abandonable(move || show(&reader, &entry, &messages)).await;
    }
    options.check()?;
    let read = move || {
        let first = inspect(&reader.archive, &reader, &messages)?;
        let second = reader.other.as_ref().map(|other| inspect(other, &reader, &messages));
        Ok((first, second.transpose()?))
    };
    let (first, second) = interrupt::abandonable(read).await?;
    let report = &first.report;
    if let Some(second) = &second {
        let comparing = terminal.stage("Comparing the archives", count, None);
        let comparison = compare::compare(&first, second);
        drop(comparing);
        let names = compare::names([&options.archive, options.other.as_deref().unwrap_or(&options.archive)]);
        options.write(&comparison, &compare::page(&comparison, &names), terminal)?;
    } else if options.list {
        let table = entry_table(report, terminal.stdout_width());
        options.print(&entry_list(report), &table, terminal)?;
    } else if options.verify && terminal.is_quiet() && !options.json && options.html.is_none() {
        let failed = report.checks.iter().filter(|check| !check.passed);
        let lines: String = failed.map(|check| format!("failed  {}\n", check.what)).collect();
        options.print(report, &lines, terminal)?;
    } else {
        let page = match &report.values {
            Some(values) if options.html.is_none() => page::values_page(report, values),
            _ => page::page(report),
        };
        options.write(report, &page, terminal)?;
    }
    match first.failure.or(second.and_then(|second| second.failure)) {
        Some(failure) if options.json => Err(Error::Reported(Box::new(failure))),
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
