//! Hashes and checksums in model state: the values of hashes, the hashes of their tokens, and whether checksums of
//! rules may stay.

use std::collections::{HashMap, HashSet};

use super::fields::{CATEGORY, ReplacedFields};
use crate::job::{self, Calendar, JobConfig};
use crate::pseudonym::error::Result;
use crate::pseudonym::tokens::{TokenMap, TokenUse};
use crate::state::hash::{scope_hash, scope_hash_of_partition, value_hash};
use crate::state::schema::{Change, Detector};

/// The maximum number of pairs that are tried for values that were not found together.
const MAX_TRIED_PAIRS: usize = 30_000_000;

/// Hashes that were found before writing, and the values that they match. Values are numbers of the [`TokenMap`].
#[derive(Debug, Default)]
pub(crate) struct Hashes {
    /// Hashes that identify the largest scores.
    pub(crate) scope_hashes: HashSet<u64>,
    /// Hashes of counted values.
    pub(crate) value_hashes: HashSet<u64>,
    /// Values of a partition and of a person or attribute that are found together in the state.
    pub(crate) pairs: HashSet<(u32, u32)>,
    preimages: HashMap<u64, HashPreimage>,
    /// Counted values by hash, and whether the values of their field are replaced.
    pub(crate) counted: HashMap<u64, (u32, bool)>,
    /// Hashes of tokens by the hash that they replace.
    pub(crate) token_hashes: HashMap<u64, u64>,
}

/// The names of the partition field and the person field, and their values.
#[derive(Clone, Debug)]
struct HashPreimage {
    names: [String; 2],
    values: [Option<u32>; 2],
}

/// The number of hashes by their treatment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct HashCounts {
    /// Hashes of largest scores.
    pub(crate) scope_keys: u64,
    /// Those of them that are removed because no known value matches.
    pub(crate) scope_keys_removed: u64,
    /// Hashes of counted values.
    pub(crate) words: u64,
    /// Those of them that are removed.
    pub(crate) words_removed: u64,
}

impl Hashes {
    /// Finds the values of the hashes among all texts in the map. A value that matches a hash is replaced from then on.
    pub(crate) fn find_preimages(&mut self, tokens: &mut TokenMap, fields: &ReplacedFields) -> Result<()> {
        let mut compare = |hash: u64, names: [&str; 2], values: [Option<u32>; 2]| {
            if self.scope_hashes.contains(&hash) {
                let names = names.map(str::to_owned);
                self.preimages.entry(hash).or_insert(HashPreimage { names, values });
            }
        };
        // The empty text comes first and is tried with every other text, regardless of the limit.
        let numbered = tokens.texts().zip(0..).map(|(text, id)| (Some(id), text));
        let texts: Vec<(Option<u32>, &str)> = std::iter::once((None, "")).chain(numbered).collect();
        for name in ["", "bucket_time"] {
            compare(scope_hash(["", "", name, ""]), ["", name], [None; 2]);
        }
        let persons = fields.pairs.iter().map(|(_, person)| person).chain(&fields.influencers);
        let persons: HashSet<&str> = persons.map(String::as_str).filter(|name| !name.is_empty()).collect();
        for person in persons {
            let hash = scope_hash_of_partition("", "");
            for (id, text) in &texts {
                compare(hash(person, text), ["", person], [None, *id]);
            }
        }
        for (partition, person) in fields.pairs.iter().filter(|(partition, _)| !partition.is_empty()) {
            let mut left = MAX_TRIED_PAIRS;
            for (first, text) in &texts {
                let hash = scope_hash_of_partition(partition, text);
                compare(hash("", ""), [partition, ""], [*first, None]);
                if person.is_empty() {
                    continue;
                }
                for (second, text) in texts.iter().take(left.max(1)) {
                    compare(hash(person, text), [partition, person], [*first, *second]);
                }
                left = left.saturating_sub(texts.len());
            }
            for (first, second) in &self.pairs {
                let texts = [tokens.entry(*first).0, tokens.entry(*second).0];
                let hash = scope_hash([partition, texts[0], person, texts[1]]);
                compare(hash, [partition, person], [Some(*first), Some(*second)]);
            }
        }
        for HashPreimage { names, values } in self.preimages.values() {
            for (field, id) in names.iter().zip(values) {
                if let Some(id) = id.filter(|_| fields.names.contains(field)) {
                    let text = tokens.entry(id).0.to_owned();
                    tokens.note(&text, TokenUse::Value)?;
                }
            }
        }
        Ok(())
    }

    /// Computes the hashes of tokens after the tokens are assigned.
    pub(crate) fn hash_tokens(&mut self, tokens: &TokenMap, fields: &ReplacedFields) {
        let becomes = |id: u32, chosen: bool| match (tokens.entry(id), chosen) {
            ((_, token), true) => token.to_owned(),
            ((text, _), false) => tokens.replace_known_values(text),
        };
        let value = |field: &str, id: Option<u32>| match id {
            None => String::new(),
            Some(id) if field == CATEGORY => tokens.entry(id).0.to_owned(),
            Some(id) => becomes(id, fields.names.contains(field)),
        };
        for (hash, HashPreimage { names, values }) in &self.preimages {
            let [partition, person] = names;
            let texts = [value(partition, values[0]), value(person, values[1])];
            let new = scope_hash([partition, &texts[0], person, &texts[1]]);
            self.token_hashes.insert(*hash, new);
        }
        for (old, (id, chosen)) in &self.counted {
            self.token_hashes.insert(*old, value_hash(&becomes(*id, *chosen)));
        }
        self.token_hashes.insert(0, 0);
    }

