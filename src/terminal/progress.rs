//! Draws the progress of stages: a bar, or only words on a narrow terminal. Each drawing has the current width of the
//! terminal.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::thread;
use std::time::{Duration, Instant};

use console::{Term, measure_text_width, truncate_str};

use crate::util::format::{bytes, duration, escape};
use crate::util::process::lock;

/// Shorter stages are not drawn, because a bar that disappears at once is distracting.
const DELAY: Duration = Duration::from_millis(300);
const INTERVAL: Duration = Duration::from_millis(120);
/// Shorter times are not displayed. In the first moments, estimates are not meaningful.
const MIN_TIME: Duration = Duration::from_secs(1);
/// A narrower terminal, in columns, has room for words only.
const MIN_COLUMNS: usize = 50;
const MIN_BAR: usize = 8;
/// Columns for the numbers of a spinner, however long its title is.
const MIN_NUMBERS: usize = 16;
const MAX_BAR: usize = 24;

/// The bars of the stages in progress, below everything else on the terminal.
///
/// The cursor stays in the first column of the first line: when the terminal is resized, it may wrap the lines, but
/// everything below the cursor can still be removed.
#[derive(Clone, Debug)]
pub(super) struct Bars(Arc<Drawing>);

#[derive(Debug, Default)]
struct Drawing {
    bars: Mutex<Vec<Weak<Bar>>>,
    /// Whether lines are drawn. Locked while anything is written, which takes long if the terminal is stopped (Ctrl-S).
    is_drawn: Mutex<bool>,
}

/// The progress of one stage.
#[derive(Debug)]
pub(super) struct Bar {
    title: String,
    /// Formats the numbers.
    amount: fn(u64) -> String,
    total: Option<u64>,
    done: AtomicU64,
    /// The size of the items so far; 0 if it is not known.
    bytes: AtomicU64,
    /// Displayed instead of the numbers until this time after the start.
    note: Mutex<(String, Duration)>,
    started: Instant,
    is_hidden: AtomicBool,
}

impl Bars {
    /// Starts a thread that draws the bars until they are dropped.
    pub(super) fn new() -> Self {
        let drawing = Arc::<Drawing>::default();
        let drawn = Arc::downgrade(&drawing);
        let draw = move || {
            while let Some(drawing) = drawn.upgrade() {
                drawing.draw(&mut lock(&drawing.is_drawn));
                drop(drawing);
                thread::sleep(INTERVAL);
            }
        };
        // Without the thread, only the lines of the stages are printed.
        let _ = thread::Builder::new().spawn(draw);
        Self(drawing)
    }

    /// Adds a bar, or without a total a spinner.
    pub(super) fn add(&self, title: &str, amount: fn(u64) -> String, total: Option<u64>) -> Arc<Bar> {
        let bar = Arc::new(Bar::new(title, amount, total));
        let mut bars = lock(&self.0.bars);
        bars.retain(|bar| bar.strong_count() > 0);
        bars.push(Arc::downgrade(&bar));
        bar
    }

    /// Removes the bars from the terminal while `write` runs.
    pub(super) fn hidden_during<T>(&self, write: impl FnOnce() -> T) -> T {
        let mut is_drawn = lock(&self.0.is_drawn);
        replace(&mut is_drawn, &[]);
        let written = write();
        self.0.draw(&mut is_drawn);
        written
    }

    /// The latest bar.
    pub(super) fn latest(&self) -> Option<Arc<Bar>> {
        self.0.visible().pop()
    }

    /// Removes this bar from the terminal.
    pub(super) fn hide(&self, bar: &Bar) {
        bar.is_hidden.store(true, Ordering::Relaxed);
        self.hidden_during(|| ());
    }

    /// Removes all current bars from the terminal, also if their stages continue, and the `^C` of the user.
    pub(super) fn hide_all(&self) {
        for bar in self.0.visible() {
            bar.is_hidden.store(true, Ordering::Relaxed);
        }
        self.hidden_during(|| {
            let _ = Term::stderr().clear_line();
        });
    }
}

impl Drawing {
    fn visible(&self) -> Vec<Arc<Bar>> {
        let bars = lock(&self.bars);
        let bars = bars.iter().filter_map(Weak::upgrade);
        bars.filter(|bar| !bar.is_hidden.load(Ordering::Relaxed)).collect()
    }

