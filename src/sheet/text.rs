//! A line of text whose pieces have tones.

use crate::sheet::Tone;

/// Text from anywhere: it is made harmless where it is drawn. Line breaks and tabs are drawn as spaces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    pieces: Vec<(Tone, String)>,
}

impl Text {
    /// Text of one tone.
    pub fn toned(tone: Tone, text: impl Into<String>) -> Self {
        Self::default().then(tone, text)
    }

    /// The text with more behind it.
    pub fn then(mut self, tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.pieces.push((tone, text));
        }
        self
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// The pieces, each on one line.
    pub(in crate::sheet) fn pieces(&self) -> impl Iterator<Item = (Tone, String)> + '_ {
        self.pieces
            .iter()
            .map(|(tone, text)| (*tone, text.replace(['\n', '\r', '\t'], " ")))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::toned(Tone::Plain, text)
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Self::toned(Tone::Plain, text)
    }
}
