//! Values and their tokens.

mod lookup;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use self::lookup::is_searched;
use super::key::Key;
use super::key_file::KeyFile;
use super::kind::Kind;
use super::substring_index::SubstringIndex;
use crate::pseudonym::error::Error;

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
    /// [`Error::TooMany`]
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
        let id = number.ok_or(Error::TooMany { most: MAX_VALUES })?;
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
    /// [`Error::NoToken`]
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
            .ok_or(Error::NoToken { kind: kind.name() })
    }

    fn is_free(&self, token: &str) -> bool {
        !self.taken.contains_key(token) && self.original(token).is_none() && self.find_value(token, true).is_none()
    }

    /// The token of a value; itself where it is not replaced.
    ///
    /// # Errors
    /// [`Error::UnknownValue`]
    pub fn token(&self, text: &str) -> Result<&str, Error> {
        let entry = self.index.get(text).and_then(|id| self.entries.get(*id as usize));
        let entry = entry.ok_or(Error::UnknownValue)?;
        match (&entry.token, entry.replaced) {
            (Some(token), _) => Ok(token),
            (None, false) => Ok(&entry.text),
            (None, true) => Err(Error::UnknownValue),
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

#[cfg(test)]
mod tests;
