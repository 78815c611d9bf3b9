//! Questions to the user, on stderr.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, FuzzySelect, Input, Password};

use crate::terminal::output::Terminal;
use crate::util::format::{escape, wrapped};
use crate::util::secret::Secret;

/// The maximum width of a paragraph, in columns.
const WIDEST: usize = 80;
/// Columns that the list uses before an item.
const MARGIN: usize = 4;
/// Columns that a yes/no question uses in addition to its text.
const ANSWER: usize = 15;
/// A user does not read and answer a question in less time.
const MIN_ANSWER_TIME: Duration = Duration::from_millis(150);

/// Why a question was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptError {
    /// Stdin or stderr is not a terminal.
    NoTerminal,
    /// Ctrl-C.
    Interrupted,
}

impl Terminal {
    /// Prints a paragraph before a question, wrapped to the width of the terminal. Also with `-q`.
    pub fn explain(&self, paragraph: &str) {
        let columns = Term::stderr()
            .size_checked()
            .map_or(usize::MAX, |size| usize::from(size.1).min(WIDEST));
        let lines = wrapped(paragraph, columns);
        lines.lines().for_each(|line| self.print_always(line));
    }

    /// Asks a yes/no question. The default is no.
    ///
    /// # Errors
    /// [`PromptError`]
    pub fn confirm(&self, question: &str) -> Result<bool, PromptError> {
        let theme = self.theme();
        let mut prompt = escape(question);
        // A prompt cannot redraw lines that wrap.
        let columns = Term::stderr().size_checked().map_or(usize::MAX, |size| size.1.into());
        if self.interactive() && console::measure_text_width(question) + ANSWER > columns {
            self.explain(question);
            prompt = "Confirm".into();
        }
        let prompt = Confirm::with_theme(&*theme).with_prompt(prompt).default(false);
        Ok(self.ask(|term| prompt.clone().interact_on_opt(term))?.flatten() == Some(true))
    }

    /// Prompts for a line of text that is not empty.
    ///
    /// # Errors
    /// If stdin or stderr is not a terminal, or if stdin is closed without an answer.
    pub fn text(&self, prompt: &str) -> Result<String, PromptError> {
        let theme = self.theme();
        let prompt = Input::with_theme(&*theme).with_prompt(escape(prompt));
        let answer = self.ask(|term| prompt.clone().interact_text_on(term))?;
        answer.ok_or(PromptError::NoTerminal)
    }

    /// Prompts for a password without echoing it.
    ///
    /// # Errors
    /// If stdin or stderr is not a terminal, or if stdin is closed without an answer.
    pub fn password(&self, prompt: &str) -> Result<Secret, PromptError> {
        let theme = self.theme();
        let prompt = Password::with_theme(&*theme).with_prompt(escape(prompt)).report(false);
        let answer = self.ask(|term| prompt.clone().interact_on(term))?;
        answer.map(Secret::new).ok_or(PromptError::NoTerminal)
    }

    /// Shows a searchable list; `None` if nothing was selected. Items are truncated to the width of the terminal, because
    /// the list cannot redraw lines that wrap.
    ///
    /// # Errors
    /// [`PromptError`]
    pub fn choose(&self, prompt: &str, items: &[String]) -> Result<Option<usize>, PromptError> {
        let theme = self.theme();
        let width = usize::from(Term::stderr().size().1).saturating_sub(MARGIN);
        let shown = |item: &String| console::truncate_str(&escape(item), width, "…").into_owned();
        let items: Vec<String> = items.iter().map(shown).collect();
        let list = FuzzySelect::with_theme(&*theme).with_prompt(escape(prompt));
        let list = list.items(&items).default(0);
        Ok(self.ask(|term| list.clone().interact_on_opt(term))?.flatten())
    }

    /// Runs a prompt; `None` if it ended without an answer. What was typed before it is not an answer.
    fn ask<T>(&self, prompt: impl Fn(&Term) -> dialoguer::Result<T>) -> Result<Option<T>, PromptError> {
        if !self.interactive() {
            return Err(PromptError::NoTerminal);
        }
        let term = Term::stderr();
        // Permanently: an abandoned question must not block other output.
        self.hide_stages();
        self.0.question_open.store(true, Ordering::Relaxed);
        let answer = loop {
            discard_input();
            let asked = Instant::now();
            let answer = prompt(&term);
            if cfg!(unix) || answer.is_err() || asked.elapsed() >= MIN_ANSWER_TIME {
                break answer;
            }
        };
        if matches!(&answer, Err(dialoguer::Error::IO(why)) if why.kind() == std::io::ErrorKind::Interrupted) {
            self.abandon_question();
            return Err(PromptError::Interrupted);
        }
        self.0.question_open.store(false, Ordering::Relaxed);
        let _ = term.show_cursor();
        Ok(answer.ok())
    }

    /// Shows the cursor and ends the line, which an interrupted prompt does not do. Called by the prompt and by the code that
    /// no longer waits for its answer; only the first call has an effect.
    fn abandon_question(&self) {
        if self.0.question_open.swap(false, Ordering::Relaxed) {
            let term = Term::stderr();
            let _ = term.show_cursor();
            let _ = term.write_line("");
        }
    }

    fn theme(&self) -> Box<dyn Theme> {
        match self.0.stderr_color {
            true => Box::new(ColorfulTheme::default()),
            false => Box::new(SimpleTheme),
        }
    }
}

/// Restores the settings of the terminal when it is dropped, also after an abandoned question. On Windows, the console resets
/// them when the process ends.
#[derive(Debug)]
pub struct TerminalStateGuard {
    terminal: Terminal,
    #[cfg(unix)]
    settings: Option<rustix::termios::Termios>,
}

impl TerminalStateGuard {
    /// Saves the settings.
    pub fn new(terminal: &Terminal) -> Self {
        Self {
            terminal: terminal.clone(),
            #[cfg(unix)]
            settings: rustix::termios::tcgetattr(std::io::stdin()).ok(),
        }
    }
}

impl Drop for TerminalStateGuard {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(settings) = &self.settings {
            use rustix::termios::{OptionalActions, tcsetattr};
            let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, settings);
        }
        self.terminal.abandon_question();
    }
}

/// Discards what was typed but not read. On Windows, there is no safe interface for this.
fn discard_input() {
    #[cfg(unix)]
    let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
}
