//! Questions to a person, on stderr.

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, FuzzySelect, Password};

use crate::secret::Secret;
use crate::terminal::{Terminal, escape};

/// Nobody is there to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTerminal;

/// Why a question has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Stdin or stderr is no terminal.
    NoTerminal,
    /// Ctrl-C in the prompt.
    Interrupted,
}

impl From<NoTerminal> for NoAnswer {
    fn from(NoTerminal: NoTerminal) -> Self {
        Self::NoTerminal
    }
}

impl Terminal {
    /// Asks yes or no, no by default.
    ///
    /// # Errors
    /// Stdin or stderr is no terminal, or Ctrl-C came instead of an answer.
    pub fn confirm(&self, question: &str) -> Result<bool, NoAnswer> {
        let theme = self.theme();
        let prompt = Confirm::with_theme(&*theme)
            .with_prompt(escape(question))
            .default(false);
        Ok(answered(self.ask(|term| prompt.interact_on_opt(term))?)?.unwrap_or(false))
    }

    /// Asks for a password, hidden. Ctrl-C in the prompt ends the process with 130.
    ///
    /// # Errors
    /// Stdin or stderr is no terminal, or it was closed without an answer.
    pub fn password(&self, prompt: &str) -> Result<Secret, NoTerminal> {
        let theme = self.theme();
        let prompt = Password::with_theme(&*theme).with_prompt(escape(prompt)).report(false);
        let answer = self.ask(|term| {
            let _echo = echo::restored_on_interrupt();
            prompt.interact_on(term)
        })?;
        answer.map(Secret::new).map_err(|_| NoTerminal)
    }

    /// Offers a searchable list; `None` where nothing was chosen.
    ///
    /// # Errors
    /// Stdin or stderr is no terminal, or Ctrl-C came instead of an answer.
    pub fn choose(&self, prompt: &str, items: &[String]) -> Result<Option<usize>, NoAnswer> {
        let theme = self.theme();
        let items: Vec<_> = items.iter().map(|item| escape(item)).collect();
        let list = FuzzySelect::with_theme(&*theme)
            .with_prompt(escape(prompt))
            .items(&items)
            .default(0);
        answered(self.ask(|term| list.interact_on_opt(term))?)
    }

    /// The prompt hides the cursor and does not show it again when it is interrupted.
    fn ask<T>(&self, prompt: impl FnOnce(&Term) -> dialoguer::Result<T>) -> Result<dialoguer::Result<T>, NoTerminal> {
        if !self.interactive() {
            return Err(NoTerminal);
        }
        let term = Term::stderr();
        let answer = self.without_bars(|| prompt(&term));
        let _ = term.show_cursor();
        Ok(answer)
    }

    fn theme(&self) -> Box<dyn Theme> {
        if self.stderr_color() {
            Box::new(ColorfulTheme::default())
        } else {
            Box::new(SimpleTheme)
        }
    }
}

/// The answer; `None` where the prompt ended without one.
fn answered<T>(answer: dialoguer::Result<Option<T>>) -> Result<Option<T>, NoAnswer> {
    match answer {
        Ok(answer) => Ok(answer),
        Err(dialoguer::Error::IO(error)) if error.kind() == std::io::ErrorKind::Interrupted => {
            Err(NoAnswer::Interrupted)
        }
        Err(_) => Ok(None),
    }
}

/// A hidden prompt turns the echo of the terminal off; an interruption must turn it on again.
mod echo {
    /// While this lives, Ctrl-C restores the terminal and exits.
    pub(super) struct Watch {
        _stop: tokio::sync::oneshot::Sender<()>,
    }

    /// Remembers the terminal's settings and waits for Ctrl-C on a thread of its own, since the prompt
    /// blocks. `None` where that is not possible; the prompt works then all the same.
    pub(super) fn restored_on_interrupt() -> Option<Watch> {
        let settings = settings();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let (ready, listening) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        std::thread::spawn(move || {
            runtime.block_on(async {
                let mut interrupt = std::pin::pin!(tokio::signal::ctrl_c());
                // The handler is installed by the first poll.
                let first = std::future::poll_fn(|cx| std::task::Poll::Ready(interrupt.as_mut().poll(cx)));
                let _ = first.await;
                let _ = ready.send(());
                tokio::select! {
                    Ok(()) = interrupt => {
                        restore(settings);
                        let _ = console::Term::stderr().write_line("");
                        std::process::exit(i32::from(crate::error::ExitCode::Interrupted as u8));
                    }
                    _ = stopped => {}
                }
            });
        });
        let _ = listening.recv();
        Some(Watch { _stop: stop })
    }

    #[cfg(unix)]
    type Settings = Option<rustix::termios::Termios>;
    #[cfg(not(unix))]
    type Settings = ();

    #[cfg(unix)]
    fn settings() -> Settings {
        rustix::termios::tcgetattr(std::io::stdin()).ok()
    }

    #[cfg(unix)]
    fn restore(settings: Settings) {
        if let Some(settings) = settings {
            let _ = rustix::termios::tcsetattr(std::io::stdin(), rustix::termios::OptionalActions::Now, &settings);
        }
    }

    // The Windows console host resets its mode when the process ends.
    #[cfg(not(unix))]
    fn settings() -> Settings {}

    #[cfg(not(unix))]
    fn restore((): Settings) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupted_prompt_is_no_answer() {
        let failed = |kind: std::io::ErrorKind| Err(dialoguer::Error::IO(kind.into()));
        assert_eq!(
            answered::<bool>(failed(std::io::ErrorKind::Interrupted)),
            Err(NoAnswer::Interrupted)
        );
        assert_eq!(answered::<bool>(failed(std::io::ErrorKind::NotConnected)), Ok(None));
        assert_eq!(answered(Ok(Some(true))), Ok(Some(true)));
    }
}
