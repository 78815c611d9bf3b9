//! What can be asked: clap types, turned into plain options of the commands.

mod address;
mod connection;
mod credential;
mod export;
mod import;
mod inspect;
mod pseudonymize;
pub mod reference;
mod reveal;
mod run;
mod usage;
mod values;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

use crate::terminal::{Color, TerminalOptions, Verbosity};
pub use run::{run, run_in};

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
    /// Say more; -vv tells every request
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say nothing but questions, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorArg,
    #[command(subcommand)]
    command: Command,
}

#[derive(Clone, Debug, Subcommand)]
enum Command {
    Export(Box<export::ExportArgs>),
    Import(Box<import::ImportArgs>),
    Inspect(inspect::InspectArgs),
    Pseudonymize(pseudonymize::PseudonymizeArgs),
    Reveal(reveal::RevealArgs),
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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
}

impl Cli {
    /// How to talk.
    pub fn terminal_options(&self) -> TerminalOptions {
        TerminalOptions {
            color: match self.color {
                ColorArg::Auto => Color::Auto,
                ColorArg::Always => Color::Always,
                ColorArg::Never => Color::Never,
            },
            verbosity: match (self.quiet, self.verbose) {
                (true, _) => Verbosity::Quiet,
                (false, 0) => Verbosity::Normal,
                (false, 1) => Verbosity::Verbose,
                (false, _) => Verbosity::Debug,
            },
        }
    }

    fn json(&self) -> bool {
        match &self.command {
            Command::Export(args) => args.json(),
            Command::Import(args) => args.json(),
            Command::Inspect(args) => args.json(),
            Command::Pseudonymize(args) => args.json(),
            Command::Reveal(args) => args.json(),
            Command::Completions { .. } | Command::Man { .. } => false,
        }
    }
}

#[cfg(test)]
mod tests;
