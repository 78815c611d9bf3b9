//! Aliases.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call};
use super::admin::acknowledged;
use super::failure::{Failure, Outcome};
use super::names::{Expand, wild};
use super::store::{Store, shown_alias};

/// `GET [/<index>]/_alias[/<names>]`.
pub(super) fn get_alias(store: &Store, call: &Call, expression: &str, names: &str) -> Outcome<Answer> {
    let asked = Expand::of(call).closed_by_default(call);
    let all = Expand { hidden: true, ..asked };
    let expand = if expression.is_empty() { all } else { asked };
    let mut shown = Map::new();
    let wanted = |alias: &str| names.is_empty() || names == "_all" || names.split(',').any(|name| wild(name, alias));
    for target in store.resolve(expression, expand)? {
        let Some(index) = store.indices.get(&target.index) else {
            continue;
        };
        let aliases: Map<String, Value> = index
            .aliases
            .iter()
            .filter(|(name, _)| wanted(name))
            .map(|(name, alias)| (name.clone(), alias.clone()))
            .collect();
        if !aliases.is_empty() || names.is_empty() {
            shown.insert(target.index, json!({"aliases": aliases}));
        }
    }
    let given = names
        .split(',')
        .filter(|name| !name.is_empty() && !name.contains('*') && *name != "_all");
    let missing: Vec<&str> = given
        .filter(|name| !shown.values().any(|index| index["aliases"].get(*name).is_some()))
        .collect();
    if missing.is_empty() {
        return Ok(Answer::json(200, &shown));
    }
    let word = if missing.len() == 1 { "alias" } else { "aliases" };
    let mut body = json!({"error": format!("{word} [{}] missing", missing.join(",")), "status": 404});
    for (index, aliases) in shown {
        body[index] = aliases;
    }
    Ok(Answer::json(404, &body))
}

fn texts(action: &Value, one: &str, many: &str) -> Vec<String> {
    let given = action.get(one).or_else(|| action.get(many));
    match given {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

/// `POST /_aliases`: all of it or nothing.
pub(super) fn aliases(store: &mut Store, call: &Call, body: &Value) -> Outcome<Answer> {
    let expand = Expand {
        hidden: true,
        closed: true,
        ..Expand::of(call)
    }
    .concrete_only();
    let mut changes = Vec::new();
    for action in body["actions"].as_array().into_iter().flatten() {
        let Some((word, action)) = action.as_object().and_then(|object| object.iter().next()) else {
            continue;
        };
        let targets = store.resolve(&texts(action, "index", "indices").join(","), expand)?;
        let names = texts(action, "alias", "aliases");
        for name in &names {
            match word.as_str() {
                "add" => store.check_alias(name)?,
                "remove" => {
                    let there = targets.iter().any(|target| {
                        store.indices[&target.index]
                            .aliases
                            .keys()
                            .any(|alias| wild(name, alias))
                    });
                    if !there && action.get("must_exist") != Some(&Value::Bool(false)) {
                        let reason = format!("aliases [{name}] missing");
                        return Err(Failure::new(404, "aliases_not_found_exception", reason)
                            .with("resource.type", "aliases")
                            .with("resource.id", name.as_str()));
                    }
                }
                _ => {}
            }
        }
        changes.push((word.clone(), targets, names, shown_alias(action)));
    }
    for (word, targets, names, definition) in changes {
        for target in targets {
            if word == "remove_index" {
                store.indices.remove(&target.index);
                continue;
            }
            let index = store.index(&target.index)?;
            for name in &names {
                if word == "add" {
                    index.aliases.insert(name.clone(), definition.clone());
                } else {
                    index.aliases.retain(|alias, _| !wild(name, alias));
                }
            }
        }
    }
    Ok(Answer::json(200, &json!({"acknowledged": true, "errors": false})))
}

/// `PUT /<index>/_alias/<name>`.
pub(super) fn put_alias(store: &mut Store, call: &Call, index: &str, name: &str, body: &Value) -> Outcome<Answer> {
    let mut add = if body.is_object() { body.clone() } else { json!({}) };
    add["index"] = index.into();
    add["alias"] = name.into();
    aliases(store, call, &json!({"actions": [{"add": add}]}))?;
    Ok(acknowledged())
}
