//! The user's terminal: what it can do and the options ask for, decided once; results and lines of text.

use std::borrow::Cow;
use std::io::{self, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use clap::{ArgAction, Args, ColorChoice};
use console::{Style, Term};
use indicatif::MultiProgress;

use crate::terminal::streams::Streams;
use crate::util::control_chars::indented;
use crate::util::secret::Secrets;

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: warnings, errors and questions only.
    Quiet,
    /// The stages.
    Normal,
    /// `-v`: details, chains of causes.
    Verbose,
    /// `-vv`: every request.
    Debug,
}

/// What the command line says about talking.
#[derive(Clone, Copy, Debug, Default, Args)]
pub struct TerminalOptions {
    /// Say more; -vv tells every request
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Say nothing but questions, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    color: ColorChoice,
}

impl TerminalOptions {
    /// How much to say.
    pub fn verbosity(self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

/// Narrower terminals get lines that are broken by the terminal.
const MIN_WIDTH: usize = 40;
/// Wider ones are not filled: long lines are hard to read.
const MAX_WIDTH: usize = 110;

/// The user's terminal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Terminal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    verbosity: Verbosity,
    stdout: Stream,
    stderr: Stream,
    stdin_is_terminal: bool,
    streams: Streams,
    bars: Option<MultiProgress>,
    /// A question is on the terminal and has no answer yet.
    question_open: AtomicBool,
    /// What is never printed.
    secrets: Mutex<Secrets>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stream {
    terminal: bool,
    color: bool,
}

/// What the environment says about colour.
#[derive(Clone, Copy, Debug, Default)]
struct Environment {
    /// `NO_COLOR` is there and not empty (no-color.org).
    no_color: bool,
    /// `TERM=dumb`: neither colour nor moving the cursor.
    dumb: bool,
}

impl Environment {
    fn read() -> Self {
        Self {
            no_color: std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()),
            dumb: std::env::var_os("TERM").is_some_and(|value| value == "dumb"),
        }
    }
}

impl Stream {
    fn new(terminal: bool, color: ColorChoice, environment: Environment) -> Self {
        let color = match color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            ColorChoice::Auto => terminal && !environment.no_color && !environment.dumb,
        };
        Self { terminal, color }
    }
}

impl Terminal {
    /// Looks at stdin, stdout, stderr and the environment once.
    pub fn new(options: TerminalOptions) -> Self {
        Self::with_streams(Streams::Standard, options)
    }

    /// The same on other streams.
    pub fn with_streams(streams: Streams, options: TerminalOptions) -> Self {
        let environment = Environment::read();
        let [stdin, stdout, stderr] = streams.terminals();
        let stderr = Stream::new(stderr, options.color, environment);
        let moving = stderr.terminal && !environment.dumb && options.verbosity() > Verbosity::Quiet;
        Self {
            inner: Arc::new(Inner {
                verbosity: options.verbosity(),
                stdout: Stream::new(stdout, options.color, environment),
                stderr,
                stdin_is_terminal: stdin,
                streams,
                bars: moving.then(MultiProgress::new),
                question_open: AtomicBool::new(false),
                secrets: Mutex::default(),
            }),
        }
    }

    /// From now on these are not printed either, whoever returns them: neither in lines for people nor in JSON documents.
    pub fn redact(&self, secrets: &Secrets) {
        let mut all = self.inner.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        *all = all.with(secrets);
    }

