//! From what was gathered to the report.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::gather::ValueGatherer;
use super::looks::Looks;
use super::other::Other;
use super::part::{Counts, PARTS, Part};
use super::roles::{Role, Roles};
use super::store::{Field, Store, Value, Values};
use super::{MOST_VALUES, small};
use crate::archive::{Contents, Limits};
use crate::commands::inspect::report::{FieldFacts, HashFacts, LooksFacts, UnreadFacts, ValueFacts, ValuesFacts};
use crate::job::InputMappings;

/// The report on values; what stands in the small entries is read here.
pub(in crate::commands::inspect) fn values(
    contents: &Contents,
    limits: Limits,
    mut gathered: ValueGatherer,
) -> ValuesFacts {
    small::values(contents, &mut gathered);
    if let Some(snapshot) = &contents.snapshot
        && let Err(why) = gathered.hashes.quantiles(snapshot, limits.state)
    {
        gathered.unread.push(("quantiles", why.to_string()));
    }
    let influencers: Vec<&str> = gathered.roles.with(Role::Influencer).collect();
    let hashes = HashFacts {
        scopes: gathered.hashes.scopes(&influencers),
        words: gathered.hashes.words(),
        rule_checksums: gathered.hashes.rule_checksums(),
        more: gathered.hashes.more(),
    };
    let unread = gathered
        .unread
        .iter()
        .map(|(part, why)| UnreadFacts { part, why: why.clone() });
    let unread = unread.collect();
    settle(&mut gathered, contents);
    let (roles, store) = (gathered.roles, gathered.store);
    let options = contents.manifest.as_ref().map(|manifest| &manifest.options);
    let pseudonymized = options.and_then(|options| options.get("pseudonymize"));
    ValuesFacts {
        pseudonymized: pseudonymized == Some(&serde_json::Value::Bool(true)),
        most_values: MOST_VALUES as u64,
        more_fields: store.more_fields(),
        fields: fields(store, &roles),
        hashes,
        unread,
    }
}

/// Values that stand under another name than their field's move there.
fn settle(gathered: &mut ValueGatherer, contents: &Contents) {
    let ValueGatherer {
        store,
        roles,
        categorization_field,
        ..
    } = gathered;
    if let Some(field) = categorization_field {
        store.merge(&Field::Other(Other::CategorizedMessages), &Field::Data(field.clone()));
    }
    if let Some(field) = roles.with(Role::Partition).next() {
        store.merge(
            &Field::Other(Other::CategorizedPartitions),
            &Field::Data(field.to_owned()),
        );
    }
    let mapping = contents
        .input_mapping
        .as_deref()
        .map(|mapping| mapping.get().as_bytes());
    let Some(mapping) = mapping.and_then(|mapping| InputMappings::parse(mapping).ok()) else {
        return;
    };
    for field in roles.fields() {
        for source in mapping.source_paths(field) {
            let (from, into) = (Field::Data(source.clone()), Field::Data(field.to_owned()));
            if source != field && roles.roles(&source).is_empty() {
                store.merge(&from, &into);
            }
        }
    }
}

/// Fields that the job uses first, by their role; then other fields of the data, then what else holds values.
fn fields(store: Store, roles: &Roles) -> Vec<FieldFacts> {
    let mut fields: Vec<FieldFacts> = store
        .into_fields()
        .filter(|(_, values)| values.distinct() > 0)
        .map(|(field, values)| facts(field, values, roles))
        .collect();
    let order = |field: &FieldFacts| {
        let role = roles.roles(&field.name).iter().min().copied();
        (field.kind != "data", role.is_none(), role, field.name.clone())
    };
    fields.sort_by_cached_key(order);
    fields
}

fn facts(field: Field, values: Values, roles: &Roles) -> FieldFacts {
    let (kind, name) = match field {
        Field::Data(name) => ("data", name),
        Field::Other(other) => ("other", other.name().to_owned()),
        Field::Filter(id) => ("filter", id),
    };
    let (distinct, more) = (values.distinct() as u64, values.more());
    let mut list = values.into_list();
    list.sort_by(|(a, a_counts), (b, b_counts)| {
        let key = |counts: &Counts| Reverse((counts.of(Part::Inputs), counts.total()));
        key(a_counts).cmp(&key(b_counts)).then_with(|| a.text().cmp(b.text()))
    });
    let parts = PARTS.into_iter().filter_map(|part| {
        let distinct = list.iter().filter(|(_, counts)| counts.of(part) > 0).count() as u64;
        (distinct > 0).then_some((part.name(), distinct))
    });
    let (looks_like, holds) = looks(&list, &name);
    let roles = if kind == "data" { roles.roles(&name) } else { &[] };
    FieldFacts {
        kind,
        roles: roles.iter().map(|role| role.name()).collect(),
        distinct,
        more,
        parts: parts.collect(),
        looks_like,
        holds,
        name,
        values: list
            .into_iter()
            .map(|(value, counts)| ValueFacts { value, counts })
            .collect(),
    }
}

/// What the values look like, and what texts among them hold; what most of them are comes first.
fn looks(list: &[(Value, Counts)], name: &str) -> (Vec<LooksFacts>, Vec<LooksFacts>) {
    let (mut looks_like, mut holds) = (BTreeMap::new(), BTreeMap::new());
    for (value, _) in list {
        let looks = Looks::of(value.text(), name);
        *looks_like.entry(looks).or_insert(0) += 1;
        if looks == Looks::Text || looks == Looks::Url {
            for held in Looks::held(value.text()) {
                *holds.entry(held).or_insert(0) += 1;
            }
        }
    }
    (ranked(looks_like), ranked(holds))
}

fn ranked(counts: BTreeMap<Looks, u64>) -> Vec<LooksFacts> {
    let mut list: Vec<LooksFacts> = counts
        .into_iter()
        .map(|(looks, values)| LooksFacts {
            what: looks.name(),
            values,
        })
        .collect();
    list.sort_by_key(|looks| Reverse(looks.values));
    list
}
