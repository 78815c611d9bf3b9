//! Distinct values by field, in memory that is bounded.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::other::Other;
use super::part::{Counts, Part};

/// Distinct values told apart in one field.
pub(in crate::commands::inspect) const MOST_VALUES: usize = 100_000;
/// Fields told apart.
pub(in crate::commands::inspect) const MOST_FIELDS: usize = 1_000;
/// Bytes that all values together may take; those of fields that the job does not use may take half of it.
const MOST_BYTES: usize = 128 << 20;
/// Bytes of a value that are kept.
const LONGEST: usize = 512;
/// Bytes of a field's name; no mapping has longer ones.
const LONGEST_NAME: usize = 1024;
/// About what a value takes beside its text.
const OVERHEAD: usize = 112;

/// What the values of a field are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::commands::inspect) enum Field {
    /// A field of the data.
    Data(String),
    /// Something else that holds values, such as the authors of annotations.
    Other(Other),
    /// The items of a filter whose field is not known.
    Filter(String),
}

/// A value; a long one is cut, and told apart from others by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::commands::inspect) struct Value {
    text: Box<str>,
    whole: Option<u64>,
}

/// The values of one field.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct Values {
    known: HashMap<Value, Counts>,
    /// Values came that there was no room for.
    more: bool,
}

/// The values of all fields.
#[derive(Debug, Default)]
pub(in crate::commands::inspect) struct Store {
    fields: HashMap<Field, Values>,
    bytes: usize,
    more_fields: bool,
}

impl Field {
    /// Bytes of its name.
    fn name_bytes(&self) -> usize {
        match self {
            Self::Data(name) | Self::Filter(name) => name.len(),
            Self::Other(_) => 0,
        }
    }
}

impl Store {
    /// Counts a value. `wanted` are the fields that the job uses: they find room where others do not.
    pub(super) fn add(&mut self, field: &Field, wanted: bool, part: Part, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.fields.contains_key(field) {
            if self.fields.len() >= MOST_FIELDS || field.name_bytes() > LONGEST_NAME {
                self.more_fields = true;
                return;
            }
            self.fields.insert(field.clone(), Values::default());
        }
        let Some(values) = self.fields.get_mut(field) else {
            return;
        };
        let value = Value::of(text);
        if let Some(counts) = values.known.get_mut(&value) {
            counts.add(part);
            return;
        }
        let taken = value.text.len() + OVERHEAD;
        let room = if wanted { MOST_BYTES } else { MOST_BYTES / 2 };
        if values.known.len() >= MOST_VALUES || self.bytes + taken > room {
            values.more = true;
            return;
        }
        self.bytes += taken;
        let mut counts = Counts::default();
        counts.add(part);
        values.known.insert(value, counts);
    }

    /// Values of one field are another's: of a multi-field and of the field that it is made of.
    pub(super) fn merge(&mut self, from: &Field, into: &Field) {
        let Some(values) = self.fields.remove(from) else { return };
        let target = self.fields.entry(into.clone()).or_default();
        target.more |= values.more;
        for (value, counts) in values.known {
            target.known.entry(value).or_default().join(counts);
        }
        if target.known.len() > MOST_VALUES {
            target.more = true;
        }
    }

    /// Field after field, in no order.
    pub(super) fn into_fields(self) -> impl Iterator<Item = (Field, Values)> {
        self.fields.into_iter()
    }

    /// Whether there were more fields than are told apart.
    pub(super) fn more_fields(&self) -> bool {
        self.more_fields
    }
}

impl Values {
    /// Those that are known, in no order.
    pub(super) fn into_list(self) -> Vec<(Value, Counts)> {
        self.known.into_iter().collect()
    }

    /// How many are known.
    pub(super) fn distinct(&self) -> usize {
        self.known.len()
    }

    /// Whether there are more than are known.
    pub(super) fn more(&self) -> bool {
        self.more
    }
}

impl Value {
    fn of(text: &str) -> Self {
        if text.len() <= LONGEST {
            return Self {
                text: text.into(),
                whole: None,
            };
        }
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        // The same hash in every store: values of two archives are compared.
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        Self {
            text: text.get(..end).unwrap_or_default().into(),
            whole: Some(hasher.finish()),
        }
    }

    /// What is kept of it.
    pub(in crate::commands::inspect) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it is longer.
    pub(in crate::commands::inspect) fn is_cut(&self) -> bool {
        self.whole.is_some()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn host() -> Field {
        Field::Data("host".to_owned())
    }

    #[test]
    fn values_are_counted_where_they_stand() {
        let mut store = Store::default();
        for (part, text) in [
            (Part::Inputs, "a"),
            (Part::Inputs, "a"),
            (Part::ModelState, "a"),
            (Part::Inputs, "b"),
        ] {
            store.add(&host(), true, part, text);
        }
        let values = store.fields.get(&host()).unwrap();
        assert_eq!((values.distinct(), values.more()), (2, false));
        let a = values.known.iter().find(|(value, _)| value.text() == "a").unwrap().1;
        assert_eq!((a.of(Part::Inputs), a.of(Part::ModelState), a.total()), (2, 1, 3));
    }

    #[test]
    fn beyond_the_bound_there_are_more() {
        let mut store = Store::default();
        for n in 0..=MOST_VALUES {
            store.add(&host(), true, Part::Inputs, &n.to_string());
        }
        // One that is known is counted all the same.
        store.add(&host(), true, Part::Inputs, "0");
        let values = store.fields.get(&host()).unwrap();
        assert_eq!((values.distinct(), values.more()), (MOST_VALUES, true));
        for n in 0..=MOST_FIELDS {
            store.add(&Field::Data(n.to_string()), true, Part::Inputs, "0");
        }
        assert!(store.more_fields() && store.fields.len() == MOST_FIELDS);
        let mut store = Store::default();
        store.add(&Field::Data("x".repeat(LONGEST_NAME + 1)), true, Part::Inputs, "0");
        assert!(store.more_fields() && store.fields.is_empty());
    }

    #[test]
    fn long_values_are_cut_and_told_apart() {
        let mut store = Store::default();
        let long = "ä".repeat(LONGEST);
        for text in [long.clone(), format!("{long}x"), long] {
            store.add(&host(), true, Part::Inputs, &text);
        }
        let values = store.fields.get(&host()).unwrap();
        assert_eq!(values.distinct(), 2);
        assert!(
            values
                .known
                .keys()
                .all(|value| value.is_cut() && value.text().len() <= LONGEST)
        );
    }

    #[test]
    fn room_is_left_for_fields_that_the_job_uses() {
        let mut store = Store::default();
        let long = "x".repeat(LONGEST - 10);
        for field in 0..5 {
            for n in 0..MOST_VALUES / 2 {
                store.add(
                    &Field::Data(field.to_string()),
                    false,
                    Part::Inputs,
                    &format!("{n:010}{long}"),
                );
            }
        }
        assert!(store.bytes <= MOST_BYTES / 2 && store.fields.values().any(Values::more));
        store.add(&host(), true, Part::Inputs, "a");
        assert_eq!(store.fields[&host()].distinct(), 1);
    }

    #[test]
    fn a_multi_field_has_the_values_of_its_field() {
        let mut store = Store::default();
        let keyword = Field::Data("host.keyword".to_owned());
        store.add(&keyword, true, Part::ModelState, "a");
        store.add(&host(), false, Part::Inputs, "a");
        store.merge(&host(), &keyword);
        let totals = store.fields[&keyword].known.values().map(|counts| counts.total());
        assert_eq!(totals.collect::<Vec<_>>(), [2]);
        assert!(!store.fields.contains_key(&host()));
    }
}
