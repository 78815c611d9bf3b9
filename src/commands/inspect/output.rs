//! Where the result is written: a page or one JSON document to stdout, an HTML page to a file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::facts::Report;
use super::options::InspectOptions;
use crate::error::{Error, Result};
use crate::report::{RenderOptions, ReportPage, render_html, render_text};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, PublishError};
use crate::util::control_chars::escape_json;

/// Where the result is written. Prepared before the archive is read, so that a target that is refused takes no time.
#[derive(Debug)]
pub(super) struct Output<'a> {
    json: bool,
    /// The HTML page, `-` for stdout.
    html: Option<&'a Path>,
    overwrite: bool,
}

impl<'a> Output<'a> {
    pub(super) fn prepare(options: &'a InspectOptions) -> Result<Self> {
        let output = Self {
            json: options.json,
            html: options.html.as_deref(),
            overwrite: options.overwrite,
        };
        match output.html {
            Some(path) if !is_standard_stream(path) => {
                // Created and removed again: while archives are read, a signal can leave no file behind.
                drop(AtomicFile::create(path, output.overwrite).map_err(refused)?);
            }
            Some(_) if output.json => {
                return Err(Error::usage(
                    "`--html -` and `--json` both want standard output",
                    "name a file for the page",
                ));
            }
            _ => {}
        }
        if is_standard_stream(&options.archive) && options.other.as_ref() == Some(&options.archive) {
            return Err(Error::usage(
                "both archives are `-`, and standard input is read once",
                "name a file for one of them",
            ));
        }
        Ok(output)
    }

    /// Writes the file, then stdout: the document, the page or, where the page is in a file, its name.
    pub(super) fn write(self, document: &impl Serialize, page: &ReportPage, terminal: &Terminal) -> Result<()> {
        let text = match self.html {
            Some(path) if is_standard_stream(path) => render_html(page),
            Some(path) => {
                let file = AtomicFile::create(path, self.overwrite).map_err(refused)?;
                let written = file.file.as_file().write_all(render_html(page).as_bytes());
                written.map_err(|cause| Error::file(path, cause))?;
                file.publish().map_err(refused)?;
                path.display().to_string()
            }
            None => {
                let options = RenderOptions {
                    color: terminal.stdout_color(),
                    unicode: terminal.stdout_is_unicode(),
                    width: terminal.stdout_width(),
                };
                render_text(page, options)
            }
        };
        match self.json {
            true => print_json(document, terminal),
            false => print(&text, terminal),
        }
    }
}

/// Whether a path is `-`.
pub(super) fn is_standard_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// Prints to stdout.
pub(super) fn print(text: &str, terminal: &Terminal) -> Result<()> {
    terminal.result(text).map_err(Error::stdout)
}

/// Prints one document to stdout.
pub(super) fn print_json(document: &impl Serialize, terminal: &Terminal) -> Result<()> {
    let printed = terminal.result_with(|stdout| write_json(document, stdout));
    printed.map_err(Error::stdout)
}

/// A line for each fatal finding.
pub(super) fn failure_lines(report: &Report) -> String {
    let fatal = report.findings.iter().filter(|finding| finding.is_fatal());
    fatal.map(|finding| format!("FAILED  {finding}\n")).collect()
}

/// The result of the command, after it was printed.
pub(super) fn finish(failure: Option<Error>, json: bool) -> Result<()> {
    match failure {
        Some(failure) if json => Err(Error::Reported(Box::new(failure))),
        Some(failure) => Err(failure),
        None => Ok(()),
    }
}

fn refused(why: PublishError) -> Error {
    match why {
        PublishError::Exists { path } => Error::refused(
            format!("{} exists already", path.display()),
            "choose another name with --html, or replace it with --overwrite",
        ),
        PublishError::NotAFile { .. } => Error::refused(why.to_string(), "name another file with --html"),
        PublishError::Io { path, cause } => Error::file(path, cause),
    }
}

/// Writes the document, indented. Control characters that JSON allows are escaped too, since it may be printed on a
/// terminal.
pub(super) fn write_json(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let mut writer = EscapingWriter {
        escape: escape_json,
        to,
    };
    serde_json::to_writer_pretty(&mut writer, document)?;
    writer.to.write_all(b"\n")
}

/// Escapes control characters.
pub(super) struct EscapingWriter<W> {
    pub(super) escape: for<'a> fn(&'a str) -> Cow<'a, str>,
    pub(super) to: W,
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character that is split between two writes becomes two replacement characters. The JSON serializer writes
        // whole characters; of an entry that is shown on a terminal it is good enough.
        let text = String::from_utf8_lossy(bytes);
        self.to.write_all((self.escape)(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
