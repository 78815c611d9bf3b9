//! How a failed command is told.

use std::error::Error as StdError;
use std::panic::Location;

use console::Style;
use serde_json::{Value, json};

use crate::error::Error;
use crate::terminal::{Terminal, Verbosity};
use crate::util::control_chars::{escape_json, indented};

const NOT_UNDONE: &str = "not undone:";

impl Terminal {
    /// `error: <message>`, with `-v` what caused it, then `hint: …`; all to stderr.
    pub fn error(&self, error: &dyn StdError, hint: Option<&str>) {
        let label = self.paint(Style::new().red().bold(), "error:");
        self.print(&format!("{label} {}", indented(&error.to_string())));
        if self.verbosity() >= Verbosity::Verbose {
            for cause in causes(error) {
                self.print(&format!("caused by: {}", indented(&cause)));
            }
        }
        if let Some(hint) = hint {
            let label = self.paint(Style::new().cyan().bold(), "hint:");
            self.print(&format!("{label} {}", indented(hint)));
        }
    }

    /// Tells a failure: the text to stderr and, with `--json`, one document to stdout.
    pub fn failure(&self, error: &Error, json: bool) {
        self.error(error, error.hint().as_deref());
        match error {
            Error::RolledBack { undone, kept, .. } if undone.is_empty() && kept.is_empty() => {
                self.print("nothing was written");
            }
            Error::RolledBack { undone, kept, .. } => {
                let title = match kept.is_empty() {
                    true => "rolled back, nothing of this import remains:",
                    false => "rolled back:",
                };
                self.list(title, undone.iter().cloned());
                self.list(NOT_UNDONE, kept.iter().cloned());
            }
            Error::Remains {
                undone, kept, remains, ..
            } => {
                self.list("rolled back:", undone.iter().cloned());
                self.list(NOT_UNDONE, kept.iter().cloned());
                let lines = remains.iter().map(|left| format!("{}: {}", left.what, left.remove));
                self.list(
                    "rolling back could not undo everything; these remain, with the requests that remove them:",
                    lines,
                );
            }
            _ => {}
        }
        // A reported failure stands in the result's own document already.
        if json && !matches!(error, Error::Reported(_)) {
            self.failure_document(error);
        }
    }

    /// The document alone, where the text has been told already.
    pub fn failure_document(&self, error: &Error) {
        // Stdout may be what failed; the text on stderr has said it all.
        let _ = self.result(&escape_json(&document(error).to_string()));
    }

    /// Tells a defect of this program, from a panic hook. The panic's message may hold data and is left out.
    pub fn defect(&self, place: Option<&Location<'_>>) {
        let place = place
            .map(|place| format!(" at {}:{}", place.file(), place.line()))
            .unwrap_or_default();
        self.print(&format!(
            "error: esml-state {} has a defect{place}; please report it",
            env!("CARGO_PKG_VERSION")
        ));
    }

    fn list(&self, title: &str, lines: impl Iterator<Item = String>) {
        let lines: Vec<String> = lines.collect();
        if !lines.is_empty() {
            self.print(title);
            for line in lines {
                self.print(&format!("  {}", indented(&line)));
            }
        }
    }
}

/// The causes below an error, without those whose text stands above already.
fn causes(error: &dyn StdError) -> Vec<String> {
    let message = error.to_string();
    let mut causes: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        let told = message.contains(&text) || causes.iter().any(|above| above.contains(&text));
        if !told {
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
        Error::Failed {
            message: message.to_owned(),
            hint: Some("try again".to_owned()),
        }
    }

    #[test]
    fn a_cause_is_told_once() {
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
