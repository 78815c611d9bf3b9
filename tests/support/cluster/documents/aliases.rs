//! Aliases.

use serde_json::{Map, Value, json};

use super::super::Answer;
use super::failure::{Failure, Outcome};
use super::names::{ExpandWildcards, Target, matches};
use super::store::Store;

const CONCRETE: ExpandWildcards = ExpandWildcards {
    hidden: true,
    closed: true,
    ignore_unavailable: false,
    aliases: false,
};

/// `GET /_alias/<names>`.
pub(super) fn get(store: &Store, names: &str) -> Outcome<Answer> {
    let mut shown = Map::new();
    for index in store.indices.values() {
        let mut aliases = index.aliases.clone();
        aliases.retain(|alias, _| names.split(',').any(|name| matches(name, alias)));
        if !aliases.is_empty() {
            shown.insert(index.name.clone(), json!({"aliases": aliases}));
        }
    }
    if shown.is_empty() && !names.contains('*') {
        return Ok(Answer::json(
            404,
            &json!({"error": format!("alias [{names}] missing"), "status": 404}),
        ));
    }
    Ok(Answer::json(200, &shown))
}

/// `POST /_aliases`, which performs all actions or none.
pub(super) fn update(store: &mut Store, body: &Value) -> Outcome<Answer> {
    let (mut changes, mut missing, mut effective) = (Vec::new(), Vec::new(), false);
    for action in body["actions"].as_array().into_iter().flatten() {
        let (adds, action) = match (action.get("add"), action.get("remove")) {
            (Some(action), None) => (true, action),
            (None, Some(action)) => (false, action),
            _ => return Err(Failure::unsupported(&format!("the alias action {action}"))),
        };
        let (Some(index), Some(name)) = (action["index"].as_str(), action["alias"].as_str()) else {
            return Err(Failure::unsupported(&format!("the alias action {action}")));
        };
        let targets = store.resolve(index, CONCRETE)?;
        if adds {
            store.check_alias(name)?;
        }
        let has_it = |target: &Target| {
            let mut aliases = store.indices[&target.index].aliases.keys();
            aliases.any(|alias| matches(name, alias))
        };
        match adds || targets.iter().any(has_it) {
            true => effective = true,
            false => missing.push(name),
        }
        let definition = adds.then(|| alias_json(action));
        changes.extend(
            targets
                .into_iter()
                .map(|target| (target.index, name.to_owned(), definition.clone())),
        );
    }
    // A node ignores missing aliases if another action has an effect.
    if !effective && !missing.is_empty() {
        let reason = format!("aliases [{}] missing", missing.join(", "));
        return Err(Failure::new(404, "aliases_not_found_exception", reason));
    }
    for (index, name, definition) in changes {
        let aliases = &mut store.index(&index)?.aliases;
        match definition {
            Some(definition) => drop(aliases.insert(name, definition)),
            None => aliases.retain(|alias, _| !matches(&name, alias)),
        }
    }
    Ok(Answer::json(200, &json!({"acknowledged": true, "errors": false})))
}

/// Returns an alias as the API does.
pub(super) fn alias_json(definition: &Value) -> Value {
    let keys = ["filter", "is_write_index", "is_hidden"];
    let given = keys
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), definition.get(key)?.clone())));
    Value::Object(given.filter(|(_, value)| !value.is_null()).collect())
}
