//! Values and their tokens.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::key_file::{Key, KeyFile};
use super::kind::Kind;
use super::substring_index::{Found, MIN_BYTES, SubstringIndex};
use crate::pseudonym::error::Error;
use crate::values::is_numeric;

/// Distinct values that are told apart.
const MAX_VALUES: usize = 5_000_000;
/// Tokens tried for one value.
const MAX_ATTEMPTS: u32 = 1000;

/// What a text is noted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// It is kept, but a hash may be of it.
    HashCandidate,
    /// It is replaced as a word of a message, which other texts may contain too.
    MessageWord,
    /// It is replaced wherever it is.
    Value,
}

/// Values and, once they are assigned, their tokens.
pub struct TokenMap {
    key: Key,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, u32>,
    /// Tokens of values, these ones' and those that the key file knows.
    taken: HashMap<String, Arc<str>>,
    known: HashMap<Arc<str>, String>,
    substrings: SubstringIndex,
}

struct Entry {
    text: Arc<str>,
    token: Option<String>,
    replaced: bool,
    /// Nothing but a word of messages.
    word: bool,
}

impl TokenMap {
    /// A map that knows the tokens of a key file.
    pub fn new(file: KeyFile) -> Self {
        let KeyFile { key, tokens } = file;
        let taken: HashMap<String, Arc<str>> = tokens
            .into_iter()
            .map(|(token, text)| (token, Arc::from(text.as_str())))
            .collect();
        let known = taken
            .iter()
            .map(|(token, text)| (Arc::clone(text), token.clone()))
            .collect();
        Self {
            key,
            entries: Vec::new(),
            index: HashMap::new(),
            taken,
            known,
            substrings: SubstringIndex::default(),
        }
    }

    /// What the key file is to hold.
    pub fn to_file(&self) -> KeyFile {
        KeyFile {
            key: self.key.clone(),
            tokens: self
                .taken
                .iter()
                .map(|(token, text)| (token.clone(), text.to_string()))
                .collect(),
        }
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// Notes a text, and returns its number.
    ///
    /// # Errors
    /// More than [`MAX_VALUES`] distinct texts.
    pub fn note(&mut self, text: &str, what: TokenUse) -> Result<u32, Error> {
        let id = match self.index.get(text) {
            Some(id) => *id,
            None => self.add(text)?,
        };
        let replaced = what != TokenUse::HashCandidate && Kind::of(text) != Kind::Constant && !text.is_empty();
        if let Some(entry) = self.entries.get_mut(id as usize).filter(|_| replaced) {
            entry.replaced = true;
            entry.word &= what == TokenUse::MessageWord;
        }
        Ok(id)
    }

    fn add(&mut self, text: &str) -> Result<u32, Error> {
        let number = u32::try_from(self.entries.len())
            .ok()
            .filter(|_| self.entries.len() < MAX_VALUES);
        let id = number.ok_or_else(|| Error::too_many_values(MAX_VALUES))?;
        let text: Arc<str> = Arc::from(text);
        self.index.insert(Arc::clone(&text), id);
        self.entries.push(Entry {
            text,
            token: None,
            replaced: false,
            word: true,
        });
        Ok(id)
    }

    /// Gives every value that is replaced its token. A token is no value that is replaced, and holds none of six
    /// characters and more.
    ///
    /// # Errors
    /// All tokens that a value may have are taken.
    pub fn assign_tokens(&mut self) -> Result<(), Error> {
        let mut substrings = SubstringIndex::default();
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.replaced && is_searched(&entry.text))
        {
            substrings.add(&entry.text);
        }
        substrings.sort();
        self.substrings = substrings;
        let mut left: Vec<usize> = (0..self.entries.len())
            .filter(|id| self.entries[*id].replaced && self.entries[*id].token.is_none())
            .collect();
        // Which value finds a token taken must not depend on the order of the archive.
        left.sort_unstable_by(|a, b| self.entries[*a].text.cmp(&self.entries[*b].text));
        for id in left {
            let text = Arc::clone(&self.entries[id].text);
            let token = match self.known.get(&text) {
                Some(token) => token.clone(),
                None => self.new_token(&text)?,
            };
            self.taken.insert(token.clone(), text);
            self.entries[id].token = Some(token);
        }
        Ok(())
    }

    fn new_token(&self, text: &str) -> Result<String, Error> {
        let kind = Kind::of(text);
        (0..MAX_ATTEMPTS)
            .map(|attempt| kind.token(text, &self.key.digest(text, attempt)))
            .find(|token| self.is_free(token))
            .ok_or_else(|| Error::without_hint(format!("there is no token left for one more {}", kind.name())))
    }

    fn is_free(&self, token: &str) -> bool {
        !self.taken.contains_key(token) && self.original(token).is_none() && self.find_value(token, true).is_none()
    }

    /// The token of a value; itself where it is not replaced, `None` where it was not noted.
    pub fn token(&self, text: &str) -> Option<&str> {
        let entry = self.entries.get(*self.index.get(text)? as usize)?;
        match entry.replaced {
            true => entry.token.as_deref(),
            false => Some(&entry.text),
        }
    }

