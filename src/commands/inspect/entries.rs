//! `--list` and `--show`: the entries as they are.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use super::facts::{Failure, REPORT_VERSION, Report};
use super::inspection::{stdin, verify};
use super::options::InspectOptions;
use super::output::{EscapingWriter, is_standard_stream};
use crate::archive::{self, Archive, EntrySummary, Finding};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::control_chars::escape;
use crate::util::format::{Table, count};

/// Digits of a checksum in the table.
const SHORT_CHECKSUM: usize = 12;

/// The document of `--list --json`: members of the report.
#[derive(Debug, Serialize)]
pub(super) struct EntryList<'a> {
    version: u32,
    importable: bool,
    findings: &'a [Finding],
    entries: &'a [EntrySummary],
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    failure: &'a Option<Failure>,
}

impl<'a> EntryList<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        Self {
            version: REPORT_VERSION,
            importable: report.importable,
            findings: &report.findings,
            entries: &report.entries,
            failure: &report.failure,
        }
    }

    /// A line for each entry: documents, bytes, the beginning of its SHA-256, name.
    pub(super) fn table(&self) -> String {
        let mut table = Table::new(&[0, 1]);
        table.row(["documents", "bytes", "sha256", "name"]);
        for entry in self.entries {
            let sha256 = entry.sha256.get(..SHORT_CHECKSUM).unwrap_or(&entry.sha256);
            let name = entry.name.replace(['\n', '\t'], " ");
            table.row([&count(entry.documents), &count(entry.bytes), sha256, &name]);
        }
        escape(&table.render(0)).into_owned()
    }
}

/// Copies an entry to stdout. Its content is not checked, so that an entry of a damaged archive can be read too; with
/// `--verify` the whole archive is checked first. On a terminal control characters are escaped.
pub(super) fn show(options: &InspectOptions, entry: &str, terminal: &Terminal) -> Result<()> {
    if options.json {
        return Err(Error::usage(
            "an entry is shown as it is, never as a JSON document of its own",
            "leave out `--json`, or ask for `--list --json`",
        ));
    }
    let stdout = io::stdout().lock();
    let mut to: Box<dyn Write> = match terminal.stdout_is_terminal() {
        true => Box::new(EscapingWriter { escape, to: stdout }),
        false => Box::new(BufWriter::new(stdout)),
    };
    let names = match copy(options, entry, &mut *to, terminal) {
        Err(Error::Archive(archive::Error::Io { cause, .. })) if is_closed(&cause) => return Ok(()),
        copied => copied?,
    };
    if let Err(cause) = to.flush()
        && !is_closed(&cause)
    {
        return Err(Error::stdout(cause));
    }
    let Some(names) = names else { return Ok(()) };
    Err(Error::failed(
        format!("{}: it has no entry `{entry}`", options.archive.display()),
        match names.as_slice() {
            [] => "it has no entries at all".to_owned(),
            names => format!("its entries are {}", names.join(", ")),
        },
    ))
}

fn is_closed(cause: &io::Error) -> bool {
    cause.kind() == io::ErrorKind::BrokenPipe
}

/// Copies the entry; if there is none, returns the names of the others.
fn copy(options: &InspectOptions, entry: &str, to: &mut dyn Write, terminal: &Terminal) -> Result<Option<Vec<String>>> {
    if is_standard_stream(&options.archive) {
        if options.verify {
            return Err(Error::usage(
                "`--verify` with `--show` reads the archive twice, and standard input can be read only once",
                "name a file",
            ));
        }
        return Ok(archive::Entries::of(stdin()?).show(entry, to)?);
    }
    let archive = Archive::open(&options.archive)?;
    if options.verify {
        verify(&archive, options, terminal)?;
    }
    Ok(archive.entries().show(entry, to)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let mut shown = EscapingWriter { escape, to: Vec::new() };
        shown.write_all("{\"a\":\"\u{1b}[2J\"}\n".as_bytes()).unwrap();
        assert_eq!(String::from_utf8(shown.to).unwrap(), "{\"a\":\"\\u{1b}[2J\"}\n");
    }
}
