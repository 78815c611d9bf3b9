//! `esml-state pseudonymize` as typed, and what `export --pseudonymize` shares with it.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::archive::{Limits, Target};
use crate::cli::export::no_stdout;
use crate::cli::values;
use crate::commands::pseudonymize::{PseudonymizeOptions, Tokens};
use crate::error::{Error, Result};
use crate::terminal::Terminal;

const EXAMPLES: &str = "\
Examples:
  esml-state pseudonymize web-latency_state.tar.gz -o for-support.tar.gz
  esml-state pseudonymize a.tar.gz -o b.tar.gz --key team.key.json --fields host,clientip
  esml-state reveal for-support.key.json t_8f3a51c09d2e7b64";

/// Write an archive again, with tokens in the place of values
///
/// Values of by, over, partition and influencer fields, words of categories and messages, names of users and free text
/// are replaced in the model state, quantiles, inputs, annotations, notifications, filters, calendars and the
/// configuration alike. The same value has the same token everywhere, of the same kind. A key file beside the new
/// archive maps tokens back: keep it to yourself. What is written is searched for every value before it gets its name.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct PseudonymizeArgs {
    /// The archive
    #[arg(value_name = "ARCHIVE")]
    archive: PathBuf,
    /// Where to write; `-` is stdout
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    tokens: TokenArgs,
    /// 0 stores, 9 is smallest and slowest
    #[arg(long, value_name = "LEVEL", default_value = "4", value_parser = clap::value_parser!(u32).range(0..=9))]
    compression_level: u32,
    /// Refuse larger entries
    ///
    /// An archive is refused where one of its entries decompresses to more.
    #[arg(long, value_name = "SIZE", default_value = "10gb", value_parser = values::size)]
    max_entry_size: u64,
    /// Say what would be replaced and write nothing
    #[arg(long)]
    dry_run: bool,
    /// Print the result as one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Tokens")]
pub(in crate::cli) struct TokenArgs {
    /// The key file [default: OUTPUT.key.json, without .tar.gz]
    ///
    /// One that exists is gone on with: two archives with the same key have the same tokens for the same values. It is
    /// readable by its owner only, and holds every value.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// Replace values of these fields only; repeatable
    ///
    /// Commas between several do as well. Of the by, over, partition and influencer fields, those that `distinct_count` and `info_content` look at, and
    /// the field of messages. Names of users and free text are replaced in any case.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    fields: Option<Vec<String>>,
    /// Keep what people and Elasticsearch wrote, except for values in it
    ///
    /// Descriptions, custom settings, annotations and notifications. Text of input documents is replaced in any case.
    #[arg(long)]
    keep_text: bool,
    /// Accept that names hold values
    ///
    /// Those of the job, its fields, aggregations, indices, filters and calendars.
    #[arg(long)]
    accept_names: bool,
    /// Leave the datafeed out
    ///
    /// If its aggregations or scripts read replaced values, the run is refused without this option.
    #[arg(long)]
    skip_datafeed: bool,
}

impl TokenArgs {
    /// Whether nothing of it was given.
    pub(in crate::cli) fn is_empty(&self) -> bool {
        let flags = [self.keep_text, self.accept_names, self.skip_datafeed];
        self.key.is_none() && self.fields.is_none() && flags == [false; 3]
    }

    /// The plain options; `None` is the target that has its name from the job.
    pub(in crate::cli) fn resolve(self, target: Option<&Target>) -> Result<Tokens> {
        match (&self.key, target) {
            (None, Some(Target::Stdout)) => {
                return Err(usage(
                    "an archive on stdout has no place beside it for its key file",
                    "name the key file with --key FILE",
                ));
            }
            (Some(key), Some(Target::File { path, .. })) if key == path => {
                return Err(usage(
                    "archive and key file are the same file",
                    "name another one with --key",
                ));
            }
            _ => {}
        }
        Ok(Tokens {
            key: self.key,
            fields: self.fields,
            keep_text: self.keep_text,
            accept_names: self.accept_names,
            skip_datafeed: self.skip_datafeed,
        })
    }
}

impl PseudonymizeArgs {
    /// Whether stdout carries a document; not where it carries the archive.
    pub(in crate::cli) fn json(&self) -> bool {
        self.json && (self.dry_run || self.output != Path::new("-"))
    }

    /// The plain options.
    ///
    /// # Errors
    /// [`Error::Usage`] for what contradicts itself.
    pub(in crate::cli) fn resolve(self, terminal: &Terminal) -> Result<PseudonymizeOptions> {
        let json = self.json();
        let target = match self.output.to_str() {
            Some("-") if terminal.stdout_is_terminal() && !self.dry_run => {
                return Err(usage(
                    "an archive is not written to a terminal",
                    "redirect stdout, or name a file",
                ));
            }
            Some("-") if terminal.stdout_is_closed() && !self.dry_run => return Err(no_stdout()),
            Some("-") => Target::Stdout,
            Some("") => return Err(usage("--output is empty", "name a file")),
            _ => Target::File {
                path: self.output,
                overwrite: self.overwrite,
            },
        };
        Ok(PseudonymizeOptions {
            archive: self.archive,
            tokens: self.tokens.resolve(Some(&target))?,
            target,
            compression_level: self.compression_level,
            limits: Limits {
                entry: self.max_entry_size,
                ..Limits::default()
            },
            dry_run: self.dry_run,
            json,
        })
    }
}

fn usage(message: &str, hint: &str) -> Error {
    Error::Usage {
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
