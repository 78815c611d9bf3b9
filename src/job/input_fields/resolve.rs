//! From names to places in `_source`.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::references::FieldReferences;
use super::script;
use crate::job::config::entries;
use crate::job::mapping::InputMappings;

/// What a list or text in a script has besides its value: `params._source.tags.length`.
const PROPERTIES: [&str; 3] = ["length", "empty", "class"];

/// The fields to fetch, and what could not be told by reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source`: multi-fields, aliases, runtime fields and fields filled by others resolved by the mapping.
    pub fields: BTreeSet<String>,
    /// Runtime fields of the mapping that are read.
    pub runtime: BTreeSet<String>,
    /// Names and places as they are written.
    pub names: BTreeSet<String>,
    /// What selects other documents in a copy of the index, as `fields_read_by` finds it: `_index`, `_id` …
    pub index_dependent: BTreeSet<String>,
    /// What could not be told: the user is told to think of `--all-fields`.
    pub warnings: BTreeSet<String>,
}

/// Resolves what was found, and names that are asked for. `runtime` are the datafeed's own runtime fields, which hide
/// fields of the same name.
pub(super) fn resolve(
    found: FieldReferences,
    asked_for: &[String],
    mappings: &InputMappings,
    runtime: Option<&Value>,
) -> NeededFields {
    let mut resolver = Resolver {
        mappings,
        runtime,
        needed: NeededFields::default(),
        seen: BTreeSet::new(),
    };
    resolver.take(found);
    for name in asked_for {
        // It may be a pattern of what no mapping knows.
        if name.contains('*') {
            resolver.needed.fields.insert(name.clone());
        }
        resolver.name(name);
    }
    resolver.needed
}

struct Resolver<'a> {
    mappings: &'a InputMappings,
    runtime: Option<&'a Value>,
    needed: NeededFields,
    seen: BTreeSet<String>,
}

impl<'a> Resolver<'a> {
    fn take(&mut self, found: FieldReferences) {
        let names = found.all_names();
        self.needed.names.extend(names.iter().chain(&found.places).cloned());
        self.needed.warnings.extend(found.warnings);
        self.needed.index_dependent.extend(found.index_dependent);
        if let Some(kind) = found.by_default {
            match self.mappings.default_fields() {
                Some(names) => names.iter().for_each(|name| self.name(name)),
                None => {
                    let warning = format!("`{kind}` without a field reads all fields");
                    self.needed.warnings.insert(warning);
                }
            }
        }
        found.places.iter().for_each(|place| self.place(place));
        names.iter().for_each(|name| self.name(name));
    }

    fn name(&mut self, name: &str) {
        if !self.seen.insert(name.to_owned()) {
            return;
        }
        if name.contains('*') {
            let names = self.mappings.names_like(name);
            if names.is_empty() {
                self.needed.fields.insert(name.to_owned());
            }
            return names.iter().for_each(|name| self.name(name));
        }
        // A composite makes fields below its name.
        let is_made = |(made, field): &(&String, &Value)| {
            let below = name.strip_prefix(made.as_str()).and_then(|rest| rest.strip_prefix('.'));
            *made == name || below.is_some_and(|below| field["fields"].get(below).is_some())
        };
        if let Some((_, field)) = entries(self.runtime).find(is_made) {
            // Scripts of the datafeed are read in any case.
            if field.get("script").is_none() {
                self.needed.fields.insert(name.to_owned());
            }
            return;
        }
        let sources = self.mappings.value_sources(name);
        if !self.mappings.knows(name) {
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
            if let Some(code) = code {
                let mut inner = FieldReferences::default();
                script::read(code, &format!("the mapping's runtime field `{runtime}`"), &mut inner);
                self.take(inner);
            }
        }
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

/// The names to ask for: fields with a dot, and all that they could be inside of. Patterns are left out.
pub fn names_with_parents(names: &BTreeSet<String>) -> BTreeSet<String> {
    let mut asked = BTreeSet::new();
    for name in names {
        // A list of names is divided by commas.
        if !name.contains(['*', ',']) && name.contains('.') {
            let ends = name.match_indices('.').map(|(at, _)| &name[..at]);
            asked.extend(ends.filter(|parent| !parent.is_empty()).map(str::to_owned));
            asked.insert(name.clone());
        }
    }
    asked
}

/// The fields that those of `names` are multi-fields of: a field that exists directly below another field, which is no
/// object there, has no place of its own in a document.
pub fn parents_of_multi_fields(
    names: &BTreeSet<String>,
    types: &BTreeMap<String, BTreeSet<String>>,
) -> BTreeSet<String> {
    let is_object = |kind: &String| matches!(kind.as_str(), "object" | "nested" | "flattened");
    let known = names.iter().filter(|name| types.contains_key(*name));
    let parents = known.filter_map(|name| name.rsplit_once('.')).map(|(parent, _)| parent);
    let has_multi_fields = |parent: &&str| types.get(*parent).is_some_and(|kinds| !kinds.iter().all(is_object));
    parents.filter(has_multi_fields).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_field_below_a_field_is_its_multi_field() {
        let names = set(&[
            "u.keyword",
            "o.keyword",
            "a.b.raw",
            "none.keyword",
            "both.x",
            "plain",
            "p.*",
        ]);
        let asked = names_with_parents(&names);
        for name in ["u", "u.keyword", "a", "a.b", "a.b.raw"] {
            assert!(asked.contains(name), "{name}");
        }
        assert!(!asked.contains("plain") && !asked.iter().any(|name| name.contains('*')));
        let types = BTreeMap::from(
            [
                ("u", &["text"][..]),
                ("u.keyword", &["keyword"]),
                ("o", &["object"]),
                ("o.keyword", &["keyword"]),
                ("a", &["object"]),
                ("a.b", &["text", "match_only_text"]),
                ("a.b.raw", &["keyword"]),
                ("none", &["text"]),
                ("both", &["object", "text"]),
                ("both.x", &["keyword"]),
            ]
            .map(|(name, kinds)| (name.to_owned(), set(kinds))),
        );
        assert_eq!(parents_of_multi_fields(&names, &types), set(&["a.b", "both", "u"]));
    }
}