    fn draw(&self, is_drawn: &mut bool) {
        let visible = self.visible();
        let columns = usize::from(Term::stderr().size().1);
        let lines = visible.iter().map(|bar| (bar.started.elapsed(), bar));
        let lines = lines.filter(|(elapsed, _)| *elapsed >= DELAY);
        let lines: Vec<String> = lines.map(|(elapsed, bar)| bar.line(elapsed, columns)).collect();
        replace(is_drawn, &lines);
    }
}

/// Replaces what is drawn. Errors are ignored: the terminal may be closed.
fn replace(is_drawn: &mut bool, lines: &[String]) {
    let term = Term::buffered_stderr();
    if *is_drawn {
        let _ = term.write_str("\r").and_then(|()| term.clear_to_end_of_screen());
    }
    if !lines.is_empty() {
        // On Windows, the cursor is moved at once, and not by what is written.
        let _ = term.write_str(&lines.join("\r\n")).and_then(|()| term.flush());
        let _ = term.move_cursor_up(lines.len() - 1).and_then(|()| term.write_str("\r"));
    }
    *is_drawn = !lines.is_empty();
    let _ = term.flush();
}

impl Bar {
    fn new(title: &str, amount: fn(u64) -> String, total: Option<u64>) -> Self {
        Self {
            title: one_line(title),
            amount,
            total,
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            note: Mutex::default(),
            started: Instant::now(),
            is_hidden: AtomicBool::new(false),
        }
    }

    /// Adds items and their size in bytes.
    pub(super) fn inc(&self, items: u64, size: u64) {
        self.done.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(size, Ordering::Relaxed);
    }

    /// Displays a text instead of the numbers for some time.
    pub(super) fn note(&self, text: &str, time: Duration) {
        *lock(&self.note) = (one_line(text), self.started.elapsed() + time);
    }

    /// At most one column less than the terminal has: after the last column, terminals differ in where the cursor is.
    fn line(&self, elapsed: Duration, columns: usize) -> String {
        let title = truncate_str(&self.title, columns / 2, "…");
        let (note, until) = &*lock(&self.note);
        let text = match self.total {
            _ if elapsed < *until => format!("{title}: {note}"),
            Some(total) => self.bar(&title, (total, elapsed), columns),
            None => self.spinner(elapsed, columns),
        };
        truncate_str(&text, columns.saturating_sub(1), "…").into_owned()
    }

    fn spinner(&self, elapsed: Duration, columns: usize) -> String {
        let title = truncate_str(&self.title, columns.saturating_sub(MIN_NUMBERS), "…");
        let frame = ["|", "/", "-", "\\"][(elapsed.as_millis() / INTERVAL.as_millis() % 4) as usize];
        let done = Some(self.done.load(Ordering::Relaxed)).filter(|done| *done > 0);
        let time = Some(elapsed).filter(|time| *time >= MIN_TIME);
        let numbers = done.map(self.amount).into_iter().chain(time.map(whole_seconds));
        format!("{title} {frame} {}", numbers.collect::<Vec<_>>().join(", "))
    }

    /// As many numbers as fit, the most important ones first; if none fits, only a percentage.
    fn bar(&self, title: &str, (total, elapsed): (u64, Duration), columns: usize) -> String {
        let done = self.done.load(Ordering::Relaxed).min(total);
        let fraction = done as f64 / total.max(1) as f64;
        let numbers = self.numbers(done, total, elapsed);
        let bar = usize::from(columns >= MIN_COLUMNS) * (MIN_BAR + " []".len());
        let room = columns.saturating_sub(measure_text_width(title) + bar + 2);
        let texts = (1..=numbers.len()).rev().map(|count| numbers[..count].join(", "));
        let fitting = texts.into_iter().find(|text| measure_text_width(text) <= room);
        let text = fitting.unwrap_or_else(|| format!("{:.0}%", fraction * 100.0));
        if bar == 0 {
            return format!("{title} {text}");
        }
        let width = (room + MIN_BAR - measure_text_width(&text)).min(MAX_BAR);
        let filled = (fraction * width as f64) as usize;
        let arrow = if filled < width { ">" } else { "" };
        format!("{title} [{:width$}] {text}", "=".repeat(filled) + arrow)
    }

