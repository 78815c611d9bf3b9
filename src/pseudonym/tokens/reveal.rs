//! Texts with values in the place of tokens.

use std::collections::BTreeMap;

use super::key_file::KeyFile;

/// Finds the tokens of a key file.
#[derive(Debug)]
pub struct Revealer<'a> {
    tokens: &'a BTreeMap<String, String>,
    /// Bytes of the longest token.
    longest: usize,
}

impl<'a> Revealer<'a> {
    /// Finds the tokens of this file.
    pub fn new(file: &'a KeyFile) -> Self {
        let longest = file.tokens.keys().map(String::len).max().unwrap_or(0);
        let tokens = &file.tokens;
        Self { tokens, longest }
    }

    /// A text with values in the place of tokens, and whether there was one.
    pub fn reveal(&self, text: &str) -> (String, bool) {
        if let Some(value) = self.tokens.get(text) {
            return (value.clone(), true);
        }
        let mut known = false;
        let (mut out, mut copied) = (String::with_capacity(text.len()), 0);
        for (begin, _) in text.char_indices() {
            if begin < copied || !begins_word(&text[..begin]) {
                continue;
            }
            if let Some((token, value)) = self.token(&text[begin..]) {
                known = true;
                out.push_str(&text[copied..begin]);
                out.push_str(value);
                copied = begin + token.len();
            }
        }
        out.push_str(&text[copied..]);
        (out, known)
    }

    /// The longest token that begins here and that no letter or digit follows: an address is more than its first word.
    fn token(&self, text: &str) -> Option<(&str, &str)> {
        let run = text
            .char_indices()
            .take_while(|(at, c)| *at < self.longest && (c.is_alphanumeric() || "_-.:@".contains(*c)));
        let ends: Vec<usize> = run.map(|(at, c)| at + c.len_utf8()).collect();
        let mut ends = ends
            .into_iter()
            .rev()
            .filter(|end| !text[*end..].starts_with(is_inside));
        let (token, value) = ends.find_map(|end| self.tokens.get_key_value(&text[..end]))?;
        Some((token, value))
    }
}

/// Whether a word may begin behind this text: no letter or digit precedes it, except as the end of a JSON escape.
fn begins_word(before: &str) -> bool {
    if !before.ends_with(is_inside) {
        return true;
    }
    match before.as_bytes() {
        [.., b'\\', b'b' | b'f' | b'n' | b'r' | b't'] => true,
        [.., b'\\', b'u', a, b, c, d] => [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()),
        _ => false,
    }
}

fn is_inside(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn file() -> KeyFile {
        let mut file = KeyFile::new().unwrap();
        for (token, value) in [
            ("t_1", "\u{e4}\n\""),
            ("240.1.2.3", "10.0.0.1"),
            ("t_9@mail.invalid", "a@b.c"),
        ] {
            file.tokens.insert(token.to_owned(), value.to_owned());
        }
        file
    }

    #[test]
    fn tokens_are_found_where_no_letter_touches_them() {
        let file = file();
        let revealer = Revealer::new(&file);
        for (text, replaced) in [
            ("<t_1>, t_12 from 240.1.2.3.", "<\u{e4}\n\">, t_12 from 10.0.0.1."),
            ("t_9@mail.invalid:240.1.2.3", "a@b.c:10.0.0.1"),
            (r"\tt_9@mail.invalid\n240.1.2.3\r", r"\ta@b.c\n10.0.0.1\r"),
            (r"\u0009t_9@mail.invalid", r"\u0009a@b.c"),
            ("t_9@mail.invalid.", "a@b.c."),
            ("x240.1.2.3 tt_1", "x240.1.2.3 tt_1"),
        ] {
            let (reveal, known) = revealer.reveal(text);
            assert_eq!((reveal.as_str(), known), (replaced, replaced != text), "{text}");
        }
        assert!(!revealer.reveal("t_12").1);
    }

    #[test]
    fn long_runs_are_searched_in_linear_time() {
        let file = file();
        let run = "a.".repeat(1 << 19) + "240.1.2.3";
        assert!(Revealer::new(&file).reveal(&run).0.ends_with(".10.0.0.1"));
    }
}
