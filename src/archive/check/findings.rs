//! Findings, bounded in number and safe to print.

use crate::archive::{Finding, Severity};
use crate::util::control_chars::is_control;

/// More say nothing new.
const MOST: usize = 200;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

impl Findings {
    pub(super) fn fatal(&mut self, place: &str, what: impl AsRef<str>) {
        self.add(Severity::Fatal, place, what.as_ref());
    }

    pub(super) fn warning(&mut self, place: &str, what: impl AsRef<str>) {
        self.add(Severity::Warning, place, what.as_ref());
    }

    fn add(&mut self, severity: Severity, place: &str, what: &str) {
        // A fatal one must not be lost behind many warnings.
        let most = if severity == Severity::Fatal { MOST } else { MOST / 2 };
        if self.list.len() >= most {
            self.left_out += 1;
            return;
        }
        self.list.push(Finding {
            severity,
            place: printable(place),
            what: printable(what),
        });
    }

    pub(super) fn into_list(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            let what = format!("{} further findings are not listed", self.left_out);
            self.list.push(Finding {
                severity: Severity::Warning,
                place: String::new(),
                what,
            });
        }
        self.list
    }
}

/// Names come from strangers: what would move a cursor or turn the writing direction is escaped.
fn printable(text: &str) -> String {
    const MOST_CHARS: usize = 1000;
    let mut safe = String::with_capacity(text.len().min(MOST_CHARS));
    for (n, c) in text.chars().enumerate() {
        if n == MOST_CHARS {
            safe.push('…');
            break;
        }
        if is_control(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}
