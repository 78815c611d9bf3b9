//! Texts in scripts whose outcome nobody reads: any of them may be a value, or a part of one.

use serde_json::{Value, json};

use super::Rewriter;
use crate::job::script_reads;
use crate::pseudonym::Error;

impl Rewriter {
    /// The script with tokens in the place of its texts, names of fields excepted; `None` where it cannot be told what is
    /// a text.
    pub(super) fn without_literals(&mut self, script: &Value) -> Result<Option<Value>, Error> {
        let reads = script_reads(script);
        let is_name = |text: &str| reads.names.contains(text) || text == "_source";
        let source = script.as_str().or_else(|| script.get("source")?.as_str());
        let Some(pieces) = source.filter(|_| reads.doubts.is_empty()).and_then(pieces) else {
            return Ok(None);
        };
        let mut new = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(_, text) if !is_name(&text) => {
                    let token = self.named(&text)?;
                    new.push_str(&written(&token));
                }
                Piece::Text(raw, _) | Piece::Code(raw) => new.push_str(raw),
            }
        }
        if script.is_string() {
            return Ok(Some(new.into()));
        }
        let mut made = script.clone();
        made["source"] = new.into();
        for (name, parameter) in script.get("params").and_then(Value::as_object).into_iter().flatten() {
            made["params"][name] = self.without_texts(parameter, &is_name)?;
        }
        Ok(Some(made))
    }

    fn without_texts(&mut self, value: &Value, is_name: &dyn Fn(&str) -> bool) -> Result<Value, Error> {
        Ok(match value {
            Value::String(text) if !is_name(text) => self.named(text)?.into(),
            Value::Array(list) => {
                let list = list.iter().map(|item| self.without_texts(item, is_name));
                Value::Array(list.collect::<Result<_, _>>()?)
            }
            Value::Object(members) => {
                let mut new = json!({});
                for (name, member) in members {
                    new[name] = self.without_texts(member, is_name)?;
                }
                new
            }
            value => value.clone(),
        })
    }
}

enum Piece<'a> {
    Code(&'a str),
    /// As written, and what it means.
    Text(&'a str, String),
}

/// `None` where a slash stands: a regular expression or a comment may begin there.
fn pieces(source: &str) -> Option<Vec<Piece<'_>>> {
    let mut pieces = Vec::new();
    let mut rest = source;
    while let Some(at) = rest.find(['\'', '"', '/']) {
        let (code, text) = rest.split_at(at);
        pieces.push(Piece::Code(code));
        let quote = text.chars().next().filter(|c| *c != '/')?;
        let (raw, meant, after) = literal(text, quote)?;
        pieces.push(Piece::Text(raw, meant));
        rest = after;
    }
    pieces.push(Piece::Code(rest));
    Some(pieces)
}

/// A text in quotes as written, what it means, and what follows.
fn literal(text: &str, quote: char) -> Option<(&str, String, &str)> {
    let mut meant = String::new();
    let mut characters = text.char_indices().skip(1);
    while let Some((at, c)) = characters.next() {
        match c {
            '\\' => meant.push(characters.next()?.1),
            c if c == quote => {
                let (raw, rest) = text.split_at(at + 1);
                return Some((raw, meant, rest));
            }
            c => meant.push(c),
        }
    }
    None
}

fn written(text: &str) -> String {
    format!("'{}'", text.replace('\\', r"\\").replace('\'', r"\'"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_are_told_from_code() {
        let texts = |source| {
            let pieces = pieces(source)?;
            let texts = pieces.into_iter().filter_map(|piece| match piece {
                Piece::Text(_, text) => Some(text),
                Piece::Code(_) => None,
            });
            Some(texts.collect::<Vec<_>>())
        };
        let found = texts(r#"emit(doc['a'].value == "b'c" ? 'd\'e' : '')"#).unwrap();
        assert_eq!(found, ["a", "b'c", "d'e", ""]);
        for odd in ["'a", "a / 2", "x =~ /web-.*/", "1 // web-01", "'a\\"] {
            assert!(texts(odd).is_none(), "{odd}");
        }
        assert_eq!(written(r"a'\"), r"'a\'\\'");
    }
}
