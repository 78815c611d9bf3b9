//! References to fields as written in a configuration, before they are resolved with the mapping.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::job::mapping::matches_wildcard;
use crate::json::is_within;

#[derive(Debug, Default)]
pub(super) struct FieldReferences {
    /// Names as a search resolves them: fields, multi-fields, aliases, runtime fields, patterns.
    pub(super) names: BTreeSet<String>,
    /// Paths in `_source` that scripts use. The last part may be a property of the value.
    pub(super) places: BTreeSet<String>,
    /// Paths of nested objects that an aggregation counts.
    pub(super) nested: BTreeSet<String>,
    /// A query that searches the default fields of the index.
    pub(super) by_default: Option<String>,
    /// What selects other documents in a copy of the index: metadata fields and data outside the document.
    pub(super) index_dependent: BTreeSet<String>,
    /// What could not be determined.
    pub(super) warnings: BTreeSet<String>,
}

impl FieldReferences {
    pub(super) fn name(&mut self, name: &str) {
        match name {
            // Metadata that differs in a copy of the document in another index.
            "_feature" | "_id" | "_ignored" | "_index" | "_primary_term" | "_routing" | "_seq_no" | "_size"
            | "_tier" | "_type" | "_version" => self.depends_on_index(name),
            // Names that a search resolves without the document.
            "" | "_doc" | "_exists_" | "_field_names" | "_nested_path" | "_score" | "_shard_doc" | "_source" => {}
            name => drop(self.names.insert(name.to_owned())),
        }
    }

    /// Adds the name in a member of an object.
    pub(super) fn name_in(&mut self, object: &Value, member: &str) {
        if let Some(name) = object.get(member).and_then(Value::as_str) {
            self.name(name);
        }
    }

    /// Adds something whose result does not only depend on the content of the document.
    pub(super) fn depends_on_index(&mut self, what: &str) {
        self.index_dependent.insert(what.to_owned());
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.insert(text);
    }

    /// Returns all names, and the nested objects that are counted although none of their fields is read.
    pub(super) fn all_names(&self) -> BTreeSet<String> {
        let is_bare = |path: &&String| {
            let inner = format!("{path}.");
            let next = self.names.range(inner.clone()..).next();
            !next.is_some_and(|name| name.starts_with(&inner))
        };
        let bare = self.nested.iter().filter(is_bare);
        self.names.iter().chain(bare).cloned().collect()
    }

    /// Whether a field of that name may be read.
    pub(super) fn reads(&self, scripted: &str) -> bool {
        let reads = |name: &String| is_within(name, scripted) || matches_wildcard(name, scripted);
        self.by_default.is_some() || !self.warnings.is_empty() || self.names.iter().any(reads)
    }
}
