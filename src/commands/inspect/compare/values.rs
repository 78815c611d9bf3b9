//! Values that came or went.

use std::collections::{BTreeMap, HashMap};

use super::report::{FieldDifference, PartDifference};
use crate::commands::inspect::report::{FieldFacts, Report, ValuesFacts};
use crate::commands::inspect::values::{Counts, PARTS, Part, Value};

type Known<'a> = HashMap<&'a Value, Counts>;

/// By field, in the order of the second; `None` where values were not asked for.
pub(super) fn values(first: &Report, second: &Report) -> Option<Vec<FieldDifference>> {
    let (first, second) = (first.values.as_ref()?, second.values.as_ref()?);
    let (a, b) = (by_name(first), by_name(second));
    let nothing = FieldFacts::default();
    let fields = second
        .fields
        .iter()
        .chain(first.fields.iter().filter(|field| !b.contains_key(&key(field))));
    let differences = fields.map(|field| {
        let [first, second] = [&a, &b].map(|fields| fields.get(&key(field)).copied().unwrap_or(&nothing));
        difference(field, first, second)
    });
    Some(differences.filter(|difference| !difference.is_none()).collect())
}

fn key(field: &FieldFacts) -> (&'static str, &str) {
    (field.kind, &field.name)
}

fn by_name(values: &ValuesFacts) -> BTreeMap<(&'static str, &str), &FieldFacts> {
    values.fields.iter().map(|field| (key(field), field)).collect()
}

fn difference(field: &FieldFacts, first: &FieldFacts, second: &FieldFacts) -> FieldDifference {
    let (a, b) = (known(first), known(second));
    let parts = PARTS.into_iter().map(|part| {
        let only = |one: &Known<'_>, other: &Known<'_>| {
            let missing = |value: &Value| other.get(value).is_none_or(|counts| counts.of(part) == 0);
            one.iter()
                .filter(|(value, counts)| counts.of(part) > 0 && missing(value))
                .count() as u64
        };
        PartDifference {
            part: part.name(),
            first: number(&a, part),
            second: number(&b, part),
            came: only(&b, &a),
            gone: only(&a, &b),
        }
    });
    FieldDifference {
        field: field.name.clone(),
        kind: field.kind,
        exact: !first.more && !second.more,
        parts: parts.filter(|part| part.first + part.second > 0).collect(),
        came: missing(second, &a),
        gone: missing(first, &b),
    }
}

fn known(field: &FieldFacts) -> Known<'_> {
    field.values.iter().map(|value| (&value.value, value.counts)).collect()
}

fn number(known: &Known<'_>, part: Part) -> u64 {
    known.values().filter(|counts| counts.of(part) > 0).count() as u64
}

/// The values of a field that the other lacks, in the order of the field.
fn missing(field: &FieldFacts, other: &Known<'_>) -> Vec<String> {
    let values = field.values.iter().filter(|value| !other.contains_key(&value.value));
    values.map(|value| value.value.text().to_owned()).collect()
}
