//! The hashes that a decoded state contains.

use std::collections::{BTreeMap, BTreeSet};

use super::matcher::LeakMatcher;
use crate::pseudonym::fields::CATEGORY;
use crate::state::hash::{scope_hash, scope_hash_of_partition, value_hash};
use crate::state::schema::StateStream;
use crate::util::cancellation::{self, Cancelled, until_cancelled};

/// Pairs of values that are tried for each pair of fields.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// Hashes of values in the quantiles and of counted values in a model.
const HASH_PATHS: [&str; 3] = [
    "a.g.a.a",
    "detector.e.b.a.e.a.c.a.h.b.a",
    "detector.e.b.a.e.a.c.a.h.a.b",
];

/// Numbers that may be hashes, with the stream that they were met in, and whether only a hash can be at that place.
#[derive(Default)]
pub(super) struct FoundHashes(BTreeMap<u64, (StateStream, bool)>);

impl FoundHashes {
    /// Notes a text of a state that may be a hash.
    pub(super) fn note(&mut self, stream: StateStream, path: &str, text: &[u8]) {
        if let Some(hash) = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
            let only = HASH_PATHS.contains(&path);
            self.0.entry(hash).or_insert((stream, only)).1 |= only;
        }
    }

    /// The stream whose hashes are of a value, or of nothing that the new archive has.
    ///
    /// # Errors
    /// A signal: there may be many values and pairs of them.
    pub(super) fn leak(&self, matcher: &LeakMatcher<'_>) -> Result<Option<StateStream>, Cancelled> {
        let found = self.unexplained(matcher).or_else(|| self.of_values(matcher));
        cancellation::check().map(|()| found)
    }

    fn unexplained(&self, matcher: &LeakMatcher<'_>) -> Option<StateStream> {
        let mut only = self.0.iter().filter(|(_, (_, only))| *only);
        let strange = only.find(|(hash, _)| !matcher.token_hashes.contains(hash));
        strange.map(|(_, (stream, _))| *stream)
    }

    fn of_values(&self, matcher: &LeakMatcher<'_>) -> Option<StateStream> {
        let known = |hash: u64| self.0.get(&hash).map(|(stream, _)| *stream);
        let pairs = &matcher.fields.pairs;
        let persons = pairs.iter().map(|(_, person)| person);
        let persons = persons.chain(&matcher.fields.influencers);
        let persons: BTreeSet<&String> = persons.filter(|name| !name.is_empty() && *name != CATEGORY).collect();
        let texts: Vec<&str> = matcher.values.all.keys().copied().collect();
        for text in until_cancelled(texts.iter()) {
            let alone = persons.iter().map(|person| scope_hash(["", "", person, text]));
            let in_partition = pairs.iter().flat_map(|(partition, person)| {
                [
                    scope_hash([partition, text, "", ""]),
                    scope_hash([partition, text, person, ""]),
                ]
            });
            // Levels of scores have the hashes of names of fields.
            let word = self.0.get(&value_hash(text));
            let word = word.filter(|(_, only)| *only || !matcher.vocabulary.contains(text.as_bytes()));
            let found = alone.chain(in_partition).find_map(known);
            if let Some(stream) = found.or(word.map(|(stream, _)| *stream)) {
                return Some(stream);
            }
        }
        let mut pairs = pairs.iter().filter(|(partition, _)| !partition.is_empty());
        pairs.find_map(|(partition, person)| {
            let person = persons.get(person)?;
            let both = texts.iter().flat_map(|first| {
                let hash = scope_hash_of_partition(partition, first);
                texts.iter().map(move |second| hash(person, second))
            });
            until_cancelled(both.take(MAX_TRIED_PAIRS)).find_map(known)
        })
    }
}
