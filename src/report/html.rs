//! A page as one HTML document that is complete: no network, no script, no image.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::page::{Cell, Column, Histogram, Mark, ReportBlock, ReportPage, Section, Table, Text, TextStyle, Tile};
use crate::util::control_chars::escape;
use crate::util::format::count;

const STYLE: &str = include_str!("style.css");

/// Length and thickness of a gauge, and the length of the longest bar in a table.
const GAUGE: u64 = 240;
const THICKNESS: u64 = 10;
const BAR: u64 = GAUGE / 2;

/// Size of a histogram, with margins for the largest count and for the times.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 160.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = TOP + HEIGHT;
const MARGIN: f64 = 22.0;

/// The document. Whatever the page contains is text in it.
pub(crate) fn render_html(page: &ReportPage) -> String {
    // Nothing is loaded and nothing runs. The style sheet is known by its hash, so that text in the page cannot add
    // another; the policy applies to what follows it.
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let title = escape_html(&page.title);
    let sections: String = page.sections.iter().enumerate().map(section).collect();
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
         base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta name=\"robots\" content=\"noindex, nofollow\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n\
         {sections}</main>\n\
         <footer>Written by esml-state {version}. This page loads nothing and runs nothing.</footer>\n</body>\n</html>\n"
    )
}

/// Escapes what could end a text or a quoted attribute, and control characters: HTML forbids them, and marks of direction
/// could hide what is written.
fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in escape(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            '\n' | '\r' | '\t' => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

fn section((number, section): (usize, &Section)) -> String {
    let heading = match section.title.is_empty() {
        true => "<section aria-label=\"In short\">".to_owned(),
        false => format!(
            "<section aria-labelledby=\"s{number}\">\n<h2 id=\"s{number}\">{}</h2>",
            text(&section.title)
        ),
    };
    let is_fact = |block: &ReportBlock| matches!(block, ReportBlock::Fact { .. } | ReportBlock::Gauge { .. });
    // Adjacent facts become one list.
    let groups = section.blocks.chunk_by(|a, b| is_fact(a) == is_fact(b));
    let groups = groups.map(|group| {
        let blocks: String = group.iter().map(block).collect();
        match group.first().is_some_and(is_fact) {
            true => format!("<dl>\n{blocks}</dl>\n"),
            false => blocks,
        }
    });
    format!("{heading}\n{}</section>\n", groups.collect::<String>())
}

fn block(block: &ReportBlock) -> String {
    match block {
        ReportBlock::Fact { label, lines } => {
            let lines: String = lines.iter().map(|line| format!("<dd>{}</dd>", text(line))).collect();
            format!("<dt>{}</dt>{lines}\n", escape_html(label))
        }
        ReportBlock::Gauge {
            label,
            part,
            whole,
            style,
            text: words,
        } => format!(
            "<dt>{}</dt><dd>{}{}</dd>\n",
            escape_html(label),
            gauge(*part, *whole, *style),
            text(words)
        ),
        ReportBlock::Tiles(tiles) => {
            let tiles: String = tiles.iter().map(tile).collect();
            format!("<dl class=\"tiles\">\n{tiles}</dl>\n")
        }
        ReportBlock::Table(data) => table(data),
        ReportBlock::Histogram(data) => histogram(data),
        ReportBlock::Marks(marks) => {
            let marks: String = marks.iter().map(mark).collect();
            format!("<ul class=\"marks\">\n{marks}</ul>\n")
        }
        ReportBlock::Paragraph(paragraph) => format!("<p>{}</p>\n", text(paragraph)),
    }
}

fn text(text: &Text) -> String {
    let piece = |(style, piece): (TextStyle, String)| match class(style) {
        None => escape_html(&piece),
        Some(class) => format!("<span class=\"{class}\">{}</span>", escape_html(&piece)),
    };
    text.pieces().map(piece).collect()
}

/// The class of a style in the style sheet.
fn class(style: TextStyle) -> Option<&'static str> {
    match style {
        TextStyle::Plain => None,
        TextStyle::Strong => Some("strong"),
        TextStyle::Faint => Some("faint"),
        TextStyle::Good => Some("good"),
        TextStyle::Caution => Some("caution"),
        TextStyle::Bad => Some("bad"),
        TextStyle::Plot => Some("plot"),
    }
}

fn tile(tile: &Tile) -> String {
    format!(
        "<div><dt>{}</dt><dd class=\"value\">{}</dd><dd class=\"note\">{}</dd></div>\n",
        escape_html(&tile.label),
        text(&tile.value),
        escape_html(&tile.note)
    )
}

fn mark(mark: &Mark) -> String {
    format!(
        "<li><span class=\"word {}\">{}</span> <span>{}</span></li>\n",
        class(mark.style).unwrap_or_default(),
        escape_html(&mark.word),
        text(&mark.text)
    )
}

fn table(table: &Table) -> String {
    let (shown, folded) = table
        .rows
        .split_at(table.shown.unwrap_or(table.rows.len()).min(table.rows.len()));
    let mut html = rows(table, shown);
    if !folded.is_empty() {
        let number = count(folded.len() as u64);
        let folded = rows(table, folded);
        html.push_str(&format!(
            "<details><summary>{number} more</summary>\n{folded}</details>\n"
        ));
    }
    for note in table.notes(table.rows.len()) {
        html.push_str(&format!("<p class=\"faint\">{}</p>\n", escape_html(&note)));
    }
    html
}

