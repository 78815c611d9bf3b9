//! What standard output can show, and text in its colours.

use console::{Style, Term};

use crate::terminal::{Terminal, escape};

/// What standard output can show.
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

/// Narrower terminals get lines that are broken by the terminal.
const NARROWEST: usize = 40;
/// Wider ones are not filled: long lines are hard to read.
const WIDEST: usize = 110;

impl Terminal {
    /// What stdout can show: block characters on a terminal whose locale is UTF-8; Windows' terminals show them
    /// wherever they are new enough to say who they are.
    pub fn look(&self) -> Look {
        let terminal = self.stdout_is_terminal();
        let columns = || usize::from(Term::stdout().size().1).clamp(NARROWEST, WIDEST);
        Look {
            color: self.stdout_color(),
            unicode: terminal && (locale_is_utf8() || std::env::var_os("WT_SESSION").is_some()),
            width: terminal.then(columns),
        }
    }
}

fn locale_is_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty())
        .unwrap_or_default()
        .to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
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
