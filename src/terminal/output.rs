//! The user's terminal: what it can do and the options ask for, decided once; results, lines of text, and stages of work:
//! bars with totals on a terminal, one plain line a stage elsewhere.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clap::{ArgAction, Args, ColorChoice};
use console::{Style, Term};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::util::format::{duration, escape, indented};
use crate::util::process::lock;
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

/// Something to write to that several may hold.
pub type Sink = Arc<Mutex<dyn Write + Send>>;

/// Standard output and standard error, or what takes their place.
#[derive(Clone, Default)]
pub enum Streams {
    /// Those of the process.
    #[default]
    Standard,
    /// Others, which are no terminals; nobody is there to be asked.
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

/// Narrower terminals get lines that are broken by the terminal.
const MIN_WIDTH: usize = 40;
/// Wider ones are not filled: long lines are hard to read.
const MAX_WIDTH: usize = 110;

/// The user's terminal. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Terminal(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    verbosity: Verbosity,
    streams: Streams,
    /// Stdin and stderr are terminals.
    interactive: bool,
    stdout_is_terminal: bool,
    stdout_color: bool,
    pub(super) stderr_color: bool,
    bars: Option<MultiProgress>,
    /// A question is on the terminal and has no answer yet.
    pub(super) question_open: AtomicBool,
    /// What is never printed.
    secrets: Mutex<Secrets>,
}

/// Whether a stream is colored; `plain` is what the environment asks for.
fn is_colored(color: ColorChoice, is_terminal: bool, plain: bool) -> bool {
    match color {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto => is_terminal && !plain,
    }
}

impl Terminal {
    /// Looks at stdin, stdout, stderr and the environment once.
    pub fn new(options: TerminalOptions) -> Self {
        Self::with_streams(Streams::Standard, options)
    }

    /// The same on other streams.
    pub fn with_streams(streams: Streams, options: TerminalOptions) -> Self {
        let standard = matches!(streams, Streams::Standard);
        let stdout = standard && io::stdout().is_terminal();
        let stderr = standard && io::stderr().is_terminal();
        // Neither color nor moving the cursor.
        let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        // https://no-color.org
        let plain = dumb || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let moving = stderr && !dumb && options.verbosity() > Verbosity::Quiet;
        Self(Arc::new(Inner {
            verbosity: options.verbosity(),
            interactive: stderr && io::stdin().is_terminal(),
            stdout_is_terminal: stdout,
            stdout_color: is_colored(options.color, stdout, plain),
            stderr_color: is_colored(options.color, stderr, plain),
            streams,
            bars: moving.then(MultiProgress::new),
            question_open: AtomicBool::new(false),
            secrets: Mutex::default(),
        }))
    }

    /// From now on these are not printed either, whoever returns them: neither in lines for people nor in JSON documents.
    pub fn redact(&self, secrets: &Secrets) {
        let mut all = lock(&self.0.secrets);
        *all = all.with(secrets);
    }

