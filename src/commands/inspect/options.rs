//! The options of `inspect`, and where its result goes: a page or one JSON document to stdout, an HTML page to a file.

use std::borrow::Cow;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use crate::archive::Limits;
use crate::commands::options::max_entry_size;
use crate::error::{Error, Result};
use crate::report::{RenderOptions, ReportPage, render_html, render_text};
use crate::terminal::Terminal;
use crate::util::atomic_file::{AtomicFile, PublishError};
use crate::util::format::escape_json;

const EXAMPLES: &str = "\
Examples:
  esml-state inspect web-latency_state.tar.gz
  esml-state inspect web-latency_state.tar.gz --verify --json
  esml-state inspect web-latency_state.tar.gz --html web-latency.html
  esml-state inspect before.tar.gz after.tar.gz
  ssh es.example cat web-latency_state.tar.gz | esml-state inspect -";

/// Show what is in an archive, and whether it is whole
///
/// Needs no cluster and unpacks nothing to disk. Reads archives of this tool and of the Python scripts.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub struct InspectOptions {
    /// The archive, `-` for stdin
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Another archive: show what differs between the two
    ///
    /// Configuration option by option, snapshot, model, parts, categories, and with `--values` the values that came or
    /// went. Whether they differ does not change the exit code: the JSON document says `same`. One of them may be `-`.
    #[arg(value_name = "ARCHIVE2", conflicts_with_all = ["list", "show"])]
    pub other: Option<PathBuf>,
    /// Exit 4 when any check fails
    ///
    /// `import` refuses the same archives, for the same reasons, and accepts all others. With `-q` only failures are
    /// printed.
    #[arg(long)]
    pub verify: bool,
    /// Show the values of the data: personal data, wherever it stands
    ///
    /// Values of the job's fields from the decoded model state, the inputs, annotations, filters and calendars,
    /// messages from the categorizer, users' names, what people wrote. What they look like is a guess. Without it no
    /// value of the data is printed, on any output except that of `--show`.
    #[arg(long, conflicts_with_all = ["list", "show"])]
    pub values: bool,
    /// List the entries
    #[arg(long, conflicts_with = "show")]
    pub list: bool,
    /// Print one entry to stdout
    ///
    /// As it is, whatever the rest of the archive is. With `--verify` the whole archive is checked first, which takes a
    /// file, and nothing is printed when a check fails.
    #[arg(long, value_name = "ENTRY", conflicts_with = "json")]
    pub show: Option<String>,
    /// Write the page as one HTML file, `-` for stdout
    ///
    /// It needs no network and no script.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "show"])]
    pub html: Option<PathBuf>,
    /// Replace an existing HTML file
    #[arg(long, requires = "html")]
    pub overwrite: bool,
    /// Refuse larger entries
    ///
    /// An archive is refused where one of its entries decompresses to more.
    #[arg(long = "max-entry-size", value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub limits: Limits,
    /// Print the report as one JSON document
    #[arg(long)]
    pub json: bool,
}

impl InspectOptions {
    /// Refuses what cannot be written, or read, before an archive is read, which may take long.
    pub(super) fn check(&self) -> Result<()> {
        match &self.html {
            // Created and removed again: while archives are read, a signal can leave no file behind.
            Some(path) if !is_standard_stream(path) => drop(AtomicFile::create(path, self.overwrite).map_err(refused)?),
            Some(_) if self.json => {
                return Err(Error::usage(
                    "`--html -` and `--json` both want standard output",
                    "name a file for the page",
                ));
            }
            _ => {}
        }
        if is_standard_stream(&self.archive) && self.other.as_ref() == Some(&self.archive) {
            return Err(Error::usage(
                "both archives are `-`, and standard input is read once",
                "name a file for one of them",
            ));
        }
        Ok(())
    }

    /// Writes the file, then stdout: the document, the page or, where the page is in a file, its name.
    pub(super) fn write(&self, document: &impl Serialize, page: &ReportPage, terminal: &Terminal) -> Result<()> {
        let text = match &self.html {
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
        self.print(document, &text, terminal)
    }

    /// Prints the document or the text to stdout.
    pub(super) fn print(&self, document: &impl Serialize, text: &str, terminal: &Terminal) -> Result<()> {
        let printed = match self.json {
            true => terminal.result_with(|stdout| write_json(document, stdout)),
            false => terminal.result(text),
        };
        printed.map_err(Error::stdout)
    }
}

/// Whether a path is `-`.
pub(super) fn is_standard_stream(path: &Path) -> bool {
    path == Path::new("-")
}

fn refused(why: PublishError) -> Error {
    let hint = match why {
        PublishError::Exists { .. } => "choose another name with --html, or replace it with --overwrite",
        PublishError::NotAFile { .. } => "name another file with --html",
        PublishError::Io { path, cause } => return Error::file(path, cause),
    };
    Error::refused(why.to_string(), hint)
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