    /// The text without secrets.
    pub(super) fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let secrets = self.inner.secrets.lock().unwrap_or_else(PoisonError::into_inner);
        secrets.redact(text)
    }

    /// The result, to stdout, with a line feed where it lacks one. A closed stdout is no error.
    /// Written as it is: text from outside is made harmless by whoever lays it out.
    ///
    /// # Errors
    /// Stdout cannot be written for another reason, such as a full disk.
    pub fn result(&self, text: &str) -> io::Result<()> {
        // A path or the ID of a job is what was asked for; a document may hold what a server returned.
        let document = text.starts_with('{').then(|| self.redacted(text));
        let text = document.as_deref().unwrap_or(text);
        self.result_with(|stdout| {
            stdout.write_all(text.as_bytes())?;
            if !text.is_empty() && !text.ends_with('\n') {
                stdout.write_all(b"\n")?;
            }
            Ok(())
        })
    }

    /// A result that is too large to be held as one text: `write` puts it to stdout. A closed stdout is no error.
    ///
    /// # Errors
    /// As [`result`](Self::result), or what `write` says.
    pub fn result_with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let write = |stdout: &mut dyn Write| {
            let mut stdout = io::BufWriter::new(stdout);
            write(&mut stdout)?;
            stdout.flush()
        };
        match self.without_bars(|| self.inner.streams.stdout(write)) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// A line to stderr unless `-q`; does not tear the bars.
    pub fn print(&self, line: &str) {
        self.line(Verbosity::Normal, line);
    }

    /// A line to stderr, `-q` or not.
    pub fn print_always(&self, line: &str) {
        self.write_line(&indented(line));
    }

    /// A warning to stderr, `-q` or not.
    pub fn warn(&self, text: &str) {
        self.labeled(Style::new().yellow().bold(), "warning:", text);
    }

    /// An error to stderr.
    pub fn error(&self, text: &str) {
        self.labeled(Style::new().red().bold(), "error:", text);
    }

    /// What to do about the error above.
    pub fn hint(&self, text: &str) {
        self.labeled(Style::new().cyan().bold(), "hint:", text);
    }

    /// A line to stderr with `-v`.
    pub fn detail(&self, line: &str) {
        self.line(Verbosity::Verbose, line);
    }

    /// A line to stderr with `-vv`.
    pub fn trace(&self, line: &str) {
        self.line(Verbosity::Debug, line);
    }

    /// Whether stdin and stderr are terminals, so that a question can be asked.
    pub fn interactive(&self) -> bool {
        self.inner.stdin_is_terminal && self.inner.stderr.terminal
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        self.inner.stdout.terminal
    }

    /// Whether stdout wants colour.
    pub fn stdout_color(&self) -> bool {
        self.inner.stdout.color
    }

    /// Whether stdout shows block characters: a terminal whose locale is UTF-8. Windows' terminals show them
    /// wherever they are new enough to set `WT_SESSION`.
    pub fn stdout_is_unicode(&self) -> bool {
        self.stdout_is_terminal() && (locale_is_utf8() || std::env::var_os("WT_SESSION").is_some())
    }

    /// Columns of a page on stdout; `None` where it is not a terminal.
    pub fn stdout_width(&self) -> Option<usize> {
        let columns = || usize::from(Term::stdout().size().1).clamp(MIN_WIDTH, MAX_WIDTH);
        self.stdout_is_terminal().then(columns)
    }

    /// Whether the process was started without a standard output (`>&-`): what is written there is lost.
    pub fn stdout_is_closed(&self) -> bool {
        self.inner.streams.stdout_is_closed()
    }

    /// Whether `--quiet` was given.
    pub fn is_quiet(&self) -> bool {
        self.inner.verbosity == Verbosity::Quiet
    }

    pub(super) fn stderr_color(&self) -> bool {
        self.inner.stderr.color
    }

    pub(super) fn bars(&self) -> Option<&MultiProgress> {
        self.inner.bars.as_ref()
    }

    pub(super) fn question_open(&self) -> &AtomicBool {
        &self.inner.question_open
    }

    fn labeled(&self, style: Style, label: &str, text: &str) {
        let label = style.force_styling(self.inner.stderr.color).apply_to(label);
        self.write_line(&format!("{label} {}", indented(text)));
    }

    /// Runs `write` while no bar is drawn.
    pub(super) fn without_bars<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.inner.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Writes a line to stderr as it is. An error is ignored: there is no other place to report it.
    fn write_line(&self, line: &str) {
        self.without_bars(|| {
            let line = self.redacted(line);
            let _ = self.inner.streams.stderr(|stderr| writeln!(stderr, "{line}"));
        });
    }

    fn line(&self, from: Verbosity, line: &str) {
        if self.inner.verbosity >= from {
            self.print_always(line);
        }
    }
}

fn locale_is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_follows_the_option_then_the_environment() {
        let plain = Environment::default();
        let no_color = Environment {
            no_color: true,
            dumb: false,
        };
        let dumb = Environment {
            no_color: false,
            dumb: true,
        };
        for (terminal, color, environment, expected) in [
            (true, ColorChoice::Auto, plain, true),
            (false, ColorChoice::Auto, plain, false),
            (true, ColorChoice::Auto, no_color, false),
            (true, ColorChoice::Auto, dumb, false),
            (false, ColorChoice::Always, no_color, true),
            (true, ColorChoice::Never, plain, false),
        ] {
            let stream = Stream::new(terminal, color, environment);
            assert_eq!(stream.color, expected, "{terminal} {color:?} {environment:?}");
        }
    }
}
