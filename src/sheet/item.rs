//! What sections are made of.

use std::time::Duration;

use crate::sheet::Text;
use crate::sheet::Tone;
use crate::util::format::{count, duration};
use crate::util::timestamp::EpochMillis;

/// A piece of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A label and what it says.
    Fact {
        /// What is said of it.
        label: String,
        /// At least one.
        lines: Vec<Text>,
    },
    /// How much of a whole.
    Gauge {
        /// What is measured.
        label: String,
        /// How much there is.
        part: u64,
        /// How much there may be.
        whole: u64,
        /// How it looks.
        tone: Tone,
        /// The numbers in words.
        text: Text,
    },
    /// The few numbers that say most.
    Tiles(Vec<Tile>),
    /// Rows and columns.
    Table(Table),
    /// Counts over time.
    Columns(Columns),
    /// What was looked at, and how it was found.
    Marks(Vec<Mark>),
    /// A sentence.
    Prose(Text),
}

/// A number that says much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Of what.
    pub label: String,
    /// The number.
    pub value: Text,
    /// More about it.
    pub note: String,
}

/// A table. Rows beyond `shown` are folded away or left out, as the medium allows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Cells, as many as columns or fewer.
    pub rows: Vec<Vec<Cell>>,
    /// Rows that are always shown; all where `None`.
    pub shown: Option<usize>,
    /// Rows that there are besides.
    pub more: u64,
    /// Said of those that are left out, behind their number.
    pub left_out: &'static str,
    /// Said below.
    pub note: String,
}

/// A column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Column {
    /// Its heading.
    pub title: String,
    /// Numbers stand at the right.
    pub right: bool,
    /// Cells may be cut where the line is too long.
    pub flexible: bool,
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Words or a number.
    Text(Text),
    /// A bar as long as a number is large.
    Bar {
        /// The number.
        value: u64,
        /// The largest in the column.
        largest: u64,
    },
}

/// Counts over time, in columns of one width.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    /// What the plot shows.
    pub title: String,
    /// Where the first begins.
    pub from: EpochMillis,
    /// How wide each is.
    pub width_millis: u64,
    /// How many in each.
    pub counts: Vec<u64>,
    /// What is counted, in the plural.
    pub unit: &'static str,
}

/// Something that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// [`Tone::Good`], [`Tone::Caution`] or [`Tone::Bad`].
    pub tone: Tone,
    /// The verdict in a word.
    pub word: String,
    /// What it is about.
    pub text: Text,
}

impl Column {
    /// A column of words.
    pub fn words(title: &str) -> Self {
        Self {
            title: title.to_owned(),
            ..Self::default()
        }
    }

    /// A column of text that may be cut.
    pub fn prose(title: &str) -> Self {
        Self {
            flexible: true,
            ..Self::words(title)
        }
    }

    /// A column of numbers.
    pub fn numbers(title: &str) -> Self {
        Self {
            right: true,
            ..Self::words(title)
        }
    }
}

impl Table {
    /// What is said of rows beyond so many.
    pub(in crate::sheet) fn left_out_beyond(&self, shown: usize) -> String {
        match self.rows.len().saturating_sub(shown) as u64 + self.more {
            0 => String::new(),
            more if self.left_out.is_empty() => format!("{} more", count(more)),
            more => format!("{} more; {}", count(more), self.left_out),
        }
    }
}

impl<T: Into<Text>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Columns {
    /// How high the highest is, and how wide each.
    pub(in crate::sheet) fn at_most(&self) -> String {
        let highest = count(self.counts.iter().copied().max().unwrap_or(0));
        let width = duration(Duration::from_millis(self.width_millis));
        format!("at most {highest} {} in {width}", self.unit)
    }

    /// Where a column begins, to the second; that of `counts.len()` is where the last ends.
    pub(in crate::sheet) fn begins(&self, column: usize) -> EpochMillis {
        let offset = i128::from(self.width_millis) * column as i128;
        let at = i128::from(self.from.0) + offset;
        EpochMillis(i64::try_from(at - at.rem_euclid(1000)).unwrap_or(i64::MAX))
    }
}
