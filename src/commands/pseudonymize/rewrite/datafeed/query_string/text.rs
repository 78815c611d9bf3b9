//! How values are written in the text of a `query_string`.

use std::collections::BTreeSet;

use crate::commands::pseudonymize::rewrite::compare::Bound;
use crate::pseudonym::unescaped;

/// Words that are no values.
pub(super) const OPERATORS: [&str; 6] = ["AND", "OR", "NOT", "&&", "||", "TO"];
/// What takes in nothing.
const NOTHING: &str = "(NOT *:*)";

/// A value, as it is meant.
pub(super) enum Read {
    Exact(String),
    Pattern(String),
    Regexp(String),
    Range(Option<Bound>, Option<Bound>),
}

/// What a value is; `None` where that cannot be told.
pub(super) fn operand(raw: &str) -> Option<Read> {
    let inner = |end: char| raw.get(1..)?.strip_suffix(end);
    Some(match raw.chars().next()? {
        '"' => Read::Exact(unescaped(inner('"')?)),
        '/' => Read::Regexp(inner('/')?.to_owned()),
        open @ ('[' | '{') => {
            let (text, closed) = match raw.get(1..)?.strip_suffix(']') {
                Some(text) => (text, true),
                None => (raw.get(1..)?.strip_suffix('}')?, false),
            };
            let (low, rest) = bound(text.trim_start())?;
            let (high, rest) = bound(rest.trim_start().strip_prefix("TO")?.trim_start())?;
            rest.trim().is_empty().then_some(())?;
            Read::Range(low.map(|low| (low, open == '[')), high.map(|high| (high, closed)))
        }
        open @ ('<' | '>') => {
            let (itself, text) = match raw[1..].strip_prefix('=') {
                Some(text) => (true, text),
                None => (false, &raw[1..]),
            };
            let (text, rest) = bound(text.trim_start())?;
            rest.is_empty().then_some(())?;
            let side = Some((text?, itself));
            if open == '<' {
                Read::Range(None, side)
            } else {
                Read::Range(side, None)
            }
        }
        _ if has_wildcard(raw) => Read::Pattern(raw.to_owned()),
        _ => Read::Exact(unescaped(raw)),
    })
}

/// A bound of a range, and what follows; `*` is none.
fn bound(text: &str) -> Option<(Option<String>, &str)> {
    if text.starts_with('"') {
        let end = quoted(text, '"');
        let inner = text.get(1..end)?.strip_suffix('"')?;
        return Some((Some(unescaped(inner)), &text[end..]));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (raw, rest) = text.split_at(end);
    match raw {
        "" => None,
        "*" => Some((None, rest)),
        raw => Some((Some(unescaped(raw)), rest)),
    }
}

fn has_wildcard(raw: &str) -> bool {
    let mut escaped = false;
    raw.chars().any(|c| {
        let wild = !escaped && matches!(c, '*' | '?');
        escaped = !escaped && c == '\\';
        wild
    })
}

/// Bytes of the value that begins here.
pub(super) fn value(text: &str) -> usize {
    match text.chars().next() {
        Some(quote @ ('"' | '/')) => quoted(text, quote),
        Some('[' | '{') => range(text),
        Some('<' | '>') => {
            let sign = if text[1..].starts_with('=') { 2 } else { 1 };
            let rest = &text[sign..];
            let blank = rest.len() - rest.trim_start().len();
            let rest = &rest[blank..];
            sign + blank
                + if rest.starts_with('"') {
                    quoted(rest, '"')
                } else {
                    word(rest)
                }
        }
        _ => word(text),
    }
}

/// Bytes of a range, quoted bounds and brackets included.
fn range(text: &str) -> usize {
    let mut at = 1;
    while let Some(c) = text[at..].chars().next() {
        match c {
            '"' => at += quoted(&text[at..], '"'),
            ']' | '}' => return at + 1,
            c => at += c.len_utf8(),
        }
    }
    at
}

/// Bytes of a text in these quotes, with them.
fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    let end = text[1..].find(|c| {
        let end = !escaped && c == quote;
        escaped = !escaped && c == '\\';
        end
    });
    end.map_or(text.len(), |end| end + 2)
}

/// Bytes of the word that begins here, backslashes included. A sign may stand at its beginning.
pub(super) fn word(text: &str) -> usize {
    let mut escaped = false;
    let end = text.find(|c: char| {
        let end = !escaped && (c.is_whitespace() || ":()\"[]{}^~".contains(c));
        escaped = !escaped && c == '\\';
        end
    });
    end.unwrap_or(text.len())
}

/// Tokens as one value.
pub(super) fn listed(tokens: &BTreeSet<String>) -> String {
    let all: Vec<String> = tokens.iter().map(|token| written(token)).collect();
    match all.as_slice() {
        [] => NOTHING.to_owned(),
        [one] => one.clone(),
        all => format!("({})", all.join(" OR ")),
    }
}

/// A text so that it is read as one value.
pub(super) fn written(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '@');
    let bare = !text.is_empty() && !text.starts_with('-') && text.chars().all(plain) && !OPERATORS.contains(&text);
    match bare {
        true => text.to_owned(),
        false => format!("\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_are_read_as_they_are_meant() {
        let bound = |text: &str, itself| Some((text.to_owned(), itself));
        for (raw, low, high) in [
            ("[a TO b}", bound("a", true), bound("b", false)),
            ("{\"a b\" TO *]", bound("a b", false), None),
            (">=500", bound("500", true), None),
            ("< 500", None, bound("500", false)),
            (">\"a b\"", bound("a b", false), None),
        ] {
            assert_eq!(value(raw), raw.len(), "{raw}");
            let Some(Read::Range(l, h)) = operand(raw) else {
                unreachable!("{raw}")
            };
            assert_eq!((l, h), (low, high), "{raw}");
        }
        for (raw, wanted) in [
            (r"web\-01", "web-01"),
            (r#""a \"b\"""#, r#"a "b""#),
            (r"a\*", "a*"),
            ("-1", "-1"),
        ] {
            let Some(Read::Exact(text)) = operand(raw) else {
                unreachable!("{raw}")
            };
            assert_eq!((value(raw), text.as_str()), (raw.len(), wanted));
        }
        assert!(matches!(operand("web-*"), Some(Read::Pattern(_))));
        assert!(matches!(operand("/a.b/"), Some(Read::Regexp(text)) if text == "a.b"));
        for odd in ["[a b]", "[a TO b", "\"a", "/", "\"", ">", "[", "[a TO b c]"] {
            assert!(operand(odd).is_none(), "{odd}");
            assert!(value(odd) <= odd.len());
        }
    }

    #[test]
    fn tokens_are_written_so_that_they_are_read() {
        let tokens = |all: &[&str]| listed(&all.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(tokens(&["t_1"]), "t_1");
        assert_eq!(tokens(&["t_1", "fd00::1"]), "(\"fd00::1\" OR t_1)");
        assert_eq!(tokens(&[]), NOTHING);
        assert_eq!(written("a \"b\\"), r#""a \"b\\""#);
        assert_eq!(
            (written("-1"), written("OR")),
            ("\"-1\"".to_owned(), "\"OR\"".to_owned())
        );
    }
}
