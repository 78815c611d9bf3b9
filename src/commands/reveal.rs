//! What tokens stand for, asked of the key file.

use std::io::BufRead;
use std::path::PathBuf;

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::pseudonym::KeyFile;
use crate::terminal::Terminal;

/// What `reveal` was asked.
#[derive(Clone, Debug)]
pub struct RevealOptions {
    /// The key file.
    pub key: PathBuf,
    /// Tokens, or texts with tokens in them; none: standard input, line by line.
    pub tokens: Vec<String>,
    /// As one JSON document.
    pub json: bool,
}

/// Prints the value of each token; a text is printed with the values in their places.
///
/// # Errors
/// The key file cannot be read, or a text holds no token of it.
pub fn run(options: &RevealOptions, terminal: &Terminal) -> Result<()> {
    let file = KeyFile::read(&options.key)?;
    let stdout = |cause| Error::File {
        path: "standard output".into(),
        cause,
    };
    if options.tokens.is_empty() {
        let written = terminal.result_with(|out| {
            std::io::stdin()
                .lock()
                .lines()
                .try_for_each(|line| line.and_then(|line| writeln!(out, "{}", file.revealed(&line).0)))
        });
        return written.map_err(stdout);
    }
    let revealed: Vec<(&String, String, bool)> = options
        .tokens
        .iter()
        .map(|token| (token, file.revealed(token)))
        .map(|(token, (text, known))| (token, text, known))
        .collect();
    if let Some((token, ..)) = revealed.iter().find(|(.., known)| !known) {
        return Err(Error::Failed {
            message: format!("`{token}` holds no token of {}", options.key.display()),
            hint: Some("a token belongs to the key file that was written with its archive".to_owned()),
        });
    }
    let text = match (options.json, revealed.as_slice()) {
        (true, all) => {
            let members = all
                .iter()
                .map(|(token, text, _)| ((*token).clone(), Value::from(text.as_str())));
            Value::Object(members.collect::<Map<_, _>>()).to_string()
        }
        (false, [(_, text, _)]) => text.clone(),
        (false, all) => {
            let lines: Vec<String> = all.iter().map(|(token, text, _)| format!("{token}\t{text}")).collect();
            lines.join("\n")
        }
    };
    terminal.result(&text).map_err(stdout)
}
