//! From names to places in `_source`.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{FieldReferences, NeededFields, entries, script};
use crate::job::InputMappings;

/// What a list or text in a script has besides its value: `params._source.tags.length`.
const PROPERTIES: [&str; 3] = ["length", "empty", "class"];

pub(super) struct Resolver<'a> {
    mappings: &'a InputMappings,
    /// The datafeed's own, which hide fields of the same name.
    runtime: Option<&'a Value>,
    needed: NeededFields,
    seen: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(mappings: &'a InputMappings, runtime: Option<&'a Value>) -> Self {
        Self {
            mappings,
            runtime,
            needed: NeededFields::default(),
            seen: BTreeSet::new(),
        }
    }

    pub(super) fn resolve(mut self, found: FieldReferences, asked_for: &[String]) -> NeededFields {
        self.take(found);
        for name in asked_for {
            // It may be a pattern of what no mapping knows.
            if name.contains('*') {
                self.needed.fields.insert(name.clone());
            }
            self.name(name);
        }
        self.needed
    }

    fn take(&mut self, mut found: FieldReferences) {
        let bare: Vec<String> = found.bare_nested().cloned().collect();
        found.names.extend(bare);
        self.needed
            .names
            .extend(found.names.iter().chain(&found.places).cloned());
        self.needed.warnings.extend(found.warnings);
        self.needed.index_dependent.extend(found.index_dependent);
        if let Some(kind) = found.by_default {
            match self.mappings.default_fields() {
                Some(names) => names.iter().for_each(|name| self.name(name)),
                None => self.warn(format!("`{kind}` without a field reads all fields")),
            }
        }
        for place in found.places {
            self.place(&place);
        }
        for name in found.names {
            self.name(&name);
        }
    }

    fn warn(&mut self, doubt: String) {
        self.needed.warnings.insert(doubt);
    }

    fn name(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        if name.contains('*') {
            return self.pattern(name);
        }
        if let Some(field) = self.of_datafeed(name) {
            // Scripts of the datafeed are read in any case.
            if field.get("script").is_none() {
                self.needed.fields.insert(name.to_owned());
            }
            return;
        }
        let sources = self.mappings.value_sources(name);
        if sources.unknown {
            self.needed.fields.insert(name.to_owned());
        }
        for path in sources.paths {
            // One key of a `flattened` field is a place of its own.
            let key = name.strip_prefix(path).is_some_and(|key| key.starts_with('.'));
            let key = key && self.mappings.kinds(path) == BTreeSet::from(["flattened"]);
            self.needed.fields.insert(if key { name } else { path }.to_owned());
        }
        for (runtime, code) in sources.scripts {
            self.needed.runtime.insert(runtime.to_owned());
            let mut inner = FieldReferences::default();
            if let Some(code) = code {
                script::read(code, &format!("the mapping's runtime field `{runtime}`"), &mut inner);
            }
            self.take(inner);
        }
    }

    fn of_datafeed(&self, name: &str) -> Option<&'a Value> {
        // A composite makes fields below its name.
        let mut made = entries(self.runtime);
        let field = made.find(|(made, field)| {
            let inner = name.strip_prefix(made.as_str()).and_then(|rest| rest.strip_prefix('.'));
            *made == name
                || inner.is_some_and(|inner| field.pointer("/fields").is_some_and(|all| all.get(inner).is_some()))
        });
        field.map(|(_, field)| field)
    }

    fn pattern(&mut self, pattern: &str) {
        let names = self.mappings.names_like(pattern);
        if names.is_empty() {
            self.needed.fields.insert(pattern.to_owned());
        }
        names.iter().for_each(|name| self.name(name));
    }

    /// A place in the document with, perhaps, properties of its value at the end.
    fn place(&mut self, path: &str) {
        if let Some(known) = self.mappings.known_path(path) {
            self.needed.fields.insert(known.to_owned());
            return;
        }
        self.needed.fields.insert(path.to_owned());
        if let Some((parent, last)) = path.rsplit_once('.')
            && PROPERTIES.contains(&last)
        {
            self.needed.fields.insert(parent.to_owned());
        }
    }
}
