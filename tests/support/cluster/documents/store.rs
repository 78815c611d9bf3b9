//! Everything the in-memory cluster holds.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::context::SearchContext;
use super::failure::{Failure, Outcome};
use super::index::{Index, flat_settings};
use super::mapping;
use super::names::{self, Expand, Target};
use super::templates;

#[derive(Default)]
pub(super) struct Store {
    pub(super) indices: BTreeMap<String, Index>,
    pub(super) templates: BTreeMap<String, Value>,
    pub(super) component_templates: BTreeMap<String, Value>,
    pub(super) legacy_templates: BTreeMap<String, Value>,
    pub(super) contexts: HashMap<u64, SearchContext>,
    pub(super) next_context: u64,
}

impl Store {
    pub(super) fn resolve(&self, expression: &str, expand: Expand) -> Outcome<Vec<Target>> {
        names::resolve(&self.indices, expression, expand)
    }

    /// The indices of an expression for what needs their shards.
    pub(super) fn resolve_open(&self, expression: &str, expand: Expand) -> Outcome<Vec<Target>> {
        let mut targets = self.resolve(expression, expand)?;
        if !expand.ignore_unavailable {
            targets
                .iter()
                .try_for_each(|target| self.indices[&target.index].refuse_when_closed())?;
        }
        targets.retain(|target| !self.indices[&target.index].closed);
        Ok(targets)
    }

    pub(super) fn index(&mut self, name: &str) -> Outcome<&mut Index> {
        self.indices.get_mut(name).ok_or_else(|| Failure::no_such_index(name))
    }

    /// Creates an index of a body of settings, mappings and aliases, over what templates say.
    pub(super) fn create(&mut self, name: &str, body: &Value) -> Outcome<()> {
        names::check_name(name)?;
        if let Some(index) = self.indices.get(name) {
            let reason = format!("index [{name}/{}] already exists", index.uuid);
            let failure = Failure::new(400, "resource_already_exists_exception", reason);
            return Err(failure.with("index_uuid", index.uuid.as_str()).with("index", name));
        }
        if self.is_alias(name) {
            return Err(Failure::invalid_name(name, "already exists as alias"));
        }
        for key in body.as_object().into_iter().flat_map(serde_json::Map::keys) {
            if !["settings", "mappings", "aliases"].contains(&key.as_str()) {
                return Err(Failure::new(
                    400,
                    "parse_exception",
                    format!("unknown key [{key}] for create index"),
                ));
            }
        }
        let (mut settings, mut mappings, mut aliases) = (BTreeMap::new(), json!({}), BTreeMap::new());
        let own = body.clone();
        for part in templates::parts_for(self, name)?.iter().chain([&own]) {
            settings.extend(flat_settings(&part["settings"]));
            mapping::merge(&mut mappings, &part["mappings"], "")?;
            for (alias, definition) in part["aliases"].as_object().into_iter().flatten() {
                aliases.insert(alias.clone(), shown_alias(definition));
            }
        }
        if let Some(setting) = settings.keys().find(|setting| !known_setting(setting)) {
            let reason = format!(
                "unknown setting [index.{setting}] please check that any required plugins are installed, or check the breaking changes documentation for removed settings"
            );
            return Err(Failure::illegal(reason));
        }
        settings.retain(|_, value| !value.is_null());
        for alias in aliases.keys() {
            self.check_alias(alias)?;
        }
        let mut index = Index::new(name, uuid(), settings, mappings);
        index.aliases = aliases;
        self.indices.insert(name.to_owned(), index);
        Ok(())
    }

    pub(super) fn is_alias(&self, name: &str) -> bool {
        self.indices.values().any(|index| index.aliases.contains_key(name))
    }

    /// An alias must not be called as an index is.
    pub(super) fn check_alias(&self, alias: &str) -> Outcome<()> {
        if self.indices.contains_key(alias) {
            let reason =
                format!("Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias");
            return Err(Failure::new(400, "invalid_alias_name_exception", reason));
        }
        Ok(())
    }

    /// The index that a write to a name goes to; made when there is none.
    pub(super) fn write_target(&mut self, name: &str, require_alias: bool) -> Outcome<String> {
        if self.indices.contains_key(name) && !require_alias {
            return Ok(name.to_owned());
        }
        let mut behind: Vec<&Index> = self
            .indices
            .values()
            .filter(|index| index.aliases.contains_key(name))
            .collect();
        if behind.len() > 1 {
            behind.retain(|index| index.aliases[name].get("is_write_index") == Some(&Value::Bool(true)));
        }
        match (behind.first(), self.is_alias(name)) {
            (Some(index), _) => return Ok(index.name.clone()),
            (None, true) => {
                let reason = format!(
                    "no write index is defined for alias [{name}]. The write index may be explicitly disabled using is_write_index=false or the alias points to multiple indices without one being designated as a write index"
                );
                return Err(Failure::illegal(reason));
            }
            (None, false) => {}
        }
        if require_alias {
            let reason = format!(
                "no such index [{name}] and [require_alias] request flag is [true] and [{name}] is not an alias"
            );
            let failure = Failure::new(404, "index_not_found_exception", reason);
            return Err(failure.with("index_uuid", "_na_").with("index", name));
        }
        self.create(name, &Value::Null)?;
        Ok(name.to_owned())
    }
}

/// Whether a new index may be given a setting: by the first part of its name. What the cluster sets itself
/// (uuid, creation date, version) it does not take.
fn known_setting(name: &str) -> bool {
    let first = name.split('.').next().unwrap_or_default();
    let known = [
        "allocation",
        "analysis",
        "auto_expand_replicas",
        "blocks",
        "codec",
        "default_pipeline",
        "final_pipeline",
        "format",
        "gc_deletes",
        "hidden",
        "highlight",
        "indexing",
        "lifecycle",
        "mapper",
        "mapping",
        "merge",
        "mode",
        "number_of_replicas",
        "number_of_routing_shards",
        "number_of_shards",
        "priority",
        "query",
        "refresh_interval",
        "requests",
        "routing",
        "routing_partition_size",
        "search",
        "similarity",
        "soft_deletes",
        "sort",
        "store",
        "time_series",
        "translog",
        "unassigned",
        "write",
    ];
    known.contains(&first) || first.starts_with("max_")
}

/// An alias as it is shown: filters in their long form, what is false left out.
pub(super) fn shown_alias(definition: &Value) -> Value {
    let mut shown = json!({});
    for key in [
        "filter",
        "index_routing",
        "search_routing",
        "is_write_index",
        "is_hidden",
    ] {
        if let Some(value) = definition.get(key).filter(|value| !value.is_null()) {
            shown[key] = value.clone();
        }
    }
    if let Some(routing) = definition.get("routing") {
        shown["index_routing"] = routing.clone();
        shown["search_routing"] = routing.clone();
    }
    shown
}

/// Something of the form of an index's uuid.
fn uuid() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(22).collect()
}
