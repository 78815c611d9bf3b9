//! Plots made of characters.

use crate::sheet::bars::{across, heights};
use crate::sheet::{Columns, Text};
use crate::sheet::{Look, Tone};

use super::line::{Line, wrapped};
use super::{INDENT, indented, within};

/// Columns of a gauge.
const GAUGE: u64 = 24;
/// Columns of the longest bar in a table.
const BAR: u64 = 16;
/// Lines of a plot over time.
const HIGH: usize = 4;

/// How much of a whole, as a bar that is filled so far.
pub(super) fn gauge(part: u64, whole: u64, tone: Tone, look: Look) -> Line {
    let filled = across(part.min(whole), whole, GAUGE, look.unicode);
    let width = filled.chars().count();
    let rest = (GAUGE as usize).saturating_sub(width);
    if look.unicode {
        Line::of(tone, &filled).and(Tone::Faint, &"░".repeat(rest))
    } else {
        Line::of(Tone::Plain, "[")
            .and(tone, &filled)
            .and(Tone::Faint, &"-".repeat(rest))
            .and(Tone::Plain, "]")
    }
}

/// A bar in a table.
pub(super) fn bar(value: u64, largest: u64, look: Look) -> Line {
    Line::of(Tone::Plot, &across(value, largest, BAR, look.unicode))
}

/// Counts over time: what is shown above, the time below.
pub(super) fn columns(columns: &Columns, look: Look) -> Vec<Line> {
    let room = within(look, INDENT).unwrap_or(usize::MAX);
    let columns = &fitting(columns, room);
    let wide = columns.counts.len();
    let title = format!("{}: {}", columns.title, columns.at_most());
    let mut lines = indented(wrapped(&Text::toned(Tone::Faint, title), Some(room)), INDENT);
    let rows = heights(&columns.counts, HIGH, look.unicode);
    lines.extend(rows.iter().map(|row| Line::blank(INDENT).and(Tone::Plot, row)));
    let rule = if look.unicode { "─" } else { "-" };
    lines.push(Line::blank(INDENT).and(Tone::Faint, &rule.repeat(wide)));
    let (from, to) = (columns.begins(0).to_string(), columns.begins(wide).to_string());
    let from = Line::blank(INDENT).and(Tone::Faint, &from);
    let end = (INDENT + wide).max(from.width() + INDENT + to.len());
    lines.push(from.filled(end - to.len()).and(Tone::Faint, &to));
    lines
}

/// Neighbours joined until there is room for all.
fn fitting(columns: &Columns, room: usize) -> Columns {
    let mut columns = columns.clone();
    while columns.counts.len() > room.max(1) {
        columns.counts = columns.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        columns.width_millis = columns.width_millis.saturating_mul(2);
    }
    columns
}
