//! A page, independent of how it is rendered.

use std::time::Duration;

use crate::util::format::{count, duration};
use crate::util::timestamp::EpochMillis;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReportPage {
    pub(crate) title: String,
    pub(crate) sections: Vec<Section>,
}

/// A heading with what belongs to it; the first section has no heading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) title: Text,
    pub(crate) blocks: Vec<ReportBlock>,
}

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReportBlock {
    /// A label with at least one line.
    Fact {
        label: String,
        lines: Vec<Text>,
    },
    /// A part of a whole; `text` contains the numbers.
    Gauge {
        label: String,
        part: u64,
        whole: u64,
        style: TextStyle,
        text: Text,
    },
    /// The most important numbers.
    Tiles(Vec<Tile>),
    Table(Table),
    Histogram(Histogram),
    /// Results of checks.
    Marks(Vec<Mark>),
    Paragraph(Text),
}

/// A number with its label and a note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    pub(crate) label: String,
    pub(crate) value: Text,
    pub(crate) note: String,
}

/// A table. HTML folds the rows beyond `shown`, text leaves them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    pub(crate) columns: Vec<Column>,
    /// Each has as many cells as there are columns, or fewer.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// `None` shows all rows.
    pub(crate) shown: Option<usize>,
    /// Number of rows that are not in `rows`.
    pub(crate) more: u64,
    /// Printed after the number of rows that are left out.
    pub(crate) left_out: &'static str,
    /// Printed below the table.
    pub(crate) note: String,
}

/// A column of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) title: String,
    pub(crate) align_right: bool,
    /// Cells may be truncated where the line is too long.
    pub(crate) flexible: bool,
}

/// A cell of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cell {
    Text(Text),
    /// A bar that compares a number with the largest of its column.
    Bar {
        value: u64,
        largest: u64,
    },
}

/// Counts over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Histogram {
    pub(crate) title: String,
    pub(crate) from: EpochMillis,
    pub(crate) width_millis: u64,
    pub(crate) counts: Vec<u64>,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
}

/// A result: a word in its style, and what it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) style: TextStyle,
    pub(crate) word: String,
    pub(crate) text: Text,
}

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
    /// Bars of plots.
    Plot,
}

/// A line of text whose pieces have styles. It may contain anything: the renderers escape it, and render line breaks and
/// tabs as spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text {
    pieces: Vec<(TextStyle, String)>,
}

impl Section {
    pub(crate) fn new(title: impl Into<Text>) -> Self {
        Self {
            title: title.into(),
            blocks: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, block: ReportBlock) {
        self.blocks.push(block);
    }

    /// Adds a fact, if it has a value.
    pub(crate) fn fact(&mut self, label: &str, value: Option<impl Into<Text>>) {
        self.facts(label, value);
    }

    /// Adds a fact with a line for each value that is not empty, if there are any.
    pub(crate) fn facts<T: Into<Text>>(&mut self, label: &str, lines: impl IntoIterator<Item = T>) {
        let lines: Vec<Text> = lines
            .into_iter()
            .map(Into::into)
            .filter(|line| !line.is_empty())
            .collect();
        if !lines.is_empty() {
            let label = label.to_owned();
            self.push(ReportBlock::Fact { label, lines });
        }
    }

    pub(crate) fn paragraph(&mut self, text: impl Into<Text>) {
        self.push(ReportBlock::Paragraph(text.into()));
    }

    pub(crate) fn table(&mut self, table: Table) {
        self.push(ReportBlock::Table(table));
    }
}

impl Column {
    pub(crate) fn words(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn flexible(title: &str) -> Self {
        Self {
            flexible: true,
            ..Self::words(title)
        }
    }

    pub(crate) fn numbers(title: &str) -> Self {
        Self {
            align_right: true,
            ..Self::words(title)
        }
    }
}

impl Table {
    /// The notes below the table when only the first `shown` rows are there.
    pub(super) fn notes(&self, shown: usize) -> impl Iterator<Item = String> {
        let left_out = match self.rows.len().saturating_sub(shown) as u64 + self.more {
            0 => String::new(),
            more if self.left_out.is_empty() => format!("{} more", count(more)),
            more => format!("{} more; {}", count(more), self.left_out),
        };
        [left_out, self.note.clone()]
            .into_iter()
            .filter(|note| !note.is_empty())
    }

    pub(super) fn has_titles(&self) -> bool {
        self.columns.iter().any(|column| !column.title.is_empty())
    }
}

impl<T: Into<Text>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Histogram {
    /// The largest count, and the width of a column.
    pub(super) fn scale(&self) -> String {
        let highest = count(self.counts.iter().copied().max().unwrap_or(0));
        let width = duration(Duration::from_millis(self.width_millis));
        format!("at most {highest} {} in {width}", self.unit)
    }

    /// The start of a column, truncated to seconds; `counts.len()` gives the end of the last one.
    pub(super) fn start(&self, column: usize) -> EpochMillis {
        let at = i128::from(self.from.0) + i128::from(self.width_millis) * column as i128;
        EpochMillis(i64::try_from(at - at.rem_euclid(1000)).unwrap_or(i64::MAX))
    }
}

impl Mark {
    pub(crate) fn new(style: TextStyle, word: &str, text: impl Into<Text>) -> Self {
        Self {
            style,
            word: word.to_owned(),
            text: text.into(),
        }
    }
}

impl Text {
    pub(crate) fn styled(style: TextStyle, text: impl Into<String>) -> Self {
        Self::default().then(style, text)
    }

    /// Appends a piece.
    pub(crate) fn then(mut self, style: TextStyle, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push((style, text));
        }
        self
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The same text with another style where it has none.
    pub(super) fn or_style(&self, style: TextStyle) -> Self {
        let styled = |(own, text): &(TextStyle, String)| match own {
            TextStyle::Plain => (style, text.clone()),
            own => (*own, text.clone()),
        };
        Self {
            pieces: self.pieces.iter().map(styled).collect(),
        }
    }

    /// The pieces, each on one line.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (TextStyle, String)> + '_ {
        let pieces = self.pieces.iter();
        pieces.map(|(style, text)| (*style, text.replace(['\n', '\r', '\t'], " ")))
    }
}

impl<T: AsRef<str>> From<T> for Text {
    fn from(text: T) -> Self {
        Self::styled(TextStyle::Plain, text.as_ref())
    }
}
