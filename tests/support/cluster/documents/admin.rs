//! Indices, mappings, settings, aliases, templates, `_cat` and health.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::{Index, flat_settings};
use super::mapping;
use super::names::{self, Expand, wild};
use super::store::{Store, shown_alias};

pub(super) fn acknowledged() -> Answer {
    Answer::json(200, &json!({"acknowledged": true}))
}

pub(super) fn create(store: &mut Store, name: &str, body: &Value) -> Outcome<Answer> {
    store.create(name, body)?;
    Ok(Answer::json(
        200,
        &json!({"acknowledged": true, "shards_acknowledged": true, "index": name}),
    ))
}

pub(super) fn delete(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    for target in store.resolve(expression, Expand::of(call).concrete_only())? {
        store.indices.remove(&target.index);
    }
    Ok(acknowledged())
}

/// Something of every index that an expression means.
pub(super) fn each(
    store: &Store,
    call: &Call,
    expression: &str,
    show: impl Fn(&Index) -> Option<Value>,
) -> Outcome<Answer> {
    let mut shown = Map::new();
    for target in store.resolve(expression, Expand::of(call))? {
        if let Some(value) = store.indices.get(&target.index).and_then(&show) {
            shown.insert(target.index, value);
        }
    }
    Ok(Answer::json(200, &shown))
}

pub(super) fn whole(index: &Index) -> Option<Value> {
    Some(json!({"aliases": index.shown_aliases(), "mappings": *index.mappings, "settings": index.shown_settings()}))
}

pub(super) fn field_mappings(index: &Index, fields: &str) -> Option<Value> {
    let mut found = Map::new();
    for pattern in fields.split(',') {
        for name in all_fields(&index.mappings, "")
            .into_iter()
            .filter(|name| wild(pattern, name))
        {
            if let Some(definition) = mapping::definition(&index.mappings, &name) {
                let last = name.rsplit('.').next().unwrap_or(&name);
                found.insert(name.clone(), json!({"full_name": name, "mapping": {last: definition}}));
            }
        }
    }
    Some(json!({"mappings": found}))
}

fn all_fields(mappings: &Value, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for key in ["properties", "fields"] {
        for (name, child) in mappings.get(key).and_then(Value::as_object).into_iter().flatten() {
            let full = format!("{prefix}{name}");
            names.extend(all_fields(child, &format!("{full}.")));
            if child.get("type").is_some() {
                names.push(full);
            }
        }
    }
    names
}

pub(super) fn put_mapping(store: &mut Store, call: &Call, expression: &str, body: &Value) -> Outcome<Answer> {
    for target in store.resolve(expression, Expand::of(call))? {
        let index = store.index(&target.index)?;
        let mut merged = (*index.mappings).clone();
        mapping::merge(&mut merged, body, "")?;
        index.mappings = Arc::new(merged);
    }
    Ok(acknowledged())
}

pub(super) fn put_settings(store: &mut Store, call: &Call, expression: &str, body: &Value) -> Outcome<Answer> {
    let body = body.get("settings").unwrap_or(body);
    let changes = flat_settings(body);
    for target in store.resolve(expression, Expand::of(call))? {
        let index = store.index(&target.index)?;
        if let Some(fixed) = changes
            .keys()
            .find(|name| ["number_of_shards", "sort.field"].contains(&name.as_str()))
        {
            let reason = format!(
                "Can't update non dynamic settings [[index.{fixed}]] for open indices [[{}/{}]] unless the `reopen` query parameter is set to true. Alternatively, close the indices, apply the settings changes, and reopen the indices",
                index.name, index.uuid
            );
            return Err(Failure::illegal(reason));
        }
        for (name, value) in changes.clone() {
            if value.is_null() {
                index.settings.remove(&name)
            } else {
                index.settings.insert(name, value)
            };
        }
    }
    Ok(acknowledged())
}

/// What the primary shards have carried out; replicas have no node to be on.
pub(super) fn indexing_stats(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let (mut total, mut successful, mut indexed, mut deleted) = (0, 0, 0, 0);
    let mut indices = json!({});
    let shown = |indexed: u64, deleted: u64| {
        let indexing = json!({"indexing": {"index_total": indexed, "index_time_in_millis": 0, "index_current": 0,
            "index_failed": 0, "delete_total": deleted, "delete_time_in_millis": 0, "delete_current": 0,
            "noop_update_total": 0, "is_throttled": false, "throttle_time_in_millis": 0}});
        json!({"primaries": indexing, "total": indexing})
    };
    for target in store.resolve(expression, Expand::of(call))? {
        let index = store.index(&target.index)?;
        total += index.shards() * index.copies();
        successful += index.shards();
        (indexed, deleted) = (indexed + index.indexed, deleted + index.deleted);
        indices[&index.name] = shown(index.indexed, index.deleted);
        indices[&index.name]["uuid"] = index.uuid.as_str().into();
    }
    Ok(Answer::json(
        200,
        &json!({"_shards": {"total": total, "successful": successful, "failed": 0},
            "_all": shown(indexed, deleted), "indices": indices}),
    ))
}

pub(super) fn refresh(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let (mut total, mut successful) = (0, 0);
    for target in store.resolve(expression, Expand::of(call))? {
        let index = store.index(&target.index)?;
        index.refresh();
        total += index.shards() * index.copies();
        successful += index.shards();
    }
    Ok(Answer::json(
        200,
        &json!({"_shards": {"total": total, "successful": successful, "failed": 0}}),
    ))
}

