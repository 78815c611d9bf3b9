//! Routes requests to functions.

use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::bulk::{self, Write};
use super::failure::{Failure, Outcome};
use super::store::Store;
use super::{aliases, indices, search, templates};

/// Answers a request.
pub(super) fn answer(store: &mut Store, call: &Call) -> Outcome<Answer> {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match (call.method.as_str(), segments.as_slice()) {
        ("GET", ["_cluster", "health"]) => Ok(Answer::json(200, &json!({"status": "green", "timed_out": false}))),
        ("GET", ["_cat", "indices", names @ ..]) => indices::cat(store, call, &names.join(",")),
        ("POST", ["_aliases"]) => aliases::update(store, &body(call)?),
        ("GET", ["_alias", names]) => aliases::get(store, names),
        ("POST", ["_index_template", "_simulate_index", name]) => templates::simulate(store, name),
        ("GET", [kind]) if kind.ends_with("_template") => templates::get(store, kind, ""),
        ("GET", [kind, name]) if kind.ends_with("_template") => templates::get(store, kind, name),
        ("PUT", [kind, name]) if kind.ends_with("_template") => templates::put(store, kind, name, &body(call)?),
        ("DELETE", [kind, name]) if kind.ends_with("_template") => templates::delete(store, kind, name),
        ("POST", ["_bulk"]) => bulk::bulk(store, call, None),
        ("POST", ["_search", "scroll"]) => search::scroll(store, &body(call)?),
        ("DELETE", ["_search", "scroll"]) => search::clear_scrolls(store, &body(call)?),
        ("DELETE", ["_pit"]) => search::close_point_in_time(store, &body(call)?),
        ("GET" | "POST", ["_search"]) => search::search(store, call, ""),
        ("POST", ["_refresh"]) => indices::refresh(store, call, ""),
        (method, [name, rest @ ..]) if !name.starts_with('_') || *name == "_all" => {
            in_index(store, call, method, name, rest)
        }
        _ => Err(unknown(call)),
    }
}

fn in_index(store: &mut Store, call: &Call, method: &str, name: &str, rest: &[&str]) -> Outcome<Answer> {
    match (method, rest) {
        ("PUT", []) => indices::create(store, name, &body(call)?),
        ("GET", []) => indices::get(store, call, name),
        ("DELETE", []) => indices::delete(store, call, name),
        ("GET", ["_mapping"]) => indices::mappings(store, call, name),
        ("PUT", ["_mapping"]) => indices::put_mapping(store, call, name, &body(call)?),
        ("GET", ["_settings", ..]) => indices::settings(store, call, name),
        ("PUT", ["_settings"]) => indices::put_settings(store, call, name, &body(call)?),
        ("POST", ["_refresh"]) => indices::refresh(store, call, name),
        ("POST", ["_close"]) => indices::close(store, call, name),
        ("POST", ["_open"]) => indices::open(store, call, name),
        ("GET", ["_stats", "indexing"]) => indices::indexing_stats(store, call, name),
        ("GET" | "POST", ["_field_caps"]) => indices::field_caps(store, call, name),
        ("POST", ["_bulk"]) => bulk::bulk(store, call, Some(name)),
        ("GET" | "POST", ["_search"]) => search::search(store, call, name),
        ("GET" | "POST", ["_count"]) => search::count(store, call, name),
        ("POST", ["_pit"]) => search::open_point_in_time(store, call, name),
        ("POST", ["_delete_by_query"]) => search::delete_by_query(store, call, name),
        ("POST", ["_doc"]) => bulk::single(store, call, name, None, Write::Create),
        ("PUT" | "POST", ["_doc", id]) => bulk::single(store, call, name, Some(id), Write::Index),
        ("DELETE", ["_doc", id]) => bulk::single(store, call, name, Some(id), Write::Delete),
        _ => Err(unknown(call)),
    }
}

fn body(call: &Call) -> Outcome<Value> {
    if call.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&call.body).map_err(|error| Failure::new(400, "parse_exception", error.to_string()))
}

fn unknown(call: &Call) -> Failure {
    Failure::unsupported(&format!("{} {}", call.method, call.uri()))
}
