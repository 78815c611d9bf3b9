//! A stream of bytes to tokens, each with what stands before it.

use std::borrow::Cow;
use std::ops::Range;

/// Bytes of one token: the longest string of a state is one number for each series.
const LONGEST: usize = 128 << 20;
const DEEPEST: usize = 10_000;
/// Bytes already handed out that may stand before those that wait.
const SLACK: usize = 256 << 10;

/// What a token is.
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

/// A token with the blanks, commas and colons before it.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    /// What it is.
    pub kind: Kind,
    /// Blanks, and the comma or colon.
    pub lead: &'a [u8],
    /// The token itself, a string with its quotes.
    pub raw: &'a [u8],
}

/// Not JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not JSON at byte {at}: {why}")]
pub struct Error {
    /// Bytes before it.
    pub at: u64,
    /// What is wrong.
    pub why: &'static str,
}

/// Cuts one JSON text, given in pieces of any size. Memory is bounded by the longest string.
#[derive(Debug)]
pub struct Tokenizer {
    buffer: Vec<u8>,
    /// Where the next token's lead begins in the buffer.
    begin: usize,
    /// Where reading goes on: within the lead, or within a token that is not whole yet.
    at: usize,
    /// A token that is not whole yet begins here.
    open: Option<usize>,
    /// Bytes that left the buffer.
    gone: u64,
    /// Containers around, true for objects.
    objects: Vec<bool>,
    expected: Expected,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    Nothing,
}

/// For tokens on their way into a sink.
impl From<Error> for std::io::Error {
    fn from(error: Error) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

impl Token<'_> {
    /// What a string means.
    ///
    /// # Errors
    /// Not UTF-8, a control character, an escape that means nothing, or no string.
    pub fn text(&self) -> Result<Cow<'_, str>, Error> {
        let unreadable = Error {
            at: 0,
            why: "a string that cannot be read",
        };
        let inner = self.raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        let inner = inner.ok_or_else(|| unreadable.clone())?;
        if inner.contains(&b'\\') {
            let text = serde_json::from_slice(self.raw);
            let text = text.or_else(|_| serde_json::from_slice(&replace_lone_surrogates(self.raw)));
            return text.map(Cow::Owned).map_err(|_| unreadable);
        }
        match std::str::from_utf8(inner) {
            Ok(text) if !text.bytes().any(|byte| byte < b' ') => Ok(Cow::Borrowed(text)),
            _ => Err(unreadable),
        }
    }

    /// Whether it begins an object or an array.
    pub fn begins(&self) -> bool {
        matches!(self.kind, Kind::BeginObject | Kind::BeginArray)
    }

    /// Whether it ends one.
    pub fn ends(&self) -> bool {
        matches!(self.kind, Kind::EndObject | Kind::EndArray)
    }
}

/// JSON with `\ufffd` in the place of each escaped surrogate that has no partner, as Lucene indexes them: Elasticsearch
/// accepts such a document, but no Unicode text contains one.
pub fn replace_lone_surrogates(raw: &[u8]) -> Cow<'_, [u8]> {
    let surrogate = |bytes: &[u8]| matches!(bytes, [b'\\', b'u', b'd' | b'D']);
    if !raw.contains(&b'\\') || !raw.windows(3).any(surrogate) {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(&byte) = rest.first() {
        let length = match (byte, escaped_unit(rest)) {
            (b'\\', Some(0xD800..=0xDBFF)) if matches!(escaped_unit(&rest[6..]), Some(0xDC00..=0xDFFF)) => 12,
            (b'\\', Some(0xD800..=0xDFFF)) => {
                out.extend_from_slice(b"\\ufffd");
                rest = &rest[6..];
                continue;
            }
            (b'\\', _) => 2.min(rest.len()),
            _ => 1,
        };
        out.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    Cow::Owned(out)
}

/// The UTF-16 code unit whose escape begins here.
fn escaped_unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self {
            buffer: Vec::new(),
            begin: 0,
            at: 0,
            open: None,
            gone: 0,
            objects: Vec::new(),
            expected: Expected::Value,
        }
    }
}

