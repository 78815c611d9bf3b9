//! A page as text for a terminal or a pipe.

use std::mem::take;

use console::{Style, measure_text_width, truncate_str};

use super::page::TextStyle::{Bad, Faint, Good, Plain, Plot, Strong};
use super::page::{
    Block, Column, Histogram, Mark, ReportPage, SEVERITIES, Section, SwimLanes, Table, Text, TextStyle, TimeColumns,
    severity,
};
use crate::util::format::escape;

const INDENT: usize = 2;
/// Column of values after labels, so that they are aligned on the whole page.
const VALUES: usize = INDENT + 22;
/// Pages with fewer columns print values below their labels.
const NARROW: usize = 60;
/// Columns between those of a table.
const TABLE_GAP: usize = 2;
/// Minimum width of a flexible column.
const MIN_COLUMN: usize = 12;
/// Lines of a histogram.
const HISTOGRAM_ROWS: usize = 4;

const VERTICAL: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const VERTICAL_ASCII: [char; 4] = [' ', '.', ':', '#'];
/// By severity: readable without color.
const LANE: [&str; 5] = ["▁", "▂", "▄", "▆", "█"];
const LANE_ASCII: [&str; 5] = [".", "-", "+", "*", "#"];

/// What the output supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RenderOptions {
    pub(crate) color: bool,
    /// Whether to print block characters and symbols instead of ASCII.
    pub(crate) unicode: bool,
    /// Columns; `None` does not limit the length of lines.
    pub(crate) width: Option<usize>,
}

/// The page, followed by a line feed. Colors are its only escape sequences.
pub(crate) fn render_text(page: &ReportPage, options: RenderOptions) -> String {
    let sections: Vec<_> = page.sections.iter().map(|section| options.section(section)).collect();
    let title = options.wrap(&Text::styled(Strong, &page.title), 0);
    let lines = title.into_iter().chain(sections.join(&Text::default()));
    lines.map(|line| line.render(options) + "\n").collect()
}

impl RenderOptions {
    /// The text in lines that fit to the right of `column`, broken at spaces. A word is broken only if it is longer.
    fn wrap(self, text: &Text, column: usize) -> Vec<Text> {
        // Every character fits into four columns.
        let Some(width) = self.width.map(|width| width.saturating_sub(column).max(4)) else {
            return vec![text.clone()];
        };
        let mut lines = vec![Text::default()];
        for word in words(text) {
            match lines.last_mut() {
                Some(line) if line.is_empty() => *line = word,
                Some(line) if line.width() + 1 + word.width() <= width => {
                    *line = take(line).then(Plain, " ").join(word);
                }
                _ => lines.push(word),
            }
            while let Some(word) = lines.pop_if(|line| line.width() > width) {
                lines.extend(<[Text; 2]>::from(word.split(width)));
            }
        }
        lines
    }

    /// The column of values after labels.
    fn values(self) -> usize {
        if self.is_narrow() { 2 * INDENT } else { VALUES }
    }

    fn is_narrow(self) -> bool {
        self.width.is_some_and(|width| width < NARROW)
    }

    fn section(self, section: &Section) -> Vec<Text> {
        let title = self.wrap(&section.title.or_style(Strong), 0);
        let groups = section.blocks.chunk_by(|a, b| !is_separate(a) && !is_separate(b));
        let lines = |group: &[Block]| group.iter().flat_map(|block| self.block(block)).collect();
        let groups: Vec<Vec<Text>> = groups.map(lines).collect();
        let blocks = groups.join(&Text::default());
        let title = title.into_iter().filter(|line| !line.is_empty());
        title.chain(blocks).collect()
    }

    fn block(self, block: &Block) -> Vec<Text> {
        match block {
            Block::Fact(label, lines) => {
                let lines = lines.iter().flat_map(|line| self.wrap(line, self.values()));
                at_column(self.values(), indented(Faint, label), lines)
            }
            Block::Table(table) => self.table(table),
            Block::Histogram(title, histogram, _) => self.histogram(title, histogram.clone()),
            Block::SwimLanes(title, lanes) => self.swim_lanes(title, lanes.clone()),
            Block::Marks(marks) => self.marks(marks),
            Block::Verdict(Mark(style, word, text)) => {
                let separator = if self.unicode { " · " } else { " - " };
                let line = self.sign(*style).then(*style, *word).then(Plain, separator);
                self.paragraph(&line.join(text.clone()))
            }
            Block::Paragraph(text) => self.paragraph(text),
            // Text would be too long with them.
            Block::Details(..) => Vec::new(),
        }
    }

