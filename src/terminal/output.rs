//! Results, messages and stages. What the terminal supports and what the options select is decided once.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{ArgAction, Args, ColorChoice};
use console::{Style, Term};

use crate::terminal::progress::{Bar, Bars};
use crate::util::format::indented;
use crate::util::process::lock;
use crate::util::secret::Secrets;

/// How much is printed to stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// `-q`: only questions, warnings and errors.
    Quiet,
    /// Also progress.
    Normal,
    /// `-v`: also details and the causes of errors.
    Verbose,
    /// `-vv`: also every request.
    Debug,
}

/// The heading of options that all commands have.
pub const GLOBAL_OPTIONS: &str = "Global options";

/// The options for messages on the terminal.
#[derive(Clone, Copy, Debug, Default, Args)]
#[command(next_help_heading = GLOBAL_OPTIONS)]
pub struct TerminalOptions {
    /// Verbose output; -vv logs every request
    #[arg(short, long, global = true, action = ArgAction::Count, conflicts_with = "quiet")]
    verbose: u8,
    /// Print only the result, questions, warnings and errors
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Use color: auto, always or never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    color: ColorChoice,
}

impl TerminalOptions {
    /// How much is printed to stderr.
    pub fn verbosity(self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (false, 0) => Verbosity::Normal,
            (false, 1) => Verbosity::Verbose,
            (false, _) => Verbosity::Debug,
        }
    }
}

/// A shared writer.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Standard output and standard error, or writers instead of them.
#[derive(Clone, Default)]
pub enum Streams {
    /// The streams of the process.
    #[default]
    Standard,
    /// Other writers. They are not terminals, so questions cannot be asked.
    Given {
        /// For the result.
        stdout: Sink,
        /// For everything else.
        stderr: Sink,
    },
}

impl fmt::Debug for Streams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Streams")
    }
}

/// The smallest width that pages are laid out for, in columns.
const MIN_WIDTH: usize = 40;
/// The largest width of a page, in columns: longer lines are hard to read.
const MAX_WIDTH: usize = 110;

/// The user's terminal, and the job that messages are about if several jobs print at the same time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Terminal(pub(super) Arc<Inner>, Option<Arc<str>>);

#[derive(Debug)]
pub(super) struct Inner {
    verbosity: Verbosity,
    streams: Streams,
    /// Stdin and stderr are terminals.
    interactive: bool,
    stdout_is_terminal: bool,
    stdout_color: bool,
    pub(super) stderr_color: bool,
    /// `None` if progress is not drawn.
    pub(super) bars: Option<Bars>,
    /// A question is waiting for its answer.
    pub(super) question_open: AtomicBool,
    /// Texts that are never printed.
    secrets: Mutex<Secrets>,
}

/// Whether a stream is colored; `plain` is true if the environment disables color.
fn is_colored(color: ColorChoice, is_terminal: bool, plain: bool) -> bool {
    match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !plain,
    }
}

impl Terminal {
    /// Reads the state of stdin, stdout, stderr and the environment.
    pub fn new(options: TerminalOptions) -> Self {
        Self::with_streams(Streams::Standard, options)
    }

    /// A terminal with the given streams.
    pub fn with_streams(streams: Streams, options: TerminalOptions) -> Self {
        let standard = matches!(streams, Streams::Standard);
        let stdout = standard && io::stdout().is_terminal();
        let stderr = standard && io::stderr().is_terminal();
        // Supports neither color nor cursor movement.
        let dumb = console::is_dumb();
        // https://no-color.org
        let plain = dumb || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let moving = stderr && !dumb && options.verbosity() > Verbosity::Quiet;
        let inner = Inner {
            verbosity: options.verbosity(),
            interactive: stderr && io::stdin().is_terminal(),
            stdout_is_terminal: stdout,
            stdout_color: is_colored(options.color, stdout, plain),
            stderr_color: is_colored(options.color, stderr, plain),
            streams,
            bars: moving.then(Bars::new),
            question_open: AtomicBool::new(false),
            secrets: Mutex::default(),
        };
        Self(Arc::new(inner), None)
    }

    /// The same terminal for one of several jobs: its ID precedes each message, and progress is only printed with `-v`.
    pub fn about(&self, job: &str) -> Self {
        Self(Arc::clone(&self.0), Some(job.into()))
    }

