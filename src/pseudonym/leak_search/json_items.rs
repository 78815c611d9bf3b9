//! The names and values of JSON texts, as bytes come in.

use std::borrow::Cow;

use super::encodings::json_unescaped;
use crate::json::{Kind, Token, Tokenizer};

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
