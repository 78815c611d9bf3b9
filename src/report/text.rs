//! A page as lines of text, for a terminal or a pipe.

use std::mem::take;

use console::{Style, measure_text_width};

use super::page::{Cell, Column, Histogram, Mark, ReportBlock, ReportPage, Section, Table, Text, TextStyle, Tile};
use crate::util::control_chars::escape;

const INDENT: usize = 2;
/// Columns of a label, so that values are aligned on the whole page.
const LABEL: usize = 15;
/// Columns between those of a table, and between tiles.
const TABLE_GAP: usize = 2;
const TILE_GAP: usize = 3;
/// A flexible column is not made narrower.
const MIN_COLUMN: usize = 12;
/// Columns of a page where the output has no width.
const DEFAULT_WIDTH: usize = 80;
/// Columns of a gauge, and of the longest bar in a table.
const GAUGE: u64 = 24;
const BAR: u64 = 16;
/// Lines of a histogram.
const HISTOGRAM_ROWS: usize = 4;

const VERTICAL: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const VERTICAL_ASCII: [char; 4] = [' ', '.', ':', '#'];
const HORIZONTAL: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// What the output supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RenderOptions {
    pub(crate) color: bool,
    /// Block characters and marks; ASCII otherwise.
    pub(crate) unicode: bool,
    /// Columns; `None` does not limit lines, as in a file.
    pub(crate) width: Option<usize>,
}

/// The page, ended by a line feed. Its only control characters are the colors of `options`.
pub(crate) fn render_text(page: &ReportPage, options: RenderOptions) -> String {
    let text = String::new();
    let mut renderer = TextRenderer { options, text };
    renderer.line(Line::of(TextStyle::Strong, &page.title));
    for (number, section) in page.sections.iter().enumerate() {
        if number > 0 {
            renderer.line(Line::default());
        }
        renderer.section(section);
    }
    renderer.text
}

struct TextRenderer {
    options: RenderOptions,
    text: String,
}

impl TextRenderer {
    fn line(&mut self, line: Line) {
        self.text.push_str(&line.render(self.options));
        self.text.push('\n');
    }

    fn lines(&mut self, lines: impl IntoIterator<Item = Line>) {
        lines.into_iter().for_each(|line| self.line(line));
    }

    /// Columns after an indent.
    fn room(&self, indent: usize) -> Option<usize> {
        self.options.width.map(|width| width.saturating_sub(indent))
    }

    fn section(&mut self, section: &Section) {
        if !section.title.is_empty() {
            self.lines(wrap(&section.title.or_style(TextStyle::Strong), self.options.width));
        }
        let mut previous: Option<&ReportBlock> = None;
        for block in &section.blocks {
            if previous.is_some_and(|previous| is_separate(previous) || is_separate(block)) {
                self.line(Line::default());
            }
            self.block(block);
            previous = Some(block);
        }
    }

    fn block(&mut self, block: &ReportBlock) {
        match block {
            ReportBlock::Fact { label, lines } => {
                let room = self.room(INDENT + LABEL);
                let lines: Vec<Line> = lines.iter().flat_map(|line| wrap(line, room)).collect();
                self.labeled(label, lines);
            }
            ReportBlock::Gauge {
                label,
                part,
                whole,
                style,
                text,
            } => {
                let room = self.room(INDENT + LABEL);
                let gauge = self.gauge(*part, *whole, *style);
                let beside = gauge.clone().and(TextStyle::Plain, "  ").text(text);
                let lines = match room.is_none_or(|room| beside.width() <= room) {
                    true => vec![beside],
                    false => [vec![gauge], wrap(text, room)].concat(),
                };
                self.labeled(label, lines);
            }
            ReportBlock::Tiles(tiles) => self.tiles(tiles),
            ReportBlock::Table(table) => self.table(table),
            ReportBlock::Histogram(histogram) => self.histogram(histogram),
            ReportBlock::Marks(marks) => self.marks(marks),
            ReportBlock::Paragraph(text) => self.paragraph(text),
        }
    }