    /// The text without secrets.
    fn redacted<'a>(&self, text: &'a str) -> Cow<'a, str> {
        lock(&self.0.secrets).redact(text)
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
        let written = self.without_bars(|| match &self.0.streams {
            Streams::Standard => write(&mut io::stdout().lock()),
            Streams::Given { stdout, .. } => write(&mut *lock(stdout)),
        });
        match written {
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
        self.0.interactive
    }

    /// Whether stdout is a terminal.
    pub fn stdout_is_terminal(&self) -> bool {
        self.0.stdout_is_terminal
    }

    /// Whether stdout wants colour.
    pub fn stdout_color(&self) -> bool {
        self.0.stdout_color
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
        matches!(self.0.streams, Streams::Standard) && is_closed()
    }

    /// Whether `--quiet` was given.
    pub fn is_quiet(&self) -> bool {
        self.0.verbosity == Verbosity::Quiet
    }

    fn labeled(&self, style: Style, label: &str, text: &str) {
        let label = style.force_styling(self.0.stderr_color).apply_to(label);
        self.write_line(&format!("{label} {}", indented(text)));
    }

    /// Runs `write` while no bar is drawn.
    pub(super) fn without_bars<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.0.bars {
            Some(bars) => bars.suspend(write),
            None => write(),
        }
    }

    /// Writes a line to stderr as it is. An error is ignored: there is no other place to report it.
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
        if self.0.verbosity >= from {
            self.print_always(line);
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

/// Before `main`, Rust opens `/dev/null` for reading and writing in the place of a stream that is closed; who redirects
/// a stream there opens it for writing alone.
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

/// One stage. Cheap to clone; dropping the last clone unfinished removes the bar.
#[derive(Clone, Debug)]
pub struct Stage {
    terminal: Terminal,
    drawn: Option<Arc<Drawn>>,
}

#[derive(Debug)]
struct Drawn {
    bar: ProgressBar,
    noted: AtomicBool,
}

impl Drop for Drawn {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Terminal {
    /// Begins a stage: `Exporting inputs`, with the total where it is known; `amount` prints how much is done.
    pub fn stage(&self, title: &str, amount: fn(u64) -> String, total: Option<u64>) -> Stage {
        let drawn = self.0.bars.as_ref().map(|bars| {
            let bar = bars.add(match total {
                Some(total) => ProgressBar::new(total),
                None => ProgressBar::new_spinner(),
            });
            bar.set_style(style(amount, total.is_some(), Term::stderr().size().1));
            bar.set_prefix(escape(title).into_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            Arc::new(Drawn {
                bar,
                noted: AtomicBool::new(false),
            })
        });
        Stage {
            terminal: self.clone(),
            drawn,
        }
    }
}

impl Stage {
    /// So many more are done.
    pub fn inc(&self, n: u64) {
        if let Some(drawn) = &self.drawn {
            if drawn.noted.swap(false, Ordering::Relaxed) {
                drawn.bar.set_message("");
            }
            drawn.bar.inc(n);
        }
    }

    /// Shows a text beside the bar (`waiting 3 s: …`); cleared by the next `inc`. Without a bar
    /// it is a line of its own with `-v`.
    pub fn note(&self, text: &str) {
        match &self.drawn {
            Some(drawn) => {
                let text = self.terminal.redacted(text);
                drawn.bar.set_message(escape(&text).replace('\n', " "));
                drawn.noted.store(true, Ordering::Relaxed);
            }
            None => self.terminal.detail(text),
        }
    }

    /// Done: leaves one line, `Exported 300,000 inputs` or the like.
    pub fn done(self, line: &str) {
        if let Some(drawn) = &self.drawn {
            drawn.bar.finish_and_clear();
        }
        self.terminal.print(line);
    }
}

/// A note beside the bar needs room; a line that wraps cannot be cleared.
const ROOM_FOR_A_BAR: u16 = 100;

fn style(amount: fn(u64) -> String, with_total: bool, columns: u16) -> ProgressStyle {
    let template = match (with_total, columns >= ROOM_FOR_A_BAR) {
        (true, true) => "{prefix} [{bar:24}] {done} of {total}{left}  {wide_msg}",
        (true, false) => "{prefix} {done} of {total}{left}  {wide_msg}",
        (false, _) => "{prefix} {spinner} {done}  {wide_msg}",
    };
    let shown = |of: fn(&ProgressState) -> Option<u64>| {
        move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&amount(of(state).unwrap_or(0)));
        }
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .tick_chars("|/-\\ ")
        .with_key("done", shown(|state| Some(state.pos())))
        .with_key("total", shown(ProgressState::len))
        .with_key("left", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&left(state.pos(), state.len(), state.eta()));
        })
}

/// How long it will take, once something is done to judge by.
fn left(done: u64, total: Option<u64>, eta: Duration) -> String {
    if done == 0 || Some(done) == total || eta < Duration::from_secs(1) {
        return String::new();
    }
    format!(", {} left", duration(Duration::from_secs(eta.as_secs())))
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

    #[test]
    fn no_time_is_shown_that_cannot_be_known() {
        let eta = Duration::from_millis(75_600);
        assert_eq!(left(0, Some(10), eta), "");
        assert_eq!(left(10, Some(10), eta), "");
        assert_eq!(left(9, Some(10), Duration::from_millis(300)), "");
        assert_eq!(left(3, Some(10), eta), ", 1 min 15 s left");
    }

    #[test]
    fn a_bar_shows_done_and_total_and_a_note_until_work_goes_on() {
        let terminal = Terminal::new(crate::terminal::TerminalOptions::default());
        let bar = ProgressBar::hidden();
        bar.set_length(10);
        let drawn = Arc::new(Drawn {
            bar: bar.clone(),
            noted: AtomicBool::new(false),
        });
        let stage = Stage {
            terminal,
            drawn: Some(drawn),
        };
        stage.note("waiting 3 s:\n429");
        assert_eq!(bar.message(), "waiting 3 s: 429");
        stage.inc(4);
        assert_eq!((bar.message().as_str(), bar.position()), ("", 4));
        drop(stage);
        assert!(bar.is_finished());
    }
}
