//! How a failed command is reported: as text to stderr and, with `--json`, as one document to stdout.

use std::error::Error as StdError;
use std::panic::Location;

use serde_json::{Value, json};

use crate::error::Error;
use crate::terminal::{Terminal, TerminalOptions};
use crate::util::control_chars::escape_json;

const NOT_UNDONE: &str = "not undone:";

/// Message, with `-v` causes, hint, and what an import undid and left.
pub(super) fn report(error: &Error, json: bool, terminal: &Terminal) {
    terminal.error(&error.to_string());
    for cause in causes(error) {
        terminal.detail(&format!("caused by: {cause}"));
    }
    if let Some(hint) = error.hint() {
        terminal.hint(&hint);
    }
    match error {
        Error::RolledBack { undone, kept, .. } if undone.is_empty() && kept.is_empty() => {
            terminal.print_always("nothing was written");
        }
        Error::RolledBack { undone, kept, .. } => {
            let title = match kept.is_empty() {
                true => "rolled back, nothing of this import remains:",
                false => "rolled back:",
            };
            print_list(title, undone, terminal);
            print_list(NOT_UNDONE, kept, terminal);
        }
        Error::Remains {
            undone, kept, remains, ..
        } => {
            print_list("rolled back:", undone, terminal);
            print_list(NOT_UNDONE, kept, terminal);
            let lines = remains.iter().map(|left| format!("{}: {}", left.what, left.remove));
            print_list(
                "rolling back could not undo everything; these remain, with the requests that remove them:",
                &lines.collect::<Vec<_>>(),
                terminal,
            );
        }
        _ => {}
    }
    // A reported failure is in the result's own document already.
    if json && !matches!(error, Error::Reported(_)) {
        print_document(error, terminal);
    }
}

/// The document alone, where the text has been printed already.
pub(super) fn print_document(error: &Error, terminal: &Terminal) {
    // Stdout may be what failed; the text on stderr has said it all.
    let _ = terminal.result(&escape_json(&document(error).to_string()));
}

/// Reports a defect of this program, from a panic hook. The panic's message may contain data and is left out.
pub fn report_panic(location: Option<&Location<'_>>) {
    let location = location.map(|location| format!(" at {}:{}", location.file(), location.line()));
    Terminal::new(TerminalOptions::default()).error(&format!(
        "esml-state {} has a defect{}; please report it",
        env!("CARGO_PKG_VERSION"),
        location.unwrap_or_default()
    ));
}

fn print_list(title: &str, lines: &[String], terminal: &Terminal) {
    if lines.is_empty() {
        return;
    }
    terminal.print_always(title);
    for line in lines {
        terminal.print_always(&format!("  {line}"));
    }
}

/// The causes below an error, without those whose text is above already.
fn causes(error: &dyn StdError) -> Vec<String> {
    let message = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let printed = message.contains(&text) || causes.iter().any(|above| above.contains(&text));
        if !printed {
            causes.push(text);
        }
        next = cause.source();
    }
    causes
}

fn document(error: &Error) -> Value {
    let mut document = json!({
        "error": error.to_string(),
        "hint": error.hint(),
        "exit": error.exit() as u8,
    });
    match error {
        Error::RolledBack { undone, kept, .. } => {
            document["undone"] = json!(undone);
            document["kept"] = json!(kept);
        }
        Error::Remains {
            undone, kept, remains, ..
        } => {
            document["undone"] = json!(undone);
            document["kept"] = json!(kept);
            document["remains"] = json!(remains);
        }
        _ => {}
    }
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Remaining;

    fn failed(message: &str) -> Error {
        Error::failed(message, "try again")
    }

    #[test]
    fn a_cause_is_printed_once() {
        let error = Error::RolledBack {
            cause: Box::new(failed("disk full")),
            undone: Vec::new(),
            kept: Vec::new(),
        };
        assert_eq!(causes(&error), Vec::<String>::new());

        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(causes(&Outer(std::io::Error::other("reset"))), ["reset"]);
    }

    #[test]
    fn the_document_holds_error_hint_exit_and_what_remains() {
        let remains = vec![Remaining {
            what: "index a".to_owned(),
            remove: "DELETE /a".to_owned(),
        }];
        let error = Error::Remains {
            cause: Box::new(failed("gone")),
            undone: vec!["job b".to_owned()],
            kept: vec!["filter c".to_owned()],
            remains,
        };
        assert_eq!(
            document(&error),
            json!({"error": "gone", "hint": "try again", "exit": 6, "undone": ["job b"],
                   "kept": ["filter c"], "remains": [{"what": "index a", "remove": "DELETE /a"}]})
        );
    }
}