fn rows(table: &Table, rows: &[Vec<Cell>]) -> String {
    let mut html = "<div class=\"scroll\"><table>\n".to_owned();
    if table.has_titles() {
        let title = |column: &Column| {
            let title = escape_html(&column.title);
            format!("<th scope=\"col\"{}>{title}</th>", alignment(column))
        };
        let titles: String = table.columns.iter().map(title).collect();
        html.push_str(&format!("<thead><tr>{titles}</tr></thead>\n"));
    }
    html.push_str("<tbody>\n");
    for row in rows {
        let cell = |(column, cell)| format!("<td{}>{}</td>", alignment(column), self::cell(cell));
        let cells: String = table.columns.iter().zip(row).map(cell).collect();
        html.push_str(&format!("<tr>{cells}</tr>\n"));
    }
    html + "</tbody></table></div>\n"
}

fn alignment(column: &Column) -> &'static str {
    match (column.align_right, column.flexible) {
        (true, _) => " class=\"number\"",
        (false, true) => " class=\"long\"",
        (false, false) => "",
    }
}

// Sizes are attributes: the policy forbids styles of single elements.

fn cell(cell: &Cell) -> String {
    let (value, largest) = match cell {
        Cell::Text(words) => return text(words),
        Cell::Bar { value, largest } => (*value, *largest),
    };
    let length = scaled(value, largest, BAR);
    format!(
        "<svg class=\"bar\" viewBox=\"0 0 {BAR} {THICKNESS}\" width=\"{BAR}\" height=\"{THICKNESS}\" aria-hidden=\"true\">\
         <rect class=\"plot\" width=\"{length}\" height=\"{THICKNESS}\" rx=\"2\"/></svg>"
    )
}

fn gauge(part: u64, whole: u64, style: TextStyle) -> String {
    let filled = scaled(part, whole, GAUGE);
    let class = class(style).unwrap_or("plot");
    format!(
        "<svg class=\"gauge\" viewBox=\"0 0 {GAUGE} {THICKNESS}\" width=\"{GAUGE}\" height=\"{THICKNESS}\" \
         aria-hidden=\"true\"><rect class=\"track\" width=\"{GAUGE}\" height=\"{THICKNESS}\" rx=\"5\"/>\
         <rect class=\"{class}\" width=\"{filled}\" height=\"{THICKNESS}\" rx=\"5\"/></svg> "
    )
}

/// An SVG plot. Each column shows its count as a tooltip; the whole has a label for screen readers.
fn histogram(histogram: &Histogram) -> String {
    let number = histogram.counts.len();
    let highest = histogram.counts.iter().copied().max().unwrap_or(0).max(1);
    let width = WIDTH / number.max(1) as f64;
    let (title, scale) = (escape_html(&histogram.title), histogram.scale());
    let (from, to) = (histogram.start(0), histogram.start(number));
    let bar = |(at, value): (usize, &u64)| {
        // At least a pixel, so that a single document is visible.
        let height = (HEIGHT * *value as f64 / highest as f64).max(1.0);
        format!(
            "<rect class=\"plot\" x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{height:.2}\"><title>{}: {} {}</title></rect>\n",
            width * at as f64,
            BOTTOM - height,
            (width - 1.0).max(0.5),
            histogram.start(at),
            count(*value),
            histogram.unit
        )
    };
    let bars = histogram.counts.iter().enumerate().filter(|(_, value)| **value > 0);
    let bars: String = bars.map(bar).collect();
    let line =
        |class: &str, y: f64| format!("<line class=\"{class}\" x1=\"0\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\n");
    let text = |class: &str, x: f64, y: f64, text: String| {
        format!("<text class=\"{class}\" x=\"{x}\" y=\"{y}\">{text}</text>\n")
    };
    let times = BOTTOM + MARGIN - 6.0;
    [
        format!(
            "<figure>\n<figcaption>{title}: {scale}</figcaption>\n<svg class=\"columns\" viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
             aria-label=\"{title}, from {from} to {to}, {scale}\">\n",
            BOTTOM + MARGIN
        ),
        line("grid", TOP),
        line("grid", TOP + HEIGHT / 2.0),
        text("axis", 0.0, TOP - 6.0, count(highest)),
        bars,
        line("base", BOTTOM),
        text("axis", 0.0, times, from.to_string()),
        text("axis end", WIDTH, times, to.to_string()),
        "</svg>\n</figure>\n".to_owned(),
    ]
    .concat()
}

/// `value` of `largest` as a part of `length`, rounded up: only zero is nothing.
fn scaled(value: u64, largest: u64, length: u64) -> u64 {
    let part = (u128::from(value) * u128::from(length)).div_ceil(u128::from(largest.max(1)));
    u64::try_from(part).unwrap_or(length).min(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_text_or_an_attribute() {
        let hostile = "</title><script>alert('1')</script>\" onload=\"x&amp;\u{1b}\u{202e}\n";
        let escaped = escape_html(hostile);
        assert!(
            !escaped.contains(['<', '>', '"', '\'', '\u{1b}', '\u{202e}', '\n']),
            "{escaped}"
        );
        assert_eq!(escape_html("a < b & ä"), "a &lt; b &amp; ä");
    }
}
