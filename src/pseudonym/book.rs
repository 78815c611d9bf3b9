//! Values and their tokens.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use super::kind::{self, Kind};
use super::needles::{Needles, SHORTEST};
use super::{Error, Key, KeyFile, order};

/// Distinct values that are told apart.
const MOST: usize = 5_000_000;
/// Tokens tried for one value.
const ATTEMPTS: u32 = 1000;

/// What a value is to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use<'a> {
    /// It stays, but a hash may be explained by it.
    Candidate,
    /// A word of a message, which may well be one that anybody uses.
    Word,
    /// It is replaced.
    Value,
    /// It is replaced; where order is kept, its token keeps its place among the values of this field.
    Ordered(&'a str),
}

/// Values and, once settled, their tokens.
pub struct Book {
    key: Key,
    keep_order: bool,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, u32>,
    fields: BTreeMap<String, HashSet<u32>>,
    /// Tokens of values, these ones' and those that the key file knows.
    taken: HashMap<String, Arc<str>>,
    known: HashMap<Arc<str>, String>,
    needles: Needles,
}

struct Entry {
    text: Arc<str>,
    token: Option<String>,
    wanted: bool,
    /// Nothing but a word of messages.
    word: bool,
}

impl Book {
    /// A book that goes on where the file ends.
    pub fn open(file: KeyFile) -> Self {
        let KeyFile {
            key,
            keep_order,
            tokens,
        } = file;
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
            keep_order,
            entries: Vec::new(),
            index: HashMap::new(),
            fields: BTreeMap::new(),
            taken,
            known,
            needles: Needles::default(),
        }
    }

    /// What the key file is to hold.
    pub fn to_file(&self) -> KeyFile {
        KeyFile {
            key: self.key.clone(),
            keep_order: self.keep_order,
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

    /// Hears of a value, and returns its number.
    ///
    /// # Errors
    /// [`Error::TooMany`]
    pub fn note(&mut self, text: &str, what: Use<'_>) -> Result<u32, Error> {
        let id = match self.index.get(text) {
            Some(id) => *id,
            None => self.add(text)?,
        };
        let replaced = what != Use::Candidate && Kind::of(text) != Kind::Truth && !text.is_empty();
        if let Some(entry) = self.entries.get_mut(id as usize).filter(|_| replaced) {
            entry.wanted = true;
            entry.word &= what == Use::Word;
        }
        if let Use::Ordered(field) = what
            && replaced
            && self.keep_order
        {
            match self.fields.get_mut(field) {
                Some(values) => {
                    values.insert(id);
                }
                None => {
                    self.fields.insert(field.to_owned(), [id].into());
                }
            }
        }
        Ok(id)
    }

    fn add(&mut self, text: &str) -> Result<u32, Error> {
        let number = u32::try_from(self.entries.len())
            .ok()
            .filter(|_| self.entries.len() < MOST);
        let id = number.ok_or(Error::TooMany { most: MOST })?;
        let text: Arc<str> = Arc::from(text);
        self.index.insert(Arc::clone(&text), id);
        self.entries.push(Entry {
            text,
            token: None,
            wanted: false,
            word: true,
        });
        Ok(id)
    }

    /// Gives every value that is replaced its token. A token is no value that is replaced, and holds none of six
    /// characters and more.
    ///
    /// # Errors
    /// [`Error::NoToken`]
    pub fn settle(&mut self) -> Result<(), Error> {
        let mut needles = Needles::default();
        for entry in self
            .entries
            .iter()
            .filter(|entry| entry.wanted && is_searched(&entry.text))
        {
            needles.add(&entry.text);
        }
        self.needles = needles;
        self.settle_ordered()?;
        let mut left: Vec<usize> = (0..self.entries.len())
            .filter(|id| self.entries[*id].wanted && self.entries[*id].token.is_none())
            .collect();
        // Which value finds a token taken must not depend on the order of the archive.
        left.sort_unstable_by(|a, b| self.entries[*a].text.cmp(&self.entries[*b].text));
        for id in left {
            let text = Arc::clone(&self.entries[id].text);
            let token = match self.known.get(&text) {
                Some(token) => token.clone(),
                None => self.make(&text)?,
            };
            self.taken.insert(token.clone(), text);
            self.entries[id].token = Some(token);
        }
        Ok(())
    }

    fn settle_ordered(&mut self) -> Result<(), Error> {
        let text = |id: &u32| &*self.entries[*id as usize].text;
        let fields = self.fields.iter();
        let fields: BTreeMap<&str, Vec<&str>> = fields
            .map(|(field, ids)| (field.as_str(), ids.iter().map(text).collect()))
            .collect();
        let mut made = HashSet::new();
        let tokens = order::tokens(&fields, &mut |token| self.free(token) && made.insert(token.to_owned()))?;
        let tokens: Vec<(u32, String)> = tokens
            .into_iter()
            .filter_map(|(text, token)| Some((*self.index.get(text)?, token)))
            .collect();
        for (id, token) in tokens {
            let entry = &mut self.entries[id as usize];
            self.taken.insert(token.clone(), Arc::clone(&entry.text));
            entry.token = Some(token);
        }
        Ok(())
    }

    fn make(&self, text: &str) -> Result<String, Error> {
        let kind = Kind::of(text);
        (0..ATTEMPTS)
            .map(|attempt| kind.token(text, &self.key.digest(text, attempt)))
            .find(|token| self.free(token))
            .ok_or(Error::NoToken { kind: kind.name() })
    }

    fn free(&self, token: &str) -> bool {
        !self.taken.contains_key(token) && self.original(token).is_none() && self.found_in(token, true).is_none()
    }

    /// The token of a value; itself where it is not replaced.
    ///
    /// # Errors
    /// [`Error::Unheard`]
    pub fn token(&self, text: &str) -> Result<&str, Error> {
        let entry = self.index.get(text).and_then(|id| self.entries.get(*id as usize));
        let entry = entry.ok_or(Error::Unheard)?;
        match (&entry.token, entry.wanted) {
            (Some(token), _) => Ok(token),
            (None, false) => Ok(&entry.text),
            (None, true) => Err(Error::Unheard),
        }
    }

    /// The value of that number, and its token or itself.
    pub fn entry(&self, id: u32) -> (&str, &str) {
        let entry = self.entries.get(id as usize);
        entry.map_or(("", ""), |entry| {
            (&*entry.text, entry.token.as_deref().unwrap_or(&entry.text))
        })
    }

    /// All values that were heard of, in the order of their numbers.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.text)
    }

    /// How many values are replaced.
    pub fn replaced(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.wanted).count() as u64
    }

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
        self.entries.get(*id as usize).filter(|entry| entry.wanted)
    }

    /// Where a value of six characters or more that is no number stands within a text.
    pub fn found_in(&self, text: &str, words: bool) -> Option<Range<usize>> {
        self.needles
            .find(text, &|found| is_searched(found) && self.is_original(found, words))
    }

    /// The text with every value in it replaced, as far as [`found_in`](Self::found_in) finds them.
    pub fn scrubbed(&self, text: &str, words: bool) -> String {
        if let Some(token) = self.replacement(text, words) {
            return token.to_owned();
        }
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some(found) = self.found_in(rest, words) {
            out.push_str(&rest[..found.start]);
            out.push_str(self.replacement(&rest[found.clone()], words).unwrap_or_default());
            rest = &rest[found.end..];
        }
        out.push_str(rest);
        out
    }

    /// Values with an asterisk pattern at their ends, as filters have them: those of a field that match.
    pub fn matching<'a>(&'a self, pattern: &str) -> BTreeSet<&'a str> {
        let (open, inner) = match pattern.strip_prefix('*') {
            Some(inner) => (true, inner),
            None => (false, pattern),
        };
        let (inner, ends) = match inner.strip_suffix('*') {
            Some(inner) => (inner, true),
            None => (inner, false),
        };
        let matches = |text: &str| match (open, ends) {
            (true, true) => text.contains(inner),
            (true, false) => text.ends_with(inner),
            (false, true) => text.starts_with(inner),
            (false, false) => text == inner,
        };
        let found = self
            .entries
            .iter()
            .filter(|entry| entry.wanted && !entry.word && matches(&entry.text));
        found.filter_map(|entry| entry.token.as_deref()).collect()
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

