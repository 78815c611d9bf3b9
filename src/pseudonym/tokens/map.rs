//! Values and their tokens.

mod lookup;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use self::lookup::is_searched;
use super::key::Key;
use super::key_file::KeyFile;
use super::kind::Kind;
use super::substring_index::Needles;
use crate::pseudonym::error::Error;

/// Distinct values that are told apart.
const MOST: usize = 5_000_000;
/// Tokens tried for one value.
const ATTEMPTS: u32 = 1000;

/// What a value is to the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// It stays, but a hash may be explained by it.
    Candidate,
    /// A word of a message, which may well be one that anybody uses.
    Word,
    /// It is replaced.
    Value,
}

/// Values and, once settled, their tokens.
pub struct Book {
    key: Key,
    entries: Vec<Entry>,
    index: HashMap<Arc<str>, u32>,
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
            needles: Needles::default(),
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

    /// Hears of a value, and returns its number.
    ///
    /// # Errors
    /// [`Error::TooMany`]
    pub fn note(&mut self, text: &str, what: Use) -> Result<u32, Error> {
        let id = match self.index.get(text) {
            Some(id) => *id,
            None => self.add(text)?,
        };
        let replaced = what != Use::Candidate && Kind::of(text) != Kind::Constant && !text.is_empty();
        if let Some(entry) = self.entries.get_mut(id as usize).filter(|_| replaced) {
            entry.wanted = true;
            entry.word &= what == Use::Word;
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
        needles.sort();
        self.needles = needles;
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

    /// The values that are replaced, each with whether it is known as a word of messages only.
    pub fn originals(&self) -> impl Iterator<Item = (&str, bool)> {
        let replaced = self.entries.iter().filter(|entry| entry.wanted);
        replaced.map(|entry| (&*entry.text, entry.word))
    }

    /// How many values are replaced.
    pub fn replaced(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.wanted).count() as u64
    }
}

impl fmt::Debug for Book {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Book")
            .field("entries", &self.entries.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
