//! Hashes of values: which values they are of, and the hashes of their tokens.

use std::collections::{HashMap, HashSet};

use super::fields::{CATEGORY, Fields};
use crate::pseudonym::error::Error;
use crate::pseudonym::tokens::{TokenMap, TokenUse};
use crate::state::hash::{half_scope, scope, word};

/// Pairs of values that were not seen together are tried up to this number.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// Hashes met before writing, and what explains them.
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    scope_hashes: HashSet<u64>,
    value_hashes: HashSet<u64>,
    /// Values of a partition and of a person or attribute that stand together in the state.
    pairs: HashSet<(u32, u32)>,
    preimages: HashMap<u64, HashPreimage>,
    /// Values by their word, and whether their field's are replaced.
    counted: HashMap<u64, (u32, bool)>,
    /// Hashes of tokens.
    token_hashes: HashMap<u64, u64>,
}

/// Names and values of two fields; values by their number in the [`TokenMap`].
#[derive(Clone, Debug)]
struct HashPreimage {
    names: [String; 2],
    values: [Option<u32>; 2],
}

/// What becomes of a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HashAction {
    /// It says nothing of a value, or of none that is replaced.
    Keep,
    /// The hash of the token.
    Replace(u64),
    /// Nothing explains it.
    Drop,
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
    /// Notes a key of a largest score.
    pub(crate) fn note_scope_hash(&mut self, text: &str) {
        self.scope_hashes.extend(text.parse::<u64>());
    }

    /// Notes the hash of a counted value.
    pub(crate) fn note_value_hash(&mut self, text: &str) {
        self.value_hashes.extend(text.parse::<u64>());
    }

    /// Notes a counted value.
    pub(crate) fn note_counted_value(&mut self, text: &str, id: u32, chosen: bool) {
        self.counted.insert(word(text), (id, chosen));
    }

    /// Notes two values that the state has together.
    pub(crate) fn note_pair(&mut self, partition: u32, person: u32) {
        self.pairs.insert((partition, person));
    }

    /// Finds the values that the hashes are of among all texts of the map. A value that a hash is of is replaced
    /// from then on.
    pub(crate) fn find_preimages(&mut self, tokens: &mut TokenMap, fields: &Fields) -> Result<(), Error> {
        let texts: Vec<String> = tokens.texts().map(str::to_owned).collect();
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
            let mut left = MAX_TRIED_PAIRS;
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
                let (a, b) = (tokens.entry(*first).0, tokens.entry(*second).0);
                let hash = scope([partition, a, person, b]);
                found.extend(self.known(hash, partition, person, Some(*first), Some(*second)));
            }
        }
        for (key, names, values) in found {
            for (field, id) in names.iter().zip(values) {
                let Some(id) = id.filter(|_| fields.is_chosen(field)) else {
                    continue;
                };
                let text = tokens.entry(id).0.to_owned();
                tokens.note(&text, TokenUse::Value)?;
            }
            self.preimages.entry(key).or_insert(HashPreimage { names, values });
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
        self.scope_hashes
            .contains(&key)
            .then(|| (key, names(), [first, second]))
    }

    /// Computes the hashes of tokens, once they are assigned.
    pub(crate) fn hash_tokens(&mut self, tokens: &TokenMap, fields: &Fields) {
        let becomes = |id: u32, chosen: bool| match (tokens.entry(id), chosen) {
            ((_, token), true) => token.to_owned(),
            ((text, _), false) => tokens.replace_known_values(text, false),
        };
        let value = |field: &str, id: Option<u32>| match id {
            None => String::new(),
            Some(id) if field == CATEGORY => tokens.entry(id).0.to_owned(),
            Some(id) => becomes(id, fields.is_chosen(field)),
        };
        for (key, HashPreimage { names, values }) in &self.preimages {
            let [partition, person] = names;
            let (first, second) = (value(partition, values[0]), value(person, values[1]));
            self.token_hashes
                .insert(*key, scope([partition, &first, person, &second]));
        }
        for (old, (id, chosen)) in &self.counted {
            self.token_hashes.insert(*old, word(&becomes(*id, *chosen)));
        }
        self.token_hashes.insert(0, 0);
    }

    /// What becomes of a hash.
    pub(crate) fn action(&self, text: &str) -> HashAction {
        let Ok(old) = text.parse::<u64>() else {
            return HashAction::Drop;
        };
        match self.token_hashes.get(&old) {
            None => HashAction::Drop,
            Some(new) if *new == old => HashAction::Keep,
            Some(new) => HashAction::Replace(*new),
        }
    }

    /// The hashes that are written.
    pub(crate) fn token_hashes(&self) -> HashSet<u64> {
        self.token_hashes.values().copied().collect()
    }

    /// How many there are, and how many go.
    pub(crate) fn counts(&self) -> HashCounts {
        let lost = |hashes: &HashSet<u64>| {
            hashes
                .iter()
                .filter(|hash| !self.token_hashes.contains_key(hash))
                .count() as u64
        };
        HashCounts {
            scope_keys: self.scope_hashes.len() as u64,
            scope_keys_dropped: lost(&self.scope_hashes),
            words: self.value_hashes.len() as u64,
            words_dropped: lost(&self.value_hashes),
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
        let mut tokens = TokenMap::new(KeyFile::new().unwrap());
        // More texts than there can be pairs of.
        for n in 0..6000 {
            tokens.note(&format!("text {n}"), TokenUse::HashCandidate).unwrap();
        }
        let id = tokens.note("login", TokenUse::HashCandidate).unwrap();
        let mut fields = Fields::default();
        fields.pairs.insert(("host".to_owned(), "service".to_owned()));
        let mut hashes = Hashes::default();
        let key = scope(["host", "", "service", "login"]);
        hashes.note_scope_hash(&key.to_string());
        hashes.find_preimages(&mut tokens, &fields).unwrap();
        assert_eq!(hashes.preimages[&key].values, [None, Some(id)]);
        tokens.assign_tokens().unwrap();
        hashes.hash_tokens(&tokens, &fields);
        assert_eq!(hashes.counts().scope_keys_dropped, 0);
    }
}