    fn labeled(&mut self, label: &str, values: Vec<Line>) {
        let mut label = Line::blank(INDENT).and(TextStyle::Faint, label);
        if label.width() >= INDENT + LABEL {
            self.line(take(&mut label));
        }
        for value in values {
            self.line(take(&mut label).pad(INDENT + LABEL).join(value));
        }
    }

    fn paragraph(&mut self, text: &Text) {
        let lines = wrap(text, self.room(INDENT));
        self.lines(lines.into_iter().map(|line| Line::blank(INDENT).join(line)));
    }

    /// A bar that is filled in proportion.
    fn gauge(&self, part: u64, whole: u64, style: TextStyle) -> Line {
        let filled = horizontal_bar(part.min(whole), whole, GAUGE, self.options.unicode);
        let rest = (GAUGE as usize).saturating_sub(filled.chars().count());
        match self.options.unicode {
            true => Line::of(style, &filled).and(TextStyle::Faint, &"░".repeat(rest)),
            false => Line::of(TextStyle::Plain, "[")
                .and(style, &filled)
                .and(TextStyle::Faint, &"-".repeat(rest))
                .and(TextStyle::Plain, "]"),
        }
    }

    /// Tiles of three lines side by side, in as many rows as the width requires.
    fn tiles(&mut self, tiles: &[Tile]) {
        let room = self.options.width.unwrap_or(DEFAULT_WIDTH);
        let mut rows: Vec<[Line; 3]> = Vec::new();
        for tile in tiles {
            let value = Line::from(&tile.value.or_style(TextStyle::Strong));
            let [label, note] = [&tile.label, &tile.note].map(|text| Line::of(TextStyle::Faint, text));
            let lines = [label, value, note];
            let width = lines.iter().map(Line::width).max().unwrap_or(0);
            let fits = |row: &[Line; 3]| row[0].width() + width <= room;
            if !rows.last().is_some_and(fits) {
                rows.push([0; 3].map(|_| Line::blank(INDENT)));
            }
            for (row, line) in rows.iter_mut().last().into_iter().flatten().zip(lines) {
                let end = row.width() + width + TILE_GAP;
                *row = take(row).join(line).pad(end);
            }
        }
        for (number, row) in rows.into_iter().enumerate() {
            if number > 0 {
                self.line(Line::default());
            }
            self.lines(row);
        }
    }

    /// Columns are as wide as their widest cell, and truncated where the line would be too long.
    fn table(&mut self, table: &Table) {
        let shown = table.shown.unwrap_or(table.rows.len());
        let titles = table
            .columns
            .iter()
            .map(|column| Line::of(TextStyle::Faint, &column.title));
        let titles = table.has_titles().then(|| titles.collect());
        let rows = table.rows.iter().take(shown);
        let rows = rows.map(|row| row.iter().map(|cell| self.cell(cell)).collect());
        let rows: Vec<Vec<Line>> = titles.into_iter().chain(rows).collect();
        let widths = widths(&table.columns, &rows, self.room(INDENT));
        for row in rows {
            let mut line = Line::blank(INDENT);
            for ((column, cell), width) in table.columns.iter().zip(row).zip(&widths) {
                let end = line.width() + width;
                let cell = cell.truncate(*width, self.options.unicode);
                if column.align_right {
                    line = line.pad(end.saturating_sub(cell.width()));
                }
                line = line.join(cell).pad(end + TABLE_GAP);
            }
            self.line(line);
        }
        for note in table.notes(shown) {
            self.paragraph(&Text::styled(TextStyle::Faint, note));
        }
    }

    fn cell(&self, cell: &Cell) -> Line {
        match cell {
            Cell::Text(text) => text.into(),
            Cell::Bar { value, largest } => {
                let bar = horizontal_bar(*value, *largest, BAR, self.options.unicode);
                Line::of(TextStyle::Plot, &bar)
            }
        }
    }

