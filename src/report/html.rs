//! A page as one self-contained HTML document: no network requests, no scripts, no images.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::axis;
use super::page::{
    Block, Column, Histogram, Mark, Period, ReportPage, SEVERITIES, Section, SwimLanes, Table, Text, TextStyle,
    TimeColumns, documents, severity,
};
use crate::util::format::{count, escape};

const STYLE: &str = include_str!("style.css");

/// Where the bars of a histogram are within `histogram.html`, in pixels.
const HEIGHT: f64 = 160.0;
const BOTTOM: f64 = 180.0;
/// Height of a swim lane in pixels.
const LANE: f64 = 18.0;

/// The document. Everything from the page is escaped.
pub(crate) fn render_html(page: &ReportPage) -> String {
    // The policy forbids loading and running anything. It permits the style sheet by its hash, so that text in the page
    // cannot add another one.
    format!(
        include_str!("page.html"),
        hash = STANDARD.encode(Sha256::digest(STYLE)),
        title = escape_html(&page.title),
        style = STYLE,
        sections = page.sections.iter().enumerate().map(section).collect::<String>(),
        version = env!("CARGO_PKG_VERSION"),
    )
}

/// Escapes characters that could end a text or a quoted attribute. Control characters are escaped too: HTML forbids them,
/// and directional marks could hide text.
fn escape_html(text: &str) -> String {
    let text = escape(text).replace(['\n', '\t'], " ");
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#39;")
}

fn section((number, section): (usize, &Section)) -> String {
    let title = text(&section.title);
    let heading = match title.as_str() {
        "" if number == 0 => "<section aria-label=\"Summary\">".to_owned(),
        // Without a name, it is not a landmark.
        "" => "<section>".to_owned(),
        title => format!("<section aria-labelledby=\"s{number}\">\n<h2 id=\"s{number}\">{title}</h2>"),
    };
    let is_fact = |block: &Block| matches!(block, Block::Fact(..));
    // Adjacent facts become one list.
    let groups = section.blocks.chunk_by(|a, b| is_fact(a) == is_fact(b));
    let groups = groups.map(|group| match group.first().is_some_and(is_fact) {
        true => list("dl", "", group.iter().map(block)),
        false => group.iter().map(block).collect(),
    });
    format!("{heading}\n{}</section>\n", groups.collect::<String>())
}

fn block(block: &Block) -> String {
    match block {
        Block::Fact(label, lines) => {
            let lines: String = lines.iter().map(|line| format!("<dd>{}</dd>", text(line))).collect();
            format!("<dt>{}</dt>{lines}\n", escape_html(label))
        }
        Block::Table(data) => table(data),
        Block::Histogram(title, data, periods) => histogram(title, data, periods),
        Block::SwimLanes(title, data) => swim_lanes(title, data),
        Block::Verdict(Mark(style, word, about)) => {
            let word = text(&Text::styled(*style, *word));
            format!("<p class=\"verdict\">{word} · {}</p>\n", text(about))
        }
        Block::Marks(marks) => list("ul", " class=\"marks\"", marks.iter().map(mark)),
        Block::Paragraph(paragraph) => format!("<p>{}</p>\n", text(paragraph)),
        Block::Details(title, lines) => {
            let lines: Vec<String> = lines.lines().map(escape_html).collect();
            let lines = lines.join("\n");
            format!("<details><summary>{title}</summary>\n<pre>{lines}</pre></details>\n")
        }
    }
}

fn list(tag: &str, attributes: &str, items: impl Iterator<Item = String>) -> String {
    format!("<{tag}{attributes}>\n{}</{tag}>\n", items.collect::<String>())
}

fn text(text: &Text) -> String {
    let piece = |(style, piece): &(TextStyle, String)| match style.names() {
        ("", _) => escape_html(piece),
        (class, _) => format!("<span class=\"{class}\">{}</span>", escape_html(piece)),
    };
    text.0.iter().map(piece).collect()
}