    fn paragraph(self, text: &Text) -> Vec<Text> {
        at_column(INDENT, Text::default(), self.wrap(text, INDENT))
    }

    /// Columns are as wide as their widest cell. Flexible ones are truncated if the line would be too long. If it still is,
    /// or if the page is narrow, each row becomes a list of facts.
    fn table(self, table: &Table) -> Vec<Text> {
        let shown = table.shown.unwrap_or(table.rows.len());
        let titles = table.columns.iter().map(|(_, title)| Text::styled(Faint, title));
        let rows = table.rows.iter().take(shown).cloned();
        let rows: Vec<Vec<Text>> = [titles.collect()].into_iter().chain(rows).collect();
        let note = table.note(shown).map(|note| Text::styled(Faint, note));
        let note = note.iter().flat_map(|note| self.paragraph(note));
        let widths = widths(&table.columns, &rows, self.width.filter(|_| !self.is_narrow()));
        let width = INDENT + widths.iter().map(|width| width + TABLE_GAP).sum::<usize>() - TABLE_GAP;
        if self.width.is_some_and(|page| page < width) {
            let lists = rows[1..].iter().flat_map(|row| self.row_as_list(&table.columns, row));
            return lists.chain(note).collect();
        }
        let line = |row: Vec<Text>| {
            let cells = table.columns.iter().zip(row).zip(&widths);
            cells.fold(Text::default().pad(INDENT), |line, (((column, _), cell), width)| {
                let end = line.width() + width;
                let cell = cell.truncate(*width, self.unicode);
                let is_number = *column == Column::Numbers;
                let start = if is_number { end.saturating_sub(cell.width()) } else { 0 };
                line.pad(start).join(cell).pad(end + TABLE_GAP)
            })
        };
        rows.into_iter().map(line).chain(note).collect()
    }

    /// The first cell of a row, and below it the others with their titles.
    fn row_as_list(self, columns: &[(Column, String)], row: &[Text]) -> Vec<Text> {
        let cells = columns.iter().zip(row).enumerate();
        let cells = cells.filter(|(_, (_, text))| !text.is_empty());
        let lines = cells.flat_map(|(number, ((_, name), text))| {
            let (indent, title) = match number {
                0 => (INDENT, Text::default()),
                _ => (2 * INDENT, Text::styled(Faint, format!("{name}: "))),
            };
            at_column(indent, Text::default(), self.wrap(&title.join(text.clone()), indent))
        });
        lines.collect()
    }

    /// The counts above, the time below. Adjacent columns are merged until all fit.
    fn histogram(self, title: &str, mut histogram: Histogram) -> Vec<Text> {
        let room = self.width.map(|width| width.saturating_sub(INDENT).max(1));
        while room.is_some_and(|room| histogram.columns.number > room) {
            histogram.counts = histogram.counts.chunks(2).map(|pair| pair.iter().sum()).collect();
            histogram.columns = histogram.columns.merged();
        }
        let title = format!("{title}: {}", histogram.scale());
        let mut lines = self.paragraph(&Text::styled(Faint, title));
        let bars = vertical_bars(&histogram.counts, HISTOGRAM_ROWS, self.unicode);
        lines.extend(bars.iter().map(|bar| indented(Plot, bar)));
        let rule = if self.unicode { "─" } else { "-" };
        lines.push(indented(Faint, &rule.repeat(histogram.columns.number)));
        lines.extend(self.range(INDENT, histogram.columns));
        lines
    }

    /// A line of blocks for each lane, the time below, and the severity of each block. Adjacent columns are merged until all
    /// fit.
    fn swim_lanes(self, title: &str, mut swim: SwimLanes) -> Vec<Text> {
        let room = self.width.map(|width| width.saturating_sub(self.values()).max(1));
        while room.is_some_and(|room| swim.columns.number > room) {
            for (_, scores) in &mut swim.lanes {
                let pairs = scores.chunks(2);
                *scores = pairs.map(|pair| pair.iter().copied().max().flatten()).collect();
            }
            swim.columns = swim.columns.merged();
        }
        let mut lines = self.paragraph(&Text::styled(Faint, format!("{title}: {}", swim.scale())));
        let blocks = if self.unicode { LANE } else { LANE_ASCII };
        let style = |score: &Option<u8>| score.map(|score| SEVERITIES[severity(score)].1);
        for (label, scores) in &swim.lanes {
            let runs = scores.chunk_by(|a, b| style(a) == style(b));
            let bar = runs.fold(Text::default(), |bar, run| {
                let block = run[0].map_or(" ", |score| blocks[severity(score)]);
                bar.then(style(&run[0]).unwrap_or(Plain), block.repeat(run.len()))
            });
            let room = self.width.filter(|_| self.is_narrow()).unwrap_or(VALUES - 1);
            let label = Text::default().pad(INDENT).join(label.or_style(Faint));
            let label = label.truncate(room, self.unicode);
            lines.extend(at_column(self.values(), label, [bar]));
        }
        lines.extend(self.range(self.values(), swim.columns));
        let mut legend = Text::default();
        for ((lowest, style), block) in SEVERITIES.iter().zip(blocks) {
            let name = format!(" {} {lowest}  ", style.names().0);
            legend = legend.then(*style, block).then(Faint, name);
        }
        lines.extend(self.paragraph(&legend));
        lines
    }

