//! Collects distinct values by field, document by document and from the stream of decoded state, in bounded memory.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::io::{self, Sink, Write};
use std::rc::Rc;

use serde::Serialize;
use serde_json::Value;

use crate::archive::{Contents, Limits, Part};
use crate::job::JobConfig;
use crate::state::StateKind;
use crate::state::hash::scope_hash;
use crate::state::schema::{Change, StateRewriter, StateStream, ValueKind, ValueLocation, read_quantiles};
use crate::values::{
    ANNOTATION, ArchivePart, CATEGORY, FieldRole, FieldRoles, NOTIFICATION, RESULT, ValueFormat, ValueSource,
    config_values, document_values, entry_values, input_values,
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
    pub(crate) part: ArchivePart,
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
const OVERHEAD: usize = 224;

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
    pub(crate) parts: PartCounts,
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
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ValueFacts {
    #[serde(flatten)]
    pub(crate) value: StoredValue,
    pub(crate) parts: PartCounts,
}

/// A value; a long one is truncated, and distinguished from others by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct StoredValue {
    #[serde(rename = "value")]
    pub(crate) text: Box<str>,
    pub(crate) truncated: bool,
    #[serde(skip)]
    hash: u64,
}

/// Numbers by part, without those that are 0.
pub(crate) type PartCounts = BTreeMap<ArchivePart, u64>;

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
    fields: HashMap<(&'static str, String), StoredField>,
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
        let time_field = self.time_field.clone();
        let mut add = |source: ValueSource<'_>, part, text: &str| self.add(source, part, text);
        let document = match part {
            Part::State => return,
            Part::Inputs => None,
            Part::Annotations => Some(&ANNOTATION),
            Part::Notifications => Some(&NOTIFICATION),
            Part::Categories => Some(&CATEGORY),
            Part::Results => Some(&RESULT),
        };
        let complete = match document {
            None => input_values(id, source, &time_field, &mut add),
            Some(document) => document_values(document, source, &mut add),
        };
        if !complete {
            let part = document.map_or(ArchivePart::Inputs, |document| document.part);
            let why = "a document is nested too deeply or contains a number that is too large";
            self.add_unreadable(part, why.to_owned());
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
                self.add_unreadable(ArchivePart::Quantiles, why.to_string());
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
        let fields = self
            .store
            .fields
            .into_iter()
            .filter(|(_, field)| !field.values.is_empty());
        let fields = fields.map(|((kind, name), field)| FieldFacts::of(kind, name, field, &roles));
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

    fn add_unreadable(&mut self, part: ArchivePart, reason: String) {
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
            found.borrow_mut().state_value(part, location, text);
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
        values.add_unreadable(self.part, why.to_string());
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

/// Kind and name of a source, as in JSON documents.
fn kind_and_name(source: ValueSource<'_>) -> (&'static str, String) {
    match source {
        ValueSource::Field(name) => ("data", name.to_owned()),
        ValueSource::Filter(id) => ("filter", id.to_owned()),
        ValueSource::Text(label) => ("other", label.to_owned()),
    }
}

impl ValueStore {
    /// Counts a value. More memory is available to fields that the job uses.
    fn add(&mut self, source: ValueSource<'_>, used: bool, part: ArchivePart, text: &str) {
        if text.is_empty() {
            return;
        }
        let source = kind_and_name(source);
        let has_room = self.fields.len() < MAX_FIELDS && source.1.len() <= MAX_NAME;
        if !has_room && !self.fields.contains_key(&source) {
            self.more_fields = true;
            return;
        }
        let field = self.fields.entry(source).or_default();
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
        *field.values.entry(value).or_default().entry(part).or_default() += 1;
    }

    /// Moves the values of one source to another, such as from a field to the multi-field of it that the job uses.
    fn merge(&mut self, from: ValueSource<'_>, into: ValueSource<'_>) {
        let Some(from) = self.fields.remove(&kind_and_name(from)) else {
            return;
        };
        let field = self.fields.entry(kind_and_name(into)).or_default();
        for (value, parts) in from.values {
            let merged = field.values.entry(value).or_default();
            for (part, count) in parts {
                *merged.entry(part).or_default() += count;
            }
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
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(&text[end..]);
        let truncated = end < text.len();
        let text = text[..end].into();
        Self { text, truncated, hash }
    }
}

impl ValueFacts {
    pub(crate) fn total(&self) -> u64 {
        self.parts.values().sum()
    }
}

impl FieldFacts {
    fn of(kind: &'static str, name: String, StoredField { values, more }: StoredField, roles: &FieldRoles) -> Self {
        let values = values.into_iter();
        let mut values: Vec<ValueFacts> = values.map(|(value, parts)| ValueFacts { value, parts }).collect();
        values.sort_by(|a, b| {
            let key = |value: &ValueFacts| Reverse((value.parts.get(&ArchivePart::Inputs).copied(), value.total()));
            key(a).cmp(&key(b)).then_with(|| a.value.text.cmp(&b.value.text))
        });
        let mut parts = PartCounts::new();
        for part in values.iter().flat_map(|value| value.parts.keys()) {
            *parts.entry(*part).or_default() += 1;
        }
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
            parts,
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
        store.fields.get(&kind_and_name(source)).unwrap()
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
        let a = &field.values[&StoredValue::of("a")];
        assert_eq!(*a, [(ArchivePart::Inputs, 2), (ArchivePart::ModelState, 1)].into());
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
        assert!(store.more_fields && store.fields.len() == MAX_FIELDS);
        let mut store = ValueStore::default();
        store.add(
            ValueSource::Field(&"x".repeat(MAX_NAME + 1)),
            true,
            ArchivePart::Inputs,
            "0",
        );
        assert!(store.more_fields && store.fields.is_empty());
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
        assert!(values.all(|value| value.truncated && value.text.len() <= MAX_VALUE));
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
        let counts = &field(&store, keyword).values[&StoredValue::of("a")];
        assert_eq!(counts.values().sum::<u64>(), 2);
        assert_eq!((field(&store, keyword).values.len(), store.fields.len()), (1, 1));
    }
}
