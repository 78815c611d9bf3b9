//! Draws the progress of stages with `indicatif`: a bar, or only words on a narrow terminal.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};
use std::{fmt, io};

use console::{Term, measure_text_width, truncate_str};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use crate::util::format::{bytes, duration, escape};
use crate::util::process::lock;

/// Shorter stages are not drawn, because a bar that disappears at once is distracting.
const DELAY: Duration = Duration::from_millis(300);
const INTERVAL: Duration = Duration::from_millis(120);
/// A narrower terminal, in columns, has room for words only.
const MIN_COLUMNS: usize = 50;
const BAR: usize = 16;
/// Columns for a spinner and its numbers, however long the title is.
const MIN_NUMBERS: usize = 18;
/// Longer estimates are not meaningful: after a pause of minutes, the rate is nearly 0.
const MAX_SECONDS: u64 = 7 * 24 * 60 * 60;

/// The bars of the stages in progress, below everything else on the terminal.
#[derive(Debug)]
pub(super) struct Bars {
    pub(super) progress: MultiProgress,
    bars: Mutex<Vec<Weak<Bar>>>,
}

/// The bar of a stage. When it is dropped, it is removed from the terminal.
#[derive(Debug)]
pub(super) struct Bar {
    progress: ProgressBar,
    text: Arc<Text>,
}

/// What `indicatif` does not store about a bar.
#[derive(Debug)]
struct Text {
    title: String,
    /// Formats the numbers.
    amount: fn(u64) -> String,
    /// The size of the items so far; 0 if it is not known.
    bytes: AtomicU64,
    /// Displayed instead of the numbers until a time.
    note: Mutex<Option<(String, Instant)>>,
}

impl Bars {
    pub(super) fn new() -> Self {
        let target = ProgressDrawTarget::term_like(Box::<Screen>::default());
        let progress = MultiProgress::with_draw_target(target);
        let bars = Mutex::default();
        Self { progress, bars }
    }

    /// Adds a bar, or without a total a spinner.
    pub(super) fn add(&self, title: &str, amount: fn(u64) -> String, total: Option<u64>) -> Arc<Bar> {
        let text = Arc::new(Text {
            title: one_line(title),
            amount,
            bytes: AtomicU64::new(0),
            note: Mutex::default(),
        });
        let progress = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let progress = self.progress.add(progress);
        let bar = Arc::new(Bar {
            progress,
            text: text.clone(),
        });
        let write = move |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = out.write_str(&text.line(state, Term::stderr().size().1.into()));
        };
        let style = ProgressStyle::with_template("{line}").unwrap_or_else(|_| ProgressStyle::default_bar());
        bar.progress.set_style(style.with_key("line", write));
        bar.progress.enable_steady_tick(INTERVAL);
        let mut bars = lock(&self.bars);
        bars.retain(|bar| bar.strong_count() > 0);
        bars.push(Arc::downgrade(&bar));
        bar
    }

    /// The bars that are not hidden.
    pub(super) fn visible(&self) -> Vec<Arc<Bar>> {
        let bars = lock(&self.bars);
        let bars = bars.iter().filter_map(Weak::upgrade);
        bars.filter(|bar| !bar.progress.is_finished()).collect()
    }

    /// Removes all current bars from the terminal, also if their stages continue, and the `^C` of the user.
    pub(super) fn hide_all(&self) {
        self.visible().iter().for_each(|bar| bar.progress.finish_and_clear());
        let _ = self.progress.suspend(|| Term::stderr().clear_line());
    }
}

impl Bar {
    /// Adds items and their size in bytes.
    pub(super) fn inc(&self, items: u64, size: u64) {
        self.progress.inc(items);
        self.text.bytes.fetch_add(size, Ordering::Relaxed);
    }

    /// Displays a text instead of the numbers for some time.
    pub(super) fn note(&self, text: &str, time: Duration) {
        *lock(&self.text.note) = Some((one_line(text), Instant::now() + time));
    }
}

