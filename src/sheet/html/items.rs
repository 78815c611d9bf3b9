//! Facts, tables and sentences.

use std::fmt::{self, Write as _};

use crate::sheet::Tone;
use crate::sheet::{Cell, Column, Item, Mark, Table, Text, Tile};
use crate::util::format::count;

use super::escape::Escaped;
use super::plots;

/// Facts in a row become one list.
pub(super) fn items(to: &mut String, items: &[Item]) -> fmt::Result {
    let mut listing = false;
    for item in items {
        let is_fact = matches!(item, Item::Fact { .. } | Item::Gauge { .. });
        if is_fact != listing {
            writeln!(to, "{}", if is_fact { "<dl>" } else { "</dl>" })?;
            listing = is_fact;
        }
        write_item(to, item)?;
    }
    if listing { writeln!(to, "</dl>") } else { Ok(()) }
}

fn write_item(to: &mut String, item: &Item) -> fmt::Result {
    match item {
        Item::Fact { label, lines } => fact(to, label, lines),
        Item::Gauge {
            label,
            part,
            whole,
            tone,
            text: words,
        } => {
            write!(to, "<dt>{}</dt><dd>", Escaped(label))?;
            plots::gauge(to, *part, *whole, *tone)?;
            text(to, words)?;
            writeln!(to, "</dd>")
        }
        Item::Tiles(tiles) => self::tiles(to, tiles),
        Item::Table(table) => self::table(to, table),
        Item::Columns(columns) => plots::columns(to, columns),
        Item::Marks(marks) => self::marks(to, marks),
        Item::Prose(prose) => {
            write!(to, "<p>")?;
            text(to, prose)?;
            writeln!(to, "</p>")
        }
    }
}

/// The pieces of a text, those of a tone marked.
pub(super) fn text(to: &mut String, text: &Text) -> fmt::Result {
    for (tone, piece) in text.pieces() {
        let piece = Escaped(&piece);
        match class(tone) {
            None => write!(to, "{piece}")?,
            Some(class) => write!(to, "<span class=\"{class}\">{piece}</span>")?,
        }
    }
    Ok(())
}

/// The class of a tone in the style sheet.
pub(super) fn class(tone: Tone) -> Option<&'static str> {
    match tone {
        Tone::Plain => None,
        Tone::Strong => Some("strong"),
        Tone::Faint => Some("faint"),
        Tone::Good => Some("good"),
        Tone::Caution => Some("caution"),
        Tone::Bad => Some("bad"),
        Tone::Plot => Some("plot"),
    }
}

fn fact(to: &mut String, label: &str, lines: &[Text]) -> fmt::Result {
    write!(to, "<dt>{}</dt>", Escaped(label))?;
    for line in lines {
        write!(to, "<dd>")?;
        text(to, line)?;
        write!(to, "</dd>")?;
    }
    writeln!(to)
}

fn tiles(to: &mut String, tiles: &[Tile]) -> fmt::Result {
    writeln!(to, "<dl class=\"tiles\">")?;
    for tile in tiles {
        write!(to, "<div><dt>{}</dt><dd class=\"value\">", Escaped(&tile.label))?;
        text(to, &tile.value)?;
        writeln!(to, "</dd><dd class=\"note\">{}</dd></div>", Escaped(&tile.note))?;
    }
    writeln!(to, "</dl>")
}

fn marks(to: &mut String, marks: &[Mark]) -> fmt::Result {
    writeln!(to, "<ul class=\"marks\">")?;
    for mark in marks {
        let class = class(mark.tone).unwrap_or_default();
        write!(
            to,
            "<li><span class=\"word {class}\">{}</span> <span>",
            Escaped(&mark.word)
        )?;
        text(to, &mark.text)?;
        writeln!(to, "</span></li>")?;
    }
    writeln!(to, "</ul>")
}

fn table(to: &mut String, table: &Table) -> fmt::Result {
    let shown = table.shown.unwrap_or(table.rows.len()).min(table.rows.len());
    let (shown, folded) = table.rows.split_at(shown);
    rows(to, &table.columns, shown)?;
    if !folded.is_empty() {
        writeln!(to, "<details><summary>{} more</summary>", count(folded.len() as u64))?;
        rows(to, &table.columns, folded)?;
        writeln!(to, "</details>")?;
    }
    let left_out = table.left_out_beyond(table.rows.len());
    for note in [left_out.as_str(), &table.note]
        .into_iter()
        .filter(|note| !note.is_empty())
    {
        writeln!(to, "<p class=\"faint\">{}</p>", Escaped(note))?;
    }
    Ok(())
}

fn rows(to: &mut String, columns: &[Column], rows: &[Vec<Cell>]) -> fmt::Result {
    writeln!(to, "<div class=\"scroll\"><table>")?;
    if columns.iter().any(|column| !column.title.is_empty()) {
        write!(to, "<thead><tr>")?;
        for column in columns {
            write!(
                to,
                "<th scope=\"col\"{}>{}</th>",
                alignment(column),
                Escaped(&column.title)
            )?;
        }
        writeln!(to, "</tr></thead>")?;
    }
    writeln!(to, "<tbody>")?;
    for row in rows {
        write!(to, "<tr>")?;
        for (column, cell) in columns.iter().zip(row) {
            write!(to, "<td{}>", alignment(column))?;
            match cell {
                Cell::Text(words) => text(to, words)?,
                Cell::Bar { value, largest } => plots::bar(to, *value, *largest)?,
            }
            write!(to, "</td>")?;
        }
        writeln!(to, "</tr>")?;
    }
    writeln!(to, "</tbody></table></div>")
}

fn alignment(column: &Column) -> &'static str {
    match (column.right, column.flexible) {
        (true, _) => " class=\"number\"",
        (false, true) => " class=\"long\"",
        (false, false) => "",
    }
}
