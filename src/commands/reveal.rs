//! `reveal`: looks up the values of tokens in a key file.

use std::io::BufRead;
use std::path::PathBuf;

use clap::Args;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::pseudonym::KeyFile;
use crate::terminal::Terminal;
use crate::util::format::{escape, escape_json};

/// Look up the values of tokens
///
/// In a text, each token is replaced with its value. Without TOKEN, reads text from stdin.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = include_str!("reveal_help.txt").trim_end())]
pub struct RevealOptions {
    /// Key file that was written with the archive
    #[arg(value_name = "KEYFILE")]
    pub key: PathBuf,
    /// Token, or text that contains tokens
    #[arg(value_name = "TOKEN")]
    pub tokens: Vec<String>,
    /// Print the values as a JSON document
    #[arg(long, requires = "tokens")]
    pub json: bool,
}

/// Prints the value of each token, and texts with their tokens replaced.
///
/// # Errors
/// The key file cannot be read, or a text contains no token from it.
pub fn run(options: &RevealOptions, terminal: &Terminal) -> Result<()> {
    let file = KeyFile::read(&options.key)?;
    if options.tokens.is_empty() {
        let written = terminal.result_with(|out| {
            let mut lines = std::io::stdin().lock().lines();
            // Values can contain control characters that change the terminal.
            lines.try_for_each(|line| {
                let line = line?;
                writeln!(out, "{}", escape(&file.reveal(&line).unwrap_or(line)))
            })
        });
        return written.map_err(Error::stdout);
    }
    let mut revealed = Vec::new();
    for token in &options.tokens {
        let text = file.reveal(token).ok_or_else(|| {
            Error::failed(
                format!("`{token}` does not contain a token from {}", options.key.display()),
                "use the key file that was written with the archive",
            )
        })?;
        revealed.push((token, text));
    }
    let printed = if options.json {
        let members = revealed.into_iter().map(|(token, text)| (token.clone(), text.into()));
        terminal.result(&escape_json(&Value::Object(members.collect()).to_string()))
    } else if let [(_, text)] = revealed.as_slice() {
        terminal.result(&escape(text))
    } else {
        let lines: Vec<String> = revealed
            .iter()
            .map(|(token, text)| format!("{token}\t{text}"))
            .collect();
        terminal.result(&escape(&lines.join("\n")))
    };
    printed.map_err(Error::stdout)
}
