//! The options of `inspect`.

use std::path::PathBuf;

use clap::Args;

use crate::archive::Limits;
use crate::commands::options::max_entry_size;
use crate::terminal::Terminal;

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
    /// `--verify -q`, with the result on a terminal or in a pipe.
    pub(super) fn prints_failures_only(&self, terminal: &Terminal) -> bool {
        self.verify && terminal.is_quiet() && !self.json && self.html.is_none()
    }
}