    /// The times at both ends of a plot, below each other on a narrow page.
    fn range(self, column: usize, columns: TimeColumns) -> Vec<Text> {
        let [from, to] = columns.range().map(|time| time.to_string());
        if self.is_narrow() {
            return vec![indented(Faint, &from), indented(Faint, &format!("to {to}"))];
        }
        let from = Text::default().pad(column).then(Faint, from);
        let end = (column + columns.number).max(from.width() + INDENT + to.len());
        vec![from.pad(end - to.len()).then(Faint, to)]
    }

    fn marks(self, marks: &[Mark]) -> Vec<Text> {
        let head = |style, word: &str| Text::default().pad(INDENT).join(self.sign(style)).then(style, word);
        let widths = marks.iter().map(|Mark(style, word, _)| head(*style, word).width());
        let column = widths.max().unwrap_or(0) + 2;
        let lines = |Mark(style, word, text): &Mark| at_column(column, head(*style, word), self.wrap(text, column));
        marks.iter().flat_map(lines).collect()
    }

    fn sign(self, style: TextStyle) -> Text {
        let sign = match style {
            _ if !self.unicode => "",
            Good => "✓ ",
            Bad => "✗ ",
            _ => "! ",
        };
        Text::styled(style, sign)
    }

    /// The text, escaped, in the color of its style.
    fn paint(self, style: TextStyle, text: &str) -> String {
        let (_, look) = style.names();
        let escaped = escape(text);
        if look.is_empty() || escaped.is_empty() {
            return escaped.into_owned();
        }
        let look = Style::from_dotted_str(look).for_stdout();
        look.force_styling(self.color).apply_to(escaped).to_string()
    }
}

/// Whether an empty line separates the block from others.
fn is_separate(block: &Block) -> bool {
    matches!(block, Block::Table(_) | Block::Histogram(..) | Block::SwimLanes(..))
}

fn indented(style: TextStyle, text: &str) -> Text {
    Text::default().pad(INDENT).then(style, text)
}

/// Lines that begin at a column, after `head`, or below it if it is too long.
fn at_column(column: usize, mut head: Text, lines: impl IntoIterator<Item = Text>) -> Vec<Text> {
    let above = (head.width() >= column).then(|| take(&mut head));
    let lines = lines.into_iter().map(|line| take(&mut head).pad(column).join(line));
    above.into_iter().chain(lines).collect()
}

/// The widths of columns in a page, as far as flexible ones can be made narrower. Titles are not truncated.
fn widths(columns: &[(Column, String)], rows: &[Vec<Text>], page: Option<usize>) -> Vec<usize> {
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(Text::width).max();
    let mut widths: Vec<usize> = (0..columns.len()).map(|column| widest(column).unwrap_or(0)).collect();
    let gaps = INDENT + TABLE_GAP * columns.len().saturating_sub(1);
    while page.is_some_and(|page| widths.iter().sum::<usize>() + gaps > page) {
        let flexible = widths.iter_mut().zip(columns);
        let flexible = flexible.filter(|(width, (column, title))| {
            *column == Column::Flexible && **width > MIN_COLUMN.max(measure_text_width(title))
        });
        let Some((widest, _)) = flexible.max_by_key(|(width, _)| **width) else {
            break;
        };
        *widest -= 1;
    }
    widths
}

/// Rows of characters from top to bottom, one column per number. Only zero is blank, so that even a single document is
/// visible.
fn vertical_bars(counts: &[u64], rows: usize, unicode: bool) -> Vec<String> {
    let levels: &[char] = if unicode { &VERTICAL } else { &VERTICAL_ASCII };
    let steps = levels.len() - 1;
    let highest = counts.iter().copied().max().unwrap_or(0);
    let row = |row: usize| {
        let height = |count: &u64| (u128::from(*count) * (rows * steps) as u128).div_ceil(u128::from(highest.max(1)));
        let cell = |count| levels.get((height(count) as usize).saturating_sub(row * steps).min(steps));
        counts.iter().filter_map(cell).collect()
    };
    (0..rows).rev().map(row).collect()
}