fn mark(Mark(style, word, about): &Mark) -> String {
    let ((class, _), text) = (style.names(), text(about));
    format!("<li><span class=\"word {class}\">{word}</span> <span>{text}</span></li>\n")
}

fn table(table: &Table) -> String {
    let shown = table.shown.unwrap_or(usize::MAX).min(table.rows.len());
    let (shown, folded) = table.rows.split_at(shown);
    let mut html = rows(table, shown);
    if !folded.is_empty() {
        let (number, folded) = (count(folded.len() as u64), rows(table, folded));
        html += &format!("<details><summary>{number} more</summary>\n{folded}</details>\n");
    }
    let note = table.note(table.rows.len());
    html.extend(note.map(|note| format!("<p class=\"faint\">{}</p>\n", escape_html(&note))));
    html
}

fn rows(table: &Table, rows: &[Vec<Text>]) -> String {
    let class = |column: Column| match column {
        Column::Numbers => " class=\"number\"",
        Column::Flexible => " class=\"long\"",
        Column::Words => "",
    };
    let columns = table.columns.iter();
    let titles = columns.map(|(column, title)| {
        let (class, title) = (class(*column), escape_html(title));
        format!("<th scope=\"col\"{class}>{title}</th>")
    });
    let titles = titles.collect::<String>();
    let cell = |((column, title), data): (&(Column, String), &Text)| {
        let title = match title.as_str() {
            "" => String::new(),
            // Narrow screens show it beside the value.
            title => format!(" data-title=\"{}\"", escape_html(title)),
        };
        format!("<td{}{title}>{}</td>", class(*column), text(data))
    };
    let cells = |row: &Vec<Text>| table.columns.iter().zip(row).map(cell).collect::<String>();
    let rows: String = rows.iter().map(|row| format!("<tr>{}</tr>\n", cells(row))).collect();
    let head = format!("<thead><tr>{titles}</tr></thead>");
    format!("<div class=\"scroll\"><table>\n{head}\n<tbody>\n{rows}</tbody></table></div>\n")
}

/// An SVG plot with a label for screen readers.
fn histogram(title: &str, histogram: &Histogram, periods: &[Period]) -> String {
    let (highest, columns) = (histogram.highest().max(1), histogram.columns);
    let bars = histogram.counts.iter().enumerate().filter(|(_, value)| **value > 0);
    let bars = bars.map(|(at, value)| {
        // At least a pixel, so that a single document is visible.
        let height = (HEIGHT * *value as f64 / highest as f64).max(1.0);
        let tooltip = format!("{}: {}", columns.start(at), documents(*value));
        area("plot", columns.shares(at), [BOTTOM - height, height], &tooltip)
    });
    let range = |period: &Period| [period.from, period.to].map(|time| columns.share(time));
    let is_visible = |[from, to]: [f64; 2]| from <= to && from <= 1.0 && to >= 0.0;
    let periods = periods.iter().filter(|period| is_visible(range(period)));
    let kinds: BTreeSet<&str> = periods.clone().map(|period| period.kind).collect();
    let periods = periods.map(|period| {
        let tooltip = format!("{} {}", period.from, period.text);
        area(period.kind, range(period), [BOTTOM - HEIGHT, HEIGHT], &tooltip)
    });
    let [from, to] = columns.range();
    format!(
        include_str!("histogram.html"),
        title = title,
        scale = histogram.scale(),
        ticks = ticks(columns, highest),
        areas = bars.chain(periods).collect::<String>(),
        legend = kinds.into_iter().map(|kind| key(kind, kind)).collect::<String>(),
        from = from,
        to = to,
    )
}

fn key(class: &str, text: &str) -> String {
    format!("<span class=\"key {class}\">{text}</span>\n")
}

