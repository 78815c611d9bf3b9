//! A line of a page as text: styled pieces of known width.

use console::{Style, measure_text_width};

use super::page::{Text, TextStyle};
use crate::util::control_chars::escape;

/// What the output supports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RenderOptions {
    pub(crate) color: bool,
    /// Block characters and marks; ASCII otherwise.
    pub(crate) unicode: bool,
    /// Columns; `None` does not limit lines, as in a file.
    pub(crate) width: Option<usize>,
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
pub(super) struct Line {
    pieces: Vec<(TextStyle, String)>,
    width: usize,
}

impl From<&Text> for Line {
    fn from(text: &Text) -> Self {
        Self::default().text(text)
    }
}

impl Line {
    pub(super) fn blank(width: usize) -> Self {
        Self::of(TextStyle::Plain, &" ".repeat(width))
    }

    pub(super) fn of(style: TextStyle, text: &str) -> Self {
        Self::default().and(style, text)
    }

    /// Columns of the escaped text.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    pub(super) fn and(mut self, style: TextStyle, text: &str) -> Self {
        if !text.is_empty() {
            // Labels and titles may contain anything too.
            let text = escape(text).replace(['\n', '\t'], " ");
            self.width += measure_text_width(&text);
            self.pieces.push((style, text));
        }
        self
    }

    pub(super) fn text(self, text: &Text) -> Self {
        text.pieces().fold(self, |line, (style, piece)| line.and(style, &piece))
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        self.pieces.extend(other.pieces);
        self.width += other.width;
        self
    }

    /// Appends spaces up to a width.
    pub(super) fn pad(self, width: usize) -> Self {
        let missing = width.saturating_sub(self.width);
        self.and(TextStyle::Plain, &" ".repeat(missing))
    }

    /// Truncates to a width, with a mark where anything was removed.
    pub(super) fn truncate(self, width: usize, unicode: bool) -> Self {
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
    pub(super) fn render(mut self, options: RenderOptions) -> String {
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
pub(super) fn wrap(text: &Text, width: Option<usize>) -> Vec<Line> {
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
