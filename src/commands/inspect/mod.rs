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

/// Runs the inspection and prints its result. Blocking: it reads files and needs no cluster.
///
/// # Errors
/// An archive cannot be read or, after the report was printed, cannot be imported (with `verify`:
/// is not wholly as it should be). With `json` the printed report tells that failure already:
/// it is an [`Error::Reported`](crate::error::Error::Reported) then.
pub fn run(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    match (&options.show, &options.other) {
        (Some(entry), _) => entries::show(options, entry, terminal),
        (None, _) if options.list => {
            let examined = examine(&options.archive, options, terminal)?;
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
            let examined = examine(&options.archive, options, terminal)?;
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
            let first = examine(&options.archive, options, terminal)?;
            let second = examine(other, options, terminal)?;
            let comparison = compare::compare(&first, &second);
            output.put(&comparison, &compare::page(&comparison), terminal)?;
            output::ended(first.failure.or(second.failure), options.json)
        }
    }
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