    /// The counts above, the time below.
    fn histogram(&mut self, histogram: &Histogram) {
        let histogram = &narrowed(histogram, self.room(INDENT).unwrap_or(usize::MAX));
        let width = histogram.counts.len();
        let title = format!("{}: {}", histogram.title, histogram.scale());
        self.paragraph(&Text::styled(TextStyle::Faint, title));
        let rule = if self.options.unicode { "─" } else { "-" };
        for row in vertical_bars(&histogram.counts, HISTOGRAM_ROWS, self.options.unicode) {
            self.line(Line::blank(INDENT).and(TextStyle::Plot, &row));
        }
        self.line(Line::blank(INDENT).and(TextStyle::Faint, &rule.repeat(width)));
        let (from, to) = (histogram.start(0).to_string(), histogram.start(width).to_string());
        let from = Line::blank(INDENT).and(TextStyle::Faint, &from);
        let end = (INDENT + width).max(from.width() + INDENT + to.len());
        self.line(from.pad(end - to.len()).and(TextStyle::Faint, &to));
    }

    fn marks(&mut self, marks: &[Mark]) {
        let widest = marks.iter().map(|mark| Line::of(mark.style, &mark.word).width()).max();
        let sign_width = if self.options.unicode { 2 } else { 0 };
        let column = INDENT + sign_width + widest.unwrap_or(0) + 2;
        for mark in marks {
            let sign = match (self.options.unicode, mark.style) {
                (false, _) => "",
                (true, TextStyle::Good) => "✓ ",
                (true, TextStyle::Bad) => "✗ ",
                (true, _) => "! ",
            };
            let mut head = Line::blank(INDENT).and(mark.style, sign).and(mark.style, &mark.word);
            for line in wrap(&mark.text, self.room(column)) {
                self.line(take(&mut head).pad(column).join(line));
            }
        }
    }
}

/// Whether an empty line separates the block from others.
fn is_separate(block: &ReportBlock) -> bool {
    matches!(
        block,
        ReportBlock::Tiles(_) | ReportBlock::Table(_) | ReportBlock::Histogram(_)
    )
}

