//! A page as lines of text, on a terminal or in a pipe.

mod line;
mod plots;
mod table;
mod tiles;

use crate::sheet::{Item, Mark, Section, Sheet, Text};
use crate::sheet::{Look, Tone};
use line::{Line, wrapped};

/// Spaces before what stands in a section.
const INDENT: usize = 2;
/// Columns of a label, so that values stand below one another on the whole page.
const LABEL: usize = 15;

/// The page, ended by a line feed. Nothing in it steers a terminal but the colours of `look`.
pub fn plain(sheet: &Sheet, look: Look) -> String {
    let mut page = look.paint(Tone::Strong, &sheet.title.replace(['\n', '\t'], " "));
    page.push('\n');
    for (number, section) in sheet.sections.iter().enumerate() {
        if number > 0 {
            page.push('\n');
        }
        page.push_str(&drawn(section, look));
    }
    page
}

fn drawn(section: &Section, look: Look) -> String {
    let mut text = String::new();
    if !section.title.is_empty() {
        let title = section.title.pieces().fold(Text::default(), |title, (tone, piece)| {
            title.then(if tone == Tone::Plain { Tone::Strong } else { tone }, piece)
        });
        lines(&mut text, wrapped(&title, look.width), look);
    }
    let mut before: Option<&Item> = None;
    for item in &section.items {
        if before.is_some_and(|before| stands_apart(before) || stands_apart(item)) {
            text.push('\n');
        }
        item_lines(&mut text, item, look);
        before = Some(item);
    }
    text
}

/// Whether an empty line sets it off from its neighbours.
fn stands_apart(item: &Item) -> bool {
    matches!(item, Item::Tiles(_) | Item::Table(_) | Item::Columns(_))
}

fn item_lines(text: &mut String, item: &Item, look: Look) {
    match item {
        Item::Fact { label, lines } => fact(text, label, lines, look),
        Item::Gauge {
            label,
            part,
            whole,
            tone,
            text: words,
        } => {
            let room = within(look, INDENT + LABEL).unwrap_or(usize::MAX);
            let gauge = plots::gauge(*part, *whole, *tone, look);
            let beside = gauge.clone().and(Tone::Plain, "  ").followed_by(words);
            let lines = match beside.width() <= room {
                true => vec![beside],
                false => std::iter::once(gauge).chain(wrapped(words, Some(room))).collect(),
            };
            labelled(text, label, &lines, look);
        }
        Item::Tiles(tiles) => lines(text, tiles::tiles(tiles, look), look),
        Item::Table(table) => lines(text, table::table(table, look), look),
        Item::Columns(columns) => lines(text, plots::columns(columns, look), look),
        Item::Marks(marks) => self::marks(text, marks, look),
        Item::Prose(prose) => lines(text, indented(wrapped(prose, within(look, INDENT)), INDENT), look),
    }
}

/// A label, and its lines beside it.
fn fact(text: &mut String, label: &str, values: &[Text], look: Look) {
    let room = within(look, INDENT + LABEL);
    let values: Vec<Line> = values.iter().flat_map(|value| wrapped(value, room)).collect();
    labelled(text, label, &values, look);
}

fn labelled(text: &mut String, label: &str, values: &[Line], look: Look) {
    let mut label = Line::blank(INDENT).and(Tone::Faint, label);
    if label.width() >= INDENT + LABEL {
        lines(text, vec![std::mem::take(&mut label)], look);
    }
    for value in values {
        let line = std::mem::take(&mut label).filled(INDENT + LABEL);
        lines(text, vec![line.joined(value)], look);
    }
}

fn marks(text: &mut String, marks: &[Mark], look: Look) {
    let widest = marks.iter().map(|mark| Line::of(mark.tone, &mark.word).width()).max();
    let column = INDENT + 2 + widest.unwrap_or(0) + 2;
    for mark in marks {
        let sign = match (look.unicode, mark.tone) {
            (false, _) => "",
            (true, Tone::Good) => "✓ ",
            (true, Tone::Bad) => "✗ ",
            (true, _) => "! ",
        };
        let column = if look.unicode { column } else { column - 2 };
        let head = Line::blank(INDENT)
            .and(mark.tone, sign)
            .and(mark.tone, &mark.word)
            .filled(column);
        for (number, rest) in wrapped(&mark.text, within(look, column)).iter().enumerate() {
            let head = if number == 0 { head.clone() } else { Line::blank(column) };
            lines(text, vec![head.joined(rest)], look);
        }
    }
}

/// Columns that are left behind an indent.
fn within(look: Look, indent: usize) -> Option<usize> {
    look.width.map(|width| width.saturating_sub(indent))
}

fn indented(lines: Vec<Line>, by: usize) -> Vec<Line> {
    lines.iter().map(|line| Line::blank(by).joined(line)).collect()
}

fn lines(text: &mut String, lines: Vec<Line>, look: Look) {
    for line in lines {
        text.push_str(&line.painted(look));
        text.push('\n');
    }
}
