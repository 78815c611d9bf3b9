//! Plain tables: columns as wide as their widest cell.

/// Rows of text; the last column is never padded.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
    right: Vec<usize>,
}

impl Table {
    /// An empty table whose columns `right` are aligned to the right.
    pub fn new(right: &[usize]) -> Self {
        todo!()
    }

    /// Adds a row.
    pub fn row<I, S>(&mut self, cells: I)
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        todo!()
    }

    /// The table as text, each line indented by `indent` spaces.
    pub fn render(&self, indent: usize) -> String {
        todo!()
    }
}
