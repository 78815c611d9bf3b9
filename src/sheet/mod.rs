//! What a page says, apart from how it is drawn: sections of facts, tables and plots, for a terminal and as HTML.

mod bars;
mod html;
mod item;
mod look;
mod plain;
mod text;

pub use html::html;
pub use item::{Cell, Column, Columns, Item, Mark, Table, Tile};
pub use look::{Look, Tone};
pub use plain::plain;
pub use text::Text;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it is about.
    pub title: String,
    /// Its parts, in order.
    pub sections: Vec<Section>,
}

/// A part of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// Its heading; the first section has none.
    pub title: Text,
    /// What it says.
    pub items: Vec<Item>,
}

impl Section {
    /// A section that says nothing yet.
    pub fn new(title: impl Into<Text>) -> Self {
        Self {
            title: title.into(),
            items: Vec::new(),
        }
    }

    /// Adds an item.
    pub fn item(&mut self, item: Item) {
        self.items.push(item);
    }

    /// Adds a fact; one without value is not said.
    pub fn fact(&mut self, label: &str, value: Option<impl Into<Text>>) {
        self.facts(label, value);
    }

    /// Adds a fact of several lines; one without lines is not said.
    pub fn facts<T: Into<Text>>(&mut self, label: &str, lines: impl IntoIterator<Item = T>) {
        let lines: Vec<Text> = lines
            .into_iter()
            .map(Into::into)
            .filter(|line| !line.is_empty())
            .collect();
        if !lines.is_empty() {
            self.items.push(Item::Fact {
                label: label.to_owned(),
                lines,
            });
        }
    }

    /// Adds a sentence.
    pub fn prose(&mut self, text: impl Into<Text>) {
        self.items.push(Item::Prose(text.into()));
    }
}

#[cfg(test)]
mod tests;
