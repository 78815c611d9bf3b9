//! Indents JSON for readers.

use serde_json::value::RawValue;

use super::tokenizer::{Error, Token, Tokenizer};

/// Maximum number of indented levels, so that the result is not much longer than a deeply nested text.
const MAX_LEVELS: usize = 32;

/// Indents a text, whose numbers and strings stay as they are written. After `max` bytes, it is truncated.
pub(crate) fn indented(json: &RawValue, max: usize) -> String {
    let (mut text, mut level) = (String::new(), 0_usize);
    let read = Tokenizer::whole(json.get().as_bytes(), &mut |token: Token<'_>| {
        let separators = token.lead.iter().filter(|byte| b",:".contains(byte));
        text.extend(separators.map(|byte| char::from(*byte)));
        level -= usize::from(token.kind.ends());
        match text.chars().last() {
            None => {}
            Some(':') => text.push(' '),
            Some('{' | '[') if token.kind.ends() => {}
            Some(_) => text.extend(["\n", &"  ".repeat(level.min(MAX_LEVELS))]),
        }
        text.push_str(&String::from_utf8_lossy(token.raw));
        level += usize::from(token.kind.begins());
        let too_long = Error { at: 0, why: "too long" };
        if text.len() > max { Err(too_long) } else { Ok(()) }
    });
    let end = if read.is_ok() { "" } else { "\n…" };
    text + end
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn of(json: &str, max: usize) -> String {
        indented(serde_json::from_str(json).unwrap(), max)
    }

    #[test]
    fn numbers_and_strings_stay_as_they_are_written() {
        assert_eq!(
            of(
                r#"{"a":[1.10,1E5, -0.0],"b" : {},"c":[ ],"d\u0061":"x, \"{\": y","e":{"f":null}}"#,
                1000
            ),
            r#"{
  "a": [
    1.10,
    1E5,
    -0.0
  ],
  "b": {},
  "c": [],
  "d\u0061": "x, \"{\": y",
  "e": {
    "f": null
  }
}"#
        );
        assert_eq!(of(" 1.0 ", 1000), "1.0");
    }

    #[test]
    fn the_length_is_limited() {
        let deep = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
        let text = of(&deep, 100_000);
        assert!(text.len() < 101_000 && text.ends_with("\n…"), "{}", text.len());
        assert_eq!(of(r#"["a","b"]"#, 3), "[\n  \"a\"\n…");
    }
}