impl Text {
    fn width(&self) -> usize {
        self.0.iter().map(|(_, piece)| measure_text_width(piece)).sum()
    }

    fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Appends spaces up to a width.
    fn pad(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width());
        self.then(Plain, " ".repeat(missing))
    }

    /// Truncates to a width; an ellipsis marks removed text.
    fn truncate(self, width: usize, unicode: bool) -> Self {
        if self.width() <= width {
            return self;
        }
        let mark = if unicode { "…" } else { "..." };
        let room = width.saturating_sub(measure_text_width(mark));
        self.split(room).0.then(Faint, mark)
    }

    /// The part that fits into a width, and the rest.
    fn split(self, width: usize) -> (Self, Self) {
        let (mut start, mut rest) = (Self::default(), Self::default());
        for (style, piece) in self.0 {
            let room = if rest.is_empty() { width - start.width() } else { 0 };
            let (fitting, other) = piece.split_at(truncate_str(&piece, room, "").len());
            (start, rest) = (start.then(style, fitting), rest.then(style, other));
        }
        (start, rest)
    }

    /// The line in color, without trailing spaces.
    fn render(mut self, options: RenderOptions) -> String {
        while self.0.pop_if(|(_, last)| last.trim_end().is_empty()).is_some() {}
        if let Some((_, last)) = self.0.last_mut() {
            last.truncate(last.trim_end().len());
        }
        let pieces = self.0.iter();
        pieces.map(|(style, piece)| options.paint(*style, piece)).collect()
    }
}

/// The words between spaces; a word may have pieces of several styles.
fn words(text: &Text) -> Vec<Text> {
    let mut words = vec![Text::default()];
    for (style, piece) in &text.0 {
        for (number, part) in piece.split(' ').enumerate() {
            let word = if number > 0 { None } else { words.pop() };
            words.push(word.unwrap_or_default().then(*style, part));
        }
    }
    words.retain(|word| word.width() > 0);
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn vertical_bars_are_full_at_the_maximum_and_blank_at_zero() {
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 1, true), [" ▁▄█"]);
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 1, false), [" .:#"]);
        assert_eq!(vertical_bars(&[0, 1, 40, 80], 2, true), ["   █", " ▁██"]);
        assert_eq!(vertical_bars(&[u64::MAX, 1], 1, true), ["█▁"]);
        assert_eq!(vertical_bars(&[0, 0], 1, true), ["  "]);
        assert_eq!(vertical_bars(&[], 2, true), ["", ""]);
    }

    fn texts(lines: &[Text]) -> Vec<String> {
        lines
            .iter()
            .map(|line| line.clone().render(RenderOptions::default()))
            .collect()
    }

    fn wrap(text: &Text, width: Option<usize>) -> Vec<Text> {
        let (color, unicode) = (false, false);
        let options = RenderOptions { color, unicode, width };
        options.wrap(text, 0)
    }

    #[test]
    fn words_of_several_styles_stay_together() {
        let text = Text::styled(TextStyle::Strong, "one tw").then(TextStyle::Faint, "o three");
        assert_eq!(texts(&wrap(&text, Some(7))), ["one two", "three"]);
        assert_eq!(texts(&wrap(&text, None)), ["one two three"]);
        assert_eq!(
            texts(&wrap(&"longer than 日本".into(), Some(4))),
            ["long", "er", "than", "日本"]
        );
    }

    #[test]
    fn truncated_text_ends_with_an_ellipsis() {
        let line = |text: &str| Text::styled(TextStyle::Plain, text);
        assert_eq!(texts(&[line("日本語").truncate(5, true)]), ["日本…"]);
        assert_eq!(texts(&[line("abcdefgh").truncate(6, false)]), ["abc..."]);
        assert_eq!(texts(&[line("abc").truncate(3, false)]), ["abc"]);
        let two = line("ab").then(TextStyle::Bad, "cdef");
        assert_eq!(texts(&[two.truncate(4, true)]), ["abc…"]);
    }

    #[test]
    fn the_width_is_measured_after_escaping() {
        assert_eq!(Text::styled(TextStyle::Plain, "\u{1b}").width(), r"\u{1b}".len());
        assert_eq!(texts(&[Text::styled(TextStyle::Plain, "a\nb\tc")]), ["a b c"]);
        assert_eq!(texts(&[Text::styled(TextStyle::Plain, "a").pad(9)]), ["a"]);
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
