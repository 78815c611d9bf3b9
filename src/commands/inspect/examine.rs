//! From the file to the report and the verdict.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::archive::{self, Archive, Contents, Limits};
use crate::commands::inspect::gather::Gatherer;
use crate::commands::inspect::report::{Failure, Report};
use crate::commands::inspect::values::values;
use crate::commands::inspect::{InspectOptions, build};
use crate::error::{Error, Result};
use crate::terminal::{Terminal, Unit};

/// An archive that was read.
#[derive(Debug)]
pub struct Examined {
    /// What was found.
    pub report: Report,
    /// The small entries themselves.
    pub(super) contents: Contents,
    /// What the command ends with, after the report was printed.
    pub failure: Option<Error>,
}

/// Reads an archive once; `-` is stdin.
///
/// # Errors
/// The archive cannot be read at all.
pub fn examine(path: &Path, options: &InspectOptions, terminal: &Terminal) -> Result<Examined> {
    let mut gatherer = if options.values {
        Gatherer::with_values()
    } else {
        Gatherer::default()
    };
    let (size, contents) = check(path, options.limits, &mut gatherer, terminal)?;
    let name = name(path);
    let mut report = build::report(&name, size, &contents, &gatherer);
    report.values = gatherer
        .take_values()
        .map(|gathered| values(&contents, options.limits, gathered));
    for unread in report.values.iter().flat_map(|values| &values.unread) {
        let part = unread.part.replace('_', " ");
        terminal.warn(&format!("{name}: values may be missing: {part}: {}", unread.why));
    }
    let failure = failure(&name, &contents);
    report.failure = failure.as_ref().map(|failure| Failure {
        error: failure.to_string(),
        hint: failure.hint(),
        exit: failure.exit() as u8,
    });
    Ok(Examined {
        report,
        contents,
        failure,
    })
}

/// Compressed bytes and contents.
fn check(path: &Path, limits: Limits, gatherer: &mut Gatherer, terminal: &Terminal) -> Result<(u64, Contents)> {
    let read = AtomicU64::new(0);
    if is_stdin(path) {
        let stage = terminal.stage("Reading the archive", Unit::Bytes, None);
        let contents = archive::check(stdin()?, limits, gatherer, &|bytes| {
            read.fetch_add(bytes, Ordering::Relaxed);
            stage.inc(bytes);
        })?;
        return Ok((read.into_inner(), contents));
    }
    let archive = Archive::open(path)?;
    let stage = terminal.stage("Reading the archive", Unit::Bytes, Some(archive.len()));
    let contents = archive.check(limits, gatherer, &|bytes| stage.inc(bytes))?;
    Ok((archive.len(), contents))
}

/// Checks an archive whole, for what is done with it afterwards.
///
/// # Errors
/// It cannot be read, or any check fails.
pub(super) fn verify(archive: &Archive, options: &InspectOptions, terminal: &Terminal) -> Result<Contents> {
    let stage = terminal.stage("Reading the archive", Unit::Bytes, Some(archive.len()));
    let contents = archive.check(options.limits, &mut (), &|bytes| stage.inc(bytes))?;
    match failure(&name(&options.archive), &contents) {
        Some(failure) => Err(failure),
        None => Ok(contents),
    }
}

/// The file's name, `-` for standard input. Reports are handed on, and a path may name people and machines.
fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Whether the archive comes on standard input.
pub(super) fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

/// Standard input, unless somebody would have to type the archive.
pub(super) fn stdin() -> Result<std::io::Stdin> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        return Err(Error::usage(
            "`-` reads the archive from standard input, which is a terminal",
            "name the file, or pipe it: `esml-state inspect - < job_state.tar.gz`",
        ));
    }
    Ok(stdin)
}

/// The first fatal finding. A warning is no failure: an import accepts such an archive.
fn failure(name: &str, contents: &Contents) -> Option<Error> {
    let finding = contents.fatal()?;
    Some(Error::Archive(finding.to_error(name)))
}
