//! The values that an archive holds, where they were asked for.

use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::commands::inspect::values::{Counts, PARTS, Value};

/// All of them.
#[derive(Clone, Debug, Serialize)]
pub struct ValuesFacts {
    /// Distinct values that are told apart in one field.
    pub most_values: u64,
    /// Whether there are fields beyond those listed.
    pub more_fields: bool,
    /// Fields that the job uses first.
    pub fields: Vec<FieldFacts>,
    /// Whether values were replaced by tokens when the archive was written.
    pub pseudonymized: bool,
    /// Hashes of values.
    pub hashes: HashFacts,
    /// Parts whose form is not known, so that values in them may be missing here.
    pub unread: Vec<UnreadFacts>,
}

/// The values of one field, or of something else that holds values.
#[derive(Clone, Debug, Default, Serialize)]
pub struct FieldFacts {
    /// Its name, or what it is.
    pub name: String,
    /// `data`, `other`, or `filter` (its id is the name).
    pub kind: &'static str,
    /// What the job uses it for.
    pub roles: Vec<&'static str>,
    /// Distinct values known.
    pub distinct: u64,
    /// Whether there are more.
    pub more: bool,
    /// Distinct values by the part that they stand in.
    pub parts: BTreeMap<&'static str, u64>,
    /// Distinct values by what they look like.
    pub looks_like: Vec<LooksFacts>,
    /// Texts among them by what words in them look like.
    pub holds: Vec<LooksFacts>,
    /// The values, the most frequent first.
    pub values: Vec<ValueFacts>,
}

/// A guess, and how many values it holds for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LooksFacts {
    /// In words.
    pub what: &'static str,
    /// Distinct values.
    pub values: u64,
}

/// A value, and how often it stands in which part.
#[derive(Clone, Debug)]
pub struct ValueFacts {
    pub(in crate::commands::inspect) value: Value,
    pub(in crate::commands::inspect) counts: Counts,
}

/// Hashes without salt: whoever has a list of guesses finds the values in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct HashFacts {
    /// Of names and values, by which scores are kept in the quantiles.
    pub scopes: u64,
    /// Of values that `distinct_count` or `info_content` has met in open buckets.
    pub words: u64,
    /// Of rules, filter items included.
    pub rule_checksums: u64,
    /// Whether there are more than were counted.
    pub more: bool,
}

/// A part that was not understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnreadFacts {
    /// Which.
    pub part: &'static str,
    /// Why.
    pub why: String,
}

impl Serialize for ValueFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", self.value.text())?;
        map.serialize_entry("cut", &self.value.is_cut())?;
        let parts: BTreeMap<&str, u64> = PARTS
            .iter()
            .filter_map(|part| Some((part.name(), self.counts.of(*part))).filter(|(_, count)| *count > 0))
            .collect();
        map.serialize_entry("parts", &parts)?;
        map.end()
    }
}
