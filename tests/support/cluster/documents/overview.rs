//! What there is at all: `_cat`, `_resolve`, health, counts of what was done.

use serde_json::{Map, Value, json};

use super::super::{Answer, Call};
use super::failure::Outcome;
use super::index::Index;
use super::mapping;
use super::names::{self, Expand, wild};
use super::store::Store;

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
    for target in store.resolve_open(expression, Expand::of(call))? {
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

/// `_cat/indices` as JSON or as a plain table.
pub(super) fn cat_indices(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let columns = "health,status,index,uuid,pri,rep,docs.count,docs.deleted,store.size,pri.store.size,dataset.size";
    let columns: Vec<&str> = call.param("h").unwrap_or(columns).split(',').collect();
    let mut rows = Vec::new();
    for target in store.resolve(expression, Expand::of(call).closed_by_default(call))? {
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
                "status" => if index.closed { "close" } else { "open" }.to_owned(),
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
            let state = if index.closed { "closed" } else { "open" };
            let mut shown = json!({"name": index.name, "attributes": [state], "mode": "standard"});
            if index.hidden() {
                shown["attributes"] = json!(["hidden", state]);
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

/// `<expression>/_field_caps?fields=…`: objects are fields too.
pub(super) fn field_caps(store: &Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let targets = store.resolve_open(expression, Expand::of(call))?;
    let asked = call.param("fields").unwrap_or_default();
    let (mut indices, mut fields) = (Vec::new(), json!({}));
    for index in targets.iter().filter_map(|target| store.indices.get(&target.index)) {
        indices.push(index.name.as_str());
        for name in asked.split(',') {
            let Some(found) = mapping::definition(&index.mappings, name) else {
                continue;
            };
            let kind = found.get("type").and_then(Value::as_str).unwrap_or("object");
            let leaf = !matches!(kind, "object" | "nested");
            fields[name][kind] = json!({"type": kind, "metadata_field": false, "searchable": leaf,
                "aggregatable": leaf && kind != "text"});
        }
    }
    Ok(Answer::json(200, &json!({"indices": indices, "fields": fields})))
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