    /// A terminal that prints nothing.
    pub fn silent() -> Self {
        let (stdout, stderr): (Sink, Sink) = (Arc::new(Mutex::new(io::sink())), Arc::new(Mutex::new(io::sink())));
        Self::with_streams(Streams::Given { stdout, stderr }, TerminalOptions::default())
    }

    /// Adds texts that are never printed, neither in messages nor in JSON documents.
    pub fn redact(&self, secrets: &Secrets) {
        let mut all = lock(&self.0.secrets);
        *all = all.with(secrets);
    }

    /// The text with all secrets replaced.
    pub(crate) fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        lock(&self.0.secrets).redact(text)
    }

    /// Prints the result to stdout, with a line break at the end. A reader that has closed the pipe is not an error. Control
    /// characters are not escaped: the caller escapes them.
    ///
    /// # Errors
    /// If stdout cannot be written for another reason, such as a full disk.
    pub fn result(&self, text: &str) -> io::Result<()> {
        // A path or a job ID was requested as it is; a document can contain text that a server returned.
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

    /// Prints a result that is too large for one string, with `write`.
    ///
    /// # Errors
    /// As [`result`](Self::result), or if `write` fails.
    pub fn result_with(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let write = |stdout: &mut dyn Write| {
            let mut stdout = io::BufWriter::new(stdout);
            write(&mut stdout)?;
            stdout.flush()
        };
        let written = self.without_bars(|| match &self.0.streams {
            Streams::Standard => write(&mut io::stdout().lock()),
            Streams::Given { stdout, .. } => write(&mut *lock(stdout)),
        });
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    /// Prints a line to stderr, except with `-q`.
    pub fn print(&self, line: &str) {
        self.line(Verbosity::Normal, line);
    }

    /// Prints a line to stderr, also with `-q`.
    pub fn print_always(&self, line: &str) {
        self.write_line(&indented(line));
    }

    /// Prints a warning to stderr, also with `-q`.
    pub fn warn(&self, text: &str) {
        self.labeled(Style::new().yellow().bold(), "warning:", text);
    }

    /// Prints an error to stderr.
    pub fn error(&self, text: &str) {
        self.labeled(Style::new().red().bold(), "error:", text);
    }

    /// Prints the next step after an error.
    pub fn hint(&self, text: &str) {
        self.labeled(Style::new().cyan().bold(), "hint:", text);
    }

    /// Prints a line to stderr with `-v`.
    pub fn detail(&self, line: &str) {
        self.line(Verbosity::Verbose, line);
    }

    /// Prints a line to stderr with `-vv`.
    pub fn trace(&self, line: &str) {
        self.line(Verbosity::Debug, line);
    }

    /// Whether stdin and stderr are terminals, so that a question can be asked.
    pub fn interactive(&self) -> bool {
        self.0.interactive
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        self.0.stdout_is_terminal
    }

    /// Whether stdout is colored.
    pub fn stdout_color(&self) -> bool {
        self.0.stdout_color
    }

    /// Whether stdout can display block characters: a terminal with a UTF-8 locale, or Windows Terminal, which sets
    /// `WT_SESSION`.
    pub fn stdout_is_unicode(&self) -> bool {
        self.stdout_is_terminal() && (locale_is_utf8() || std::env::var_os("WT_SESSION").is_some())
    }

    /// The width of a page on stdout, in columns; `None` if stdout is not a terminal.
    pub fn stdout_width(&self) -> Option<usize> {
        let columns = || usize::from(Term::stdout().size().1).clamp(MIN_WIDTH, MAX_WIDTH);
        self.stdout_is_terminal().then(columns)
    }

    /// Whether the process was started without a standard output (`>&-`), so that its output is lost.
    pub fn stdout_is_closed(&self) -> bool {
        matches!(self.0.streams, Streams::Standard) && is_closed()
    }

    /// Whether `--quiet` was given.
    pub fn is_quiet(&self) -> bool {
        self.0.verbosity == Verbosity::Quiet
    }

    fn labeled(&self, style: Style, label: &str, text: &str) {
        let label = style.force_styling(self.0.stderr_color).apply_to(label);
        self.write_line(&format!("{label} {}", indented(&self.with_job(text))));
    }

    /// The text after the job that it is about.
    fn with_job<'a>(&self, text: &'a str) -> Cow<'a, str> {
        match &self.1 {
            Some(job) => format!("{job}: {text}").into(),
            None => text.into(),
        }
    }

    /// Hides the progress bars while `write` runs.
    pub(super) fn without_bars<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0.bars {
            Some(bars) => bars.progress.suspend(write),
            None => write(),
        }
    }

    /// Writes a line to stderr. Errors are ignored, because they cannot be reported anywhere.
    fn write_line(&self, line: &str) {
        self.without_bars(|| {
            let line = self.redacted(line);
            let _ = match &self.0.streams {
                Streams::Standard => writeln!(io::stderr().lock(), "{line}"),
                Streams::Given { stderr, .. } => writeln!(lock(stderr), "{line}"),
            };
        });
    }

    fn line(&self, from: Verbosity, line: &str) {
        let from = self.1.as_ref().map_or(from, |_| from.max(Verbosity::Verbose));
        if self.0.verbosity >= from {
            self.print_always(&self.with_job(line));
        }
    }
}