    fn numbers(&self, done: u64, total: u64, elapsed: Duration) -> Vec<String> {
        let mut numbers = vec![format!("{} of {}", (self.amount)(done), (self.amount)(total))];
        if done == 0 || elapsed < MIN_TIME {
            return numbers;
        }
        let left = elapsed.as_secs_f64() * (total - done) as f64 / done as f64;
        let left = Duration::try_from_secs_f64(left).unwrap_or_default();
        let per_second = (done as f64 / elapsed.as_secs_f64()) as u64;
        let size = self.bytes.load(Ordering::Relaxed);
        numbers.extend((left >= MIN_TIME).then(|| format!("{} left", whole_seconds(left))));
        numbers.extend((per_second > 0).then(|| format!("{}/s", (self.amount)(per_second))));
        numbers.extend((size > 0).then(|| bytes(size)));
        numbers
    }
}

/// `3 s`, `1 min 15 s`
fn whole_seconds(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..60 => format!("{seconds} s"),
        seconds => duration(Duration::from_secs(seconds)),
    }
}

fn one_line(text: &str) -> String {
    escape(text).replace(['\n', '\t'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::util::format::count;

    const ELAPSED: Duration = Duration::from_secs(50);

    #[test]
    fn a_bar_has_the_numbers_that_fit() {
        let bar = Bar::new("Reading input documents", count, Some(300_000));
        bar.inc(120_000, 5 << 20);
        for (columns, expected) in [
            (
                120,
                "Reading input documents [=========>              ] 120,000 of 300,000, 1 min 15 s left, 2,400/s, 5 MiB",
            ),
            (
                80,
                "Reading input documents [===>    ] 120,000 of 300,000, 1 min 15 s left, 2,400/s",
            ),
            (60, "Reading input documents [=====>        ] 120,000 of 300,000"),
            (50, "Reading input documents [=======>           ] 40%"),
            (49, "Reading input documents 120,000 of 300,000"),
            (40, "Reading input docum… 120,000 of 300,000"),
            (20, "Reading i… 40%"),
        ] {
            assert_eq!(bar.line(ELAPSED, columns), expected, "{columns}");
        }
    }

    #[test]
    fn every_line_is_narrower_than_the_terminal() {
        let long = "Deleting existing data of job ".to_owned() + &"a".repeat(64);
        for (title, total) in [("日本語の文書", None), ("Checking", Some(0)), (&long, Some(1 << 40))] {
            let bar = Bar::new(title, bytes, total);
            bar.inc(1 << 30, 0);
            for time in [Duration::ZERO, 2 * ELAPSED] {
                bar.note("retrying in 0.4 s (attempt 2): 429 Too Many Requests", time);
                for columns in 2..150 {
                    let line = bar.line(ELAPSED, columns);
                    assert!(measure_text_width(&line) < columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn estimates_are_displayed_only_when_they_are_meaningful() {
        let numbers = |done, seconds| {
            let bar = Bar::new("Checking", bytes, Some(4096));
            bar.numbers(done, 4096, Duration::from_millis(seconds)).join(", ")
        };
        assert_eq!(numbers(0, 9000), "0 B of 4 KiB");
        assert_eq!(numbers(1024, 900), "1 KiB of 4 KiB");
        assert_eq!(numbers(1024, 1000), "1 KiB of 4 KiB, 3 s left, 1 KiB/s");
        assert_eq!(numbers(4096, 2000), "4 KiB of 4 KiB, 2 KiB/s");
    }

    #[test]
    fn a_spinner_has_the_time_and_what_is_done() {
        let bar = Bar::new("Checking the cluster", count, None);
        assert_eq!(bar.line(Duration::from_millis(240), 80), "Checking the cluster - ");
        assert_eq!(bar.line(Duration::from_secs(5), 29), "Checking the… / 5 s");
        bar.inc(1200, 0);
        assert_eq!(
            bar.line(Duration::from_secs(90), 80),
            "Checking the cluster - 1,200, 1 min 30 s"
        );
    }

    #[test]
    fn a_note_is_displayed_in_one_line_for_some_time() {
        let bar = Bar::new("Reading", count, Some(10));
        bar.inc(4, 0);
        bar.note("retrying in 3 s:\n429", Duration::from_secs(3));
        assert_eq!(bar.line(Duration::from_secs(2), 80), "Reading: retrying in 3 s: 429");
        assert!(bar.line(ELAPSED, 80).contains("] 4 of 10, "));
    }
}
