//! Prints failures.

use std::error::Error as StdError;

use crate::error::Error;
use crate::terminal::Terminal;

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
        let title = "Not everything was removed. These requests remove what remains:";
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
}
