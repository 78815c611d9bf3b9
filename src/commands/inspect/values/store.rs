//! Distinct values by field, in bounded memory.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::values::{ArchivePart, ValueSource};

/// Distinct values of one field.
pub(super) const MAX_VALUES: usize = 100_000;
const MAX_FIELDS: usize = 1_000;
/// Bytes of all values; those of fields that the job does not use may take half of it.
const MAX_BYTES: usize = 128 << 20;
/// Bytes of a value that are kept.
const MAX_VALUE: usize = 512;
/// Bytes of a field's name; no mapping has longer ones.
const MAX_NAME: usize = 1024;
/// Approximate memory of a value besides its text.
const OVERHEAD: usize = 112;

/// What values are grouped by: a kind of source as it is called in JSON documents, and a name.
pub(super) type Group = (&'static str, String);

/// A value; a long one is truncated, and distinguished from others by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StoredValue {
    pub(crate) text: Box<str>,
    hash: Option<u64>,
}

/// How often a value is in each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartCounts([u32; ArchivePart::ALL.len()]);

/// The values of one field.
#[derive(Debug, Default)]
pub(super) struct StoredField {
    pub(super) values: HashMap<StoredValue, PartCounts>,
    /// There was no room for others.
    pub(super) more: bool,
}

/// The values of all fields, by kind and name.
#[derive(Debug, Default)]
pub(super) struct ValueStore {
    fields: HashMap<&'static str, HashMap<String, StoredField>>,
    bytes: usize,
    /// There was no room for other fields.
    pub(super) more_fields: bool,
}

/// Kind and name of a source.
pub(super) fn group<'a>(source: ValueSource<'a>) -> (&'static str, &'a str) {
    match source {
        ValueSource::Field(name) => ("data", name),
        ValueSource::Filter(id) => ("filter", id),
        ValueSource::Text(label) => ("other", label),
    }
}

impl ValueStore {
    /// Counts a value. A field that is `used` by the job finds room where others do not.
    pub(super) fn add(&mut self, source: ValueSource<'_>, used: bool, part: ArchivePart, text: &str) {
        if text.is_empty() {
            return;
        }
        let (kind, name) = group(source);
        let number: usize = self.fields.values().map(HashMap::len).sum();
        let fields = self.fields.entry(kind).or_default();
        if !fields.contains_key(name) {
            if number >= MAX_FIELDS || name.len() > MAX_NAME {
                self.more_fields = true;
                return;
            }
            fields.insert(name.to_owned(), StoredField::default());
        }
        let Some(field) = fields.get_mut(name) else { return };
        let value = StoredValue::of(text);
        if let Some(counts) = field.values.get_mut(&value) {
            counts.add(part);
            return;
        }
        let taken = value.text.len() + OVERHEAD;
        let room = if used { MAX_BYTES } else { MAX_BYTES / 2 };
        if field.values.len() >= MAX_VALUES || self.bytes + taken > room {
            field.more = true;
            return;
        }
        self.bytes += taken;
        field.values.entry(value).or_default().add(part);
    }

    /// Moves the values of one source to another: of a multi-field and of the field that it is made of.
    pub(super) fn merge(&mut self, from: ValueSource<'_>, into: ValueSource<'_>) {
        let (kind, name) = group(from);
        let Some(from) = self.fields.get_mut(kind).and_then(|fields| fields.remove(name)) else {
            return;
        };
        let (kind, name) = group(into);
        let field = self.fields.entry(kind).or_default().entry(name.to_owned()).or_default();
        for (value, counts) in from.values {
            field.values.entry(value).or_default().join(counts);
        }
        field.more |= from.more || field.values.len() > MAX_VALUES;
    }

    /// The fields in no order.
    pub(super) fn into_fields(self) -> impl Iterator<Item = (Group, StoredField)> {
        let fields = self.fields.into_iter();
        fields.flat_map(|(kind, fields)| fields.into_iter().map(move |(name, field)| ((kind, name), field)))
    }
}

impl StoredValue {
    fn of(text: &str) -> Self {
        let fitting = (0..=MAX_VALUE.min(text.len()))
            .rev()
            .find(|at| text.is_char_boundary(*at));
        let end = fitting.unwrap_or(0);
        let hash = (end < text.len()).then(|| {
            // The same in every store: values of two archives are compared.
            let mut hasher = DefaultHasher::new();
            text.hash(&mut hasher);
            hasher.finish()
        });
        let text = text[..end].into();
        Self { text, hash }
    }

