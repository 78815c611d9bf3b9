//! The values that were replaced, found again in any bytes.

use std::collections::HashMap;
use std::ops::Range;

use crate::pseudonym::tokens::{MIN_BYTES, PrefixIndex};

/// Characters from which on a value counts as an occurrence inside a longer text, between word boundaries.
const MIN_BOUNDED_CHARACTERS: usize = MIN_BYTES;
/// Characters from which on it counts without word boundaries.
const MIN_UNBOUNDED_CHARACTERS: usize = 12;
/// Digits from which on a whole number is as distinctive as a text.
const MIN_DISTINCTIVE_DIGITS: usize = 15;
/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplacedValue {
    /// It is known as a word of messages only, so that others may well use it.
    pub(super) word: bool,
    /// It can be read as a number.
    pub(super) number: bool,
    /// Its characters, counted up to 255.
    characters: u8,
}

impl ReplacedValue {
    fn has(self, characters: usize) -> bool {
        usize::from(self.characters) >= characters
    }

    /// Whether it is distinctive enough to be searched for inside longer texts.
    fn is_distinctive(self) -> bool {
        self.has(match self.number {
            true => MIN_DISTINCTIVE_DIGITS,
            false => MIN_BOUNDED_CHARACTERS,
        })
    }

    /// Whether it can hardly be another number by chance.
    pub(super) fn is_long(self) -> bool {
        self.has(MIN_BOUNDED_CHARACTERS)
    }
}

/// The values that were replaced.
#[derive(Default)]
pub(super) struct ReplacedValues<'a> {
    pub(super) all: HashMap<&'a str, ReplacedValue>,
    /// Beginnings of values: that of a very long one reveals as much as all of it.
    beginnings: PrefixIndex,
    /// Those that are longer than their beginnings, by them.
    longer: HashMap<&'a [u8], ReplacedValue>,
}

impl<'a> ReplacedValues<'a> {
    /// Values, each with whether it is nothing but a word of messages.
    pub(super) fn new(values: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut replaced = Self::default();
        for (text, word) in values.filter(|(text, _)| !text.is_empty()) {
            let value = ReplacedValue {
                word,
                number: text.parse::<f64>().is_ok(),
                characters: text.chars().count().try_into().unwrap_or(u8::MAX),
            };
            replaced.all.insert(text, value);
            if value.is_distinctive() {
                let beginning = replaced.beginnings.add(text);
                if beginning.len() < text.len() {
                    replaced.longer.insert(beginning.as_bytes(), value);
                }
            }
        }
        replaced
    }

    /// The value that these bytes are.
    pub(super) fn get(&self, text: &[u8]) -> Option<ReplacedValue> {
        self.all.get(std::str::from_utf8(text).ok()?).copied()
    }

    /// Whether a value is inside a text; `counts` decides about each occurrence.
    pub(super) fn is_contained_in(
        &self,
        text: &[u8],
        counts: &mut dyn FnMut(Range<usize>, ReplacedValue) -> bool,
    ) -> bool {
        (0..text.len()).any(|at| {
            self.beginnings.lengths(&text[at..]).any(|length| {
                let range = at..at + length;
                let Some(found) = text.get(range.clone()) else {
                    return false;
                };
                let whole = self.get(found).filter(|value| value.is_distinctive());
                whole.or_else(|| self.longer.get(found).copied()).is_some_and(|value| {
                    let is_anywhere = value.has(MIN_UNBOUNDED_CHARACTERS) && !value.word;
                    (is_anywhere || is_bounded(text, &range, value.word)) && counts(range, value)
                })
            })
        })
    }
}

/// Whether a part of a text does not begin or end inside a word. In a `whole` word of a message `_`, `-` and `.` join
/// letters and digits, as they do for autodetect.
fn is_bounded(text: &[u8], part: &Range<usize>, whole: bool) -> bool {
    let (before, within, after) = (&text[..part.start], &text[part.clone()], &text[part.end..]);
    let begins = !(ends_in_word(before) && begins_with_word(within));
    let ends = !(begins_with_word(after) && ends_in_word(within));
    let is_joined = || {
        let left = before.iter().rposition(|byte| !joins(*byte)).map_or(0, |last| last + 1);
        let right = after.iter().position(|byte| !joins(*byte)).unwrap_or(after.len());
        (left < before.len() && ends_in_word(&before[..left])) || (right > 0 && begins_with_word(&after[right..]))
    };
    begins && ends && !(whole && is_joined())
}

fn joins(byte: u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

/// Whether a letter or a digit comes first; no bytes that are not UTF-8 are one.
fn begins_with_word(text: &[u8]) -> bool {
    let first = text[..text.len().min(4)].utf8_chunks().next();
    first.is_some_and(|chunk| chunk.valid().starts_with(char::is_alphanumeric))
}

fn ends_in_word(text: &[u8]) -> bool {
    let text = &text[text.len().saturating_sub(4)..];
    let begin = text.iter().rposition(|byte| !matches!(byte, 0x80..=0xbf)).unwrap_or(0);
    std::str::from_utf8(&text[begin..]).is_ok_and(|last| last.ends_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str], text: &str) -> bool {
        let values = values.iter().map(|value| match value.strip_prefix("w:") {
            Some(word) => (word, true),
            None => (*value, false),
        });
        ReplacedValues::new(values).is_contained_in(text.as_bytes(), &mut |_, _| true)
    }

    #[test]
    fn a_value_is_found_between_word_boundaries_and_a_long_one_anywhere() {
        for (value, text, wanted) in [
            ("server", "server", true),
            ("server", "the server-1 of", true),
            ("server", "(server)", true),
            ("server", "servers", false),
            ("server", "observer observers", false),
            ("server", "eserver server", true),
            ("web-01", "xweb-01", false),
            ("web-01", "x.web-01.y", true),
            ("bücher", "die bücher", true),
            ("bücher", "bücherei", false),
            ("bücher", "übücher", false),
            ("😀😀😀😀😀😀", "a😀😀😀😀😀😀b", true),
            ("\"a\" \n b", "x\"a\" \n b", true),
            ("alice.muster", "xalice.muster2", true),
            // Too short, or too much like any number.
            ("web", "web", false),
            ("123456", "123456", false),
            ("1234567.25", "1234567.25", false),
            ("123456789012345", "n=123456789012345", true),
            // Words of messages are whole words.
            ("w:failed", "it failed.", true),
            ("w:failed", "failed-login", false),
            ("w:failed", "_failed_", true),
            ("w:authentication", "authentications", false),
        ] {
            assert_eq!(found(&[value], text), wanted, "{value} in {text}");
        }
    }

    #[test]
    fn the_beginning_of_a_very_long_value_is_enough() {
        let value = "ä".repeat(3000);
        assert!(found(&[&value], &format!("x {}", &value[..70])));
        assert!(!found(&[&value], &value[..60]));
        assert!(found(&["abcdefg", &value], "an abcdefg"));
    }

    #[test]
    fn the_longest_is_looked_at_first_and_the_others_too() {
        let values = ["aaaaaa", "aaaaaaaa", "aaaaaaaaaaaaaaaa"];
        let values = ReplacedValues::new(values.iter().map(|value| (*value, false)));
        let mut lengths = Vec::new();
        values.is_contained_in(&[b'a'; 16], &mut |range, _| {
            lengths.push(range.len());
            false
        });
        assert_eq!(lengths, [16]);
        assert!(values.is_contained_in(b"aaaaaaaa", &mut |_, _| true));
        assert!(!values.is_contained_in(b"aaaaaaaaa", &mut |_, _| true));
    }
}
