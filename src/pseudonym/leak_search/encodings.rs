//! The texts of an entry: names and values of JSON as bytes come in, and what they contain behind an encoding: escaped by
//! JSON, by a pattern or for a URL, or in base64.

use std::borrow::Cow;

use crate::json::{Kind, Token, Tokenizer};

/// Characters of base64 in a row from which on they are decoded: six bytes.
const MIN_BASE64_CHARACTERS: usize = 8;

/// Every decoded form of a text. Each is decoded in time linear in the text.
pub(super) fn decoded(text: &[u8], found: &mut dyn FnMut(&[u8], bool) -> bool) -> bool {
    if text.contains(&b'\\') {
        let (json, plain) = (json_unescaped(text), unescaped(text));
        if found(&json, true) || (plain != json && found(&plain, true)) {
            return true;
        }
    }
    if text.contains(&b'%') {
        let decoded: Cow<'_, [u8]> = percent_encoding::percent_decode(text).into();
        if *decoded != *text && found(&decoded, true) {
            return true;
        }
    }
    base64(text, found)
}

/// A JSON string's text; a lone surrogate becomes U+FFFD, and what is no escape stays.
fn json_unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let (byte, taken) = match rest.first() {
            Some(b'u') => {
                let (character, taken) = unicode(rest);
                plain.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                rest = &rest[taken..];
                continue;
            }
            Some(b'n') => (b'\n', 1),
            Some(b't') => (b'\t', 1),
            Some(b'r') => (b'\r', 1),
            Some(b'b') => (8, 1),
            Some(b'f') => (12, 1),
            Some(byte) => (*byte, 1),
            None => (b'\\', 0),
        };
        plain.push(byte);
        rest = &rest[taken..];
    }
    plain.extend_from_slice(rest);
    plain
}

/// The character of `uXXXX`, perhaps with a second half behind it, and its bytes.
fn unicode(text: &[u8]) -> (char, usize) {
    let unit = |text: &[u8]| {
        let digits = text.strip_prefix(b"u")?.get(..4)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let Some(first) = unit(text) else {
        return ('u', 1);
    };
    let second = text.get(5..).and_then(|rest| unit(rest.strip_prefix(b"\\")?));
    let pair = second.and_then(|second| char::decode_utf16([first, second]).next()?.ok());
    match (char::from_u32(u32::from(first)), pair) {
        (Some(character), _) => (character, 5),
        (None, Some(character)) => (character, 11),
        (None, None) => (char::REPLACEMENT_CHARACTER, 5),
    }
}

/// Without the backslashes that a query or a pattern needs.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => plain.extend(bytes.next()),
            _ => plain.push(*byte),
        }
    }
    plain
}

/// Runs of base64, of either alphabet. A value can begin at any of four characters that encode three bytes.
fn base64(text: &[u8], found: &mut dyn FnMut(&[u8], bool) -> bool) -> bool {
    let mut rest = text;
    while let Some(begin) = rest.iter().position(|byte| sextet(*byte).is_some()) {
        rest = &rest[begin..];
        let end = rest
            .iter()
            .position(|byte| sextet(*byte).is_none())
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        // Numbers and names of members are no base64, but would have to be decoded all the time.
        if run.len() < MIN_BASE64_CHARACTERS || run.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let whole = run.len() + after.iter().take_while(|byte| **byte == b'=').count() == text.len();
        if (0..4).any(|offset| found(&bytes(&run[offset..]), whole && offset == 0)) {
            return true;
        }
    }
    false
}

fn bytes(run: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(run.len() / 4 * 3 + 3);
    for four in run.chunks(4) {
        let bits = four
            .iter()
            .filter_map(|byte| sextet(*byte))
            .fold(0, |bits, sextet| bits << 6 | u32::from(sextet));
        let bits = bits << (6 * (4 - four.len()));
        let [_, a, b, c] = bits.to_be_bytes();
        bytes.extend_from_slice(&[a, b, c][..four.len() * 3 / 4]);
    }
    bytes
}

fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// A name or a value.
pub(super) struct JsonItem<'a> {
    /// Names joined by dots, that of a name itself included; items of lists have the path of their list.
    pub(super) path: &'a str,
    pub(super) kind: Kind,
    /// What a string means, or a literal as written.
    pub(super) text: &'a [u8],
}

/// One JSON text.
#[derive(Default)]
pub(super) struct JsonItems {
    tokens: Tokenizer,
    path: JsonPath,
}

#[derive(Default)]
struct JsonPath {
    text: String,
    /// Its length outside of each container.
    outside: Vec<usize>,
}

impl JsonItems {
    /// Takes the next bytes.
    pub(super) fn push<E: From<crate::json::Error>>(
        &mut self,
        bytes: &[u8],
        visit: &mut dyn FnMut(&JsonItem<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let path = &mut self.path;
        self.tokens.push(bytes, &mut |token| path.follow(&token, visit))
    }

    /// The end of the text.
    pub(super) fn finish<E: From<crate::json::Error>>(
        self,
        visit: &mut dyn FnMut(&JsonItem<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut path = self.path;
        self.tokens.finish(&mut |token| path.follow(&token, visit)).map(|_| ())
    }
}

impl JsonPath {
    fn follow<E>(&mut self, token: &Token<'_>, visit: &mut dyn FnMut(&JsonItem<'_>) -> Result<(), E>) -> Result<(), E> {
        match token.kind {
            Kind::BeginObject | Kind::BeginArray => {
                self.outside.push(self.text.len());
                return Ok(());
            }
            Kind::EndObject | Kind::EndArray => {
                let outside = self.outside.pop().unwrap_or(0);
                self.text.truncate(outside);
                return Ok(());
            }
            _ => {}
        }
        let text = text(token);
        if token.kind == Kind::Name {
            self.text.truncate(self.outside.last().copied().unwrap_or(0));
            if !self.text.is_empty() {
                self.text.push('.');
            }
            self.text.push_str(&String::from_utf8_lossy(&text));
        }
        visit(&JsonItem {
            path: &self.text,
            kind: token.kind,
            text: &text,
        })
    }
}

/// Bytes that JSON does not allow are searched all the same.
fn text<'a>(token: &Token<'a>) -> Cow<'a, [u8]> {
    let inner = token.raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
    match inner {
        Some(inner) if inner.contains(&b'\\') => Cow::Owned(json_unescaped(inner)),
        Some(inner) => Cow::Borrowed(inner),
        None => Cow::Borrowed(token.raw),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;

    fn contains_value(text: &str, value: &str) -> bool {
        let value = value.as_bytes();
        decoded(text.as_bytes(), &mut |text, _| {
            text.windows(value.len()).any(|part| part == value)
        })
    }

    #[test]
    fn a_value_is_seen_through_each_encoding() {
        let value = "wéb\"01/x";
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}{value}");
            for encoded in [STANDARD.encode(&text), URL_SAFE_NO_PAD.encode(&text)] {
                assert!(contains_value(&format!("Basic {encoded}"), value), "{encoded}");
            }
        }
        assert!(contains_value(r#"{"a":"w\u00e9b\"01\/x"}"#, value));
        assert!(contains_value("/x/w%C3%A9b%2201%2fx?", value));
        assert!(contains_value(r"web\-01\.fra", "web-01.fra"));
        assert!(contains_value(r"a\ud83d\ude00b\", "a😀b"));
        for nothing in ["", "plain", "12345678", "%", "\\", "\\u", "\\ud83dx", "===="] {
            assert!(!contains_value(nothing, value), "{nothing}");
        }
    }
}