/// Whether it is looked for within other texts.
fn is_searched(text: &str) -> bool {
    text.chars().count() >= SHORTEST && !kind::is_numeric(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn book(keep_order: bool) -> Book {
        Book::open(KeyFile {
            key: Key::parse(&"07".repeat(32)).unwrap(),
            keep_order,
            tokens: BTreeMap::new(),
        })
    }

    #[test]
    fn a_value_has_one_token_everywhere() {
        let mut book = book(false);
        for text in ["web-01", "10.1.2.3", "anna@example.org", "200", "web-01"] {
            book.note(text, Use::Value).unwrap();
        }
        book.note("true", Use::Value).unwrap();
        book.note("3", Use::Candidate).unwrap();
        book.settle().unwrap();
        assert_eq!(book.replaced(), 4);
        let token = book.token("web-01").unwrap().to_owned();
        assert!(token.starts_with("t_") && token.len() == 18, "{token}");
        assert_eq!((book.token("true").unwrap(), book.token("3").unwrap()), ("true", "3"));
        assert!(matches!(book.token("other"), Err(Error::Unheard)));
        assert_eq!(book.scrubbed("xweb-01, 200", true), format!("x{token}, 200"));
        assert_ne!(book.scrubbed("200", true), "200");
        // Another book with the same key agrees, whatever else it holds; one that goes on agrees with the file.
        let mut other = Book::open(KeyFile {
            tokens: [("t_1".to_owned(), "db-1".to_owned())].into(),
            ..book.to_file()
        });
        other.note("a", Use::Value).unwrap();
        other.note("web-01", Use::Value).unwrap();
        other.note("db-1", Use::Value).unwrap();
        other.settle().unwrap();
        assert_eq!(
            (other.token("web-01").unwrap(), other.token("db-1").unwrap()),
            (token.as_str(), "t_1")
        );
        assert_eq!(other.to_file().tokens.len(), 3);
    }

    #[test]
    fn a_token_holds_no_value() {
        let mut first = book(false);
        first.note("value", Use::Value).unwrap();
        first.settle().unwrap();
        let token = first.token("value").unwrap().to_owned();
        for taken in [token.clone(), token[5..12].to_owned()] {
            let mut book = book(false);
            book.note("value", Use::Value).unwrap();
            book.note(&taken, Use::Word).unwrap();
            book.settle().unwrap();
            assert!(!book.token("value").unwrap().contains(&taken));
        }
    }

    #[test]
    fn words_are_told_from_values() {
        let mut book = book(false);
        book.note("timeout", Use::Word).unwrap();
        book.note("alice.m", Use::Word).unwrap();
        book.note("alice.m", Use::Value).unwrap();
        book.settle().unwrap();
        assert!(book.is_original("timeout", true) && !book.is_original("timeout", false));
        assert_eq!(book.found_in("a timeout", false), None);
        assert_eq!(book.found_in("a timeout of alice.m", false), Some(13..20));
        assert_eq!(book.found_in("a timeout of alice.m", true), Some(2..9));
    }

    #[test]
    fn order_is_kept_where_asked_for() {
        let mut book = book(true);
        for text in ["b", "a", "c", "10.0.0.2", "9.0.0.1"] {
            book.note(text, Use::Ordered(if text.len() > 1 { "ip" } else { "host" }))
                .unwrap();
        }
        book.note("d", Use::Value).unwrap();
        book.settle().unwrap();
        let token = |text| book.token(text).unwrap();
        assert!(token("a") < token("b") && token("b") < token("c"));
        assert!(token("10.0.0.2") < token("9.0.0.1") && token("9.0.0.1").parse::<std::net::Ipv4Addr>().is_ok());
        assert_eq!((token("a").len(), token("d").len()), (14, 18));
        assert_eq!(book.matching("*").len(), 6);
        assert_eq!(book.matching("10.*"), [token("10.0.0.2")].into());
    }
}
