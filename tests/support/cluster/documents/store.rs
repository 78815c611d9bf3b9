//! The contents of the in-memory cluster.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use super::failure::{Failure, Outcome};
use super::index::{Index, flat_settings};
use super::names::{self, ExpandWildcards, Target};
use super::search::SearchContext;
use super::templates::{self, Templates};
use super::{aliases, mapping};

#[derive(Default)]
pub(super) struct Store {
    pub(super) indices: BTreeMap<String, Index>,
    pub(super) templates: Templates,
    pub(super) contexts: HashMap<u64, SearchContext>,
    pub(super) last_context: u64,
}

impl Store {
    pub(super) fn resolve(&self, expression: &str, expand: ExpandWildcards) -> Outcome<Vec<Target>> {
        names::resolve(&self.indices, expression, expand)
    }

    /// Returns the indices of an expression if they are open.
    pub(super) fn resolve_open(&self, expression: &str, expand: ExpandWildcards) -> Outcome<Vec<Target>> {
        let mut targets = self.resolve(expression, expand)?;
        if !expand.ignore_unavailable {
            targets
                .iter()
                .try_for_each(|target| self.indices[&target.index].check_open())?;
        }
        targets.retain(|target| !self.indices[&target.index].closed);
        Ok(targets)
    }

    pub(super) fn index(&mut self, name: &str) -> Outcome<&mut Index> {
        self.indices.get_mut(name).ok_or_else(|| Failure::no_such_index(name))
    }

    /// Creates an index with settings, mappings and aliases in addition to its templates.
    pub(super) fn create(&mut self, name: &str, body: &Value) -> Outcome<()> {
        names::check_name(name)?;
        if let Some(index) = self.indices.get(name) {
            let reason = format!("index [{name}/{}] already exists", index.uuid);
            return Err(Failure::new(400, "resource_already_exists_exception", reason));
        }
        if self.is_alias(name) {
            return Err(names::invalid(name, "already exists as alias"));
        }
        let (mut settings, mut mappings, mut aliases) = (BTreeMap::new(), json!({}), BTreeMap::new());
        for part in templates::parts_for(self, name)?.iter().chain([body]) {
            settings.extend(flat_settings(&part["settings"]));
            mapping::merge(&mut mappings, &part["mappings"], "")?;
            for (alias, definition) in part["aliases"].as_object().into_iter().flatten() {
                self.check_alias(alias)?;
                aliases.insert(alias.clone(), aliases::alias_json(definition));
            }
        }
        // Settings that only the cluster sets.
        let private = ["uuid", "creation_date", "version.created", "provided_name"];
        if let Some(setting) = private.iter().find(|setting| settings.contains_key(**setting)) {
            return Err(Failure::illegal(format!("unknown setting [index.{setting}]")));
        }
        settings.retain(|_, value| !value.is_null());
        self.indices
            .insert(name.to_owned(), Index::new(name, settings, mappings, aliases));
        Ok(())
    }

    fn is_alias(&self, name: &str) -> bool {
        self.indices.values().any(|index| index.aliases.contains_key(name))
    }

    /// Refuses an alias with the name of an index.
    pub(super) fn check_alias(&self, alias: &str) -> Outcome<()> {
        if self.indices.contains_key(alias) {
            let reason =
                format!("Invalid alias name [{alias}]: an index or data stream exists with the same name as the alias");
            return Err(Failure::new(400, "invalid_alias_name_exception", reason));
        }
        Ok(())
    }

    /// Returns the index for a write to a name. With `create`, it is created if it does not exist.
    pub(super) fn write_target(&mut self, name: &str, require_alias: bool, create: bool) -> Outcome<String> {
        if self.indices.contains_key(name) && !require_alias {
            return Ok(name.to_owned());
        }
        let mut behind: Vec<&Index> = self.indices.values().collect();
        behind.retain(|index| index.aliases.contains_key(name));
        if behind.len() > 1 {
            behind.retain(|index| index.aliases[name]["is_write_index"] == true);
        }
        if let Some(index) = behind.first() {
            return Ok(index.name.clone());
        }
        if self.is_alias(name) {
            return Err(Failure::illegal(format!(
                "no write index is defined for alias [{name}]"
            )));
        }
        if require_alias {
            let reason = format!(
                "no such index [{name}] and [require_alias] request flag is [true] and [{name}] is not an alias"
            );
            return Err(Failure::new(404, "index_not_found_exception", reason));
        }
        if !create {
            return Err(Failure::no_such_index(name));
        }
        self.create(name, &Value::Null)?;
        Ok(name.to_owned())
    }
}
