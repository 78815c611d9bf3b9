//! A page, independent of how it is rendered.

use std::time::Duration;

use serde::Serialize;

use super::axis;
use crate::util::format::{NO_VALUE, amount, count, duration, escape};
use crate::util::timestamp::EpochMillis;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportPage {
    pub(crate) title: String,
    pub(crate) sections: Vec<Section>,
}

/// A heading and its contents; the summary and the final verdict have no heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: Text,
    pub(crate) blocks: Vec<Block>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    /// A label with at least one line.
    Fact(String, Vec<Text>),
    Table(Table),
    /// A title, counts over time, and the periods that HTML marks in them.
    Histogram(&'static str, Histogram, Vec<Period>),
    SwimLanes(&'static str, SwimLanes),
    /// Results of checks.
    Marks(Vec<Mark>),
    /// The result of the whole page, on one line.
    Verdict(Mark),
    Paragraph(Text),
    /// A title with preformatted lines, which HTML folds and text leaves out.
    Details(&'static str, String),
}

/// A table. Rows after the first `shown` are folded in HTML and omitted in text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// With their titles.
    pub(crate) columns: Vec<(Column, String)>,
    /// Rows may have fewer cells than there are columns.
    pub(crate) rows: Vec<Vec<Text>>,
    /// `None` shows all rows.
    pub(super) shown: Option<usize>,
    /// Number of rows that are not in `rows`.
    pub(super) more: u64,
    /// Printed after the number of omitted rows.
    pub(super) left_out: &'static str,
}

/// What a column of a table contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Column {
    Words,
    /// Words that may be truncated if the line is too long.
    Flexible,
    /// Aligned to the right.
    Numbers,
}

/// Numbers of documents over time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Histogram {
    #[serde(flatten)]
    pub(crate) columns: TimeColumns,
    pub(crate) counts: Vec<u64>,
}

/// Anomaly scores over time: the name of each lane, and its highest score in each column, from 0 to 100.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SwimLanes {
    pub(crate) columns: TimeColumns,
    pub(crate) lanes: Vec<(Text, Vec<Option<u8>>)>,
}

/// The columns of a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct TimeColumns {
    /// Start of the first column.
    pub(crate) from: EpochMillis,
    /// Width of each column.
    pub(crate) column_millis: u64,
    #[serde(skip)]
    pub(crate) number: usize,
}

/// The severities of anomalies by their lowest scores, as in Kibana.
pub(super) const SEVERITIES: [(u8, TextStyle); 5] = [
    (0, TextStyle::Low),
    (3, TextStyle::Warning),
    (25, TextStyle::Minor),
    (50, TextStyle::Major),
    (75, TextStyle::Critical),
];

/// The position of the severity of a score.
pub(super) fn severity(score: u8) -> usize {
    SEVERITIES.iter().rposition(|(lowest, _)| *lowest <= score).unwrap_or(0)
}

/// A period that is marked in a histogram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Period {
    /// Its class in the style sheet and its name in the legend.
    pub(crate) kind: &'static str,
    pub(crate) from: EpochMillis,
    pub(crate) to: EpochMillis,
    pub(crate) text: String,
}

/// A result: a word, its style, and a description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark(pub(crate) TextStyle, pub(crate) &'static str, pub(crate) Text);

/// What a piece of text means to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TextStyle {
    #[default]
    Plain,
    Strong,
    Faint,
    Good,
    Caution,
    Bad,
    /// The two sides of a comparison.
    Removed,
    Added,
    /// Bars of plots.
    Plot,
    /// The severities of anomalies.
    Low,
    Warning,
    Minor,
    Major,
    Critical,
}

/// A line of text whose pieces have styles. Control characters are escaped, since the text may come from an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(pub(super) Vec<(TextStyle, String)>);

impl Section {
    pub(crate) fn new(title: impl Into<Text>) -> Self {
        let (title, blocks) = (title.into(), Vec::new());
        Self { title, blocks }
    }

    /// With its first block.
    pub(crate) fn of(title: &str, block: Block) -> Self {
        let (title, blocks) = (title.into(), vec![block]);
        Self { title, blocks }
    }

    pub(crate) fn note(title: &str, text: impl Into<Text>) -> Self {
        Self::of(title, Block::Paragraph(text.into()))
    }

    pub(crate) fn push(&mut self, block: Block) {
        self.blocks.push(block);
    }

    /// Adds a fact with a line for each value that is not empty; no values add no fact.
    pub(crate) fn facts<T: Into<Text>>(&mut self, label: impl Into<String>, values: impl IntoIterator<Item = T>) {
        let lines = values.into_iter().map(Into::into);
        let lines: Vec<Text> = lines.filter(|line: &Text| !line.is_empty()).collect();
        if !lines.is_empty() {
            self.push(Block::Fact(label.into(), lines));
        }
    }

    /// Adds a fact, if it has a value.
    pub(crate) fn fact(&mut self, label: &str, value: impl Into<Text>) {
        self.facts(label, [value]);
    }

    pub(crate) fn paragraph(&mut self, text: impl Into<Text>) {
        self.push(Block::Paragraph(text.into()));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.push(Block::Table(table));
    }
}

