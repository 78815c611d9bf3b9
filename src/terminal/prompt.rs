//! Questions to a person, on stderr.

use crate::terminal::Terminal;

/// Nobody is there to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTerminal;

impl Terminal {
    /// Asks yes or no, no by default; Ctrl-C in the prompt counts as no.
    pub fn confirm(&self, question: &str) -> Result<bool, NoTerminal> {
        todo!()
    }

    /// Asks for a password, hidden.
    pub fn password(&self, prompt: &str) -> Result<crate::secret::Secret, NoTerminal> {
        todo!()
    }

    /// Offers a searchable list; `None` where nothing was chosen.
    pub fn choose(&self, prompt: &str, items: &[String]) -> Result<Option<usize>, NoTerminal> {
        todo!()
    }
}
