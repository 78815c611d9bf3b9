//! Collects values document by document, and from the decoded state as it streams by.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Sink, Write};
use std::rc::Rc;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::store::ValueStore;
use crate::archive::{Contents, Part};
use crate::job::JobConfig;
use crate::state::hash::scope;
use crate::state::schema::{Change, StateRewriter, StateStream, ValueKind, ValueLocation, Visitor, read_quantiles};
use crate::state::{Error, StateKind, StateLimits};
use crate::values::{
    ArchivePart, FieldRole, FieldRoles, ValueSource, config_values, document_values, entry_values, input_values,
};

/// Hashes of a kind that are told apart.
const MAX_HASHES: usize = 1_000_000;

/// Collects values; keeps no document.
#[derive(Debug, Default)]
pub(crate) struct ValueCollector {
    pub(super) store: ValueStore,
    pub(super) roles: FieldRoles,
    pub(super) hashes: Hashes,
    /// Parts that were not understood, and why.
    pub(super) unread: Vec<(&'static str, String)>,
    time_field: String,
}

/// Hashes of values, without salt: they can be compared with those of a list of guesses.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    pub(super) scopes: HashSet<u64>,
    pub(super) words: HashSet<u64>,
    /// Number of checksums of rules that cover the items of filters.
    pub(super) rule_checksums: u64,
    pub(super) more: bool,
}

impl Hashes {
    /// The keys of scores that hash a value, not only the name of an influencer.
    pub(super) fn scopes_of_values(&self, roles: &FieldRoles) -> u64 {
        let names = roles.with(FieldRole::Influencer).chain(["", "bucket_time"]);
        let mut scopes = self.scopes.clone();
        scopes.remove(&0);
        for name in names {
            scopes.remove(&scope(["", "", name, ""]));
        }
        scopes.len() as u64
    }
}

impl ValueCollector {
    /// Reads the configuration: the roles of fields, and its own texts.
    pub(crate) fn config(&mut self, config: &JobConfig) {
        self.roles = FieldRoles::of_job(config);
        config.time_field().clone_into(&mut self.time_field);
        config_values(config, &mut |source, part, text| self.add(source, part, text));
    }

    /// Reads a document. State comes decoded, through [`StateSink`].
    pub(crate) fn document(&mut self, part: Part, id: Option<&str>, source: &[u8]) {
        let part = match part {
            Part::Inputs => ArchivePart::Inputs,
            Part::Annotations => ArchivePart::Annotations,
            Part::Notifications => ArchivePart::Notifications,
            Part::Categories => ArchivePart::Categories,
            Part::State => return,
        };
        let time_field = std::mem::take(&mut self.time_field);
        let mut add = |source: ValueSource<'_>, part, text: &str| self.add(source, part, text);
        let complete = match part {
            ArchivePart::Inputs => input_values(id, source, &time_field, &mut add),
            part => document_values(part, source, &mut add),
        };
        self.time_field = time_field;
        if !complete {
            self.add_unread(
                part.name(),
                "a document is nested too deeply, or holds a number that is too large",
            );
        }
    }

    /// Reads what is known after the last document: small entries and quantiles.
    pub(super) fn finish(&mut self, contents: &Contents, limits: StateLimits) {
        entry_values(contents, &mut |source, part, text| self.add(source, part, text));
        if let Some(snapshot) = &contents.snapshot
            && let Err(why) = self.quantiles(&snapshot.text, limits)
        {
            self.add_unread("quantiles", &why.to_string());
        }
    }

    fn quantiles(&mut self, snapshot: &RawValue, limits: StateLimits) -> Result<(), Error> {
        #[derive(Deserialize)]
        struct Snapshot {
            quantiles: Option<Quantiles>,
        }
        #[derive(Deserialize)]
        struct Quantiles {
            quantile_state: Option<String>,
        }
        let snapshot = serde_json::from_str::<Snapshot>(snapshot.get()).ok();
        let Some(quantiles) = snapshot.and_then(|snapshot| snapshot.quantiles?.quantile_state) else {
            return Ok(());
        };
        let visitor = |location: &ValueLocation<'_>, text: &str| {
            if location.kind == ValueKind::ScopeHash {
                self.hash(location.kind, text);
            }
            Change::Keep
        };
        read_quantiles(&quantiles, limits, visitor).map(|_| ())
    }

    fn state_value(&mut self, part: ArchivePart, location: &ValueLocation<'_>, text: &str) {
        use ValueKind as Kind;
        let source = match (location.kind, location.field) {
            (Kind::Partition | Kind::By | Kind::Over | Kind::Influencer | Kind::Counted, Some(field)) => {
                ValueSource::Field(field)
            }
            (Kind::Partition, None) => ValueSource::Text(ValueSource::CATEGORIZED_PARTITIONS),
            (Kind::CategoryToken, _) => ValueSource::Text(ValueSource::CATEGORY_TOKENS),
            (Kind::CategoryMessage | Kind::CategoryExample, _) => ValueSource::Text(ValueSource::CATEGORIZED_MESSAGES),
            (kind, _) => return self.hash(kind, text),
        };
        self.add(source, part, text);
    }

    fn hash(&mut self, kind: ValueKind, text: &str) {
        let hashes = match kind {
            ValueKind::RuleChecksums => {
                self.hashes.rule_checksums += text.parse().unwrap_or(0);
                return;
            }
            ValueKind::ValueHash => &mut self.hashes.words,
            ValueKind::ScopeHash => &mut self.hashes.scopes,
            _ => return,
        };
        let Ok(hash) = text.parse() else { return };
        match hashes.len() < MAX_HASHES || hashes.contains(&hash) {
            true => {
                hashes.insert(hash);
            }
            false => self.hashes.more = true,
        }
    }

    fn add(&mut self, source: ValueSource<'_>, part: ArchivePart, text: &str) {
        let used = match source {
            ValueSource::Field(name) => !self.roles.of(name).is_empty(),
            _ => true,
        };
        self.store.add(source, used, part, text);
    }

    fn add_unread(&mut self, part: &'static str, why: &str) {
        let unread = (part, why.to_owned());
        if !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }
}

/// Receives the decoded state of a kind. A part of another form is noted, and the rest is skipped.
pub(crate) struct StateSink {
    state: Option<StateRewriter<StateVisitor, Sink>>,
    started: bool,
    visitor: StateVisitor,
}

#[derive(Clone)]
struct StateVisitor {
    part: ArchivePart,
    values: Rc<RefCell<ValueCollector>>,
}

impl StateSink {
    pub(crate) fn new(kind: StateKind, values: &Rc<RefCell<ValueCollector>>) -> Self {
        let (stream, part) = match kind {
            StateKind::Model => (StateStream::Model, ArchivePart::ModelState),
            StateKind::Categorizer => (StateStream::Categorizer, ArchivePart::CategorizerState),
        };
        let values = Rc::clone(values);
        let visitor = StateVisitor { part, values };
        Self {
            state: Some(StateRewriter::new(stream, visitor.clone(), io::sink())),
            started: false,
            visitor,
        }
    }

    fn note(&self, why: &io::Error) {
        let mut values = self.visitor.values.borrow_mut();
        values.add_unread(self.visitor.part.name(), &why.to_string());
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

impl Visitor for StateVisitor {
    fn found(&mut self, location: &ValueLocation<'_>, text: &str) -> Change {
        let removed = location.registered && text == "-";
        if !text.is_empty() && !removed {
            self.values.borrow_mut().state_value(self.part, location, text);
        }
        Change::Keep
    }
}