impl Tokenizer {
    /// Takes the next bytes and hands out the tokens that they make whole.
    ///
    /// # Errors
    /// Not JSON, or what `sink` says.
    pub fn push<E: From<Error>>(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(Token<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.forget_old();
        self.buffer.extend_from_slice(bytes);
        self.hand_out(false, sink)
    }

    /// The end of the text; what follows the last token is returned.
    ///
    /// # Errors
    /// As [`push`](Self::push), or a text that is not whole.
    pub fn finish<E: From<Error>>(mut self, sink: &mut impl FnMut(Token<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
        self.hand_out(true, sink)?;
        if self.expected != Expected::Nothing {
            return Err(self.wrong(self.buffer.len(), "it is cut short").into());
        }
        Ok(self.buffer.split_off(self.begin))
    }

    /// The tokens of a whole text.
    ///
    /// # Errors
    /// As [`push`](Self::push) and [`finish`](Self::finish).
    pub fn whole<E: From<Error>>(text: &[u8], sink: &mut impl FnMut(Token<'_>) -> Result<(), E>) -> Result<Vec<u8>, E> {
        let mut tokens = Self::default();
        tokens.push(text, sink)?;
        tokens.finish(sink)
    }

    fn forget_old(&mut self) {
        if self.begin < SLACK && self.begin < self.buffer.len() {
            return;
        }
        self.buffer.drain(..self.begin);
        self.gone += self.begin as u64;
        self.at -= self.begin;
        self.open = self.open.map(|open| open - self.begin);
        self.begin = 0;
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
        if self.buffer.len() - self.begin > LONGEST {
            return Err(self.wrong(self.begin, "a string of more than 128 MiB").into());
        }
        Ok(())
    }

    fn next(&mut self, last: bool) -> Result<Option<(Kind, Range<usize>)>, Error> {
        if let Some(open) = self.open {
            return self.go_on(open, last);
        }
        while let Some(byte) = self.buffer.get(self.at).copied() {
            let at = self.at;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => {}
                b',' if self.expected == Expected::CommaOrEnd => {
                    self.expected = match self.objects.last() {
                        Some(true) => Expected::Name,
                        _ => Expected::Value,
                    };
                }
                b':' if self.expected == Expected::Colon => self.expected = Expected::Value,
                b'{' if self.takes_value() => return self.begin_container(at, true).map(Some),
                b'[' if self.takes_value() => return self.begin_container(at, false).map(Some),
                b'}' if self.takes_end(true) => return Ok(Some(self.end_container(at, Kind::EndObject))),
                b']' if self.takes_end(false) => return Ok(Some(self.end_container(at, Kind::EndArray))),
                b'"' if self.takes_name() || self.takes_value() => {
                    self.at += 1;
                    self.open = Some(at);
                    return self.go_on(at, last);
                }
                b'-' | b'0'..=b'9' | b't' | b'f' | b'n' if self.takes_value() => {
                    self.open = Some(at);
                    return self.go_on(at, last);
                }
                _ => return Err(self.wrong(at, "something else belongs here")),
            }
            self.at += 1;
        }
        Ok(None)
    }

    /// Reads on within a string or a literal.
    fn go_on(&mut self, open: usize, last: bool) -> Result<Option<(Kind, Range<usize>)>, Error> {
        let end = if self.buffer[open] == b'"' {
            self.end_of_string()
        } else {
            self.end_of_literal(open, last)?
        };
        let Some(end) = end else { return Ok(None) };
        let kind = match (self.buffer[open], self.takes_name()) {
            (b'"', true) => Kind::Name,
            (b'"', false) => Kind::Text,
            _ => Kind::Literal,
        };
        self.open = None;
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
                // Both bytes of an escape are needed to tell where the next one begins.
                Some(n) if n + 1 < rest.len() => self.at += n + 2,
                Some(n) => {
                    self.at += n;
                    return None;
                }
                None => {
                    self.at = self.buffer.len();
                    return None;
                }
            }
        }
    }

    fn end_of_literal(&mut self, open: usize, last: bool) -> Result<Option<usize>, Error> {
        let rest = &self.buffer[self.at..];
        let end = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'));
        let end = match end {
            Some(n) => self.at + n,
            None if last => self.buffer.len(),
            None => {
                self.at = self.buffer.len();
                return Ok(None);
            }
        };
        if serde_json::from_slice::<serde::de::IgnoredAny>(&self.buffer[open..end]).is_err() {
            return Err(self.wrong(open, "neither a number nor a known word"));
        }
        Ok(Some(end))
    }

    fn begin_container(&mut self, at: usize, object: bool) -> Result<(Kind, Range<usize>), Error> {
        if self.objects.len() >= DEEPEST {
            return Err(self.wrong(at, "nested too deeply"));
        }
        self.objects.push(object);
        self.at = at + 1;
        let kind;
        (kind, self.expected) = match object {
            true => (Kind::BeginObject, Expected::NameOrEnd),
            false => (Kind::BeginArray, Expected::ValueOrEnd),
        };
        Ok((kind, at..at + 1))
    }

    fn end_container(&mut self, at: usize, kind: Kind) -> (Kind, Range<usize>) {
        self.objects.pop();
        self.at = at + 1;
        self.expected = self.after_value();
        (kind, at..at + 1)
    }

    fn after_value(&self) -> Expected {
        match self.objects.is_empty() {
            true => Expected::Nothing,
            false => Expected::CommaOrEnd,
        }
    }

    fn takes_value(&self) -> bool {
        matches!(self.expected, Expected::Value | Expected::ValueOrEnd)
    }

    fn takes_name(&self) -> bool {
        matches!(self.expected, Expected::Name | Expected::NameOrEnd)
    }

    fn takes_end(&self, object: bool) -> bool {
        let empty = match object {
            true => Expected::NameOrEnd,
            false => Expected::ValueOrEnd,
        };
        self.objects.last() == Some(&object) && (self.expected == Expected::CommaOrEnd || self.expected == empty)
    }

    fn wrong(&self, at: usize, why: &'static str) -> Error {
        Error {
            at: self.gone + at as u64,
            why,
        }
    }
}
