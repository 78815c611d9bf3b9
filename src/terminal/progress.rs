//! Stages of work: bars with totals on a terminal, one plain line a stage elsewhere.

use crate::terminal::Terminal;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Documents.
    Documents,
    /// Bytes.
    Bytes,
}

/// One stage. Cheap to clone; dropping the last clone unfinished removes the bar.
#[derive(Clone, Debug)]
pub struct Stage {}

impl Terminal {
    /// Begins a stage: `Exporting inputs`, with the total where it is known.
    pub fn stage(&self, title: &str, unit: Unit, total: Option<u64>) -> Stage {
        todo!()
    }
}

impl Stage {
    /// So many more are done.
    pub fn inc(&self, n: u64) {
        todo!()
    }

    /// Says something beside the bar (`waiting 3 s: …`); cleared by the next `inc`.
    pub fn note(&self, text: &str) {
        todo!()
    }

    /// Done: leaves one line, `Exported 300,000 inputs` or the like.
    pub fn done(self, line: &str) {
        todo!()
    }
}
