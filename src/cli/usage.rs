//! A command line that clap refuses: in which colour it is told, and as a document.

use std::ffi::OsString;

use clap::{ColorChoice, ValueEnum};

use crate::cli::ColorArg;
use crate::error::Error;

/// What `--color` says, read before the line is parsed: a line that cannot be parsed is told in that colour too.
pub(in crate::cli) fn color(arguments: &[OsString]) -> ColorChoice {
    let mut choice = ColorChoice::Auto;
    let mut words = arguments
        .iter()
        .map(|argument| argument.to_str().unwrap_or_default())
        .take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let value = match word.strip_prefix("--color") {
            Some("") => words.next(),
            Some(value) => value.strip_prefix('='),
            None => None,
        };
        choice = match value.map(|value| ColorArg::from_str(value, false)) {
            Some(Ok(ColorArg::Auto)) => ColorChoice::Auto,
            Some(Ok(ColorArg::Always)) => ColorChoice::Always,
            Some(Ok(ColorArg::Never)) => ColorChoice::Never,
            Some(Err(_)) | None => choice,
        };
    }
    choice
}

/// What clap says in paragraphs (`error: …` with a line for each argument that it is about, tips, usage) as message and
/// hint.
pub(in crate::cli) fn in_one_line(text: &str) -> Error {
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default().trim_start_matches("error: ");
    let about: Vec<&str> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
    let message = match about.as_slice() {
        [] => first.to_owned(),
        about => format!("{first} {}", about.join(", ")),
    };
    let tips = lines.filter_map(|line| line.strip_prefix("tip: "));
    let hints: Vec<&str> = tips.chain(["for more information, try '--help'"]).collect();
    Error::Usage {
        message,
        hint: Some(hints.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_is_found_in_a_line_that_is_wrong() {
        for (line, choice) in [
            ("export --bogus", ColorChoice::Auto),
            ("--color never export --bogus", ColorChoice::Never),
            ("export --bogus --color=always", ColorChoice::Always),
            ("export --color always --color never", ColorChoice::Never),
            ("export --color", ColorChoice::Auto),
            ("export --color purple", ColorChoice::Auto),
            ("export --colorful never", ColorChoice::Auto),
            ("inspect -- --color never", ColorChoice::Auto),
        ] {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(color(&arguments), choice, "{line}");
        }
    }
}
