//! `esml-state reveal` as typed.

use std::path::PathBuf;

use clap::Args;

use crate::commands::reveal::RevealOptions;

const EXAMPLES: &str = "\
Examples:
  esml-state reveal for-support.key.json t_8f3a51c09d2e7b64
  esml-state reveal for-support.key.json < answer-of-support.txt";

/// Tell what tokens stand for
///
/// A text with tokens in it is printed with the values in their places. Without tokens on the command line stdin is
/// read line by line.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(in crate::cli) struct RevealArgs {
    /// The key file that was written with the archive
    #[arg(value_name = "KEYFILE")]
    key: PathBuf,
    /// Tokens, or texts that hold some
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,
    /// Print values by token as one JSON document
    #[arg(long, requires = "tokens")]
    json: bool,
}

impl RevealArgs {
    pub(in crate::cli) fn json(&self) -> bool {
        self.json
    }

    /// The plain options.
    pub(in crate::cli) fn resolve(self) -> RevealOptions {
        RevealOptions {
            key: self.key,
            tokens: self.tokens,
            json: self.json,
        }
    }
}
