//! Collects distinct values by field, document by document and from the stream of decoded state, in bounded memory.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, Sink, Write};
use std::rc::Rc;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::archive::{Contents, Limits, Part};
use crate::job::JobConfig;
use crate::state::StateKind;
use crate::state::hash::scope_hash;
use crate::state::schema::{Change, StateRewriter, StateStream, ValueKind, ValueLocation, read_quantiles};
use crate::values::{
    ArchivePart, FieldRole, FieldRoles, ValueFormat, ValueSource, config_values, document_values, entry_values,
    input_values,
};

/// Maximum number of distinct hashes per kind.
const MAX_HASHES: usize = 1_000_000;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct ValuesFacts {
    /// Maximum number of distinct values per field.
    pub(crate) max_values: u64,
    /// Whether there are fields that are not listed.
    pub(crate) more_fields: bool,
    /// The fields that the job uses come first.
    pub(crate) fields: Vec<FieldFacts>,
    /// Whether values were replaced with tokens when the archive was written.
    pub(crate) pseudonymized: bool,
    pub(crate) hashes: HashFacts,
    pub(crate) unreadable: Vec<UnreadableFacts>,
}

/// Numbers of unsalted hashes: they can be compared with the hashes of guessed values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HashFacts {
    /// Hashes of names and values: keys of scores in the quantiles.
    pub(crate) scopes: u64,
    /// Hashes of values that `distinct_count` or `info_content` counted in open buckets.
    pub(crate) words: u64,
    /// Checksums of rules, which cover the items of their filters.
    pub(crate) rule_checksums: u64,
    pub(crate) more: bool,
}

/// A part whose form is not known, so that its values may be missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct UnreadableFacts {
    pub(crate) part: &'static str,
    pub(crate) reason: String,
}

/// Maximum number of distinct values per field.
const MAX_VALUES: usize = 100_000;
const MAX_FIELDS: usize = 1_000;
/// Bytes of all values. Fields that the job does not use get at most half of it.
const MAX_BYTES: usize = 128 << 20;
/// Maximum bytes kept of a value.
const MAX_VALUE: usize = 512;
/// Maximum bytes of a field name, longer than any in a mapping.
const MAX_NAME: usize = 1024;
/// Approximate memory of a value in addition to its text, in bytes.
const OVERHEAD: usize = 112;

/// The values of a field or of one kind of text.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct FieldFacts {
    pub(crate) name: String,
    /// `data`, `other`, or `filter` (the name is the ID of the filter).
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
    /// Texts by the formats of the words in them.
    pub(crate) contains: Vec<FormatFacts>,
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

/// A value; a long one is truncated, and distinguished from others by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StoredValue {
    pub(crate) text: Box<str>,
    hash: Option<u64>,
}

/// How often a value is in each part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PartCounts([u32; ArchivePart::NAMES.len()]);

/// The values of one field.
#[derive(Debug, Default)]
struct StoredField {
    values: HashMap<StoredValue, PartCounts>,
    /// Whether values were dropped because a bound was reached.
    more: bool,
}

/// The values of all fields, by kind and name.
#[derive(Debug, Default)]
struct ValueStore {
    fields: HashMap<&'static str, HashMap<String, StoredField>>,
    bytes: usize,
    /// Whether fields were dropped because a bound was reached.
    more_fields: bool,
}

/// Collects values without keeping documents.
#[derive(Debug, Default)]
pub(crate) struct ValueCollector {
    store: ValueStore,
    roles: FieldRoles,
    scopes: HashSet<u64>,
    words: HashSet<u64>,
    hashes: HashFacts,
    unreadable: Vec<UnreadableFacts>,
    time_field: String,
}

impl ValueCollector {
    /// Reads the roles of fields and the texts of the configuration.
    pub(crate) fn config(&mut self, config: &JobConfig) {
        self.roles = FieldRoles::of_job(config);
        config.time_field().clone_into(&mut self.time_field);
        config_values(config, &mut |source, part, text| self.add(source, part, text));
    }

    /// Reads a document. The decoded model state comes through [`StateSink`].
    pub(crate) fn document(&mut self, part: Part, id: Option<&str>, source: &[u8]) {
        let part = match part {
            Part::Inputs => ArchivePart::Inputs,
            Part::Annotations => ArchivePart::Annotations,
            Part::Notifications => ArchivePart::Notifications,
            Part::Categories => ArchivePart::Categories,
            Part::Results => ArchivePart::Results,
            Part::State => return,
        };
        let time_field = self.time_field.clone();
        let mut add = |source: ValueSource<'_>, part, text: &str| self.add(source, part, text);
        let complete = match part {
            ArchivePart::Inputs => input_values(id, source, &time_field, &mut add),
            part => document_values(part, source, &mut add),
        };
        if !complete {
            let why = "a document is nested too deeply or contains a number that is too large";
            self.add_unreadable(part.name(), why.to_owned());
        }
    }

