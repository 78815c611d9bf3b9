//! Indices, mappings, settings.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::{Index, flat_settings};
use super::mapping;
use super::names::{Expand, wild};
use super::store::Store;

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
    let expand = Expand::of(call).closed_by_default(call).concrete_only();
    for target in store.resolve(expression, expand)? {
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

pub(super) fn close(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let mut closed = Map::new();
    for target in store.resolve(expression, Expand::of(call))? {
        if store.index(&target.index)?.close() {
            closed.insert(target.index, json!({"closed": true}));
        }
    }
    Ok(Answer::json(
        200,
        &json!({"acknowledged": true, "shards_acknowledged": !closed.is_empty(), "indices": closed}),
    ))
}

pub(super) fn open(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    for target in store.resolve(expression, Expand::of(call).closed_by_default(call))? {
        store.index(&target.index)?.open();
    }
    Ok(Answer::json(
        200,
        &json!({"acknowledged": true, "shards_acknowledged": true}),
    ))
}

pub(super) fn refresh(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let (mut total, mut successful) = (0, 0);
    for target in store.resolve_open(expression, Expand::of(call))? {
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
