//! Questions to the user during a command.

use crate::error::{Error, ExitCode, Result};
use crate::terminal::{PromptError, Terminal, TerminalStateGuard};

/// Asks the user on a separate thread, so that a signal ends the question and the terminal is restored. Commands that ask
/// refuse to run without a terminal, so a question without an answer was interrupted.
pub(crate) async fn ask<T: Send + 'static>(
    terminal: &Terminal,
    question: impl FnOnce(&Terminal) -> Result<T, PromptError> + Send + 'static,
) -> Result<T> {
    let _restored = TerminalStateGuard::new(terminal);
    let asking = terminal.clone();
    let answer = tokio::task::spawn_blocking(move || question(&asking)).await;
    let answer = answer.map_err(|cause| Error::without_hint(format!("cannot ask for confirmation: {cause}")))?;
    answer.map_err(|_| Error::stopped(ExitCode::Interrupted))
}
