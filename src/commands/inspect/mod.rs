//! What is in an archive, and whether it is whole.

mod bars;
mod build;
mod checks;
mod examine;
mod gather;
mod histogram;
mod lacks;
mod list;
mod moments;
mod page;
mod report;
mod show;
mod times;

use std::path::PathBuf;

use serde::Serialize;

use crate::archive::Limits;
use crate::error::{Error, Result};
use crate::terminal::Terminal;

pub use examine::examine;
pub use page::{PageStyle, page};
pub use report::{
    ArchiveFacts, CalendarFacts, Check, DatafeedFacts, DetectorFacts, EntryFacts, Failure, FindingFacts,
    HistogramFacts, InputFacts, JobFacts, Lack, PartFacts, REPORT_VERSION, Report, SnapshotFacts, StateFacts, Written,
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
    if let View::Show(entry) = &options.view {
        return show::show(options, entry, terminal);
    }
    let (report, failure) = examine(options, terminal)?;
    let text = match (&options.view, options.json) {
        (View::List, true) => json(&list::list(&report))?,
        (View::List, false) => list::list(&report).table(),
        (_, true) => json(&report)?,
        (_, false) => page(&report, style(terminal)),
    };
    terminal.result(&text).map_err(|cause| Error::File {
        path: PathBuf::from("standard output"),
        cause,
    })?;
    match failure {
        Some(failure) if options.json => Err(Error::Reported(Box::new(failure))),
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

/// One document, indented. Control characters that JSON lets through raw are escaped too, since the
/// document may be looked at on a terminal.
fn json(document: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(document).map_err(|cause| Error::Failed {
        message: format!("the report cannot be written: {cause}"),
        hint: None,
    })?;
    let mut harmless = String::with_capacity(text.len());
    for c in text.chars() {
        if matches!(c, '\u{7f}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            harmless.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            harmless.push(c);
        }
    }
    Ok(harmless)
}

/// Blocks on a terminal whose locale is UTF-8; Windows' terminals show them wherever they are new
/// enough to say who they are.
fn style(terminal: &Terminal) -> PageStyle {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    let utf8 = locale.contains("utf-8") || locale.contains("utf8") || std::env::var_os("WT_SESSION").is_some();
    PageStyle {
        unicode: terminal.stdout_is_terminal() && utf8,
    }
}

#[cfg(test)]
mod tests;
