//! The values in the report.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::collect::ValueCollector;
use super::store::{Group, MAX_VALUES, PartCounts, StoredField, StoredValue};
use crate::archive::{Contents, Limits};
use crate::job::InputMappings;
use crate::state::StateLimits;
use crate::values::{ArchivePart, FieldRole, FieldRoles, ValueFormat, ValueSource};

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ValuesFacts {
    /// Distinct values of one field that are told apart.
    #[serde(rename = "most_values")]
    pub(crate) max_values: u64,
    /// Whether there are fields that are not listed.
    pub(crate) more_fields: bool,
    /// Fields that the job uses first.
    pub(crate) fields: Vec<FieldFacts>,
    /// Whether values were replaced by tokens when the archive was written.
    pub(crate) pseudonymized: bool,
    pub(crate) hashes: HashFacts,
    pub(crate) unread: Vec<UnreadFacts>,
}

/// The values of a field, or of texts of one kind.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FieldFacts {
    pub(crate) name: String,
    /// `data`, `other`, or `filter` (its ID is the name).
    pub(crate) kind: &'static str,
    pub(crate) roles: Vec<&'static str>,
    /// Number of distinct values.
    pub(crate) distinct: u64,
    /// Whether there are more.
    pub(crate) more: bool,
    /// Distinct values by part.
    pub(crate) parts: BTreeMap<&'static str, u64>,
    /// Distinct values by format.
    pub(crate) looks_like: Vec<FormatFacts>,
    /// Texts among them by the formats of their words.
    pub(crate) holds: Vec<FormatFacts>,
    /// The most frequent first.
    pub(crate) values: Vec<ValueFacts>,
}

/// A format, and the number of values that have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct FormatFacts {
    pub(crate) what: &'static str,
    pub(crate) values: u64,
}

/// A value, and how often it is in each part.
#[derive(Clone, Debug)]
pub(crate) struct ValueFacts {
    pub(crate) value: StoredValue,
    pub(crate) counts: PartCounts,
}

/// Numbers of hashes without salt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HashFacts {
    /// Of names and values: keys of scores in the quantiles.
    pub(crate) scopes: u64,
    /// Of values that `distinct_count` or `info_content` has counted in open buckets.
    pub(crate) words: u64,
    /// Of rules with the items of their filters.
    pub(crate) rule_checksums: u64,
    pub(crate) more: bool,
}

/// A part that was not understood, so that values of it may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnreadFacts {
    pub(crate) part: &'static str,
    pub(crate) why: String,
}

impl Serialize for ValueFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = ArchivePart::ALL.map(|part| (part.name(), self.counts.of(part)));
        let parts: BTreeMap<&str, u64> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("value", &self.value.text)?;
        map.serialize_entry("cut", &self.value.is_truncated())?;
        map.serialize_entry("parts", &parts)?;
        map.end()
    }
}

impl ValueCollector {
    pub(crate) fn into_facts(mut self, contents: &Contents, limits: Limits) -> ValuesFacts {
        self.finish(contents, StateLimits { decoded: limits.state });
        self.assign_to_fields(contents);
        let options = contents.manifest.as_ref().map(|manifest| &manifest.options);
        let hashes = HashFacts {
            scopes: self.hashes.scopes_of_values(&self.roles),
            words: self.hashes.words.len() as u64,
            rule_checksums: self.hashes.rule_checksums,
            more: self.hashes.more,
        };
        let unread = self.unread.into_iter().map(|(part, why)| UnreadFacts { part, why });
        let (roles, more_fields) = (self.roles, self.store.more_fields);
        let fields = self.store.into_fields().filter(|(_, field)| !field.values.is_empty());
        let mut fields: Vec<FieldFacts> = fields
            .map(|(group, field)| FieldFacts::of(group, field, &roles))
            .collect();
        // Fields that the job uses first, by their role; then other fields, then texts.
        fields.sort_by_cached_key(|field| {
            let role = roles.of(&field.name).iter().min().copied();
            (field.kind != "data", role.is_none(), role, field.name.clone())
        });
        ValuesFacts {
            max_values: MAX_VALUES as u64,
            more_fields,
            fields,
            pseudonymized: options.and_then(|options| options.get("pseudonymize")) == Some(&Value::Bool(true)),
            hashes,
            unread: unread.collect(),
        }
    }

    /// Moves values that were found under another name than that of their field.
    fn assign_to_fields(&mut self, contents: &Contents) {
        let mut merge = |from: &str, into: &str| self.store.merge(ValueSource::Field(from), ValueSource::Field(into));
        let mapping = contents.input_mapping.as_deref();
        let mapping = mapping.and_then(|mapping| InputMappings::parse(mapping.get().as_bytes()).ok());
        for field in self.roles.fields() {
            let sources = mapping.iter().flat_map(|mapping| mapping.source_paths(field));
            for source in sources.filter(|source| *source != field && self.roles.of(source).is_empty()) {
                merge(&source, field);
            }
        }
        let texts = [
            (ValueSource::CATEGORIZED_MESSAGES, FieldRole::Categorization),
            (ValueSource::CATEGORIZED_PARTITIONS, FieldRole::Partition),
        ];
        for (label, role) in texts {
            if let Some(field) = self.roles.with(role).next() {
                self.store.merge(ValueSource::Text(label), ValueSource::Field(field));
            }
        }
    }
}

impl FieldFacts {
    fn of((kind, name): Group, field: StoredField, roles: &FieldRoles) -> Self {
        let more = field.more;
        let values = field.values.into_iter();
        let mut values: Vec<ValueFacts> = values.map(|(value, counts)| ValueFacts { value, counts }).collect();
        values.sort_by(|a, b| {
            let key = |value: &ValueFacts| Reverse((value.counts.of(ArchivePart::Inputs), value.counts.total()));
            key(a).cmp(&key(b)).then_with(|| a.value.text.cmp(&b.value.text))
        });
        let parts = ArchivePart::ALL.into_iter().filter_map(|part| {
            let distinct = values.iter().filter(|value| value.counts.of(part) > 0).count() as u64;
            (distinct > 0).then_some((part.name(), distinct))
        });
        let (mut looks_like, mut holds) = (BTreeMap::new(), BTreeMap::new());
        for ValueFacts { value, .. } in &values {
            let format = ValueFormat::of(&value.text, &name);
            *looks_like.entry(format).or_insert(0) += 1;
            if matches!(format, ValueFormat::Text | ValueFormat::Url) {
                for contained in ValueFormat::contained_in(&value.text) {
                    *holds.entry(contained).or_insert(0) += 1;
                }
            }
        }
        let roles = if kind == "data" { roles.of(&name) } else { &[] };
        Self {
            roles: roles.iter().map(|role| role.name()).collect(),
            distinct: values.len() as u64,
            more,
            parts: parts.collect(),
            looks_like: ranked(looks_like),
            holds: ranked(holds),
            name,
            kind,
            values,
        }
    }
}

/// The most frequent format first.
fn ranked(counts: BTreeMap<ValueFormat, u64>) -> Vec<FormatFacts> {
    let facts = |(format, values): (ValueFormat, u64)| FormatFacts {
        what: format.name(),
        values,
    };
    let mut list: Vec<FormatFacts> = counts.into_iter().map(facts).collect();
    list.sort_by_key(|format| Reverse(format.values));
    list
}
