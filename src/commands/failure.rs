//! Prints failures: that of a command, or those of several jobs or archives, of which one does not stop the others.

use std::error::Error as StdError;

use serde_json::Value;

use crate::error::{Error, ExitCode, Result};
use crate::terminal::Terminal;

/// The failures of a command that handles several jobs or archives.
#[derive(Debug, Default)]
pub(super) struct Failures {
    count: usize,
    worst: Option<ExitCode>,
}

impl Failures {
    /// Prints a failure and returns its JSON document.
    pub(super) fn add(&mut self, error: &Error, terminal: &Terminal) -> Value {
        print_failure(error, terminal);
        self.count += 1;
        self.worst = self.worst.max(Some(error.exit()));
        error.to_json()
    }

    /// Whether nothing failed.
    pub(super) fn is_empty(&self) -> bool {
        self.worst.is_none()
    }

    /// The result of the command, with the most severe exit code; `what` names all items, such as `12 jobs`. The document
    /// of the command must contain the failures.
    pub(super) fn into_result(self, what: &str) -> Result<()> {
        let Some(exit) = self.worst else {
            return Ok(());
        };
        let message = format!("{} of {what} failed", self.count);
        Err(Error::Reported(Box::new(Error::Stated {
            exit,
            message,
            hint: None,
        })))
    }
}

/// Prints the message, the causes with `-v`, the hint, and what a rollback removed and left.
pub(crate) fn print_failure(error: &Error, terminal: &Terminal) {
    match error {
        // An answer is not a failure.
        Error::Declined => terminal.print_always("Nothing was written."),
        Error::Conflicts(conflicts) => conflicts.iter().for_each(|conflict| {
            terminal.error(&conflict.message);
            terminal.hint(&conflict.hint);
        }),
        _ => terminal.error(&error.to_string()),
    }
    for cause in causes(error) {
        terminal.detail(&format!("caused by: {cause}"));
    }
    if !matches!(error, Error::Conflicts(_))
        && let Some(hint) = error.hint()
    {
        terminal.hint(&hint);
    }
    if let Error::RolledBack {
        undone, kept, remains, ..
    } = error
    {
        // Kibana's Console skips lines that start with `#`.
        let lines = remains.iter().map(|left| format!("# {}\n{}", left.what, left.remove));
        let lines: Vec<String> = lines.collect();
        if undone.is_empty() && kept.is_empty() && remains.is_empty() {
            terminal.print_always("Nothing was written.");
        }
        print_list("Rolled back. Removed:", undone, terminal);
        print_list("Not rolled back:", kept, terminal);
        let title = "The rollback is incomplete. Remove what remains with these requests:";
        print_list(title, &lines, terminal);
    }
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

/// The causes of an error, except those whose text is already printed.
fn causes(error: &dyn StdError) -> Vec<String> {
    let mut printed = vec![error.to_string()];
    for cause in std::iter::successors(error.source(), |&cause| cause.source()) {
        let text = cause.to_string();
        if !printed.iter().any(|above| above.contains(&text)) {
            printed.push(text);
        }
    }
    printed.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::TerminalOptions;

    #[test]
    fn each_cause_is_printed_once() {
        let error = Error::RolledBack {
            cause: Box::new(Error::failed("disk full", "try again")),
            undone: Vec::new(),
            kept: Vec::new(),
            remains: Vec::new(),
        };
        assert_eq!(causes(&error), Vec::<String>::new());

        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect")]
        struct Outer(#[source] std::io::Error);
        assert_eq!(causes(&Outer(std::io::Error::other("reset"))), ["reset"]);
    }

    #[test]
    fn the_most_severe_exit_code_is_returned() {
        let terminal = Terminal::new(TerminalOptions::default());
        let mut failures = Failures::default();
        for exit in [ExitCode::Failed, ExitCode::Interrupted, ExitCode::Damaged] {
            let (message, hint) = ("failed".to_owned(), None);
            failures.add(&Error::Stated { exit, message, hint }, &terminal);
        }
        let failed = failures.into_result("12 jobs").expect_err("three failed");
        assert_eq!(failed.exit(), ExitCode::Interrupted);
        assert_eq!(failed.to_string(), "3 of 12 jobs failed");
        assert!(Failures::default().into_result("12 jobs").is_ok());
    }
}
