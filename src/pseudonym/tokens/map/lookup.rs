//! Values found again: as whole texts and within others.

use std::ops::Range;

use super::super::substring_index::{Found, MIN_BYTES};
use super::{Entry, TokenMap};
use crate::values::is_numeric;

impl TokenMap {
    /// The token of this text where it is a value that is replaced; of words of messages only if `words`.
    pub fn replacement(&self, text: &str, words: bool) -> Option<&str> {
        let entry = self.original(text)?;
        entry.token.as_deref().filter(|_| words || !entry.word)
    }

    /// Whether this text is a value that is replaced; words of messages count only if `words`.
    pub fn is_original(&self, text: &str, words: bool) -> bool {
        self.original(text).is_some_and(|entry| words || !entry.word)
    }

    pub(super) fn original(&self, text: &str) -> Option<&Entry> {
        let id = self.index.get(text)?;
        self.entries.get(*id as usize).filter(|entry| entry.replaced)
    }

    /// Where a value of six characters or more that is no number stands within a text. Of a value of more than 64 bytes
    /// its beginning is enough, and it counts even where it is a word of messages: nobody else uses such a word.
    pub fn find_value(&self, text: &str, words: bool) -> Option<Range<usize>> {
        self.find(text, words).map(|found| found.range)
    }

    /// The same with the token of the value.
    pub fn find_value_with_token(&self, text: &str, words: bool) -> Option<(Range<usize>, &str)> {
        let Found { range, needle } = self.find(text, words)?;
        #[allow(
            clippy::expect_used,
            reason = "a text must not lose a value without a token in its place"
        )]
        let token = self
            .original(needle)
            .and_then(|entry| entry.token.as_deref())
            .expect("every value that is replaced has a token");
        Some((range, token))
    }

    fn find<'a>(&'a self, text: &'a str, words: bool) -> Option<Found<'a>> {
        self.substrings
            .find(text, &|found| is_searched(found) && self.is_original(found, words))
    }

    /// The text with every value in it replaced, as far as [`find_value`](Self::find_value) finds them.
    pub fn replace_known_values(&self, text: &str, words: bool) -> String {
        if let Some(token) = self.replacement(text, words) {
            return token.to_owned();
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((range, token)) = self.find_value_with_token(rest, words) {
            out.push_str(&rest[..range.start]);
            out.push_str(token);
            rest = &rest[range.end..];
        }
        out.push_str(rest);
        out
    }
}

/// Whether it is looked for within other texts.
pub(super) fn is_searched(text: &str) -> bool {
    text.chars().count() >= MIN_BYTES && !is_numeric(text)
}
