//! Which indices an expression means.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Call;
use super::failure::{Failure, Outcome};
use super::index::Index;

/// Whether a text fits a pattern of `*`.
pub(super) fn wild(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(left) = text.strip_prefix(start) else {
                return false;
            };
            rest.is_empty() || left.char_indices().any(|(at, _)| wild(rest, &left[at..])) || wild(rest, "")
        }
    }
}

/// What stands for wildcards and for what is not there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expand {
    pub(super) hidden: bool,
    pub(super) closed: bool,
    pub(super) none: bool,
    pub(super) ignore_unavailable: bool,
    pub(super) allow_no_indices: bool,
    pub(super) aliases: bool,
}

impl Expand {
    pub(super) fn of(call: &Call) -> Self {
        let words: Vec<&str> = call
            .param("expand_wildcards")
            .map(|text| text.split(',').collect())
            .unwrap_or_default();
        Self {
            hidden: words.contains(&"all") || words.contains(&"hidden"),
            closed: words.contains(&"all") || words.contains(&"closed"),
            none: words.contains(&"none"),
            ignore_unavailable: call.flag("ignore_unavailable"),
            allow_no_indices: call.param("allow_no_indices").is_none_or(|value| value != "false"),
            aliases: true,
        }
    }

    /// Closed indices too where nothing else is asked for.
    pub(super) fn closed_by_default(self, call: &Call) -> Self {
        let closed = self.closed || call.param("expand_wildcards").is_none();
        Self { closed, ..self }
    }

    pub(super) fn concrete_only(self) -> Self {
        Self { aliases: false, ..self }
    }

    /// Whether a name that may be hidden is meant by a wildcard.
    fn shows(self, pattern: &str, name: &str, hidden: bool) -> bool {
        !hidden || self.hidden || (pattern.starts_with('.') && name.starts_with('.'))
    }
}

/// An index that is meant, and the alias filters through which alone it is seen.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) index: String,
    pub(super) filters: Vec<Value>,
}

#[derive(Default)]
struct Found {
    /// `None`: seen without a filter.
    filters: BTreeMap<String, Option<Vec<Value>>>,
}

impl Found {
    fn add(&mut self, index: &str, filter: Option<&Value>) {
        let entry = self.filters.entry(index.to_owned()).or_insert_with(|| Some(Vec::new()));
        match filter {
            None => *entry = None,
            Some(filter) => {
                if let Some(filters) = entry {
                    filters.push(filter.clone());
                }
            }
        }
    }
}

/// The indices of an expression, in the order of their names.
pub(super) fn resolve(indices: &BTreeMap<String, Index>, expression: &str, expand: Expand) -> Outcome<Vec<Target>> {
    let expression = if expression.is_empty() || expression == "_all" {
        "*"
    } else {
        expression
    };
    let mut found = Found::default();
    for (at, part) in expression.split(',').enumerate() {
        match part.strip_prefix('-') {
            Some(without) if at > 0 => found.filters.retain(|name, _| !wild(without, name)),
            _ if part.contains('*') => by_pattern(indices, part, expand, &mut found),
            _ => by_name(indices, part, expand, &mut found)?,
        }
    }
    if found.filters.is_empty() && !expand.allow_no_indices {
        return Err(Failure::no_such_index(expression));
    }
    let targets = found.filters.into_iter();
    Ok(targets
        .map(|(index, filters)| Target {
            index,
            filters: filters.unwrap_or_default(),
        })
        .collect())
}

fn by_name(indices: &BTreeMap<String, Index>, name: &str, expand: Expand, found: &mut Found) -> Outcome<()> {
    if indices.contains_key(name) {
        found.add(name, None);
        return Ok(());
    }
    let mut any = false;
    for index in indices.values() {
        if let Some(alias) = index.aliases.get(name) {
            any = true;
            if expand.aliases {
                found.add(&index.name, alias.get("filter"));
            }
        }
    }
    if any && !expand.aliases && !expand.ignore_unavailable {
        let reason = format!(
            "The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
        );
        return Err(Failure::illegal(reason));
    }
    if any || expand.ignore_unavailable {
        Ok(())
    } else {
        Err(Failure::no_such_index(name))
    }
}

fn by_pattern(indices: &BTreeMap<String, Index>, pattern: &str, expand: Expand, found: &mut Found) {
    if expand.none {
        return;
    }
    for index in indices.values().filter(|index| expand.closed || !index.closed) {
        if wild(pattern, &index.name) && expand.shows(pattern, &index.name, index.hidden()) {
            found.add(&index.name, None);
        }
        for (name, alias) in index.aliases.iter().filter(|_| expand.aliases) {
            let hidden = alias.get("is_hidden") == Some(&Value::Bool(true));
            if wild(pattern, name) && expand.shows(pattern, name, hidden) {
                found.add(&index.name, alias.get("filter"));
            }
        }
    }
}

/// What an index may be called.
pub(super) fn check_name(name: &str) -> Outcome<()> {
    let refuse = |why: &str| Err(Failure::invalid_name(name, why));
    if name == "." || name == ".." {
        return refuse("must not be '.' or '..'");
    }
    if name.contains([' ', '"', '*', '\\', '<', '|', ',', '>', '/', '?']) {
        return refuse("must not contain the following characters [' ','\"','*',',','/','<','>','?','\\','|']");
    }
    if name.contains('#') {
        return refuse("must not contain '#'");
    }
    if name.contains(':') {
        return refuse("must not contain ':'");
    }
    if name.starts_with(['_', '-', '+']) {
        return refuse("must not start with '_', '-', or '+'");
    }
    if name.len() > 255 {
        return refuse(&format!("index name is too long, ({} > 255)", name.len()));
    }
    if name.to_lowercase() != name {
        return refuse("must be lowercase");
    }
    Ok(())
}
