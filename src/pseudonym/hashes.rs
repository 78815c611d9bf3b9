//! Hashes of values: which values they are of, and the hashes of their tokens.

use std::collections::{HashMap, HashSet};

use super::fields::{CATEGORY, Fields};
use crate::pseudonym::error::Error;
use crate::pseudonym::tokens::{Book, Use};
use crate::state::hash::{half_scope, scope, word};

/// Pairs of values that were not seen together are tried up to this number.
const MOST_TRIED: usize = 30_000_000;

/// Hashes met before writing, and what explains them.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    keys: HashSet<u64>,
    words: HashSet<u64>,
    /// Values of a partition and of a person or attribute that stand together in the state.
    pairs: HashSet<(u32, u32)>,
    explained: HashMap<u64, Explained>,
    /// Values by their word, and whether their field's are replaced.
    counted: HashMap<u64, (u32, bool)>,
    /// Hashes of tokens.
    written: HashMap<u64, u64>,
}

/// Four texts; values by their number in the book.
#[derive(Clone, Debug)]
struct Explained {
    names: [String; 2],
    values: [Option<u32>; 2],
}

/// What becomes of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It says nothing of a value, or of none that is replaced.
    Stays,
    /// The hash of the token.
    Becomes(u64),
    /// Nothing explains it.
    Goes,
}

/// How many hashes became what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct HashCounts {
    /// Keys of largest scores.
    pub(crate) scope_keys: u64,
    /// Of these, dropped: no value that is known explains them.
    pub(crate) scope_keys_dropped: u64,
    /// Words of counted values.
    pub(crate) words: u64,
    /// Of these, dropped.
    pub(crate) words_dropped: u64,
}

impl Hashes {
    /// Hears of a key of a largest score.
    pub(crate) fn key(&mut self, text: &str) {
        self.keys.extend(text.parse::<u64>());
    }

    /// Hears of the word of a counted value.
    pub(crate) fn word(&mut self, text: &str) {
        self.words.extend(text.parse::<u64>());
    }

    /// Hears of a counted value.
    pub(crate) fn counted(&mut self, text: &str, id: u32, chosen: bool) {
        self.counted.insert(word(text), (id, chosen));
    }

    /// Hears of two values that stand together.
    pub(crate) fn pair(&mut self, partition: u32, person: u32) {
        self.pairs.insert((partition, person));
    }

    /// Finds what explains the keys, every text that the book knows being a candidate. What explains one is replaced
    /// from then on.
    pub(crate) fn explain(&mut self, book: &mut Book, fields: &Fields) -> Result<(), Error> {
        let texts: Vec<String> = book.texts().map(str::to_owned).collect();
        let mut found = Vec::new();
        let mut names = |a: &str, b: &str| {
            let key = scope([a, "", b, ""]);
            found.push((key, [a, b].map(str::to_owned), [None, None]));
        };
        names("", "");
        names("", "bucket_time");
        fields.influencers.iter().for_each(|field| names("", field));
        fields.pairs.iter().for_each(|(partition, person)| {
            names(partition, person);
            names(partition, "");
            names("", person);
        });
        // The empty text comes first: it is tried with every other one, however many there are.
        let numbered = texts.iter().enumerate();
        let numbered = numbered.map(|(id, text)| (u32::try_from(id).ok(), text.as_str()));
        let numbered: Vec<(Option<u32>, &str)> = std::iter::once((None, "")).chain(numbered).collect();
        let persons: HashSet<&str> = fields
            .pairs
            .iter()
            .map(|(_, person)| person.as_str())
            .chain(fields.influencers.iter().map(String::as_str))
            .filter(|name| !name.is_empty())
            .collect();
        for person in persons {
            let hash = half_scope("", "");
            for (id, text) in &numbered {
                found.extend(self.known(hash(person, text), "", person, None, *id));
            }
        }
        for (partition, person) in fields.pairs.iter().filter(|(partition, _)| !partition.is_empty()) {
            let mut left = MOST_TRIED;
            for (first, text) in &numbered {
                let hash = half_scope(partition, text);
                found.extend(self.known(hash("", ""), partition, "", *first, None));
                if person.is_empty() {
                    continue;
                }
                found.extend(self.known(hash(person, ""), partition, person, *first, None));
                for (second, text) in numbered.iter().take(left) {
                    found.extend(self.known(hash(person, text), partition, person, *first, *second));
                }
                left = left.saturating_sub(numbered.len());
            }
            for (first, second) in &self.pairs {
                let (a, b) = (book.entry(*first).0, book.entry(*second).0);
                let hash = scope([partition, a, person, b]);
                found.extend(self.known(hash, partition, person, Some(*first), Some(*second)));
            }
        }
        for (key, names, values) in found {
            for (field, id) in names.iter().zip(values) {
                let Some(id) = id.filter(|_| fields.is_chosen(field)) else {
                    continue;
                };
                let text = book.entry(id).0.to_owned();
                book.note(&text, Use::Value)?;
            }
            self.explained.entry(key).or_insert(Explained { names, values });
        }
        Ok(())
    }