    pub(crate) fn is_truncated(&self) -> bool {
        self.hash.is_some()
    }
}

impl PartCounts {
    fn add(&mut self, part: ArchivePart) {
        let count = &mut self.0[part as usize];
        *count = count.saturating_add(1);
    }

    fn join(&mut self, other: Self) {
        for (count, more) in self.0.iter_mut().zip(other.0) {
            *count = count.saturating_add(more);
        }
    }

    pub(crate) fn of(self, part: ArchivePart) -> u64 {
        self.0[part as usize].into()
    }

    pub(crate) fn total(self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const HOST: ValueSource<'static> = ValueSource::Field("host");

    fn field<'a>(store: &'a ValueStore, source: ValueSource<'_>) -> &'a StoredField {
        let (kind, name) = group(source);
        store.fields.get(kind).unwrap().get(name).unwrap()
    }

    fn number_of_fields(store: &ValueStore) -> usize {
        store.fields.values().map(HashMap::len).sum()
    }

    #[test]
    fn values_are_counted_by_part() {
        let mut store = ValueStore::default();
        for (part, text) in [
            (ArchivePart::Inputs, "a"),
            (ArchivePart::Inputs, "a"),
            (ArchivePart::ModelState, "a"),
            (ArchivePart::Inputs, "b"),
        ] {
            store.add(HOST, true, part, text);
        }
        let field = field(&store, HOST);
        assert_eq!((field.values.len(), field.more), (2, false));
        let a = field.values[&StoredValue::of("a")];
        assert_eq!(
            (a.of(ArchivePart::Inputs), a.of(ArchivePart::ModelState), a.total()),
            (2, 1, 3)
        );
    }

    #[test]
    fn beyond_the_bound_there_are_more() {
        let mut store = ValueStore::default();
        let mut add = |name: &str, text: &str| store.add(ValueSource::Field(name), true, ArchivePart::Inputs, text);
        for n in 0..=MAX_VALUES {
            add("host", &n.to_string());
        }
        // A known value is still counted.
        add("host", "0");
        for n in 0..=MAX_FIELDS {
            add(&n.to_string(), "0");
        }
        let host = field(&store, HOST);
        assert_eq!((host.values.len(), host.more), (MAX_VALUES, true));
        assert!(store.more_fields && number_of_fields(&store) == MAX_FIELDS);
        let mut store = ValueStore::default();
        store.add(
            ValueSource::Field(&"x".repeat(MAX_NAME + 1)),
            true,
            ArchivePart::Inputs,
            "0",
        );
        assert!(store.more_fields && number_of_fields(&store) == 0);
    }

    #[test]
    fn long_values_are_truncated_and_distinguished() {
        let mut store = ValueStore::default();
        let long = "ä".repeat(MAX_VALUE);
        for text in [long.clone(), format!("{long}x"), long] {
            store.add(HOST, true, ArchivePart::Inputs, &text);
        }
        let values = &field(&store, HOST).values;
        assert_eq!(values.len(), 2);
        let mut values = values.keys();
        assert!(values.all(|value| value.is_truncated() && value.text.len() <= MAX_VALUE));
    }

    #[test]
    fn room_is_left_for_fields_that_the_job_uses() {
        let mut store = ValueStore::default();
        let long = "x".repeat(MAX_VALUE - 10);
        for field in ["0", "1", "2", "3", "4"] {
            for n in 0..MAX_VALUES / 2 {
                let text = format!("{n:010}{long}");
                store.add(ValueSource::Field(field), false, ArchivePart::Inputs, &text);
            }
        }
        assert!(store.bytes <= MAX_BYTES / 2 && field(&store, ValueSource::Field("4")).more);
        store.add(HOST, true, ArchivePart::Inputs, "a");
        assert_eq!(field(&store, HOST).values.len(), 1);
    }

    #[test]
    fn a_multi_field_has_the_values_of_its_field() {
        let mut store = ValueStore::default();
        let keyword = ValueSource::Field("host.keyword");
        store.add(keyword, true, ArchivePart::ModelState, "a");
        store.add(HOST, false, ArchivePart::Inputs, "a");
        store.merge(HOST, keyword);
        let totals = field(&store, keyword).values.values().map(|counts| counts.total());
        assert_eq!(totals.collect::<Vec<_>>(), [2]);
        assert_eq!(number_of_fields(&store), 1);
    }
}
