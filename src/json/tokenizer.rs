//! Splits a stream of bytes into tokens, each with the bytes before it.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr;

use super::object::CowStr;

/// Maximum size of a token in bytes. The longest string of a state has one number per series.
const MAX_TOKEN_BYTES: usize = 128 << 20;
const DEEPEST: usize = 10_000;

/// The kind of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `{`
    BeginObject,
    /// `}`
    EndObject,
    /// `[`
    BeginArray,
    /// `]`
    EndArray,
    /// A member's name.
    Name,
    /// A string that is a value.
    Text,
    /// A number, `true`, `false` or `null`.
    Literal,
}

impl Kind {
    /// Whether the token begins an object or an array.
    pub(crate) fn begins(self) -> bool {
        matches!(self, Self::BeginObject | Self::BeginArray)
    }

    /// Whether the token ends an object or an array.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::EndObject | Self::EndArray)
    }
}

/// A token with the whitespace, commas and colons before it.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// The kind of the token.
    pub kind: Kind,
    /// Whitespace, and the comma or colon.
    pub lead: &'a [u8],
    /// The token itself; a string includes its quotes.
    pub raw: &'a [u8],
}

/// The text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {why}")]
pub struct Error {
    /// The number of bytes before the error.
    pub at: u64,
    /// The reason.
    pub why: &'static str,
}

/// Splits one JSON text, given in pieces of any size. Memory use is limited by the longest string.
#[derive(Debug, Default)]
pub struct Tokenizer {
    buffer: Vec<u8>,
    /// The start of the next token's lead in the buffer.
    begin: usize,
    /// The position where reading continues, within the lead or an incomplete token.
    at: usize,
    /// The start of an incomplete token.
    open: Option<usize>,
    /// The number of bytes removed from the buffer.
    gone: u64,
    /// The enclosing containers; true for objects.
    objects: Vec<bool>,
    expected: Expected,
    /// Whether the enclosing container is empty so far.
    empty: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Expected {
    #[default]
    Value,
    Name,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// Converts the error for tokens that are written to a sink.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl Token<'_> {
    /// Returns the decoded string, or any other token as written.
    ///
    /// # Errors
    /// Invalid UTF-8, a control character or an unknown escape.
    pub fn text(&self) -> Result<Cow<'_, str>, Error> {
        if !matches!(self.kind, Kind::Name | Kind::Text) {
            return Ok(String::from_utf8_lossy(self.raw));
        }
        let read = serde_json::from_slice(self.raw).map(|CowStr(text)| text);
        let read = read.or_else(|_| serde_json::from_slice(&replace_lone_surrogates(self.raw)).map(Cow::Owned));
        read.map_err(|_| Error {
            at: 0,
            why: "a string that cannot be read",
        })
    }
}