    /// The value of that number, and its token or itself.
    pub fn entry(&self, id: u32) -> (&str, &str) {
        let entry = self.entries.get(id as usize);
        entry.map_or(("", ""), |entry| {
            (&*entry.text, entry.token.as_deref().unwrap_or(&entry.text))
        })
    }

    /// All texts that were noted, in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.text)
    }

    /// The values that are replaced, each with whether it is known as a word of messages only.
    pub fn originals(&self) -> impl Iterator<Item = (&str, bool)> {
        let replaced = self.entries.iter().filter(|entry| entry.replaced);
        replaced.map(|entry| (&*entry.text, entry.word))
    }

    /// How many values are replaced.
    pub fn replaced(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.replaced).count() as u64
    }
}

impl fmt::Debug for TokenMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenMap")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

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

    fn original(&self, text: &str) -> Option<&Entry> {
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
fn is_searched(text: &str) -> bool {
    text.chars().count() >= MIN_BYTES && !is_numeric(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::collections::{BTreeMap, BTreeSet};
    use std::net::Ipv4Addr;

    use super::*;

    fn tokens() -> TokenMap {
        TokenMap::new(KeyFile {
            key: Key::parse(&"07".repeat(32)).unwrap(),
            tokens: BTreeMap::new(),
        })
    }

    #[test]
    fn a_value_has_one_token_everywhere() {
        let mut tokens = tokens();
        for text in ["web-01", "10.1.2.3", "anna@example.org", "200", "web-01"] {
            tokens.note(text, TokenUse::Value).unwrap();
        }
        tokens.note("true", TokenUse::Value).unwrap();
        tokens.note("-", TokenUse::Value).unwrap();
        tokens.note("3", TokenUse::HashCandidate).unwrap();
        tokens.assign_tokens().unwrap();
        assert_eq!(tokens.replaced(), 4);
        let token = tokens.token("web-01").unwrap().to_owned();
        assert!(token.starts_with("t_") && token.len() == 18, "{token}");
        assert_eq!(
            (tokens.token("true").unwrap(), tokens.token("3").unwrap()),
            ("true", "3")
        );
        assert_eq!(tokens.token("-").unwrap(), "-");
        assert_eq!(tokens.token("other"), None);
        assert_eq!(
            tokens.replace_known_values("xweb-01, 200", true),
            format!("x{token}, 200")
        );
        assert_ne!(tokens.replace_known_values("200", true), "200");
        // Another map with the same key assigns the same tokens, whatever else it contains.
        let mut other = TokenMap::new(KeyFile {
            tokens: [("t_1".to_owned(), "db-1".to_owned())].into(),
            ..tokens.to_file()
        });
        other.note("a", TokenUse::Value).unwrap();
        other.note("web-01", TokenUse::Value).unwrap();
        other.note("db-1", TokenUse::Value).unwrap();
        other.assign_tokens().unwrap();
        assert_eq!(
            (other.token("web-01").unwrap(), other.token("db-1").unwrap()),
            (token.as_str(), "t_1")
        );
        assert_eq!(other.to_file().tokens.len(), 3);
    }

    #[test]
    fn a_token_holds_no_value() {
        let mut first = tokens();
        first.note("value", TokenUse::Value).unwrap();
        first.assign_tokens().unwrap();
        let token = first.token("value").unwrap().to_owned();
        for taken in [token.clone(), token[5..12].to_owned()] {
            let mut tokens = tokens();
            tokens.note("value", TokenUse::Value).unwrap();
            tokens.note(&taken, TokenUse::MessageWord).unwrap();
            tokens.assign_tokens().unwrap();
            assert!(!tokens.token("value").unwrap().contains(&taken));
        }
    }

    #[test]
    fn no_two_values_have_one_token() {
        // The token of an address has 27 bits of the digest: of so many values some have the same.
        let mut tokens = tokens();
        let texts: Vec<String> = (0..40_000)
            .map(|n| Ipv4Addr::from(0x0a00_0000 + n).to_string())
            .collect();
        for text in &texts {
            tokens.note(text, TokenUse::Value).unwrap();
        }
        tokens.assign_tokens().unwrap();
        let tokens: BTreeSet<&str> = texts.iter().map(|text| tokens.token(text).unwrap()).collect();
        assert_eq!(tokens.len(), texts.len());
    }

    #[test]
    fn words_are_told_from_values() {
        let mut tokens = tokens();
        tokens.note("timeout", TokenUse::MessageWord).unwrap();
        tokens.note("alice.m", TokenUse::MessageWord).unwrap();
        tokens.note("alice.m", TokenUse::Value).unwrap();
        tokens.assign_tokens().unwrap();
        assert!(tokens.is_original("timeout", true) && !tokens.is_original("timeout", false));
        assert_eq!(tokens.find_value("a timeout", false), None);
        assert_eq!(tokens.find_value("a timeout of alice.m", false), Some(13..20));
        assert_eq!(tokens.find_value("a timeout of alice.m", true), Some(2..9));
    }
}
