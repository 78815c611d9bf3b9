//! Text from anywhere, made text in HTML.

use std::fmt;

use crate::util::control_chars::escape;

/// Written with everything escaped that could end a text or an attribute in double quotes; what would steer a terminal
/// is made visible here too: HTML forbids control characters, and marks of direction could hide what is written.
pub(super) struct Escaped<'a>(pub(super) &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = escape(self.0);
        let mut rest: &str = &text;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'', '\n', '\r', '\t']) {
            let (before, from) = rest.split_at(at);
            f.write_str(before)?;
            f.write_str(match from.as_bytes().first() {
                Some(b'&') => "&amp;",
                Some(b'<') => "&lt;",
                Some(b'>') => "&gt;",
                Some(b'"') => "&quot;",
                Some(b'\'') => "&#39;",
                _ => " ",
            })?;
            rest = from.get(1..).unwrap_or_default();
        }
        f.write_str(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_text_or_an_attribute() {
        let hostile = "</title><script>alert('1')</script>\" onload=\"x&amp;\u{1b}\u{202e}\n";
        let escaped = Escaped(hostile).to_string();
        assert!(
            !escaped.contains(['<', '>', '"', '\'', '\u{1b}', '\u{202e}', '\n']),
            "{escaped}"
        );
        assert_eq!(Escaped("a < b & ä").to_string(), "a &lt; b &amp; ä");
    }
}
