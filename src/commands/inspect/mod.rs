//! What is in an archive, and whether it is whole.

mod build;
mod compare;
mod entries;
mod examine;
mod gather;
mod output;
mod page;
mod report;
mod values;

use std::path::PathBuf;

use crate::archive::Limits;
use crate::error::Result;
use crate::terminal::Terminal;
use output::Output;

pub use compare::{COMPARISON_VERSION, Came, Comparison, Difference, FieldDifference, PartDifference, Side};
pub use examine::{Examined, examine};
pub use output::HtmlTarget;
pub(crate) use page::page;
pub use report::{
    AnnotationFacts, ArchiveFacts, CalendarFacts, CategoriesFacts, CategorizationFacts, CategoryFacts, Check,
    DataCountsFacts, DatafeedFacts, DetectorFacts, EntryFacts, Failure, FieldFacts, FindingFacts, HashFacts,
    HistogramFacts, InputFacts, JobFacts, Lack, LooksFacts, PartFacts, PatternFacts, REPORT_VERSION, Report,
    SeriesFacts, SnapshotFacts, StateFacts, UnreadFacts, ValueFacts, ValuesFacts, Written,
};

/// What `inspect` was asked.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// The file, or `-` for stdin.
    pub archive: PathBuf,
    /// Another one, to be compared with it.
    pub other: Option<PathBuf>,
    /// What to print.
    pub view: View,
    /// The values that the archive holds, too.
    pub values: bool,
    /// Exit 4 when any check fails.
    pub verify: bool,
    /// As one JSON document.
    pub json: bool,
    /// As a page for browsers.
    pub html: Option<HtmlTarget>,
    /// Bounds.
    pub limits: Limits,
}

impl InspectOptions {
    /// `--verify -q`, with the result on a terminal or in a pipe.
    fn prints_failures_only(&self, terminal: &Terminal) -> bool {
        self.verify && terminal.is_quiet() && !self.json && self.html.is_none()
    }
}

/// What to print.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// The page.
    Page,
    /// `--list`
    List,
    /// `--show ENTRY`
    Show(String),
}

/// Runs the inspection and prints its result. Blocking: it reads files and needs no cluster.
///
/// # Errors
/// An archive cannot be read or, after the report was printed, cannot be imported (with `verify`:
/// is not wholly as it should be). With `json` the printed report tells that failure already:
/// it is an [`Error::Reported`](crate::error::Error::Reported) then.
pub fn run(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    match (&options.view, &options.other) {
        (View::Show(entry), _) => entries::show(options, entry, terminal),
        (View::List, _) => {
            let examined = examine(&options.archive, options, terminal)?;
            let list = entries::list(&examined.report);
            if options.json {
                output::print_json(&list, terminal)?;
            } else {
                output::print(&list.table(), terminal)?;
            }
            output::ended(examined.failure, options.json)
        }
        (View::Page, None) => {
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
        (View::Page, Some(other)) => {
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
