//! Painless source without comments, and where its literals are.

use std::ops::Range;

/// Words after which a slash starts a regular expression; after other words it divides.
const BEFORE_PATTERN: [&str; 7] = ["return", "in", "else", "do", "instanceof", "new", "throw"];

/// A script's source, each comment replaced by a blank.
pub(super) struct Code {
    text: String,
    /// Texts and regular expressions with their quotes, in order.
    literals: Vec<Range<usize>>,
}

impl Code {
    /// One pass. A literal or comment without an end takes in the rest.
    pub(super) fn read(source: &str) -> Self {
        let mut code = Self {
            text: String::with_capacity(source.len()),
            literals: Vec::new(),
        };
        let mut rest = source;
        // Bytes that follow the last line known to have no more regular expressions: no line is searched twice.
        let mut after_line = usize::MAX;
        while let Some(at) = rest.find(['\'', '"', '/']) {
            code.text.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = if rest.starts_with("//") {
                code.text.push(' ');
                &rest[rest.find(['\n', '\r']).unwrap_or(rest.len())..]
            } else if let Some(comment) = rest.strip_prefix("/*") {
                code.text.push(' ');
                comment.split_once("*/").map_or("", |(_, after)| after)
            } else if rest.starts_with('/') {
                let mut end = None;
                if rest.len() <= after_line && code.starts_pattern() {
                    match literal_end(rest, b'/', Some(b'\n')) {
                        Ok(length) => end = Some(length),
                        Err(line) => after_line = rest.len() - line,
                    }
                }
                code.take(rest, end.unwrap_or(1), end.is_some())
            } else {
                let end = literal_end(rest, rest.as_bytes()[0], None);
                code.take(rest, end.unwrap_or(rest.len()), true)
            };
        }
        code.text.push_str(rest);
        code
    }

    fn take<'a>(&mut self, rest: &'a str, length: usize, literal: bool) -> &'a str {
        let start = self.text.len();
        self.text.push_str(&rest[..length]);
        if literal {
            self.literals.push(start..self.text.len());
        }
        &rest[length..]
    }

    /// Whether a slash that follows starts a regular expression, as the Painless lexer decides it: by what precedes it.
    fn starts_pattern(&self) -> bool {
        let before = self.text.trim_end();
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let start = before.trim_end_matches(word).len();
        match before[start..].is_empty() {
            true => !before.ends_with([')', ']']),
            false => BEFORE_PATTERN.contains(&&before[start..]),
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Where `word` occurs outside of literals.
    pub(super) fn uses_of<'a>(&'a self, word: &'a str) -> impl Iterator<Item = usize> + 'a {
        let places = self.text.match_indices(word).map(|(at, _)| at);
        places.filter(|at| {
            let next = self.literals.partition_point(|literal| literal.end <= *at);
            self.literals.get(next).is_none_or(|literal| *at < literal.start)
        })
    }

    /// How many texts are this word and nothing else.
    pub(super) fn literals_that_are(&self, word: &str) -> usize {
        let inner = |literal: &Range<usize>| self.text.get(literal.start + 1..literal.end.saturating_sub(1));
        self.literals
            .iter()
            .filter(|literal| inner(literal) == Some(word))
            .count()
    }
}

/// The length of a literal with its quotes; else where the search for its end stopped.
fn literal_end(rest: &str, quote: u8, stop: Option<u8>) -> Result<usize, usize> {
    let mut escaped = false;
    for (at, byte) in rest.bytes().enumerate().skip(1) {
        if byte == quote && !escaped {
            return Ok(at + 1);
        }
        if Some(byte) == stop {
            return Err(at);
        }
        escaped = byte == b'\\' && !escaped;
    }
    Err(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_become_blanks_and_literals_stay() {
        for (source, text, literals) in [
            ("a // b\nc", "a  \nc", 0),
            ("a /* b */ c", "a   c", 0),
            ("'//' + \"/*\" // x", "'//' + \"/*\"  ", 2),
            ("'\\'//' x", "'\\'//' x", 1),
            ("a / b / c // d", "a / b / c  ", 0),
            ("x =~ /\\/\\// // y", "x =~ /\\/\\//  ", 1),
            ("'open // x", "'open // x", 1),
            ("'", "'", 1),
            ("/", "/", 0),
            ("/*/ a", " ", 0),
            ("\u{e9}/\u{e9} '\u{e9}' //\u{e9}", "\u{e9}/\u{e9} '\u{e9}'  ", 1),
        ] {
            let code = Code::read(source);
            assert_eq!((code.text(), code.literals.len()), (text, literals), "{source}");
        }
    }

    #[test]
    fn time_is_linear() {
        for part in ["/ ", "'", "/* ", "//", "= /x ", "= /\\", "doc['"] {
            let code = Code::read(&part.repeat(200_000));
            assert!(code.uses_of("doc").count() <= 200_000);
        }
    }
}
