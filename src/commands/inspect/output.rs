//! The result to where it was asked for: a page or one JSON document to stdout, a page for browsers to a file.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use crate::commands::inspect::InspectOptions;
use crate::commands::inspect::examine::is_stdin;
use crate::error::{Error, Result};
use crate::report::{RenderOptions, ReportPage, render_html, render_text};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, PublishError};
use crate::util::control_chars::escape_json;

/// Where the result goes. Made before the archive is read: a target that is refused costs no time.
#[derive(Debug)]
pub(super) struct Output<'a> {
    json: bool,
    html: Html<'a>,
}

#[derive(Debug)]
enum Html<'a> {
    No,
    Stdout,
    File { path: &'a Path, overwrite: bool },
}

impl<'a> Output<'a> {
    /// Looks whether the file can be written, where one was asked for.
    pub(super) fn prepare(options: &'a InspectOptions) -> Result<Self> {
        let html = match &options.html {
            None => Html::No,
            Some(path) if path == Path::new("-") => Html::Stdout,
            Some(path) => {
                // Created and removed again: while archives are read, there is no file that a signal could leave behind.
                let overwrite = options.overwrite;
                drop(AtomicFile::create(path, overwrite).map_err(refused)?);
                Html::File { path, overwrite }
            }
        };
        if options.json && matches!(html, Html::Stdout) {
            return Err(Error::usage(
                "`--html -` and `--json` both want standard output",
                "name a file for the page",
            ));
        }
        if options
            .other
            .as_ref()
            .is_some_and(|other| *other == options.archive && is_stdin(other))
        {
            return Err(Error::usage(
                "both archives are `-`, and standard input is read once",
                "name a file for one of them",
            ));
        }
        let json = options.json;
        Ok(Self { json, html })
    }

    /// Writes the file, then stdout: the document, the page or, where the page went to a file, its name.
    pub(super) fn put(self, document: &impl Serialize, page: &ReportPage, terminal: &Terminal) -> Result<()> {
        let text = match self.html {
            Html::No => None,
            Html::Stdout => Some(render_html(page)),
            Html::File { path, overwrite } => {
                let file = AtomicFile::create(path, overwrite).map_err(refused)?;
                let written = file.file().write_all(render_html(page).as_bytes());
                written.map_err(|cause| file_failed(path, cause))?;
                file.publish().map_err(refused)?;
                Some(path.display().to_string())
            }
        };
        match text {
            _ if self.json => print_json(document, terminal),
            Some(text) => print(&text, terminal),
            None => {
                let options = RenderOptions {
                    color: terminal.stdout_color(),
                    unicode: terminal.stdout_is_unicode(),
                    width: terminal.stdout_width(),
                };
                print(&render_text(page, options), terminal)
            }
        }
    }
}

/// To stdout.
pub(super) fn print(text: &str, terminal: &Terminal) -> Result<()> {
    terminal
        .result(text)
        .map_err(|cause| file_failed(Path::new("standard output"), cause))
}

/// The verdict, after the result was printed.
pub(super) fn ended(failure: Option<Error>, json: bool) -> Result<()> {
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

fn file_failed(path: &Path, cause: io::Error) -> Error {
    Error::file(path, cause)
}

/// One document to stdout.
pub(super) fn print_json(document: &impl Serialize, terminal: &Terminal) -> Result<()> {
    terminal
        .result_with(|stdout| json(document, stdout))
        .map_err(|cause| file_failed(Path::new("standard output"), cause))
}

/// One document, indented and ended by a line feed. Characters that JSON lets through raw and that would steer a
/// terminal are escaped too, since the document may be looked at on one.
pub(super) fn json(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let mut to = Harmless(to);
    serde_json::to_writer_pretty(&mut to, document)?;
    to.0.write_all(b"\n")
}

struct Harmless<'a>(&'a mut dyn Write);

impl Write for Harmless<'_> {
    /// The serialiser writes whole characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        self.0.write_all(escape_json(text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