impl Text {
    /// The title, a bar or a spinner, and the numbers that fit, the most important ones first.
    fn line(&self, state: &ProgressState, columns: usize) -> String {
        if state.elapsed() < DELAY {
            return String::new();
        }
        let numbers = state.len().map_or(MIN_NUMBERS, |_| columns / 2);
        let title = truncate_str(&self.title, columns.saturating_sub(numbers), "…");
        if let Some((note, _)) = lock(&self.note).as_ref().filter(|(_, until)| Instant::now() < *until) {
            return format!("{title}: {note}");
        }
        let (fraction, percent) = (state.fraction(), state.fraction() * 100.0);
        let filled = "=".repeat((fraction * BAR as f32) as usize) + ">";
        let frame = state.elapsed().as_millis() / INTERVAL.as_millis() % 4;
        let mut line = match state.len() {
            None => format!("{} {title}", ["|", "/", "-", "\\"][frame as usize]),
            Some(_) if columns < MIN_COLUMNS => format!("{title} {percent:.0}%"),
            Some(_) => format!("{title} [{filled:BAR$.BAR$}] {percent:.0}%"),
        };
        for number in self.numbers(state).iter().flatten() {
            if measure_text_width(&line) + ", ".len() + measure_text_width(number) >= columns {
                break;
            }
            line = format!("{line}, {number}");
        }
        line
    }

    fn numbers(&self, state: &ProgressState) -> [Option<String>; 5] {
        let positive = |number: u64| Some(number).filter(|number| *number > 0);
        let done = positive(state.pos()).map(self.amount);
        let of = |total: u64| format!("{} of {}", (self.amount)(state.pos().min(total)), (self.amount)(total));
        let left = seconds(state.eta()).map(|time| format!("{time} left"));
        let rate = positive(state.per_sec() as u64).map(|rate| format!("{}/s", (self.amount)(rate)));
        let size = positive(self.bytes.load(Ordering::Relaxed)).map(bytes);
        let time = seconds(state.elapsed()).filter(|_| state.len().is_none());
        [state.len().map(of).or(done), left, rate, size, time]
    }
}

/// `3 s`, `1 min 15 s`; `None` if the time is not worth displaying.
fn seconds(time: Duration) -> Option<String> {
    match time.as_secs() {
        0 | MAX_SECONDS.. => None,
        seconds @ 1..60 => Some(format!("{seconds} s")),
        seconds => Some(duration(Duration::from_secs(seconds))),
    }
}

fn one_line(text: &str) -> String {
    escape(text).replace(['\n', '\t'], " ")
}

