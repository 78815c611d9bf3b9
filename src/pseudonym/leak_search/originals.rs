//! The values that were replaced, found again in any bytes.

use std::collections::HashMap;
use std::ops::Range;

/// Characters from which on a value counts as an occurrence inside a longer text, between word boundaries.
pub(super) const MIN_BOUNDED_CHARACTERS: usize = 6;
/// Characters from which on it counts without word boundaries.
const MIN_UNBOUNDED_CHARACTERS: usize = 12;
/// Digits from which on a whole number is as distinctive as a text.
const MIN_DISTINCTIVE_DIGITS: usize = 15;
/// Bytes of a value that are searched for: its beginning reveals as much as all of it. The bound keeps the time for each
/// byte of a text constant, whatever the values are.
const MAX_SEARCHED_BYTES: usize = 64;
/// Bits of the filter before the map, as a power of two.
const FILTER_BITS: u32 = 20;

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReplacedValue {
    /// It is known as a word of messages only, so that others may well use it.
    pub(super) word: bool,
    /// It can be read as a number.
    pub(super) number: bool,
    /// Its characters, counted up to 255.
    pub(super) characters: u8,
}

impl ReplacedValue {
    fn new(text: &str, word: bool) -> Self {
        let characters = text.chars().take(255).count();
        Self {
            word,
            number: text.parse::<f64>().is_ok(),
            characters: u8::try_from(characters).unwrap_or(u8::MAX),
        }
    }

    fn has(self, characters: usize) -> bool {
        usize::from(self.characters) >= characters
    }

    /// Whether it is distinctive enough to be searched for inside longer texts.
    pub(super) fn is_distinctive(self) -> bool {
        self.has(if self.number {
            MIN_DISTINCTIVE_DIGITS
        } else {
            MIN_BOUNDED_CHARACTERS
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
    all: HashMap<&'a [u8], ReplacedValue>,
    /// Beginnings of those that are longer than what is searched for.
    longer: HashMap<&'a [u8], ReplacedValue>,
    /// By their first six bytes: bit `n` stands for `n + 1` bytes.
    lengths: HashMap<[u8; MIN_BOUNDED_CHARACTERS], u64>,
    filter: Vec<u64>,
}

impl<'a> ReplacedValues<'a> {
    /// Values, each with whether it is nothing but a word of messages.
    pub(super) fn new(values: impl Iterator<Item = (&'a str, bool)>) -> Self {
        let mut replaced = Self {
            filter: vec![0; 1 << (FILTER_BITS - 6)],
            ..Self::default()
        };
        for (text, word) in values.filter(|(text, _)| !text.is_empty()) {
            let original = ReplacedValue::new(text, word);
            replaced.all.insert(text.as_bytes(), original);
            if original.is_distinctive() {
                replaced.add(text, original);
            }
        }
        replaced
    }

    fn add(&mut self, text: &'a str, original: ReplacedValue) {
        let mut end = text.len().min(MAX_SEARCHED_BYTES);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let searched = &text.as_bytes()[..end];
        if end < text.len() {
            self.longer.insert(searched, original);
        }
        let Some(begin) = searched.first_chunk::<MIN_BOUNDED_CHARACTERS>() else {
            return;
        };
        *self.lengths.entry(*begin).or_default() |= 1 << (end - 1);
        let (word, bit) = place(*begin);
        self.filter[word] |= bit;
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Every value.
    pub(super) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        self.all.keys().copied()
    }

    /// The value that these bytes are.
    pub(super) fn get(&self, text: &[u8]) -> Option<ReplacedValue> {
        self.all.get(text).copied()
    }

    /// Whether a value is inside a text; `counts` decides about each occurrence.
    pub(super) fn is_contained_in(
        &self,
        text: &[u8],
        counts: &mut dyn FnMut(Range<usize>, ReplacedValue) -> bool,
    ) -> bool {
        let Some(last) = text.len().checked_sub(MIN_BOUNDED_CHARACTERS) else {
            return false;
        };
        for at in 0..=last {
            let Some(begin) = text[at..].first_chunk::<MIN_BOUNDED_CHARACTERS>() else {
                break;
            };
            let (word, bit) = place(*begin);
            if self.filter[word] & bit == 0 {
                continue;
            }
            let mut lengths = self.lengths.get(begin).copied().unwrap_or(0);
            while lengths != 0 {
                let length = 64 - lengths.leading_zeros() as usize;
                lengths &= !(1 << (length - 1));
                let range = at..at + length;
                let Some(found) = text.get(range.clone()) else {
                    continue;
                };
                let whole = self.all.get(found).filter(|original| original.is_distinctive());
                let original = whole.or_else(|| self.longer.get(found));
                if let Some(original) = original
                    && (original.has(MIN_UNBOUNDED_CHARACTERS) && !original.word
                        || is_bounded(text, &range, original.word))
                    && counts(range, *original)
                {
                    return true;
                }
            }
        }
        false
    }
}

fn place(begin: [u8; MIN_BOUNDED_CHARACTERS]) -> (usize, u64) {
    let [a, b, c, d, e, f] = begin;
    let number = u64::from_le_bytes([a, b, c, d, e, f, 0, 0]);
    let hash = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - FILTER_BITS);
    // Of `FILTER_BITS` bits, which fit into every `usize`.
    ((hash >> 6) as usize, 1 << (hash & 63))
}

/// Whether a part of a text does not begin or end inside a word. In a `whole` word of a message `_`, `-` and `.` join
/// letters and digits, as they do for autodetect.
fn is_bounded(text: &[u8], part: &Range<usize>, whole: bool) -> bool {
    let (before, within, after) = (&text[..part.start], &text[part.clone()], &text[part.end..]);
    let begins =
        last(before).is_none_or(|c| !c.is_alphanumeric()) || first(within).is_none_or(|c| !c.is_alphanumeric());
    let ends = first(after).is_none_or(|c| !c.is_alphanumeric()) || last(within).is_none_or(|c| !c.is_alphanumeric());
    begins && ends && !(whole && (is_joined_before(before) || is_joined_after(after)))
}

fn joins(byte: &u8) -> bool {
    matches!(byte, b'_' | b'-' | b'.')
}

fn is_joined_before(before: &[u8]) -> bool {
    let word = before.iter().rposition(|byte| !joins(byte));
    word.is_some_and(|at| at + 1 < before.len() && last(&before[..=at]).is_some_and(char::is_alphanumeric))
}

fn is_joined_after(after: &[u8]) -> bool {
    let word = after.iter().position(|byte| !joins(byte));
    word.is_some_and(|at| at > 0 && first(&after[at..]).is_some_and(char::is_alphanumeric))
}

/// The first character; none where the bytes are not UTF-8.
fn first(text: &[u8]) -> Option<char> {
    let begin = &text[..text.len().min(4)];
    begin.utf8_chunks().next()?.valid().chars().next()
}

fn last(text: &[u8]) -> Option<char> {
    let begin = (1..=text.len().min(4)).map(|n| text.len() - n);
    let mut begin = begin.filter(|at| !matches!(text[*at], 0x80..=0xbf));
    std::str::from_utf8(&text[begin.next()?..]).ok()?.chars().next()
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