/// `GET [/<index>]/_alias[/<names>]`.
pub(super) fn get_alias(store: &Store, call: &Call, expression: &str, names: &str) -> Outcome<Answer> {
    let all = Expand {
        hidden: true,
        ..Expand::of(call)
    };
    let expand = if expression.is_empty() { all } else { Expand::of(call) };
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

/// `_cat/indices` as JSON or as a plain table.
pub(super) fn cat_indices(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let columns = "health,status,index,uuid,pri,rep,docs.count,docs.deleted,store.size,pri.store.size,dataset.size";
    let columns: Vec<&str> = call.param("h").unwrap_or(columns).split(',').collect();
    let mut rows = Vec::new();
    for target in store.resolve(expression, Expand::of(call))? {
        let Some(index) = store.indices.get(&target.index) else {
            continue;
        };
        let row = columns.iter().map(|column| {
            let value = match *column {
                "health" => {
                    if index.copies() == 1 {
                        "green".to_owned()
                    } else {
                        "yellow".to_owned()
                    }
                }
                "status" => "open".to_owned(),
                "index" => index.name.clone(),
                "uuid" => index.uuid.clone(),
                "pri" => index.shards().to_string(),
                "rep" => (index.copies() - 1).to_string(),
                "docs.count" => index.count().to_string(),
                "docs.deleted" => "0".to_owned(),
                _ => "1kb".to_owned(),
            };
            ((*column).to_owned(), Value::from(value))
        });
        rows.push(row.collect::<Map<String, Value>>());
    }
    if call.param("format") == Some("json") {
        return Ok(Answer::json(200, &rows));
    }
    let lines = rows
        .iter()
        .map(|row| row.values().filter_map(Value::as_str).collect::<Vec<_>>().join(" ") + "\n");
    Ok(Answer::of(200, "text/plain; charset=UTF-8", lines.collect::<String>()))
}

/// `_resolve/index/<expression>`.
pub(super) fn resolve_index(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let expand = Expand::of(call);
    let targets = names::resolve(&store.indices, expression, expand)?;
    let meant = |name: &str| expression.split(',').any(|part| wild(part, name));
    let mut aliases: std::collections::BTreeMap<&str, Vec<&str>> = std::collections::BTreeMap::new();
    let mut indices = Vec::new();
    for index in targets.iter().filter_map(|target| store.indices.get(&target.index)) {
        for name in index.aliases.keys().filter(|name| meant(name)) {
            aliases.entry(name).or_default().push(&index.name);
        }
        if meant(&index.name) {
            let mut shown = json!({"name": index.name, "attributes": ["open"], "mode": "standard"});
            if index.hidden() {
                shown["attributes"] = json!(["hidden", "open"]);
            }
            if !index.aliases.is_empty() {
                shown["aliases"] = index.aliases.keys().cloned().collect::<Vec<_>>().into();
            }
            indices.push(shown);
        }
    }
    let aliases: Vec<Value> = aliases
        .into_iter()
        .map(|(name, indices)| json!({"name": name, "indices": indices}))
        .collect();
    Ok(Answer::json(
        200,
        &json!({"indices": indices, "aliases": aliases, "data_streams": []}),
    ))
}

pub(super) fn health(store: &Store) -> Answer {
    let shards: usize = store.indices.values().map(Index::shards).sum();
    let missing: usize = store
        .indices
        .values()
        .map(|index| index.shards() * (index.copies() - 1))
        .sum();
    let percent = if missing == 0 {
        100.0
    } else {
        100.0 * shards as f64 / (shards + missing) as f64
    };
    Answer::json(
        200,
        &json!({"cluster_name": "esml-test", "status": if missing == 0 { "green" } else { "yellow" },
        "timed_out": false, "number_of_nodes": 1, "number_of_data_nodes": 1, "active_primary_shards": shards,
        "active_shards": shards, "relocating_shards": 0, "initializing_shards": 0, "unassigned_shards": missing,
        "unassigned_primary_shards": 0, "delayed_unassigned_shards": 0, "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0, "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": percent}),
    )
}

/// Both kinds of templates.
pub(super) fn template(store: &mut Store, method: &str, legacy: bool, name: &str, body: &Value) -> Outcome<Answer> {
    let templates = if legacy {
        &mut store.legacy_templates
    } else {
        &mut store.templates
    };
    if method == "PUT" || method == "POST" {
        // A legacy template holds its settings itself; both are kept in the newer form.
        let mut kept = body.clone();
        if legacy {
            kept["template"] = Value::Null;
        }
        if kept["template"].is_null() && legacy {
            kept["settings"] = body["settings"].clone();
        }
        templates.insert(name.to_owned(), kept);
        return Ok(acknowledged());
    }
    let names: Vec<String> = templates
        .keys()
        .filter(|key| name.is_empty() || name.split(',').any(|part| wild(part, key)))
        .cloned()
        .collect();
    let concrete = !name.is_empty() && !name.contains('*');
    if names.is_empty() && concrete {
        if legacy && method == "GET" {
            return Ok(Answer::json(404, &json!({})));
        }
        let (kind, reason) = if method == "DELETE" {
            (
                "index_template_missing_exception",
                format!("index_template [{name}] missing"),
            )
        } else {
            (
                "resource_not_found_exception",
                format!("index template matching [{name}] not found"),
            )
        };
        return Err(Failure::new(404, kind, reason));
    }
    if method == "DELETE" {
        names.iter().for_each(|name| {
            templates.remove(name);
        });
        return Ok(acknowledged());
    }
    if legacy {
        let shown: Map<String, Value> = names
            .iter()
            .map(|name| (name.clone(), templates[name].clone()))
            .collect();
        return Ok(Answer::json(200, &shown));
    }
    let shown: Vec<Value> = names
        .iter()
        .map(|name| json!({"name": name, "index_template": templates[name]}))
        .collect();
    Ok(Answer::json(200, &json!({"index_templates": shown})))
}