fn locale_is_utf8() -> bool {
    let names = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter();
    let mut locales = names.filter_map(|name| std::env::var(name).ok());
    let locale = locales
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// If a stream is closed, Rust opens `/dev/null` for reading and writing before `main`. A shell that redirects a stream to
/// `/dev/null` opens it only for writing.
#[cfg(unix)]
fn is_closed() -> bool {
    use rustix::fs::{OFlags, fcntl_getfl, fstat, stat};
    let stdout = io::stdout();
    let (Ok(there), Ok(null), Ok(flags)) = (fstat(&stdout), stat("/dev/null"), fcntl_getfl(&stdout)) else {
        return true;
    };
    (there.st_dev, there.st_ino) == (null.st_dev, null.st_ino) && flags.contains(OFlags::RDWR)
}

#[cfg(windows)]
fn is_closed() -> bool {
    std::os::windows::io::AsRawHandle::as_raw_handle(&io::stdout()).is_null()
}

/// A stage of work. Cheap to clone. Its bar is removed when the last clone is dropped.
#[derive(Clone, Debug)]
pub struct Stage {
    terminal: Terminal,
    bar: Option<Arc<Bar>>,
}

impl Terminal {
    /// Starts a stage with a title and, if known, the total. `amount` formats the progress. Without a terminal, only the
    /// end of a stage is a line.
    pub fn stage(&self, title: &str, amount: fn(u64) -> String, total: Option<u64>) -> Stage {
        let title = self.with_job(title);
        let bar = self.0.bars.as_ref().map(|bars| bars.add(&title, amount, total));
        let terminal = self.clone();
        Stage { terminal, bar }
    }

    /// Shows a text in the bar of the latest stage for some time, as far as it fits; the complete text is a line with `-v`.
    /// Without a bar, it is always a line.
    pub fn note(&self, text: &str, time: Duration) {
        match self.0.bars.iter().flat_map(Bars::visible).last() {
            Some(bar) => {
                bar.note(&self.redacted(text), time);
                self.detail(text);
            }
            None => self.print(text),
        }
    }

    /// Removes the bars of all stages, which may continue for a moment after an interruption.
    pub fn hide_stages(&self) {
        self.0.bars.iter().for_each(Bars::hide_all);
    }
}

impl Stage {
    /// Adds to the progress.
    pub fn inc(&self, n: u64) {
        self.inc_with_size(n, 0);
    }

    /// Adds items and their size in bytes to the progress.
    pub fn inc_with_size(&self, n: u64, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(n, bytes);
        }
    }

    /// Ends the stage and prints one line, such as `Exported 300,000 input documents`.
    pub fn done(self, line: &str) {
        drop(self.bar);
        self.terminal.print(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_option_overrides_the_environment() {
        for (terminal, color, plain, expected) in [
            (true, ColorChoice::Auto, false, true),
            (false, ColorChoice::Auto, false, false),
            (true, ColorChoice::Auto, true, false),
            (false, ColorChoice::Always, true, true),
            (true, ColorChoice::Never, false, false),
        ] {
            assert_eq!(
                is_colored(color, terminal, plain),
                expected,
                "{terminal} {color:?} {plain}"
            );
        }
    }
}