fn widths(columns: &[Column], rows: &[Vec<Line>], room: Option<usize>) -> Vec<usize> {
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(Line::width).max();
    let mut widths: Vec<usize> = (0..columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let gaps = TABLE_GAP * columns.len().saturating_sub(1);
    while room.is_some_and(|room| widths.iter().sum::<usize>() + gaps > room) {
        let flexible = (0..columns.len()).filter(|at| columns[*at].flexible && widths[*at] > MIN_COLUMN);
        let Some(widest) = flexible.max_by_key(|at| widths[*at]) else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

/// Adjacent columns are merged until all fit.
fn narrowed(histogram: &Histogram, room: usize) -> Histogram {
    let mut histogram = histogram.clone();
    while histogram.counts.len() > room.max(1) {
        histogram.counts = histogram.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
        histogram.width_millis = histogram.width_millis.saturating_mul(2);
    }
    histogram
}

/// Rows of characters from top to bottom, one column per number. Only zero is blank, so that a single document is
/// visible.
fn vertical_bars(counts: &[u64], rows: usize, unicode: bool) -> Vec<String> {
    let levels: &[char] = if unicode { &VERTICAL } else { &VERTICAL_ASCII };
    let steps = levels.len() - 1;
    let highest = counts.iter().copied().max().unwrap_or(0);
    let row = |row: usize| {
        let height = |count: &u64| scaled(*count, highest, (rows * steps) as u64);
        let cell = |count| levels.get(height(count).saturating_sub(row * steps).min(steps));
        counts.iter().filter_map(cell).collect()
    };
    (0..rows).rev().map(row).collect()
}

/// A bar of at most `columns`; only zero is empty.
fn horizontal_bar(value: u64, largest: u64, columns: u64, unicode: bool) -> String {
    let steps = if unicode { HORIZONTAL.len() } else { 1 };
    let length = scaled(value, largest, columns * steps as u64);
    let (full, rest) = (length / steps, length % steps);
    let mut bar = if unicode { "█" } else { "#" }.repeat(full);
    bar.extend(HORIZONTAL.get(rest).filter(|_| rest > 0));
    bar
}

/// `value` of `largest` as a number of `steps`, rounded up.
fn scaled(value: u64, largest: u64, steps: u64) -> usize {
    let part = (u128::from(value) * u128::from(steps)).div_ceil(u128::from(largest.max(1)));
    usize::try_from(part.min(u128::from(steps))).unwrap_or(0)
}

impl RenderOptions {
    /// The text, escaped, in the color of its style.
    fn paint(self, style: TextStyle, text: &str) -> String {
        let escaped = escape(text);
        let ansi = Style::new().for_stdout();
        let ansi = match style {
            TextStyle::Plain => return escaped.into_owned(),
            TextStyle::Strong => ansi.bold(),
            TextStyle::Faint => ansi.dim(),
            TextStyle::Good => ansi.green(),
            TextStyle::Caution => ansi.yellow(),
            TextStyle::Bad => ansi.red().bold(),
            TextStyle::Plot => ansi.cyan(),
        };
        match escaped.is_empty() {
            true => String::new(),
            false => ansi.force_styling(self.color).apply_to(escaped).to_string(),
        }
    }
}

/// Pieces of text, escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Line {
    pieces: Vec<(TextStyle, String)>,
    width: usize,
}

impl From<&Text> for Line {
    fn from(text: &Text) -> Self {
        Self::default().text(text)
    }
}

impl Line {
    fn blank(width: usize) -> Self {
        Self::of(TextStyle::Plain, &" ".repeat(width))
    }

    fn of(style: TextStyle, text: &str) -> Self {
        Self::default().and(style, text)
    }

    /// Columns of the escaped text.
    fn width(&self) -> usize {
        self.width
    }

    fn and(mut self, style: TextStyle, text: &str) -> Self {
        if !text.is_empty() {
            // Labels and titles may contain anything too.
            let text = escape(text).replace(['\n', '\t'], " ");
            self.width += measure_text_width(&text);
            self.pieces.push((style, text));
        }
        self
    }

    fn text(self, text: &Text) -> Self {
        text.pieces().fold(self, |line, (style, piece)| line.and(style, &piece))
    }

    fn join(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self.width += other.width;
        self
    }

    /// Appends spaces up to a width.
    fn pad(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width);
        self.and(TextStyle::Plain, &" ".repeat(missing))
    }

    /// Truncates to a width, with a mark where anything was removed.
    fn truncate(self, width: usize, unicode: bool) -> Self {
        if self.width <= width {
            return self;
        }
        let mark = if unicode { "…" } else { "..." };
        let room = width.saturating_sub(measure_text_width(mark));
        let mut short = Self::default();
        for (style, piece) in &self.pieces {
            let fitting = prefix(piece, room - short.width);
            short = short.and(*style, fitting);
            if fitting.len() < piece.len() {
                break;
            }
        }
        short.and(TextStyle::Faint, mark)
    }

    /// The line in color, without trailing spaces.
    fn render(mut self, options: RenderOptions) -> String {
        while let Some((_, last)) = self.pieces.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            self.pieces.pop();
        }
        let pieces = self.pieces.iter();
        pieces.map(|(style, piece)| options.paint(*style, piece)).collect()
    }
}

/// As much of the beginning as fits into the columns.
fn prefix(text: &str, columns: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += measure_text_width(c.encode_utf8(&mut [0; 4]));
        if used > columns {
            return &text[..at];
        }
    }
    text
}

/// The text in lines of at most `width` columns, broken at spaces; a longer word stays whole.
fn wrap(text: &Text, width: Option<usize>) -> Vec<Line> {
    let Some(width) = width else {
        return vec![text.into()];
    };
    let mut lines = Vec::new();
    let mut line = Line::default();
    for word in words(text) {
        if line.width == 0 {
            line = word;
        } else if line.width + 1 + word.width <= width {
            line = line.and(TextStyle::Plain, " ").join(word);
        } else {
            lines.push(std::mem::replace(&mut line, word));
        }
    }
    lines.push(line);
    lines
}

