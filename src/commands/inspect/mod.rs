//! What is in an archive, and whether it is whole.

mod build;
mod compare;
mod entries;
mod examine;
mod gather;
mod options;
mod output;
mod page;
mod report;
mod values;

use std::path::Path;

use crate::commands::RunContext;
use crate::commands::interrupt::{self, Signals};
use crate::error::Result;
use crate::terminal::Terminal;
use output::Output;

pub use compare::{COMPARISON_VERSION, Came, Comparison, Difference, FieldDifference, PartDifference, Side};
pub use examine::{Examined, examine};
pub use options::InspectOptions;
pub(crate) use page::page;
pub use report::{
    AnnotationFacts, ArchiveFacts, CalendarFacts, CategoriesFacts, CategorizationFacts, CategoryFacts, Check,
    DataCountsFacts, DatafeedFacts, DetectorFacts, EntryFacts, Failure, FieldFacts, FindingFacts, HashFacts,
    HistogramFacts, InputFacts, JobFacts, Lack, LooksFacts, PartFacts, PatternFacts, REPORT_VERSION, Report,
    SeriesFacts, SnapshotFacts, StateFacts, UnreadFacts, ValueFacts, ValuesFacts, Written,
};

/// Runs the inspection and prints its result. It needs no cluster.
///
/// # Errors
/// An archive cannot be read or, after the report was printed, cannot be imported (with `verify`:
/// is not wholly as it should be). With `json` the printed report tells that failure already:
/// it is an [`Error::Reported`](crate::error::Error::Reported) then.
pub async fn run(options: InspectOptions, context: &RunContext, terminal: &Terminal) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    signals.or(inspect(&options, terminal)).await
}

async fn inspect(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    match (&options.show, &options.other) {
        (Some(entry), _) => {
            let (options, entry, terminal) = (options.clone(), entry.clone(), terminal.clone());
            interrupt::abandonable(move || entries::show(&options, &entry, &terminal)).await
        }
        (None, _) if options.list => {
            let examined = read(&options.archive, options, terminal).await?;
            let list = entries::list(&examined.report);
            if options.json {
                output::print_json(&list, terminal)?;
            } else {
                output::print(&list.table(), terminal)?;
            }
            output::ended(examined.failure, options.json)
        }
        (None, None) => {
            let output = Output::prepare(options)?;
            let examined = read(&options.archive, options, terminal).await?;
            let report = &examined.report;
            if options.prints_failures_only(terminal) {
                output::print(&failures(report), terminal)?;
                return output::ended(examined.failure, options.json);
            }
            let page = match &report.values {
                Some(values) if options.html.is_none() => values::page(report, values),
                _ => page(report),
            };
            output.put(report, &page, terminal)?;
            output::ended(examined.failure, options.json)
        }
        (None, Some(other)) => {
            let output = Output::prepare(options)?;
            let first = read(&options.archive, options, terminal).await?;
            let second = read(other, options, terminal).await?;
            let comparison = compare::compare(&first, &second);
            output.put(&comparison, &compare::page(&comparison), terminal)?;
            output::ended(first.failure.or(second.failure), options.json)
        }
    }
}

/// Reads an archive on a thread of its own, which a signal does not wait for.
async fn read(path: &Path, options: &InspectOptions, terminal: &Terminal) -> Result<Examined> {
    let (path, options, terminal) = (path.to_owned(), options.clone(), terminal.clone());
    interrupt::abandonable(move || examine(&path, &options, &terminal)).await
}

/// A line for each finding that makes an import impossible.
fn failures(report: &Report) -> String {
    let fatal = report.findings.iter().filter(|finding| finding.severity == "fatal");
    let line = |finding: &FindingFacts| match finding.place.as_str() {
        "" => format!("FAILED  {}\n", finding.what),
        place => format!("FAILED  {place}: {}\n", finding.what),
    };
    fatal.map(line).collect()
}

#[cfg(test)]
mod tests;
