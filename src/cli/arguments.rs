//! The program's arguments: the commands and the global options.

use clap::{ArgAction, Args, ColorChoice, CommandFactory, Parser, Subcommand};

use crate::cli::connection::ConnectionOptions;
use crate::commands::export::ExportOptions;
use crate::commands::import::ImportOptions;
use crate::commands::inspect::InspectOptions;
use crate::commands::list::ListOptions;
use crate::commands::pseudonymize::PseudonymizeOptions;
use crate::commands::reveal::RevealOptions;
use crate::terminal::{GLOBAL_OPTIONS, TerminalOptions};

/// Man pages have these paragraphs as sections. Those about the environment and the exit status are in all of them.
const AFTER_HELP: &str = "\
Examples:
  # Export a job, and show what the archive contains
  esml-state export web-latency \\
    --url https://es.example:9200 --username elastic
  esml-state inspect web-latency_state.tar.gz

  # Create the job on another cluster
  esml-state import web-latency_state.tar.gz \\
    --url https://test.example:9200 --username elastic

Environment:
  ELASTICSEARCH_URL           Cluster address (--url)
  ELASTICSEARCH_CLOUD_ID      Elastic Cloud ID (--cloud-id)
  ELASTICSEARCH_USERNAME      User name (--username)
  ELASTICSEARCH_PASSWORD      Password (--password)
  ELASTICSEARCH_API_KEY       API key (--api-key)
  ELASTICSEARCH_BEARER_TOKEN  Bearer token (--bearer-token)
  ELASTICSEARCH_CA_CERT       PEM file with CA certificates (--ca-cert)
  HTTP_PROXY, HTTPS_PROXY     Proxy for the connection to the cluster
  NO_PROXY                    Hosts to connect to without a proxy
  NO_COLOR                    If set, disables color unless --color overrides it
  TMPDIR                      Directory for temporary files

Exit status:
  0    everything was done and verified
  1    failed: cluster unreachable, request rejected, disk full, data missing …
  2    invalid command line
  3    refused for safety; the message states how to continue
  4    the archive is damaged, incomplete or hostile; nothing was written
  5    documents were rejected, or differ when read back; rolled back
  6    failed, and the rollback was incomplete; what remains is listed with the
       requests that remove it
  129  terminal closed (SIGHUP)
  130  interrupted (Ctrl-C)
  143  terminated (SIGTERM)";

const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  # Bash
  esml-state completions bash \\
    > ~/.local/share/bash-completion/completions/esml-state

  # Zsh, with ~/.zfunc in $fpath
  esml-state completions zsh > ~/.zfunc/_esml-state

  # Fish
  esml-state completions fish > ~/.config/fish/completions/esml-state.fish";

const MAN_EXAMPLES: &str = "\
Examples:
  # Install the man pages of the program and of export
  esml-state man > ~/.local/share/man/man1/esml-state.1
  esml-state man export > ~/.local/share/man/man1/esml-state-export.1";

/// Export and import Elasticsearch anomaly detection jobs and their learned models
///
/// The result is printed to stdout. Progress, questions, warnings and errors are printed to stderr.
#[derive(Clone, Debug, Parser)]
#[command(name = "esml-state", version, max_term_width = 100, after_long_help = AFTER_HELP)]
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
    Import(Box<WithConnection<ImportOptions>>),
    Inspect(InspectOptions),
    List(Box<WithConnection<ListOptions>>),
    Pseudonymize(PseudonymizeOptions),
    Reveal(RevealOptions),
    /// Print a shell completion script
    ///
    /// In Bash, Fish and Zsh, the script also completes job and snapshot IDs. It reads them from the cluster that
    /// ELASTICSEARCH_URL or ELASTICSEARCH_CLOUD_ID specifies.
    #[command(after_long_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// Shell
        shell: clap_complete::Shell,
    },
    /// Print a man page
    #[command(after_long_help = MAN_EXAMPLES)]
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
            Command::Export(command) => command.options.prints_json(),
            Command::Import(command) => command.options.json,
            Command::Inspect(options) => options.json,
            Command::List(command) => command.options.json,
            Command::Pseudonymize(options) => options.prints_json(),
            Command::Reveal(options) => options.json,
            Command::Completions { .. } | Command::Man { .. } => false,
        }
    }
}
