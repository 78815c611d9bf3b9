//! What the output of a page can show, and text in its colors.

use console::Style;

use crate::util::control_chars::escape;

/// What the output can show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// Colour and weight.
    pub color: bool,
    /// Block characters and marks; ASCII otherwise.
    pub unicode: bool,
    /// Columns; `None` where nobody counts them, as in a file.
    pub width: Option<usize>,
}

/// What a piece of text is to the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tone {
    /// Just text.
    #[default]
    Plain,
    /// What a section is about, or what matters most in it.
    Strong,
    /// What may be passed over.
    Faint,
    /// As it should be.
    Good,
    /// Worth a thought.
    Caution,
    /// Wrong.
    Bad,
    /// The ink of plots.
    Plot,
}

impl Look {
    /// Text from anywhere, harmless and in the colour of its tone.
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let harmless = escape(text);
        let style = Style::new().for_stdout();
        let style = match tone {
            Tone::Plain => return harmless.into_owned(),
            Tone::Strong => style.bold(),
            Tone::Faint => style.dim(),
            Tone::Good => style.green(),
            Tone::Caution => style.yellow(),
            Tone::Bad => style.red().bold(),
            Tone::Plot => style.cyan(),
        };
        if harmless.is_empty() {
            return String::new();
        }
        style.force_styling(self.color).apply_to(harmless).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_all_that_steers() {
        let colored = Look {
            color: true,
            ..Look::default()
        };
        assert_eq!(
            colored.paint(Tone::Bad, "\u{1b}[2J"),
            "\u{1b}[31m\u{1b}[1m\\u{1b}[2J\u{1b}[0m"
        );
        assert_eq!(Look::default().paint(Tone::Bad, "\u{1b}[2J"), r"\u{1b}[2J");
        assert_eq!(colored.paint(Tone::Faint, ""), "");
    }
}