    /// Returns what to do with a hash. It is removed if no value matches.
    pub(crate) fn change(&self, hash: Option<u64>) -> Change {
        match hash.and_then(|hash| Some((hash, *self.token_hashes.get(&hash)?))) {
            None => Change::Drop,
            Some((old, new)) if new == old => Change::Keep,
            Some((_, new)) => Change::Replace(new.to_string()),
        }
    }

    /// Counts the hashes, and those that are removed.
    pub(crate) fn counts(&self) -> HashCounts {
        let is_lost = |hash: &&u64| !self.token_hashes.contains_key(hash);
        let lost = |hashes: &HashSet<u64>| hashes.iter().filter(is_lost).count() as u64;
        HashCounts {
            scope_keys: self.scope_hashes.len() as u64,
            scope_keys_removed: lost(&self.scope_hashes),
            words: self.value_hashes.len() as u64,
            words_removed: lost(&self.value_hashes),
        }
    }
}

/// The rules of each detector, and the calendar events that shift time. After they are applied, a detector keeps their
/// checksums in its state. The checksum of a rule includes the items of the filters in its scope and would leak them.
/// The checksum of an event, or of a rule without a scope, only covers actions and conditions, which stay.
#[derive(Debug, Default)]
pub(crate) struct TimeShiftRules {
    detectors: Vec<job::Detector>,
    events: u64,
}

impl TimeShiftRules {
    pub(crate) fn of(config: &JobConfig, calendars: &[Calendar]) -> Self {
        let events = calendars.iter().flat_map(|calendar| &calendar.events);
        let shifting = events.filter(|event| event.get("force_time_shift").is_some_and(|shift| !shift.is_null()));
        Self {
            detectors: config.analysis.detectors.clone(),
            events: shifting.count() as u64,
        }
    }

    /// Whether all checksums of a detector, of this number, can belong to rules without a scope.
    pub(crate) fn have_no_scope(&self, detector: Option<&Detector>, checksums: &str) -> bool {
        let own = self.detectors.iter().filter(|own| {
            let fields =
                [&own.field, &own.by, &own.over, &own.partition].map(|name| name.as_deref().unwrap_or_default());
            // The job's counter applies the rules of every detector.
            detector.is_none_or(|known| {
                known.is_counter() || fields == [&*known.field, &known.by, &known.over, &known.partition]
            })
        });
        let shifting = own.flat_map(|own| &own.custom_rules).filter(|rule| rule.shifts_time());
        let (scoped, unscoped): (Vec<_>, Vec<_>) = shifting.partition(|rule| !rule.scope.is_empty());
        let known = unscoped.len() as u64 + self.events;
        scoped.is_empty() && checksums.parse::<u64>().is_ok_and(|checksums| checksums <= known)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;
    use crate::pseudonym::tokens::KeyFile;

    #[test]
    fn hashes_with_an_empty_partition_value_are_explained_among_many_texts() {
        let mut tokens = TokenMap::new(KeyFile::new().unwrap());
        // More texts than the number of pairs allows.
        for n in 0..6000 {
            tokens.note(&format!("text {n}"), TokenUse::HashCandidate).unwrap();
        }
        let id = tokens.note("login", TokenUse::HashCandidate).unwrap();
        let mut fields = ReplacedFields::default();
        fields.pairs.insert(("host".to_owned(), "service".to_owned()));
        let mut hashes = Hashes::default();
        let key = scope_hash(["host", "", "service", "login"]);
        hashes.scope_hashes.insert(key);
        hashes.find_preimages(&mut tokens, &fields).unwrap();
        assert_eq!(hashes.preimages[&key].values, [None, Some(id)]);
        tokens.assign_tokens().unwrap();
        hashes.hash_tokens(&tokens, &fields);
        assert_eq!(hashes.counts().scope_keys_removed, 0);
    }

    fn job(rules: &Value) -> JobConfig {
        let job = json!({"job_id": "a", "analysis_config": {"detectors": [
            {"function": "count", "by_field_name": "service", "custom_rules": rules},
            {"function": "mean", "field_name": "bytes"},
        ]}});
        JobConfig::parse(job.to_string().as_bytes()).unwrap()
    }

    fn detector(field: &str, by: &str) -> Detector {
        let mut detector = Detector::default();
        field.clone_into(&mut detector.field);
        by.clone_into(&mut detector.by);
        detector
    }

    #[test]
    fn checksums_of_rules_without_a_scope_are_known() {
        let shift =
            json!({"actions": ["force_time_shift"], "params": {"force_time_shift": {"time_shift_amount": 3600}}});
        let skip = json!({"actions": ["skip_result"], "scope": {"service": {"filter_id": "f"}}});
        let rules = TimeShiftRules::of(&job(&json!([shift, skip])), &[]);
        let counting = detector("", "service");
        assert!(rules.have_no_scope(Some(&counting), "1"));
        assert!(
            !rules.have_no_scope(Some(&counting), "2"),
            "a rule that the job no longer has"
        );
        assert!(!rules.have_no_scope(Some(&detector("bytes", "")), "1"));
        let mut scoped = shift.clone();
        scoped["scope"] = json!({"service": {"filter_id": "f"}});
        let rules = TimeShiftRules::of(&job(&json!([shift, scoped])), &[]);
        assert!(!rules.have_no_scope(Some(&counting), "1"));
    }

    #[test]
    fn events_that_shift_time_have_no_scope() {
        let calendar = json!({"calendar_id": "c", "events": [{"description": "x", "force_time_shift": 3600}, {}]});
        let calendar = serde_json::from_value(calendar).unwrap();
        let rules = TimeShiftRules::of(&job(&json!([])), &[calendar]);
        assert!(rules.have_no_scope(Some(&detector("bytes", "")), "1"));
        assert!(!rules.have_no_scope(Some(&detector("bytes", "")), "2"));
    }
}
