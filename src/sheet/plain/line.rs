//! A line to be drawn, its width known, and text broken into such lines.

use console::measure_text_width;

use crate::sheet::Text;
use crate::sheet::{Look, Tone};
use crate::util::control_chars::escape;

/// Pieces of text beside one another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pieces: Vec<(Tone, String)>,
    width: usize,
}

impl Line {
    /// Only spaces.
    pub(super) fn blank(width: usize) -> Self {
        Self::of(Tone::Plain, &" ".repeat(width))
    }

    /// One piece.
    pub(super) fn of(tone: Tone, text: &str) -> Self {
        Self::default().and(tone, text)
    }

    /// A text as one line, however long.
    pub(super) fn all(text: &Text) -> Self {
        Self::default().followed_by(text)
    }

    /// Columns that it takes once harmless.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// With one more piece.
    pub(super) fn and(mut self, tone: Tone, text: &str) -> Self {
        if !text.is_empty() {
            // Labels and titles come from anywhere too, and a line is one line.
            let text = escape(text).replace(['\n', '\t'], " ");
            self.width += measure_text_width(&text);
            self.pieces.push((tone, text));
        }
        self
    }

    /// With a text behind it.
    pub(super) fn followed_by(self, text: &Text) -> Self {
        text.pieces().fold(self, |line, (tone, piece)| line.and(tone, &piece))
    }

    /// With another line behind it.
    pub(super) fn joined(mut self, other: &Self) -> Self {
        self.pieces.extend(other.pieces.iter().cloned());
        self.width += other.width;
        self
    }

    /// With spaces behind it, up to a column.
    pub(super) fn filled(self, to: usize) -> Self {
        let missing = to.saturating_sub(self.width);
        self.and(Tone::Plain, &" ".repeat(missing))
    }

    /// With spaces before it, up to a width.
    pub(super) fn pushed(self, to: usize) -> Self {
        Self::blank(to.saturating_sub(self.width)).joined(&self)
    }

    /// Cut to a width; what is cut shows.
    pub(super) fn cut(self, to: usize, unicode: bool) -> Self {
        if self.width <= to {
            return self;
        }
        let mark = if unicode { "…" } else { "..." };
        let room = to.saturating_sub(measure_text_width(mark));
        let mut short = Self::default();
        for (tone, piece) in &self.pieces {
            let left = room - short.width;
            let fits = fitting(piece, left);
            short = short.and(*tone, fits);
            if fits.len() < piece.len() {
                break;
            }
        }
        short.and(Tone::Faint, mark)
    }

    /// In colour, without spaces at its end.
    pub(super) fn painted(&self, look: Look) -> String {
        let mut pieces = self.pieces.clone();
        while let Some((_, last)) = pieces.last_mut() {
            last.truncate(last.trim_end().len());
            if !last.is_empty() {
                break;
            }
            pieces.pop();
        }
        pieces.iter().map(|(tone, piece)| look.paint(*tone, piece)).collect()
    }
}

/// As much of the beginning as fits into so many columns.
fn fitting(text: &str, columns: usize) -> &str {
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
pub(super) fn wrapped(text: &Text, width: Option<usize>) -> Vec<Line> {
    let Some(width) = width else {
        return vec![Line::all(text)];
    };
    let mut lines = vec![Line::default()];
    for word in words(text) {
        let Some(line) = lines.last_mut() else { continue };
        if line.width == 0 {
            *line = word;
        } else if line.width + 1 + word.width <= width {
            *line = std::mem::take(line).and(Tone::Plain, " ").joined(&word);
        } else {
            lines.push(word);
        }
    }
    lines
}

/// What stands between spaces; a word may have pieces of several tones.
fn words(text: &Text) -> Vec<Line> {
    let mut words = Vec::new();
    let mut word = Line::default();
    for (tone, piece) in text.pieces() {
        for (number, part) in piece.split(' ').enumerate() {
            if number > 0 && word.width > 0 {
                words.push(std::mem::take(&mut word));
            }
            word = word.and(tone, part);
        }
    }
    if word.width > 0 {
        words.push(word);
    }
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn texts(lines: &[Line]) -> Vec<String> {
        lines.iter().map(|line| line.painted(Look::default())).collect()
    }

    #[test]
    fn words_of_several_tones_stay_together() {
        let text = Text::toned(Tone::Strong, "one tw").then(Tone::Faint, "o three");
        assert_eq!(texts(&wrapped(&text, Some(7))), ["one two", "three"]);
        assert_eq!(texts(&wrapped(&text, None)), ["one two three"]);
        assert_eq!(
            texts(&wrapped(&"longer than it".into(), Some(4))),
            ["longer", "than", "it"]
        );
    }

    #[test]
    fn what_is_cut_shows() {
        let line = |text: &str| Line::of(Tone::Plain, text);
        assert_eq!(texts(&[line("日本語").cut(5, true)]), ["日本…"]);
        assert_eq!(texts(&[line("abcdefgh").cut(6, false)]), ["abc..."]);
        assert_eq!(texts(&[line("abc").cut(3, false)]), ["abc"]);
        let two = line("ab").and(Tone::Bad, "cdef");
        assert_eq!(texts(&[two.cut(4, true)]), ["abc…"]);
    }

    #[test]
    fn the_width_is_that_of_what_is_shown() {
        assert_eq!(Line::of(Tone::Plain, "\u{1b}").width(), r"\u{1b}".len());
        assert_eq!(texts(&[Line::of(Tone::Plain, "a\nb\tc")]), ["a b c"]);
        assert_eq!(texts(&[Line::of(Tone::Plain, "a").filled(9)]), ["a"]);
    }
}
