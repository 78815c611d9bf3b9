//! The program's arguments: commands, and options that all commands have.

use clap::{Args, Parser, Subcommand};

use crate::cli::connection::ConnectionOptions;
use crate::commands::export::ExportOptions;
use crate::commands::import::ImportOptions;
use crate::commands::inspect::InspectOptions;
use crate::commands::pseudonymize::PseudonymizeOptions;
use crate::commands::reveal::RevealOptions;
use crate::terminal::TerminalOptions;

const EXITS: &str = "\
Exit codes:
  0    all of it done and verified
  1    failed: cluster unreachable, refused by the cluster, disk full …
  2    the command line is wrong
  3    refused for safety; the message says which option permits it
  4    the archive is damaged, incomplete or hostile; nothing was written
  5    the cluster rejected documents or holds something else than was sent; rolled back
  6    failed, and rolling back could not undo everything; what remains is listed
  130  interrupted (Ctrl-C); 129 terminal closed, 143 terminated";

/// Move an Elasticsearch anomaly detection job, with everything it has learned
///
/// The result goes to stdout; progress, questions, warnings and errors go to stderr.
#[derive(Clone, Debug, Parser)]
#[command(name = "esml-state", version, max_term_width = 100, after_long_help = EXITS, subcommand_required = true)]
pub struct Cli {
    #[command(flatten)]
    pub(super) terminal: TerminalOptions,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    Export(Box<WithConnection<ExportOptions>>),
    Import(Box<WithConnection<ImportOptions>>),
    Inspect(InspectOptions),
    Pseudonymize(PseudonymizeOptions),
    Reveal(RevealOptions),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page
    Man {
        /// The page of this command; without one, the program's
        command: Option<String>,
    },
}

#[derive(Clone, Debug, Args)]
pub(super) struct WithConnection<T: Args> {
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
    // Without this the heading of the connection stays.
    #[command(flatten, next_help_heading = None)]
    pub(super) options: T,
}

impl Cli {
    pub(super) fn prints_json(&self) -> bool {
        match &self.command {
            Command::Export(command) => command.options.prints_json(),
            Command::Import(command) => command.options.json,
            Command::Inspect(options) => options.json,
            Command::Pseudonymize(options) => options.prints_json(),
            Command::Reveal(options) => options.json,
            Command::Completions { .. } | Command::Man { .. } => false,
        }
    }
}