    /// Reads the small entries and the quantiles, which are known after the last document.
    pub(crate) fn into_facts(mut self, contents: &Contents, limits: Limits) -> ValuesFacts {
        entry_values(contents, &mut |source, part, text| self.add(source, part, text));
        let snapshot = contents.snapshot.as_ref();
        if let Some(quantiles) = snapshot.and_then(|snapshot| snapshot.quantiles.as_ref()) {
            let visitor = |location: &ValueLocation<'_>, text: &str| {
                if location.kind == ValueKind::ScopeHash {
                    self.hash(location.kind, text);
                }
                Change::Keep
            };
            if let Err(why) = read_quantiles(&quantiles.state, limits.state, visitor) {
                self.add_unreadable("quantiles", why.to_string());
            }
        }
        self.assign_to_fields(contents);
        // Keys of scores that hash only the name of an influencer contain no value.
        let names = self.roles.with(FieldRole::Influencer).chain(["", "bucket_time"]);
        let names: Vec<u64> = names.map(|name| scope_hash(["", "", name, ""])).chain([0]).collect();
        self.scopes.retain(|hash| !names.contains(hash));
        self.hashes.scopes = self.scopes.len() as u64;
        self.hashes.words = self.words.len() as u64;
        let (roles, more_fields) = (self.roles, self.store.more_fields);
        let fields = self.store.fields.into_iter();
        let fields = fields.flat_map(|(kind, fields)| fields.into_iter().map(move |(name, field)| (kind, name, field)));
        let fields = fields.filter(|(_, _, field)| !field.values.is_empty());
        let fields = fields.map(|(kind, name, field)| FieldFacts::of(kind, name, field, &roles));
        let mut fields: Vec<FieldFacts> = fields.collect();
        // Fields that the job uses first, by their role; then other fields, then texts.
        fields.sort_by_cached_key(|field| {
            let role = roles.of(&field.name).iter().min().copied();
            (field.kind != "data", role.is_none(), role, field.name.clone())
        });
        let options = contents.manifest.as_ref().map(|manifest| &manifest.options);
        ValuesFacts {
            max_values: MAX_VALUES as u64,
            more_fields,
            fields,
            pseudonymized: options.and_then(|options| options.get("pseudonymize")) == Some(&Value::Bool(true)),
            hashes: self.hashes,
            unreadable: self.unreadable,
        }
    }

    /// Moves values that were found under a different name to their field.
    fn assign_to_fields(&mut self, contents: &Contents) {
        for field in self.roles.fields() {
            let sources = contents.mappings.source_paths(field).into_iter();
            for source in sources.filter(|source| *source != field && self.roles.of(source).is_empty()) {
                self.store.merge(ValueSource::Field(&source), ValueSource::Field(field));
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

    fn state_value(&mut self, part: ArchivePart, location: &ValueLocation<'_>, text: &str) {
        use ValueKind::{By, CategoryExample, CategoryMessage, CategoryToken, Counted, Influencer, Over, Partition};
        let source = match (location.kind, location.field) {
            (Partition | By | Over | Influencer | Counted, Some(field)) => ValueSource::Field(field),
            (Partition, None) => ValueSource::Text(ValueSource::CATEGORIZED_PARTITIONS),
            (CategoryToken, _) => ValueSource::Text(ValueSource::CATEGORY_TOKENS),
            (CategoryMessage | CategoryExample, _) => ValueSource::Text(ValueSource::CATEGORIZED_MESSAGES),
            (kind, _) => return self.hash(kind, text),
        };
        self.add(source, part, text);
    }

    fn hash(&mut self, kind: ValueKind, text: &str) {
        let Ok(hash) = text.parse() else { return };
        let hashes = match kind {
            ValueKind::RuleChecksums => return self.hashes.rule_checksums += hash,
            ValueKind::ValueHash => &mut self.words,
            ValueKind::ScopeHash => &mut self.scopes,
            _ => return,
        };
        if hashes.len() < MAX_HASHES || hashes.contains(&hash) {
            hashes.insert(hash);
        } else {
            self.hashes.more = true;
        }
    }

    fn add(&mut self, source: ValueSource<'_>, part: ArchivePart, text: &str) {
        let used = match source {
            ValueSource::Field(name) => !self.roles.of(name).is_empty(),
            _ => true,
        };
        self.store.add(source, used, part, text);
    }

    fn add_unreadable(&mut self, part: &'static str, reason: String) {
        let unreadable = UnreadableFacts { part, reason };
        if !self.unreadable.contains(&unreadable) {
            self.unreadable.push(unreadable);
        }
    }
}

/// Receives the decoded state of one kind. State of an unknown form is reported, and the rest of it is skipped.
pub(crate) struct StateSink {
    state: Option<StateRewriter<Box<StateVisitor>, Sink>>,
    started: bool,
    part: ArchivePart,
    values: Rc<RefCell<ValueCollector>>,
}

type StateVisitor = dyn FnMut(&ValueLocation<'_>, &str) -> Change;

impl StateSink {
    pub(crate) fn new(kind: StateKind, values: &Rc<RefCell<ValueCollector>>) -> Self {
        let (stream, part) = match kind {
            StateKind::Model => (StateStream::Model, ArchivePart::ModelState),
            StateKind::Categorizer => (StateStream::Categorizer, ArchivePart::CategorizerState),
        };
        let (values, found) = (Rc::clone(values), Rc::clone(values));
        let visitor: Box<StateVisitor> = Box::new(move |location, text| {
            if !(location.registered && text == "-") {
                found.borrow_mut().state_value(part, location, text);
            }
            Change::Keep
        });
        Self {
            state: Some(StateRewriter::new(stream, visitor, io::sink())),
            started: false,
            part,
            values,
        }
    }

    fn note(&self, why: &io::Error) {
        let mut values = self.values.borrow_mut();
        values.add_unreadable(self.part.name(), why.to_string());
    }
}

impl Write for StateSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.started = true;
        if let Some(state) = &mut self.state
            && let Err(why) = state.write_all(bytes)
        {
            self.note(&why);
            self.state = None;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for StateSink {
    fn drop(&mut self) {
        let state = self.state.take().filter(|_| self.started);
        if let Some(Err(why)) = state.map(StateRewriter::finish) {
            self.note(&why);
        }
    }
}

impl Serialize for ValueFacts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let counts = ArchivePart::NAMES.map(|(part, name)| (name, self.counts.of(part)));
        let parts: BTreeMap<&str, u64> = counts.into_iter().filter(|(_, count)| *count > 0).collect();
        json!({"value": self.value.text, "truncated": self.value.is_truncated(), "parts": parts}).serialize(serializer)
    }
}

/// Kind and name of a source, as in JSON documents.
fn group<'a>(source: ValueSource<'a>) -> (&'static str, &'a str) {
    match source {
        ValueSource::Field(name) => ("data", name),
        ValueSource::Filter(id) => ("filter", id),
        ValueSource::Text(label) => ("other", label),
    }
}

impl ValueStore {
    /// Counts a value. More memory is available to fields that the job uses.
    fn add(&mut self, source: ValueSource<'_>, used: bool, part: ArchivePart, text: &str) {
        if text.is_empty() {
            return;
        }
        let (kind, name) = group(source);
        let has_all = self.fields.values().map(HashMap::len).sum::<usize>() >= MAX_FIELDS;
        let fields = self.fields.entry(kind).or_default();
        if !fields.contains_key(name) && (has_all || name.len() > MAX_NAME) {
            self.more_fields = true;
            return;
        }
        let field = fields.entry(name.to_owned()).or_default();
        let value = StoredValue::of(text);
        if !field.values.contains_key(&value) {
            let taken = value.text.len() + OVERHEAD;
            let room = if used { MAX_BYTES } else { MAX_BYTES / 2 };
            if field.values.len() >= MAX_VALUES || self.bytes + taken > room {
                field.more = true;
                return;
            }
            self.bytes += taken;
        }
        field.values.entry(value).or_default().add(part);
    }

    /// Moves the values of one source to another, such as from a field to the multi-field of it that the job uses.
    fn merge(&mut self, from: ValueSource<'_>, into: ValueSource<'_>) {
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
}

impl StoredValue {
    fn of(text: &str) -> Self {
        let mut end = MAX_VALUE.min(text.len());
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        // Without a random seed, since the values of two archives are compared.
        let hash = (end < text.len()).then(|| BuildHasherDefault::<DefaultHasher>::default().hash_one(text));
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

impl FieldFacts {
    fn of(kind: &'static str, name: String, StoredField { values, more }: StoredField, roles: &FieldRoles) -> Self {
        let values = values.into_iter();
        let mut values: Vec<ValueFacts> = values.map(|(value, counts)| ValueFacts { value, counts }).collect();
        values.sort_by(|a, b| {
            let key = |value: &ValueFacts| Reverse((value.counts.of(ArchivePart::Inputs), value.counts.total()));
            key(a).cmp(&key(b)).then_with(|| a.value.text.cmp(&b.value.text))
        });
        let parts = ArchivePart::NAMES.into_iter().filter_map(|(part, name)| {
            let distinct = values.iter().filter(|value| value.counts.of(part) > 0).count() as u64;
            (distinct > 0).then_some((name, distinct))
        });
        let (mut looks_like, mut contains) = (BTreeMap::new(), BTreeMap::new());
        for ValueFacts { value, .. } in &values {
            let format = ValueFormat::of(&value.text, &name);
            *looks_like.entry(format).or_insert(0) += 1;
            if matches!(format, ValueFormat::Text | ValueFormat::Url) {
                for contained in ValueFormat::contained_in(&value.text) {
                    *contains.entry(contained).or_insert(0) += 1;
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
            contains: ranked(contains),
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
    fn values_beyond_the_bound_are_reported_as_more() {
        let mut store = ValueStore::default();
        let mut add = |name: &str, text: &str| store.add(ValueSource::Field(name), true, ArchivePart::Inputs, text);
        for n in 0..=MAX_VALUES {
            add("host", &n.to_string());
        }
        // A value that is already stored is still counted.
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
    fn value_limit_reserves_space_for_fields_of_the_job() {
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
