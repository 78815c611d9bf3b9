//! `--list`: the entries.

use serde::Serialize;

use crate::commands::inspect::report::{EntryFacts, Failure, FindingFacts, REPORT_VERSION, Report};
use crate::util::control_chars::escape;
use crate::util::format::count;
use crate::util::table::Table;

/// Digits of a checksum that are enough to tell entries apart by eye.
const SHORT: usize = 12;

/// The document of `--list --json`: the same members as the report's, without the rest.
#[derive(Debug, Serialize)]
pub(in crate::commands::inspect) struct List<'a> {
    version: u32,
    importable: bool,
    findings: &'a [FindingFacts],
    entries: &'a [EntryFacts],
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: &'a Option<Failure>,
}

/// Cuts the list out of a report.
pub(in crate::commands::inspect) fn list(report: &Report) -> List<'_> {
    List {
        version: REPORT_VERSION,
        importable: report.importable,
        findings: &report.findings,
        entries: &report.entries,
        failure: &report.failure,
    }
}

impl List<'_> {
    /// A line an entry: documents, bytes, the beginning of its SHA-256, name.
    pub(in crate::commands::inspect) fn table(&self) -> String {
        let mut table = Table::new(&[0, 1]);
        table.row(["documents", "bytes", "sha256", "name"]);
        for entry in self.entries {
            let sha256 = entry.sha256.get(..SHORT).unwrap_or(&entry.sha256);
            table.row([
                &count(entry.documents),
                &count(entry.bytes),
                sha256,
                &entry.name.replace(['\n', '\t'], " "),
            ]);
        }
        escape(&table.render(0)).into_owned()
    }
}
