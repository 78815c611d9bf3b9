//! Hashes of values: whoever has a list of guesses finds the values in it.

use std::collections::HashSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::state::hash::scope;
use crate::state::schema::{Change, ValueKind, ValueLocation, read_quantiles};
use crate::state::{Error, StateLimits};

/// Hashes of a kind told apart.
const MOST: usize = 1_000_000;

/// The hashes found.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct Hashes {
    scopes: Set,
    words: Set,
    checksums: u64,
}

/// Distinct hashes, up to a bound.
#[derive(Debug, Default)]
struct Set {
    known: HashSet<u64>,
    more: bool,
}

impl Set {
    fn add(&mut self, text: &str) {
        let Ok(hash) = text.parse() else { return };
        if self.known.len() < MOST || self.known.contains(&hash) {
            self.known.insert(hash);
        } else {
            self.more = true;
        }
    }
}

/// The one member of a snapshot document that is read here.
#[derive(Deserialize)]
struct Snapshot {
    quantiles: Option<Quantiles>,
}

#[derive(Deserialize)]
struct Quantiles {
    quantile_state: Option<String>,
}

impl Hashes {
    pub(super) fn word(&mut self, text: &str) {
        self.words.add(text);
    }

    pub(super) fn scope(&mut self, text: &str) {
        self.scopes.add(text);
    }

    /// A number of checksums of rules that cover the items of filters.
    pub(super) fn checksums(&mut self, text: &str) {
        self.checksums += text.parse().unwrap_or(0);
    }

    /// Reads the quantiles of a snapshot document.
    pub(super) fn quantiles(&mut self, snapshot: &RawValue, limit: u64) -> Result<(), Error> {
        let stored = serde_json::from_str::<Snapshot>(snapshot.get()).ok();
        let quantiles = stored.and_then(|stored| stored.quantiles?.quantile_state);
        let Some(quantiles) = quantiles else { return Ok(()) };
        let visitor = |location: &ValueLocation<'_>, text: &str| {
            if location.kind == ValueKind::ScopeHash {
                self.scope(text);
            }
            Change::Keep
        };
        read_quantiles(&quantiles, StateLimits { decoded: limit }, visitor).map(|_| ())
    }

    /// Keys of scores that hash a value, those of these names alone left out.
    pub(super) fn scopes(&self, names: &[&str]) -> u64 {
        let mut known = self.scopes.known.clone();
        known.remove(&0);
        for name in names.iter().chain(&["", "bucket_time"]) {
            known.remove(&scope(["", "", name, ""]));
        }
        known.len() as u64
    }

    /// Hashes of values that a function has counted.
    pub(super) fn words(&self) -> u64 {
        self.words.known.len() as u64
    }

    /// Checksums that cover the items of filters.
    pub(super) fn rule_checksums(&self) -> u64 {
        self.checksums
    }

    /// Whether there are more than are told apart.
    pub(super) fn more(&self) -> bool {
        self.scopes.more || self.words.more
    }
}
