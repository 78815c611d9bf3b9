//! The program's arguments: the commands and the global options.

use clap::{ArgAction, Args, ColorChoice, CommandFactory, Parser, Subcommand};

use crate::cli::connection::ConnectionOptions;
use crate::commands::copy::CopyOptions;
use crate::commands::export::ExportOptions;
use crate::commands::import::ImportArguments;
use crate::commands::inspect::InspectOptions;
use crate::commands::list::ListOptions;
use crate::commands::pseudonymize::PseudonymizeOptions;
use crate::commands::reveal::RevealOptions;
use crate::terminal::{GLOBAL_OPTIONS, TerminalOptions};

/// Export and import Elasticsearch anomaly detection jobs and their learned models
///
/// The result is printed to stdout. Progress, questions, warnings and errors are printed to stderr.
#[derive(Clone, Debug, Parser)]
#[command(name = "esml-state", version, max_term_width = 100, after_long_help = include_str!("help/program.txt").trim_end())]
#[command(subcommand_required = true, disable_help_flag = true, disable_version_flag = true)]
pub struct Cli {
    #[command(flatten)]
    pub(super) terminal: TerminalOptions,
    #[arg(short, long, global = true, help_heading = GLOBAL_OPTIONS, action = ArgAction::Help)]
    #[arg(
        help = "Print help (--help shows all options)",
        long_help = "Print help (-h shows a summary)"
    )]
    help: Option<bool>,
    /// Print the version
    #[arg(short = 'V', long, help_heading = GLOBAL_OPTIONS, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Clone, Debug, Subcommand)]
pub(super) enum Command {
    Export(Box<WithConnection<ExportOptions>>),
    Import(Box<WithConnection<ImportArguments>>),
    Inspect(InspectOptions),
    List(Box<WithConnection<ListOptions>>),
    Copy(Box<WithConnection<CopyOptions>>),
    Pseudonymize(PseudonymizeOptions),
    Reveal(RevealOptions),
    /// Print a shell completion script
    ///
    /// In Bash, Fish and Zsh, the script also completes job and snapshot IDs, and names of profiles. It reads the IDs from the
    /// cluster that ELASTICSEARCH_URL, ELASTICSEARCH_CLOUD_ID or ESML_PROFILE specifies.
    #[command(after_long_help = include_str!("help/completions.txt").trim_end())]
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print a man page
    #[command(after_long_help = include_str!("help/man.txt").trim_end())]
    Man {
        /// Command whose page is printed [default: the page of the program]
        command: Option<String>,
    },
}

#[derive(Clone, Debug, Args)]
pub(super) struct WithConnection<T: Args> {
    #[command(flatten)]
    pub(super) options: T,
    #[command(flatten)]
    pub(super) connection: ConnectionOptions,
}

impl Cli {
    /// The definition for parsing.
    pub(super) fn parser(color: ColorChoice) -> clap::Command {
        let mut program = Self::command().color(color);
        // Adds the help command, and passes the color to all commands.
        program.build();
        program.mut_subcommand("help", |help| help.about("Print help for a command"))
    }

    pub(super) fn prints_json(&self) -> bool {
        match &self.command {
            Command::Copy(command) => command.options.prints_json(),
            Command::Export(command) => command.options.prints_json(),
            Command::Import(command) => command.options.options.json,
            Command::Inspect(options) => options.json,
            Command::List(command) => command.options.json,
            Command::Pseudonymize(options) => options.prints_json(),
            Command::Reveal(options) => options.json,
            Command::Completions { .. } | Command::Man { .. } => false,
        }
    }
}
