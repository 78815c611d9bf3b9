//! What is in an archive, and whether it is whole.

mod build;
mod entries;
mod examine;
mod gather;
mod output;
mod page;
mod report;

use std::path::PathBuf;

use crate::archive::Limits;
use crate::error::Result;
use crate::terminal::Terminal;
use output::Output;

pub use examine::examine;
pub use output::HtmlTarget;
pub use page::page;
pub use report::{
    AnnotationFacts, ArchiveFacts, CalendarFacts, CategoriesFacts, CategorizationFacts, CategoryFacts, Check,
    DataCountsFacts, DatafeedFacts, DetectorFacts, EntryFacts, Failure, FindingFacts, HistogramFacts, InputFacts,
    JobFacts, Lack, PartFacts, PatternFacts, REPORT_VERSION, Report, SeriesFacts, SnapshotFacts, StateFacts, Written,
};

/// What `inspect` was asked.
#[derive(Clone, Debug)]
pub struct InspectOptions {
    /// The file, or `-` for stdin.
    pub archive: PathBuf,
    /// What to print.
    pub view: View,
    /// Exit 4 when any check fails.
    pub verify: bool,
    /// As one JSON document.
    pub json: bool,
    /// As a page for browsers.
    pub html: Option<HtmlTarget>,
    /// Bounds.
    pub limits: Limits,
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

/// Runs the inspection and prints its result. Blocking: it reads one file and needs no cluster.
///
/// # Errors
/// The archive cannot be read or, after the report was printed, cannot be imported (with `verify`:
/// is not wholly as it should be). With `json` the printed report tells that failure already:
/// it is an [`Error::Reported`] then.
pub fn run(options: &InspectOptions, terminal: &Terminal) -> Result<()> {
    match &options.view {
        View::Show(entry) => entries::show(options, entry, terminal),
        View::List => {
            let (report, failure) = examine(options, terminal)?;
            let list = entries::list(&report);
            let text = if options.json {
                output::json(&list)?
            } else {
                list.table()
            };
            output::print(&text, terminal)?;
            output::ended(failure, options.json)
        }
        View::Page => {
            let output = Output::prepare(options)?;
            let (report, failure) = examine(options, terminal)?;
            output.put(&report, &page(&report), terminal)?;
            output::ended(failure, options.json)
        }
    }
}

#[cfg(test)]
mod tests;
