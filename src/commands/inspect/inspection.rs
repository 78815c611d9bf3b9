//! Reads an archive once: to its end for a report, or to the end of the entry that is copied to stdout.

use std::io::{self, BufWriter, IsTerminal, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Map, Value, json};

use super::facts::{FactCollector, Report};
use super::options::{EscapingWriter, InspectOptions, is_standard_stream};
use super::values;
use crate::archive::{self, Archive, Contents, DocumentVisitor, Limits};
use crate::error::{Error, Result};
use crate::terminal::{Stage, Terminal};
use crate::util::atomic_file::FileError;
use crate::util::format::{Table, bytes, count, escape, is_among};

/// Members of the document of `--list`.
const ENTRY_LIST: &str = "version importable findings entries error hint exit";
/// Number of digits of a checksum in the table.
const SHORT_CHECKSUM: usize = 12;

/// An archive that was read.
#[derive(Debug)]
pub(super) struct Inspection {
    pub(super) report: Report,
    /// The error of the command, after the report was printed.
    pub(super) failure: Option<Error>,
}

/// Reads an archive; `-` is stdin.
///
/// # Errors
/// The file cannot be read, or is not an archive: there is nothing to report about it.
pub(super) fn inspect(path: &Path, options: &InspectOptions, terminal: &Terminal) -> Result<Inspection> {
    let mut collector = FactCollector::new(options.values);
    let (size, contents) = check(path, options.limits, &mut collector, terminal)?;
    let name = name(path);
    let failure = failure(&name, &contents);
    let is_archive = !contents.entries.is_empty() || contents.fatal().is_none_or(|finding| !finding.place.is_empty());
    if !is_archive && let Some(failure) = failure {
        return Err(failure);
    }
    let mut report = collector.report(&name, size, contents, options.limits);
    for unreadable in report.values.iter().flat_map(|values| &values.unreadable) {
        let (part, reason) = (values::part_label(unreadable.part), &unreadable.reason);
        terminal.warn(&format!("values may be missing: {part} of {name}: {reason}"));
    }
    report.failure = failure.as_ref().map(Error::to_json);
    Ok(Inspection { report, failure })
}

/// Compressed bytes and contents.
pub(super) fn check(
    path: &Path,
    limits: Limits,
    visitor: &mut dyn DocumentVisitor,
    terminal: &Terminal,
) -> Result<(u64, Contents)> {
    if is_standard_stream(path) {
        let read = AtomicU64::new(0);
        let stage = terminal.stage("Reading stdin", bytes, None);
        let contents = archive::check(stdin()?, limits, visitor, &|bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            stage.inc(bytes);
        })?;
        return Ok((read.into_inner(), contents));
    }
    let archive = Archive::open(path)?;
    let stage = stage(&archive, path, terminal);
    let contents = archive.check(limits, visitor, &|bytes| stage.inc(bytes))?;
    Ok((archive.len(), contents))
}

fn stage(archive: &Archive, path: &Path, terminal: &Terminal) -> Stage {
    terminal.stage(&format!("Reading {}", name(path)), bytes, Some(archive.len()))
}

/// The name of the file, `-` for standard input. Reports are shared, and a path may contain names of users and hosts.
pub(super) fn name(path: &Path) -> String {
    let name = path.file_name().unwrap_or(path.as_os_str());
    name.to_string_lossy().into_owned()
}

/// The first fatal finding. A warning is not a failure, since an import accepts the archive.
fn failure(name: &str, contents: &Contents) -> Option<Error> {
    let finding = contents.fatal()?;
    Some(Error::Archive(finding.to_error(name)))
}

/// Standard input, unless it is a terminal.
fn stdin() -> Result<io::Stdin> {
    let stdin = io::stdin();
    match stdin.is_terminal() {
        false => Ok(stdin),
        true => Err(Error::usage(
            "cannot read an archive from stdin, which is a terminal",
            "specify a file, or redirect it: `esml-state inspect - < job_state.tar.gz`",
        )),
    }
}

/// The document of `--list --json`.
pub(super) fn entry_list(report: &Report) -> Map<String, Value> {
    let document = json!(report);
    let members = document.as_object().cloned().unwrap_or_default().into_iter();
    members.filter(|(name, _)| is_among(ENTRY_LIST, name)).collect()
}

/// A line for each entry: documents, bytes, the first digits of its SHA-256 checksum, name. If the lines do not fit, a list
/// for each entry.
pub(super) fn entry_table(report: &Report, width: Option<usize>) -> String {
    let mut table = Table::new(&[0, 1]);
    table.row(["documents", "bytes", "sha256", "name"]);
    for entry in &report.entries {
        let sha256 = entry.sha256.get(..SHORT_CHECKSUM).unwrap_or(&entry.sha256);
        let name = entry.name.replace(['\n', '\t'], " ");
        table.row([&count(entry.documents), &count(entry.bytes), sha256, &name]);
    }
    escape(&table.within(width).unwrap_or_else(|| table.lists(3))).into_owned()
}

/// Copies an entry to stdout without checking it, so that entries of damaged archives can be read, too. With `--verify`, the
/// whole archive is checked first. On a terminal, control characters are escaped.
pub(super) fn show(options: &InspectOptions, entry: &str, terminal: &Terminal) -> Result<()> {
    let stdout = io::stdout().lock();
    let mut to: Box<dyn Write> = match terminal.stdout_is_terminal() {
        true => Box::new(EscapingWriter { escape, to: stdout }),
        false => Box::new(BufWriter::new(stdout)),
    };
    let is_closed = |cause: &io::Error| cause.kind() == io::ErrorKind::BrokenPipe;
    let names = match copy(options, entry, &mut *to, terminal) {
        Err(Error::Archive(archive::Error::File(FileError::Write(_, cause)))) if is_closed(&cause) => return Ok(()),
        copied => copied?,
    };
    if let Some(cause) = to.flush().err().filter(|cause| !is_closed(cause)) {
        return Err(Error::stdout(cause));
    }
    let Some(names) = names else { return Ok(()) };
    let hint = match names.as_slice() {
        [] => "the archive does not contain any entries".to_owned(),
        names => format!("the archive contains these entries: {}", names.join(", ")),
    };
    let message = format!("{}: entry `{entry}` not found", options.archive.display());
    Err(Error::failed(message, hint))
}

/// Copies the entry, or returns the names of all entries if it does not exist.
fn copy(options: &InspectOptions, entry: &str, to: &mut dyn Write, terminal: &Terminal) -> Result<Option<Vec<String>>> {
    if is_standard_stream(&options.archive) {
        if options.verify {
            return Err(Error::usage(
                "`--verify` with `--show` reads the archive twice, but stdin can be read only once",
                "specify a file",
            ));
        }
        return Ok(archive::Entries::of(stdin()?).show(entry, to)?);
    }
    let archive = Archive::open(&options.archive)?;
    if options.verify {
        let stage = stage(&archive, &options.archive, terminal);
        let contents = archive.check(options.limits, &mut (), &|bytes| stage.inc(bytes))?;
        failure(&name(&options.archive), &contents).map_or(Ok(()), Err)?;
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