/// An SVG plot for each lane, with its highest score as a label for screen readers.
fn swim_lanes(title: &str, swim: &SwimLanes) -> String {
    let columns = swim.columns;
    let name = |score| SEVERITIES[severity(score)].1.names().0;
    let lane = |(label, scores): &(Text, Vec<Option<u8>>)| {
        let cells = scores
            .iter()
            .enumerate()
            .filter_map(|(at, score)| Some((at, (*score)?)));
        let highest = cells.clone().rev().max_by_key(|(_, score)| *score);
        let highest = highest.map_or_else(String::new, |(at, score)| {
            format!("highest score {score}, {}, at {}", name(score), columns.start(at))
        });
        let areas = cells.map(|(at, score)| {
            let tooltip = format!("{}: {score}, {}", columns.start(at), name(score));
            area(name(score), columns.shares(at), [0.0, LANE], &tooltip)
        });
        let (label, areas) = (text(label), areas.collect::<String>());
        format!("<dt>{label}</dt><dd><svg class=\"lane\" role=\"img\" aria-label=\"{highest}\">\n{areas}</svg></dd>\n")
    };
    let legend = SEVERITIES.iter().map(|(lowest, style)| {
        let name = style.names().0;
        key(name, &format!("{name} from {lowest}"))
    });
    let [from, to] = columns.range();
    format!(
        include_str!("swim_lanes.html"),
        title = title,
        scale = swim.scale(),
        from = from,
        to = to,
        lanes = swim.lanes.iter().map(lane).collect::<String>(),
        ticks = times(columns, [0.0, 4.0]),
        legend = legend.collect::<String>(),
    )
}

/// A rectangle with a tooltip: its horizontal and vertical position. The horizontal one is a percentage, so that labels have
/// the same size on every screen.
fn area(class: &str, [from, to]: [f64; 2], [y, height]: [f64; 2], tooltip: &str) -> String {
    let (x, end) = (from.max(0.0) * 100.0, to.min(1.0) * 100.0);
    let (width, tooltip) = (end - x, escape_html(tooltip.trim_end()));
    let size = format!("x=\"{x:.3}%\" y=\"{y:.2}\" width=\"{width:.3}%\" height=\"{height:.2}\"");
    format!("<rect class=\"{class}\" {size}><title>{tooltip}</title></rect>\n")
}

/// Grid lines with labels.
fn ticks(columns: TimeColumns, highest: u64) -> String {
    let counts = axis::counts(highest).map(|value| {
        let y = BOTTOM - HEIGHT * value as f64 / highest as f64;
        let (below, value) = (y + 4.0, count(value));
        format!(
            "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"{y:.2}\" y2=\"{y:.2}\"/>\
             <text class=\"axis end\" x=\"-8\" y=\"{below:.2}\">{value}</text>\n"
        )
    });
    counts
        .chain([times(columns, [BOTTOM - HEIGHT, BOTTOM + 4.0])])
        .collect()
}

/// Vertical grid lines with their times below. Narrow screens show every second time.
fn times(columns: TimeColumns, [top, bottom]: [f64; 2]) -> String {
    let times = columns.ticks().into_iter().enumerate().map(|(at, (time, label))| {
        let (x, class) = (columns.share(time) * 100.0, if at % 2 == 1 { " alternate" } else { "" });
        let below = bottom + 14.0;
        format!(
            "<line class=\"grid\" x1=\"{x:.3}%\" x2=\"{x:.3}%\" y1=\"{top}\" y2=\"{bottom}\"/>\
             <text class=\"axis middle{class}\" x=\"{x:.3}%\" y=\"{below}\">{label}</text>\n"
        )
    });
    times.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_an_element_or_attribute() {
        let hostile = "</title><script>alert('1')</script>\" onload=\"x&amp;\u{1b}\u{202e}\n";
        let escaped = escape_html(hostile);
        assert!(
            !escaped.contains(['<', '>', '"', '\'', '\u{1b}', '\u{202e}', '\n']),
            "{escaped}"
        );
        assert_eq!(escape_html("a < b & ä"), "a &lt; b &amp; ä");
    }
}