    fn known(
        &self,
        key: u64,
        partition: &str,
        person: &str,
        first: Option<u32>,
        second: Option<u32>,
    ) -> Option<(u64, [String; 2], [Option<u32>; 2])> {
        let names = || [partition, person].map(str::to_owned);
        self.keys.contains(&key).then(|| (key, names(), [first, second]))
    }

    /// Makes the hashes of tokens, once the book has settled.
    pub(crate) fn settle(&mut self, book: &Book, fields: &Fields) {
        let becomes = |id: u32, chosen: bool| match (book.entry(id), chosen) {
            ((_, token), true) => token.to_owned(),
            ((text, _), false) => book.scrubbed(text, false),
        };
        let value = |field: &str, id: Option<u32>| match id {
            None => String::new(),
            Some(id) if field == CATEGORY => book.entry(id).0.to_owned(),
            Some(id) => becomes(id, fields.is_chosen(field)),
        };
        for (key, Explained { names, values }) in &self.explained {
            let [partition, person] = names;
            let (first, second) = (value(partition, values[0]), value(person, values[1]));
            self.written.insert(*key, scope([partition, &first, person, &second]));
        }
        for (old, (id, chosen)) in &self.counted {
            self.written.insert(*old, word(&becomes(*id, *chosen)));
        }
        self.written.insert(0, 0);
    }

    /// What becomes of a hash.
    pub(crate) fn fate(&self, text: &str) -> Fate {
        let Ok(old) = text.parse::<u64>() else {
            return Fate::Goes;
        };
        match self.written.get(&old) {
            None => Fate::Goes,
            Some(new) if *new == old => Fate::Stays,
            Some(new) => Fate::Becomes(*new),
        }
    }

    /// The hashes that are written.
    pub(crate) fn written(&self) -> HashSet<u64> {
        self.written.values().copied().collect()
    }

    /// How many there are, and how many go.
    pub(crate) fn counts(&self) -> HashCounts {
        let lost = |hashes: &HashSet<u64>| hashes.iter().filter(|hash| !self.written.contains_key(hash)).count() as u64;
        HashCounts {
            scope_keys: self.keys.len() as u64,
            scope_keys_dropped: lost(&self.keys),
            words: self.words.len() as u64,
            words_dropped: lost(&self.words),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::pseudonym::tokens::KeyFile;

    #[test]
    fn hashes_with_an_empty_partition_value_are_explained_among_many_texts() {
        let mut book = Book::open(KeyFile::new().unwrap());
        // More texts than there can be pairs of.
        for n in 0..6000 {
            book.note(&format!("text {n}"), Use::Candidate).unwrap();
        }
        let id = book.note("login", Use::Candidate).unwrap();
        let mut fields = Fields::default();
        fields.pairs.insert(("host".to_owned(), "service".to_owned()));
        let mut hashes = Hashes::default();
        let key = scope(["host", "", "service", "login"]);
        hashes.key(&key.to_string());
        hashes.explain(&mut book, &fields).unwrap();
        assert_eq!(hashes.explained[&key].values, [None, Some(id)]);
        book.settle().unwrap();
        hashes.settle(&book, &fields);
        assert_eq!(hashes.counts().scope_keys_dropped, 0);
    }
}
