//! Stages of work: bars with totals on a terminal, one plain line a stage elsewhere.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use crate::terminal::output::Terminal;
use crate::util::format::duration;
use crate::util::format::escape;

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
