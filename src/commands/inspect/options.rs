//! The options of `inspect`, and the output of its result: a page or a JSON document on stdout, or an HTML page in a file.

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
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::format::escape_json;

/// Show what an archive contains, verify it, or compare archives
///
/// Does not connect to a cluster and does not unpack the archive to disk. Reads archives of esml-state and of the Python
/// scripts share_ad_job_state.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("help.txt").trim_end())]
pub struct InspectOptions {
    /// Archive to inspect, `-` for stdin, or a directory
    ///
    /// In a directory, all archives (*.tar.gz) are checked and listed.
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// Archive to compare with
    ///
    /// Shows the differences in configuration, snapshot, model, entries and categories, and with --values in the values of
    /// the data. The exit code does not depend on the differences; in the JSON document, `same` is false if there are any.
    /// One of the archives can be `-`.
    #[arg(value_name = "OTHER", conflicts_with_all = ["list", "show"])]
    pub other: Option<PathBuf>,
    /// Exit with code 4 if a check fails
    ///
    /// These are the checks of `import`, which accepts and refuses the same archives. With -q, only failed checks are
    /// printed.
    #[arg(long)]
    pub verify: bool,
    /// Show values of the data, which can be personal
    ///
    /// Shows the values of the job's fields (in the decoded model state, input documents, annotations, filters and
    /// calendars), messages of categories, user names and free text. Their kind, such as email address, is a guess. Without
    /// this option, no value of the data is printed, except by --show.
    #[arg(long, conflicts_with_all = ["list", "show"])]
    pub values: bool,
    /// List the entries
    #[arg(long, conflicts_with = "show")]
    pub list: bool,
    /// Print one entry to stdout
    ///
    /// The entry is printed as it is, even if the archive is damaged. With --verify, the whole archive is checked first; it
    /// cannot be `-` then, and nothing is printed if a check fails.
    #[arg(long, value_name = "ENTRY", conflicts_with = "json")]
    pub show: Option<String>,
    /// Write an HTML page, or `-` for stdout
    ///
    /// The page is one file without scripts that loads nothing from the network. With --values, it also contains the complete
    /// configuration, annotations and notifications.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "show"])]
    pub html: Option<PathBuf>,
    /// Replace an existing HTML page
    #[arg(long, requires = "html")]
    pub overwrite: bool,
    /// Maximum size of an entry
    ///
    /// An archive is refused if the decompressed size of an entry is larger. SIZE has a unit, such as `512mb`.
    #[arg(long = "max-entry-size", value_name = "SIZE", default_value = "10gb", value_parser = max_entry_size)]
    pub limits: Limits,
    /// Print the result as a JSON document
    #[arg(long)]
    pub json: bool,
}

impl InspectOptions {
    /// Checks the options before an archive is read, which can take long.
    pub(super) fn check(&self) -> Result<()> {
        match &self.html {
            // The file is created and removed again, so that a signal during reading does not leave a file.
            Some(path) if !is_standard_stream(path) => drop(AtomicFile::create(path, self.overwrite)?),
            Some(_) if self.json => {
                return Err(Error::usage(
                    "`--html -` cannot be used with --json: both write to stdout",
                    "use a file name with --html",
                ));
            }
            _ => {}
        }
        if is_standard_stream(&self.archive) && self.other.as_ref() == Some(&self.archive) {
            return Err(Error::usage(
                "only one of the archives can be `-`: stdin can be read only once",
                "use a file for the other archive",
            ));
        }
        Ok(())
    }

    /// Whether one of the arguments is a directory.
    pub(super) fn has_directory(&self) -> bool {
        self.archive.is_dir() || self.other.as_ref().is_some_and(|other| other.is_dir())
    }

    /// Refuses a directory with the options that apply to a single archive, or in a comparison.
    pub(super) fn refuse_directory_with_one_archive(&self) -> Result<()> {
        let options = [
            ("--show", self.show.is_some()),
            ("--list", self.list),
            ("--html", self.html.is_some()),
            ("--values", self.values),
            ("a comparison", self.other.is_some()),
        ];
        match options.iter().find(|(_, is_set)| *is_set) {
            None => Ok(()),
            Some((option, _)) => Err(Error::usage(
                format!("{option} cannot be used with a directory"),
                "specify an archive in the directory",
            )),
        }
    }

    /// Writes the HTML page, then prints the document, the page, or the path of the HTML page.
    pub(super) fn write(&self, document: &impl Serialize, page: &ReportPage, terminal: &Terminal) -> Result<()> {
        let text = match &self.html {
            Some(path) if is_standard_stream(path) => render_html(page),
            Some(path) => {
                let file = AtomicFile::create(path, self.overwrite)?;
                let written = file.file.as_file().write_all(render_html(page).as_bytes());
                written.map_err(|cause| FileError::Write(path.clone(), cause))?;
                file.publish()?;
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

    /// Prints the document with `--json`, otherwise the text.
    pub(super) fn print(&self, document: &impl Serialize, text: &str, terminal: &Terminal) -> Result<()> {
        let printed = match self.json {
            true => terminal.result_with(|stdout| write_json(document, stdout)),
            false => terminal.result(text),
        };
        printed.map_err(Error::stdout)
    }
}

/// Whether the path is `-`.
pub(super) fn is_standard_stream(path: &Path) -> bool {
    path == Path::new("-")
}

/// Writes the document, indented. Control characters that JSON allows are escaped too, because stdout can be a terminal.
pub(super) fn write_json(document: &impl Serialize, to: &mut dyn Write) -> io::Result<()> {
    let escape = escape_json;
    let mut writer = EscapingWriter { escape, to };
    serde_json::to_writer_pretty(&mut writer, document)?;
    writer.to.write_all(b"\n")
}

/// A writer that escapes control characters.
pub(super) struct EscapingWriter<W> {
    pub(super) escape: for<'a> fn(&'a str) -> Cow<'a, str>,
    pub(super) to: W,
}

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A character that is split between two writes becomes replacement characters. The JSON serializer writes complete
        // characters; in an entry that is shown on a terminal, this is acceptable.
        let text = String::from_utf8_lossy(bytes);
        self.to.write_all((self.escape)(&text).as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
