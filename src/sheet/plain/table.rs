//! Tables: columns as wide as their widest cell, cut where the line would be too long.

use crate::sheet::{Cell, Column, Table, Text};
use crate::sheet::{Look, Tone};

use super::line::{Line, wrapped};
use super::{INDENT, indented, plots, within};

/// Between columns.
const GAP: usize = 2;
/// A flexible column is not made narrower.
const NARROWEST: usize = 12;

/// The rows that are shown, and how many are not.
pub(super) fn table(table: &Table, look: Look) -> Vec<Line> {
    let shown = table.shown.unwrap_or(table.rows.len());
    let mut rows: Vec<Vec<Line>> = Vec::new();
    if table.columns.iter().any(|column| !column.title.is_empty()) {
        let titles = table.columns.iter().map(|column| Line::of(Tone::Faint, &column.title));
        rows.push(titles.collect());
    }
    rows.extend(
        table
            .rows
            .iter()
            .take(shown)
            .map(|row| row.iter().map(|cell| drawn(cell, look)).collect()),
    );
    let widths = widths(&table.columns, &rows, within(look, INDENT));
    let mut lines: Vec<Line> = rows
        .iter()
        .map(|row| line(&table.columns, row, &widths, look))
        .collect();
    let left_out = table.left_out_beyond(shown);
    for note in [left_out, table.note.clone()]
        .into_iter()
        .filter(|note| !note.is_empty())
    {
        let note = Text::toned(Tone::Faint, note);
        lines.extend(indented(wrapped(&note, within(look, INDENT)), INDENT));
    }
    lines
}

fn drawn(cell: &Cell, look: Look) -> Line {
    match cell {
        Cell::Text(text) => Line::all(text),
        Cell::Bar { value, largest } => plots::bar(*value, *largest, look),
    }
}

fn widths(columns: &[Column], rows: &[Vec<Line>], room: Option<usize>) -> Vec<usize> {
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(Line::width).max();
    let mut widths: Vec<usize> = (0..columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let Some(room) = room else { return widths };
    // The widest flexible column gives way first.
    loop {
        let taken: usize = widths
            .iter()
            .map(|width| width + GAP)
            .sum::<usize>()
            .saturating_sub(GAP);
        let over = taken.saturating_sub(room);
        let flexible = columns
            .iter()
            .enumerate()
            .filter(|(_, column)| column.flexible)
            .map(|(at, _)| at);
        let candidate = flexible
            .filter(|at| widths[*at] > NARROWEST)
            .max_by_key(|at| widths[*at]);
        match candidate {
            Some(at) if over > 0 => widths[at] -= 1,
            _ => return widths,
        }
    }
}

fn line(columns: &[Column], row: &[Line], widths: &[usize], look: Look) -> Line {
    let mut line = Line::blank(INDENT);
    let mut end = INDENT;
    for ((column, cell), width) in columns.iter().zip(row).zip(widths) {
        end += width;
        let cell = cell.clone().cut(*width, look.unicode);
        let cell = if column.right { cell.pushed(*width) } else { cell };
        line = line.joined(&cell).filled(end + GAP);
        end += GAP;
    }
    line
}