/// Where `indicatif` draws. It would move the cursor up by the number of lines that it has drawn, which is wrong after the
/// terminal was resized and has wrapped them. Here, the cursor stays in the first column of the first line, so that
/// everything below it can be removed.
#[derive(Debug, Default)]
struct Screen {
    /// To be drawn.
    lines: Mutex<Vec<String>>,
    is_drawn: AtomicBool,
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        Term::stderr().size().1
    }

    fn height(&self) -> u16 {
        Term::stderr().size().0
    }

    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        Ok(())
    }

    fn clear_line(&self) -> io::Result<()> {
        Ok(())
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.write_str(text)
    }

    /// Receives each line, and then the spaces that fill the rest of its width. The line remains one column narrower than
    /// the terminal: after the last column, terminals differ in where the cursor is.
    fn write_str(&self, text: &str) -> io::Result<()> {
        if !text.trim().is_empty() {
            let line = truncate_str(text, usize::from(self.width()).saturating_sub(1), "…");
            lock(&self.lines).push(line.into_owned());
        }
        Ok(())
    }

    /// Errors are ignored, because `indicatif` panics if the terminal is closed.
    fn flush(&self) -> io::Result<()> {
        let lines = std::mem::take(&mut *lock(&self.lines));
        let term = Term::buffered_stderr();
        if self.is_drawn.swap(!lines.is_empty(), Ordering::Relaxed) {
            let _ = term.write_str("\r").and_then(|()| term.clear_to_end_of_screen());
        }
        if !lines.is_empty() {
            // On Windows, the cursor is moved at once, and not by what is written.
            let _ = term.write_str(&lines.join("\r\n")).and_then(|()| term.flush());
            let _ = term.move_cursor_up(lines.len() - 1).and_then(|()| term.write_str("\r"));
        }
        let _ = term.flush();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::format::count;

    /// A bar that is not drawn.
    fn bar(title: &str, total: Option<u64>) -> Bar {
        let text = Arc::clone(&Bars::new().add(title, count, total).text);
        let progress = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        Bar { progress, text }
    }

    /// The line some time after the start, without estimates.
    fn line(bar: &Bar, elapsed: Duration, columns: usize) -> String {
        let hidden = ProgressBar::with_draw_target(bar.progress.length(), ProgressDrawTarget::hidden());
        let progress = hidden.with_elapsed(elapsed).with_position(bar.progress.position());
        let mut line = String::new();
        progress.update(|state| line = bar.text.line(state, columns));
        line
    }

    #[test]
    fn a_bar_has_the_numbers_that_fit() {
        let bar = bar("Reading input documents", Some(300_000));
        bar.inc(120_000, 5 << 20);
        for (columns, expected) in [
            (
                80,
                "Reading input documents [======>         ] 40%, 120,000 of 300,000, 5 MiB",
            ),
            (70, "Reading input documents [======>         ] 40%, 120,000 of 300,000"),
            (50, "Reading input documents [======>         ] 40%"),
            (49, "Reading input documents 40%, 120,000 of 300,000"),
            (40, "Reading input docum… 40%"),
            (20, "Reading i… 40%"),
        ] {
            assert_eq!(line(&bar, DELAY, columns), expected, "{columns}");
        }
    }

    #[test]
    fn estimates_are_displayed_after_the_first_progress() {
        let bar = bar("Reading", Some(1_000_000_000));
        let line = || {
            let mut line = String::new();
            bar.progress.set_elapsed(DELAY);
            bar.progress.update(|state| line = bar.text.line(state, 80));
            line
        };
        assert_eq!(line(), "Reading [>               ] 0%, 0 of 1,000,000,000");
        bar.inc(1, 0);
        let estimated = line();
        assert!(estimated.contains("] 0%, 1 of 1,000,000,000, "), "{estimated}");
        assert!(estimated.ends_with("/s"), "{estimated}");
    }

    #[test]
    fn times_are_whole_seconds() {
        assert_eq!(seconds(Duration::from_millis(999)), None);
        assert_eq!(seconds(Duration::from_millis(3900)).as_deref(), Some("3 s"));
        assert_eq!(seconds(Duration::from_secs(75)).as_deref(), Some("1 min 15 s"));
        assert_eq!(seconds(Duration::MAX), None);
    }

    #[test]
    fn a_short_stage_is_not_drawn() {
        let bar = bar("Checking", Some(0));
        assert_eq!(line(&bar, Duration::ZERO, 80), "");
        assert_eq!(line(&bar, DELAY, 80), "Checking [================] 100%, 0 of 0");
    }

    #[test]
    fn a_spinner_has_the_time_and_what_is_done() {
        let bar = bar("Checking the cluster", None);
        assert_eq!(line(&bar, DELAY, 80), "- Checking the cluster");
        bar.inc(1200, 0);
        let elapsed = Duration::from_secs(90);
        assert_eq!(line(&bar, elapsed, 80), "- Checking the cluster, 1,200, 1 min 30 s");
        assert_eq!(line(&bar, elapsed, 30), "- Checking th…, 1,200");
    }

    #[test]
    fn a_note_is_displayed_in_one_line_for_some_time() {
        let bar = bar("Reading", Some(10));
        bar.inc(4, 0);
        bar.note("retrying in 3 s:\n429", Duration::from_secs(3600));
        assert_eq!(line(&bar, DELAY, 80), "Reading: retrying in 3 s: 429");
        bar.note("retrying in 0 s", Duration::ZERO);
        assert_eq!(line(&bar, DELAY, 80), "Reading [======>         ] 40%, 4 of 10");
    }

    #[test]
    fn every_line_is_narrower_than_the_terminal() {
        let screen = Screen::default();
        for text in [
            "日本語の文書".repeat(200),
            "=".repeat(2000),
            " ".repeat(10),
            String::new(),
        ] {
            screen.write_str(&text).unwrap();
        }
        let lines = lock(&screen.lines);
        assert_eq!(lines.len(), 2, "the spaces after a line are not a line");
        for line in &*lines {
            assert!(measure_text_width(line) < usize::from(screen.width()), "{line}");
        }
    }
}
