//! Resolves index expressions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::Call;
use super::failure::{Failure, Outcome};
use super::index::Index;

/// Whether a text matches a pattern with `*`.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => {
            let Some(left) = text.strip_prefix(start) else {
                return false;
            };
            rest.is_empty() || left.char_indices().any(|(at, _)| matches(rest, &left[at..])) || matches(rest, "")
        }
    }
}

/// What wildcards expand to, and whether missing indices are an error.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpandWildcards {
    pub(super) hidden: bool,
    pub(super) closed: bool,
    pub(super) ignore_unavailable: bool,
    pub(super) aliases: bool,
}

impl ExpandWildcards {
    pub(super) fn of(call: &Call) -> Self {
        let words: Vec<&str> = call
            .param("expand_wildcards")
            .map(|text| text.split(',').collect())
            .unwrap_or_default();
        Self {
            hidden: words.contains(&"all") || words.contains(&"hidden"),
            closed: words.contains(&"all") || words.contains(&"closed"),
            ignore_unavailable: call.flag("ignore_unavailable"),
            aliases: true,
        }
    }

    /// Includes closed indices, unless the request excludes them.
    pub(super) fn closed_by_default(call: &Call) -> Self {
        let expand = Self::of(call);
        Self {
            closed: expand.closed || call.param("expand_wildcards").is_none(),
            ..expand
        }
    }

    fn includes(self, pattern: &str, name: &str, hidden: bool) -> bool {
        let visible = !hidden || self.hidden || (pattern.starts_with('.') && name.starts_with('.'));
        visible && matches(pattern, name)
    }
}

/// An index with the alias filters that apply. Without filters, all documents are visible.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) index: String,
    pub(super) filters: Vec<Value>,
}

/// The filters by index; `None` if all documents are visible.
type Found = BTreeMap<String, Option<Vec<Value>>>;

fn add(found: &mut Found, index: &Index, filter: Option<&Value>) {
    let filters = found.entry(index.name.clone()).or_insert_with(|| Some(Vec::new()));
    match (filter, filters) {
        (None, filters) => *filters = None,
        (Some(filter), Some(filters)) => filters.push(filter.clone()),
        (Some(_), None) => {}
    }
}

/// Returns the indices of an expression, sorted by name.
pub(super) fn resolve(
    indices: &BTreeMap<String, Index>,
    expression: &str,
    expand: ExpandWildcards,
) -> Outcome<Vec<Target>> {
    let expression = if expression.is_empty() || expression == "_all" {
        "*"
    } else {
        expression
    };
    let mut found = Found::new();
    for part in expression.split(',') {
        if part.contains('*') {
            by_pattern(indices, part, expand, &mut found);
        } else {
            by_name(indices, part, expand, &mut found)?;
        }
    }
    let targets = found.into_iter().map(|(index, filters)| Target {
        index,
        filters: filters.unwrap_or_default(),
    });
    Ok(targets.collect())
}

fn by_name(indices: &BTreeMap<String, Index>, name: &str, expand: ExpandWildcards, found: &mut Found) -> Outcome<()> {
    if let Some(index) = indices.get(name) {
        add(found, index, None);
        return Ok(());
    }
    let behind: Vec<&Index> = indices
        .values()
        .filter(|index| index.aliases.contains_key(name))
        .collect();
    if !expand.aliases && !behind.is_empty() {
        let reason = format!(
            "The provided expression [{name}] matches an alias, specify the corresponding concrete indices instead."
        );
        return Err(Failure::illegal(reason));
    }
    if behind.is_empty() && !expand.ignore_unavailable {
        return Err(Failure::no_such_index(name));
    }
    for index in behind {
        add(found, index, index.aliases[name].get("filter"));
    }
    Ok(())
}

fn by_pattern(indices: &BTreeMap<String, Index>, pattern: &str, expand: ExpandWildcards, found: &mut Found) {
    for index in indices.values().filter(|index| expand.closed || !index.closed) {
        if expand.includes(pattern, &index.name, index.hidden()) {
            add(found, index, None);
        }
        for (name, alias) in index.aliases.iter().filter(|_| expand.aliases) {
            if expand.includes(pattern, name, alias["is_hidden"] == true) {
                add(found, index, alias.get("filter"));
            }
        }
    }
}

pub(super) fn invalid(name: &str, why: &str) -> Failure {
    Failure::new(
        400,
        "invalid_index_name_exception",
        format!("Invalid index name [{name}], {why}"),
    )
}

/// Refuses invalid names.
pub(super) fn check_name(name: &str) -> Outcome<()> {
    if name.contains([' ', '"', '*', '\\', '<', '|', ',', '>', '/', '?']) {
        let why = "must not contain the following characters [' ','\"','*',',','/','<','>','?','\\','|']";
        return Err(invalid(name, why));
    }
    if name.starts_with(['_', '-', '+']) {
        return Err(invalid(name, "must not start with '_', '-', or '+'"));
    }
    if name.to_lowercase() != name {
        return Err(invalid(name, "must be lowercase"));
    }
    Ok(())
}
