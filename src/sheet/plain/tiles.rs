//! The few numbers that say most, beside one another.

use crate::sheet::Tile;
use crate::sheet::{Look, Tone};

use super::INDENT;
use super::line::Line;

/// Spaces between tiles.
const GAP: usize = 3;
/// Columns of a page where nobody counts them.
const USUAL: usize = 80;

/// Three lines a row: label, number, note; as many rows as the width takes.
pub(super) fn tiles(tiles: &[Tile], look: Look) -> Vec<Line> {
    let drawn: Vec<[Line; 3]> = tiles.iter().map(tile).collect();
    let room = look.width.unwrap_or(USUAL);
    let mut rows: Vec<Vec<[Line; 3]>> = Vec::new();
    let mut used = room;
    for tile in drawn {
        let width = width(&tile) + GAP;
        if used + width > room + GAP || rows.is_empty() {
            rows.push(Vec::new());
            used = INDENT;
        }
        used += width;
        if let Some(row) = rows.last_mut() {
            row.push(tile);
        }
    }
    let rows: Vec<Vec<Line>> = rows.iter().map(|row| beside(row)).collect();
    rows.join(&Line::default())
}

fn tile(tile: &Tile) -> [Line; 3] {
    let value = tile.value.pieces().fold(Line::default(), |line, (tone, piece)| {
        line.and(if tone == Tone::Plain { Tone::Strong } else { tone }, &piece)
    });
    [
        Line::of(Tone::Faint, &tile.label),
        value,
        Line::of(Tone::Faint, &tile.note),
    ]
}

fn width(tile: &[Line; 3]) -> usize {
    tile.iter().map(Line::width).max().unwrap_or(0)
}

fn beside(row: &[[Line; 3]]) -> Vec<Line> {
    let line = |number: usize| {
        let mut column = INDENT;
        row.iter().fold(Line::blank(INDENT), |line, tile| {
            column += width(tile) + GAP;
            line.joined(&tile[number]).filled(column)
        })
    };
    [0, 1, 2].map(line).into()
}