/// The words between spaces; a word may have pieces of several styles.
fn words(text: &Text) -> Vec<Line> {
    let mut words = vec![Line::default()];
    for (style, piece) in text.pieces() {
        for (number, part) in piece.split(' ').enumerate() {
            let word = if number > 0 { None } else { words.pop() };
            words.push(word.unwrap_or_default().and(style, part));
        }
    }
    words.retain(|word| word.width > 0);
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_highest_is_full_and_only_nothing_is_blank() {
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 1, true), [" ▁▄█"]);
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 1, false), [" .:#"]);
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 2, true), ["   █", " ▁██"]);
        assert_eq!(vertical_bars(&[u64::MAX, 1], 1, true), ["█▁"]);
        assert_eq!(vertical_bars(&[0, 0], 1, true), ["  "]);
        assert_eq!(vertical_bars(&[], 2, true), ["", ""]);
    }

    #[test]
    fn bars_are_as_long_as_numbers_are_large() {
        assert_eq!(horizontal_bar(80, 80, 4, true), "████");
        assert_eq!(horizontal_bar(30, 80, 4, true), "█▌");
        assert_eq!(horizontal_bar(1, u64::MAX, 4, true), "▏");
        assert_eq!(horizontal_bar(1, 80, 4, false), "#");
        assert_eq!(horizontal_bar(0, 0, 4, false), "");
        assert_eq!(horizontal_bar(90, 80, 2, true), "██");
    }

    fn texts(lines: &[Line]) -> Vec<String> {
        lines
            .iter()
            .map(|line| line.clone().render(RenderOptions::default()))
            .collect()
    }

    #[test]
    fn words_of_several_tones_stay_together() {
        let text = Text::styled(TextStyle::Strong, "one tw").then(TextStyle::Faint, "o three");
        assert_eq!(texts(&wrap(&text, Some(7))), ["one two", "three"]);
        assert_eq!(texts(&wrap(&text, None)), ["one two three"]);
        assert_eq!(
            texts(&wrap(&"longer than it".into(), Some(4))),
            ["longer", "than", "it"]
        );
    }

    #[test]
    fn what_is_cut_shows() {
        let line = |text: &str| Line::of(TextStyle::Plain, text);
        assert_eq!(texts(&[line("日本語").truncate(5, true)]), ["日本…"]);
        assert_eq!(texts(&[line("abcdefgh").truncate(6, false)]), ["abc..."]);
        assert_eq!(texts(&[line("abc").truncate(3, false)]), ["abc"]);
        let two = line("ab").and(TextStyle::Bad, "cdef");
        assert_eq!(texts(&[two.truncate(4, true)]), ["abc…"]);
    }

    #[test]
    fn the_width_is_that_of_what_is_shown() {
        assert_eq!(Line::of(TextStyle::Plain, "\u{1b}").width(), r"\u{1b}".len());
        assert_eq!(texts(&[Line::of(TextStyle::Plain, "a\nb\tc")]), ["a b c"]);
        assert_eq!(texts(&[Line::of(TextStyle::Plain, "a").pad(9)]), ["a"]);
    }

    #[test]
    fn only_colors_are_escape_sequences() {
        let colored = RenderOptions {
            color: true,
            ..RenderOptions::default()
        };
        assert_eq!(
            colored.paint(TextStyle::Bad, "\u{1b}[2J"),
            "\u{1b}[31m\u{1b}[1m\\u{1b}[2J\u{1b}[0m"
        );
        assert_eq!(
            RenderOptions::default().paint(TextStyle::Bad, "\u{1b}[2J"),
            r"\u{1b}[2J"
        );
        assert_eq!(colored.paint(TextStyle::Faint, ""), "");
    }
}
