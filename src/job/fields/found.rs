//! Names as a configuration writes them, before the mapping is asked.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::job::mapping::fits;

/// What a search answers by itself: no document holds it.
const METADATA: [&str; 18] = [
    "_doc",
    "_exists_",
    "_feature",
    "_field_names",
    "_id",
    "_ignored",
    "_index",
    "_nested_path",
    "_primary_term",
    "_routing",
    "_score",
    "_seq_no",
    "_shard_doc",
    "_size",
    "_source",
    "_tier",
    "_type",
    "_version",
];

/// Metadata of a document that differs where the document is copied to another index.
const OF_INDEX: [&str; 11] = [
    "_feature",
    "_id",
    "_ignored",
    "_index",
    "_primary_term",
    "_routing",
    "_seq_no",
    "_size",
    "_tier",
    "_type",
    "_version",
];

#[derive(Debug, Default)]
pub(super) struct Found {
    /// Names as a search understands them: fields, multi-fields, aliases, runtime fields, patterns.
    pub(super) names: BTreeSet<String>,
    /// Places in `_source` that scripts name; the end may be a property of the value.
    pub(super) places: BTreeSet<String>,
    /// Paths of nested objects that an aggregation counts.
    pub(super) nested: BTreeSet<String>,
    /// Something searches whatever the index searches by default.
    pub(super) by_default: Option<String>,
    /// What selects other documents in a copy of the index: metadata fields, and what is read beside the document.
    pub(super) of_index: BTreeSet<String>,
    /// What could not be told.
    pub(super) doubts: BTreeSet<String>,
}

impl Found {
    pub(super) fn name(&mut self, name: &str) {
        if OF_INDEX.contains(&name) {
            self.of_index(name);
        }
        if !name.is_empty() && !METADATA.contains(&name) {
            self.names.insert(name.to_owned());
        }
    }

    /// A `nested` aggregation.
    pub(super) fn nested(&mut self, body: &Value) {
        let path = body.get("path").and_then(Value::as_str);
        self.nested.extend(path.map(str::to_owned));
    }

    /// Of the nested objects that are counted those of which nothing else is read: they are needed themselves.
    pub(super) fn bare_nested(&self) -> impl Iterator<Item = &String> {
        self.nested.iter().filter(|path| {
            let inner = format!("{path}.");
            let next = self.names.range(inner.clone()..).next();
            !next.is_some_and(|name| name.starts_with(&inner))
        })
    }

    /// Something whose result depends on more than the document's content.
    pub(super) fn of_index(&mut self, what: &str) {
        self.of_index.insert(what.to_owned());
    }

    pub(super) fn place(&mut self, path: &str) {
        if !path.is_empty() {
            self.places.insert(path.to_owned());
        }
    }

    pub(super) fn default_fields(&mut self, kind: &str) {
        self.by_default.get_or_insert_with(|| kind.to_owned());
    }

    /// Whether a field of that name may be read.
    pub(super) fn reads(&self, made: &str) -> bool {
        let inner = format!("{made}.");
        let reads = |name: &String| name == made || name.starts_with(&inner) || fits(name, made);
        self.by_default.is_some() || !self.doubts.is_empty() || self.names.iter().any(reads)
    }

    pub(super) fn doubt(&mut self, text: String) {
        self.doubts.insert(text);
    }
}