impl Table {
    pub(crate) fn new(columns: &[(Column, &str)], rows: impl IntoIterator<Item = Vec<Text>>) -> Self {
        let columns = columns.iter().map(|(column, title)| (*column, (*title).to_owned()));
        Self {
            columns: columns.collect(),
            rows: rows.into_iter().collect(),
            ..Self::default()
        }
    }

    /// Shows the first rows; `more` rows are not in the table, and `left_out` is printed after the number of omitted rows.
    pub(crate) fn shortened(mut self, shown: usize, more: u64, left_out: &'static str) -> Self {
        (self.shown, self.more, self.left_out) = (Some(shown), more, left_out);
        self
    }

    /// The note below the table if only the first `shown` rows are printed.
    pub(super) fn note(&self, shown: usize) -> Option<String> {
        let more = self.rows.len().saturating_sub(shown) as u64 + self.more;
        let hint = if self.left_out.is_empty() { "" } else { "; " };
        (more > 0).then(|| format!("{} more{hint}{}", count(more), self.left_out))
    }
}

impl Histogram {
    /// The largest count and the width of a column, as text.
    pub(super) fn scale(&self) -> String {
        format!("up to {} per {}", documents(self.highest()), self.columns.width())
    }

    pub(super) fn highest(&self) -> u64 {
        self.counts.iter().copied().max().unwrap_or(0)
    }
}

impl SwimLanes {
    /// What a column contains, as text.
    pub(super) fn scale(&self) -> String {
        format!("highest anomaly score per {}", self.columns.width())
    }
}

impl TimeColumns {
    fn width(&self) -> String {
        duration(Duration::from_millis(self.column_millis))
    }

    /// Half as many columns, each of which replaces two adjacent ones.
    pub(super) fn merged(self) -> Self {
        Self {
            column_millis: self.column_millis.saturating_mul(2),
            number: self.number.div_ceil(2),
            ..self
        }
    }

    /// The times at the start and at the end of all columns.
    pub(super) fn range(&self) -> [EpochMillis; 2] {
        [0, self.number].map(|column| self.start(column))
    }

    /// The length in milliseconds.
    fn length(&self) -> i128 {
        i128::from(self.column_millis) * self.number as i128
    }

    /// Where a time is, from 0 at the start to 1 at the end.
    pub(super) fn share(&self, time: EpochMillis) -> f64 {
        (i128::from(time.0) - i128::from(self.from.0)) as f64 / self.length().max(1) as f64
    }

    /// Where a column begins and ends, from 0 to 1.
    pub(super) fn shares(&self, column: usize) -> [f64; 2] {
        [column, column + 1].map(|column| column as f64 / self.number as f64)
    }

    /// The start of a column, truncated to seconds; that of the column after the last one is its end.
    pub(super) fn start(&self, column: usize) -> EpochMillis {
        let at = i128::from(self.from.0) + i128::from(self.column_millis) * column as i128;
        EpochMillis(i64::try_from(at - at.rem_euclid(1000)).unwrap_or(i64::MAX))
    }

    /// Round times with their labels.
    pub(super) fn ticks(&self) -> Vec<(EpochMillis, String)> {
        axis::times(self.from, self.length())
    }
}

impl TextStyle {
    /// Its names in the style sheet and in the crate `console`.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Plain => ("", ""),
            Self::Strong => ("strong", "bold"),
            Self::Faint => ("faint", "dim"),
            Self::Good => ("good", "green"),
            Self::Caution => ("caution", "yellow"),
            Self::Bad => ("bad", "red.bold"),
            Self::Removed => ("removed", "red"),
            Self::Added => ("added", "green"),
            Self::Plot => ("plot", "cyan"),
            // The colors that are closest to those of Kibana, in the palette of 256 colors that terminals support.
            Self::Low => ("low", "189"),
            Self::Warning => ("warning", "117"),
            Self::Minor => ("minor", "226"),
            Self::Major => ("major", "215"),
            Self::Critical => ("critical", "203"),
        }
    }
}

impl Text {
    pub(crate) fn styled(style: TextStyle, text: impl Into<String>) -> Self {
        Self::default().then(style, text)
    }

    /// Appends a piece. Line breaks and tabs become spaces.
    pub(crate) fn then(mut self, style: TextStyle, text: impl Into<String>) -> Self {
        let mut text: String = text.into();
        if text.bytes().any(|byte| byte.is_ascii_control()) {
            text = text.replace(['\n', '\r', '\t'], " ");
        }
        if !text.is_empty() {
            self.0.push((style, escape(&text).into_owned()));
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, or the content of a cell without a value.
    pub(crate) fn or_none(self) -> Self {
        let none = Self::styled(TextStyle::Faint, NO_VALUE);
        if self.is_empty() { none } else { self }
    }

    /// The same text with `style` for the pieces that have none.
    pub(crate) fn or_style(&self, style: TextStyle) -> Self {
        let mut text = self.clone();
        let plain = text.0.iter_mut().filter(|(own, _)| *own == TextStyle::Plain);
        plain.for_each(|(own, _)| *own = style);
        text
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::styled(TextStyle::Plain, text.as_ref())
    }
}

pub(super) fn documents(number: u64) -> String {
    amount(number, "document", "documents")
}
