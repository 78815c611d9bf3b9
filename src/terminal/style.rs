//! What the terminal can do and the user wants, decided once; lines of text.

use std::sync::Arc;

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// `-q`: errors only.
    Quiet,
    /// The stages.
    #[default]
    Normal,
    /// `-v`: details, chains of causes.
    Verbose,
    /// `-vv`: every request.
    Debug,
}

/// What the command line says about talking.
#[derive(Clone, Copy, Debug, Default)]
pub struct TerminalOptions {
    /// `--color`.
    pub color: Color,
    /// `-q`, `-v`, `-vv`.
    pub verbosity: Verbosity,
}

/// The user's terminal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Terminal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {}

impl Terminal {
    /// Looks at stdin, stdout, stderr and the environment once.
    pub fn new(options: TerminalOptions) -> Self {
        todo!()
    }

    /// The result, to stdout. A closed stdout is no error.
    pub fn result(&self, text: &str) -> std::io::Result<()> {
        todo!()
    }

    /// A line to stderr unless `-q`; does not tear the bars.
    pub fn say(&self, line: &str) {
        todo!()
    }

    /// A warning to stderr, `-q` or not.
    pub fn warn(&self, line: &str) {
        todo!()
    }

    /// A line to stderr with `-v`.
    pub fn detail(&self, line: &str) {
        todo!()
    }

    /// A line to stderr with `-vv`.
    pub fn trace(&self, line: &str) {
        todo!()
    }

    /// Whether stdin and stderr are terminals, so that a question can be asked.
    pub fn interactive(&self) -> bool {
        todo!()
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        todo!()
    }

    /// Whether stdout wants colour.
    pub fn stdout_color(&self) -> bool {
        todo!()
    }
}