/// Returns JSON with `\ufffd` instead of each unpaired surrogate escape, as Lucene indexes it. Elasticsearch accepts
/// such a document, but a Unicode string cannot contain it.
pub fn replace_lone_surrogates(raw: &[u8]) -> Cow<'_, [u8]> {
    let surrogate = |bytes: &[u8]| matches!(bytes, [b'\\', b'u', b'd' | b'D']);
    if memchr(b'\\', raw).is_none() || !raw.windows(3).any(surrogate) {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (before, escape) = rest.split_at(at);
        let (character, length) = unicode_escape(escape).unwrap_or((' ', 2.min(escape.len())));
        out.extend_from_slice(before);
        out.extend_from_slice(match character {
            char::REPLACEMENT_CHARACTER => b"\\ufffd",
            _ => &escape[..length],
        });
        rest = &escape[length..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// Decodes the `\uXXXX` at the start, including the second half of a pair. Returns the character and the number of
/// bytes. An unpaired surrogate becomes U+FFFD.
pub(crate) fn unicode_escape(text: &[u8]) -> Option<(char, usize)> {
    let unit = |text: &[u8]| {
        let digits = text.strip_prefix(b"\\u")?.get(..4)?;
        let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let units = [unit(text)?, unit(&text[6..]).unwrap_or(0)];
    let character = char::decode_utf16(units).next()?;
    Some(character.map_or((char::REPLACEMENT_CHARACTER, 6), |c| (c, 6 * c.len_utf16())))
}

impl Tokenizer {
    /// Appends bytes and passes the completed tokens to `sink`.
    ///
    /// # Errors
    /// The text is not JSON, or the sink failed.
    pub fn push<E: From<Error>>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Token<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        // What remains is an incomplete token.
        self.buffer.drain(..self.begin);
        self.gone += self.begin as u64;
        self.at -= self.begin;
        self.open = self.open.map(|open| open - self.begin);
        self.begin = 0;
        self.buffer.extend_from_slice(bytes);
        self.hand_out(false, sink)
    }

    /// Ends the text and returns the bytes after the last token.
    ///
    /// # Errors
    /// The same as for [`push`](Self::push), or an incomplete text.
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Token<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
        self.hand_out(true, sink)?;
        if self.expected != Expected::Nothing {
            return Err(self.wrong(self.buffer.len(), "it is truncated").into());
        }
        Ok(self.buffer.split_off(self.begin))
    }

    /// Passes the tokens of a complete text to `sink`.
    ///
    /// # Errors
    /// The same as for [`push`](Self::push) and [`finish`](Self::finish).
    pub fn whole<E: From<Error>>(text: &[u8], sink: &mut impl FnMut(Token<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let mut tokens = Self::default();
        tokens.push(text, sink)?;
        tokens.finish(sink)
    }

    fn hand_out<E: From<Error>>(
        &mut self,
        last: bool,
        sink: &mut impl FnMut(Token<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        while let Some((kind, raw)) = self.next(last)? {
            let lead = self.begin..raw.start;
            self.begin = raw.end;
            sink(Token {
                kind,
                lead: &self.buffer[lead],
                raw: &self.buffer[raw],
            })?;
        }
        if self.buffer.len() - self.begin > MAX_TOKEN_BYTES {
            return Err(self.wrong(self.begin, "a string of more than 128 MiB").into());
        }
        Ok(())
    }

    fn next(&mut self, last: bool) -> Result<Option<(Kind, Range<usize>)>, Error> {
        while self.open.is_none() {
            let at = self.at;
            let Some(byte) = self.buffer.get(at).copied() else {
                return Ok(None);
            };
            self.at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b',' if self.expected == Expected::CommaOrEnd => {
                    self.expected = match self.objects.last() {
                        Some(true) => Expected::Name,
                        _ => Expected::Value,
                    };
                }
                b':' if self.expected == Expected::Colon => self.expected = Expected::Value,
                b'{' | b'[' if self.expected == Expected::Value => {
                    if self.objects.len() >= DEEPEST {
                        return Err(self.wrong(at, "nested too deeply"));
                    }
                    self.objects.push(byte == b'{');
                    let kind;
                    (kind, self.expected) = match byte {
                        b'{' => (Kind::BeginObject, Expected::Name),
                        _ => (Kind::BeginArray, Expected::Value),
                    };
                    self.empty = true;
                    return Ok(Some((kind, at..self.at)));
                }
                b'}' | b']' if self.takes_end(byte == b'}') => {
                    self.objects.pop();
                    (self.expected, self.empty) = (self.after_value(), false);
                    let kind = match byte {
                        b'}' => Kind::EndObject,
                        _ => Kind::EndArray,
                    };
                    return Ok(Some((kind, at..self.at)));
                }
                b'"' if matches!(self.expected, Expected::Name | Expected::Value) => self.open = Some(at),
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if self.expected == Expected::Value => self.open = Some(at),
                _ => return Err(self.wrong(at, "unexpected character")),
            }
        }
        self.end_of_open(last)
    }

    /// Returns the incomplete string or literal once it is complete.
    fn end_of_open(&mut self, last: bool) -> Result<Option<(Kind, Range<usize>)>, Error> {
        let Some(open) = self.open else { return Ok(None) };
        let is_string = self.buffer[open] == b'"';
        let end = match is_string {
            true => self.end_of_string(),
            false => self.end_of_literal(open, last)?,
        };
        let Some(end) = end else { return Ok(None) };
        let kind = match is_string {
            true if self.expected == Expected::Name => Kind::Name,
            true => Kind::Text,
            false => Kind::Literal,
        };
        (self.open, self.empty) = (None, false);
        self.at = end;
        self.expected = match kind {
            Kind::Name => Expected::Colon,
            _ => self.after_value(),
        };
        Ok(Some((kind, open..end)))
    }

    fn end_of_string(&mut self) -> Option<usize> {
        loop {
            let rest = self.buffer.get(self.at..)?;
            match rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
                Some(n) if rest[n] == b'"' => return Some(self.at + n + 1),
                // Both bytes of an escape are needed to find the next one.
                Some(n) if n + 1 < rest.len() => self.at += n + 2,
                n => {
                    self.at += n.unwrap_or(rest.len());
                    return None;
                }
            }
        }
    }

    fn end_of_literal(&mut self, open: usize, last: bool) -> Result<Option<usize>, Error> {
        let ends = |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r');
        let end = self.buffer[self.at..].iter().position(ends).map(|n| self.at + n);
        let Some(end) = end.or(last.then_some(self.buffer.len())) else {
            self.at = self.buffer.len();
            return Ok(None);
        };
        if serde_json::from_slice::<serde::de::IgnoredAny>(&self.buffer[open..end]).is_err() {
            return Err(self.wrong(open, "not a number, `true`, `false` or `null`"));
        }
        Ok(Some(end))
    }

    fn after_value(&self) -> Expected {
        match self.objects.is_empty() {
            true => Expected::Nothing,
            false => Expected::CommaOrEnd,
        }
    }

    fn takes_end(&self, object: bool) -> bool {
        let may_end = self.empty || self.expected == Expected::CommaOrEnd;
        may_end && self.objects.last() == Some(&object)
    }

    fn wrong(&self, at: usize, why: &'static str) -> Error {
        Error {
            at: self.gone + at as u64,
            why,
        }
    }
}
