//! Requests for indices: mappings, settings and statistics.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::{Index, flat_settings};
use super::mapping;
use super::names::ExpandWildcards;
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
    let expand = ExpandWildcards {
        aliases: false,
        ..ExpandWildcards::closed_by_default(call)
    };
    for target in store.resolve(expression, expand)? {
        store.indices.remove(&target.index);
    }
    Ok(acknowledged())
}

/// Returns a property of every index in an expression.
fn each(store: &Store, call: &Call, expression: &str, show: impl Fn(&Index) -> Value) -> Outcome<Answer> {
    let targets = store.resolve(expression, ExpandWildcards::of(call))?.into_iter();
    let shown = targets.map(|target| {
        let value = show(&store.indices[&target.index]);
        (target.index, value)
    });
    Ok(Answer::json(200, &shown.collect::<Map<String, Value>>()))
}

pub(super) fn get(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    each(
        store,
        call,
        expression,
        |index| json!({"aliases": index.aliases, "mappings": *index.mappings, "settings": index.settings_json()}),
    )
}

pub(super) fn mappings(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    each(store, call, expression, |index| json!({"mappings": *index.mappings}))
}

pub(super) fn settings(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    each(
        store,
        call,
        expression,
        |index| json!({"settings": index.settings_json()}),
    )
}

pub(super) fn put_mapping(store: &mut Store, call: &Call, expression: &str, body: &Value) -> Outcome<Answer> {
    for target in store.resolve(expression, ExpandWildcards::of(call))? {
        mapping::merge(Arc::make_mut(&mut store.index(&target.index)?.mappings), body, "")?;
    }
    Ok(acknowledged())
}

pub(super) fn put_settings(store: &mut Store, call: &Call, expression: &str, body: &Value) -> Outcome<Answer> {
    let changes = flat_settings(body);
    if let Some(fixed) = ["number_of_shards", "sort.field"]
        .iter()
        .find(|name| changes.contains_key(**name))
    {
        return Err(Failure::illegal(format!(
            "Can't update non dynamic settings [[index.{fixed}]]"
        )));
    }
    for target in store.resolve(expression, ExpandWildcards::of(call))? {
        let settings = &mut store.index(&target.index)?.settings;
        settings.extend(changes.clone());
        settings.retain(|_, value| !value.is_null());
    }
    Ok(acknowledged())
}

pub(super) fn close(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    for target in store.resolve(expression, ExpandWildcards::of(call))? {
        store.index(&target.index)?.close();
    }
    Ok(acknowledged())
}

pub(super) fn open(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    for target in store.resolve(expression, ExpandWildcards::closed_by_default(call))? {
        store.index(&target.index)?.open();
    }
    Ok(acknowledged())
}

pub(super) fn refresh(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let (mut total, mut successful) = (0, 0);
    for target in store.resolve_open(expression, ExpandWildcards::of(call))? {
        let index = store.index(&target.index)?;
        index.refresh();
        total += index.shards() * index.copies();
        successful += index.shards();
    }
    let shards = json!({"total": total, "successful": successful, "failed": 0});
    Ok(Answer::json(200, &json!({"_shards": shards})))
}

/// Counts the operations of primary shards.
pub(super) fn indexing_stats(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let (mut shards, mut indexed, mut deleted) = (0, 0, 0);
    for target in store.resolve_open(expression, ExpandWildcards::of(call))? {
        let index = &store.indices[&target.index];
        shards += index.shards();
        indexed += index.indexed;
        deleted += index.deleted;
    }
    let primaries = json!({"indexing": {"index_total": indexed, "delete_total": deleted}});
    Ok(Answer::json(
        200,
        &json!({"_shards": {"total": shards, "successful": shards, "failed": 0}, "_all": {"primaries": primaries}}),
    ))
}

/// Returns `_cat/indices` as JSON.
pub(super) fn cat(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let targets = store.resolve(expression, ExpandWildcards::closed_by_default(call))?;
    let rows = targets.iter().map(|target| {
        let index = &store.indices[&target.index];
        let health = if index.copies() == 1 { "green" } else { "yellow" };
        let status = if index.closed { "close" } else { "open" };
        json!({"health": health, "status": status, "index": index.name, "uuid": index.uuid,
            "pri": index.shards().to_string(), "rep": (index.copies() - 1).to_string(),
            "docs.count": index.visible.len().to_string(), "docs.deleted": "0", "store.size": "1kb",
            "pri.store.size": "1kb", "dataset.size": "1kb"})
    });
    Ok(Answer::json(200, &rows.collect::<Vec<_>>()))
}

/// `<expression>/_field_caps?fields=…`. Objects are fields too.
pub(super) fn field_caps(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let targets = store.resolve_open(expression, ExpandWildcards::of(call))?;
    let asked = call.param("fields").unwrap_or_default();
    let mut fields = json!({});
    for target in &targets {
        let mappings = &store.indices[&target.index].mappings;
        for name in asked.split(',') {
            let Some(found) = mapping::definition(mappings, name) else {
                continue;
            };
            let kind = found.get("type").and_then(Value::as_str).unwrap_or("object");
            fields[name][kind] = json!({"type": kind});
        }
    }
    let indices: Vec<&str> = targets.iter().map(|target| target.index.as_str()).collect();
    Ok(Answer::json(200, &json!({"indices": indices, "fields": fields})))
}
