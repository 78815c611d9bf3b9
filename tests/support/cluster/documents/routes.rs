//! Which request goes where.

use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::bulk::{self, Write};
use super::failure::{Failure, Outcome};
use super::names::Expand;
use super::store::Store;
use super::{admin, aliases, context, get, overview, search, templates};

/// Answers one request.
pub(super) fn answer(store: &mut Store, call: &Call) -> Outcome<Answer> {
    let segments = call.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = if call.method == "HEAD" {
        "GET"
    } else {
        call.method.as_str()
    };
    match (method, segments.as_slice()) {
        ("GET", ["_cluster", "health", ..]) => Ok(overview::health(store)),
        ("GET", ["_cat", "indices"]) => overview::cat_indices(store, call, ""),
        ("GET", ["_cat", "indices", expression]) => overview::cat_indices(store, call, expression),
        ("GET", ["_resolve", "index", expression]) => overview::resolve_index(store, call, expression),
        ("POST", ["_aliases"]) => aliases::aliases(store, call, &body(call)?),
        ("GET", ["_alias"]) => aliases::get_alias(store, call, "", ""),
        ("GET", ["_alias", names]) => aliases::get_alias(store, call, "", names),
        ("POST", ["_index_template", "_simulate_index", name]) => templates::simulate(store, name),
        ("GET", [kind @ ("_index_template" | "_component_template" | "_template")]) => {
            templates::template(store, method, templates::Kind::of(kind), "", &Value::Null)
        }
        (_, [kind @ ("_index_template" | "_component_template" | "_template"), name]) => {
            templates::template(store, method, templates::Kind::of(kind), name, &body(call)?)
        }
        ("POST" | "PUT", ["_bulk"]) => bulk::bulk(store, call, None),
        ("GET" | "POST", ["_mget"]) => get::many(store, call, None, &body(call)?),
        ("GET" | "POST", ["_search"]) => find(store, call, ""),
        ("GET" | "POST", ["_search", "scroll"]) => {
            let body = body(call)?;
            let id = body["scroll_id"]
                .as_str()
                .or_else(|| call.param("scroll_id"))
                .unwrap_or_default()
                .to_owned();
            search::scroll(store, &id)
        }
        ("GET" | "POST", ["_search", "scroll", id]) => search::scroll(store, id),
        ("DELETE", ["_search", "scroll"]) => context::clear_scrolls(store, &body(call)?, None),
        ("DELETE", ["_search", "scroll", ids]) => context::clear_scrolls(store, &Value::Null, Some(ids)),
        ("DELETE", ["_pit"]) => context::close_point_in_time(store, &body(call)?),
        ("GET" | "POST", ["_count"]) => search::count(call, &views(store, call, "")?),
        ("GET" | "POST", ["_refresh"]) => admin::refresh(store, call, ""),
        ("GET", ["_mapping"]) => admin::each(store, call, "", |index| Some(json!({"mappings": *index.mappings}))),
        ("GET", ["_settings"]) => admin::each(store, call, "", |index| {
            Some(json!({"settings": index.shown_settings()}))
        }),
        (_, [name, ..]) if !name.starts_with('_') || *name == "_all" => {
            in_index(store, call, method, name, &segments[1..])
        }
        _ => unknown(call, &segments),
    }
}

fn in_index(store: &mut Store, call: &Call, method: &str, name: &str, rest: &[&str]) -> Outcome<Answer> {
    match (method, rest) {
        ("PUT", []) => admin::create(store, name, &body(call)?),
        ("GET", []) => head_or_get(store, call, name),
        ("DELETE", []) => admin::delete(store, call, name),
        ("GET", ["_mapping"]) => admin::each(store, call, name, |index| Some(json!({"mappings": *index.mappings}))),
        ("GET", ["_mapping", "field", fields]) => {
            admin::each(store, call, name, |index| admin::field_mappings(index, fields))
        }
        ("PUT" | "POST", ["_mapping"]) => admin::put_mapping(store, call, name, &body(call)?),
        ("GET", ["_settings", ..]) => admin::each(store, call, name, |index| {
            Some(json!({"settings": index.shown_settings()}))
        }),
        ("PUT", ["_settings"]) => admin::put_settings(store, call, name, &body(call)?),
        ("GET" | "POST", ["_refresh"]) => admin::refresh(store, call, name),
        ("POST", ["_close"]) => admin::close(store, call, name),
        ("POST", ["_open"]) => admin::open(store, call, name),
        ("GET", ["_stats", "indexing"]) => overview::indexing_stats(store, call, name),
        ("GET", ["_alias"]) => aliases::get_alias(store, call, name, ""),
        ("GET", ["_alias", names]) => aliases::get_alias(store, call, name, names),
        ("PUT" | "POST", ["_alias" | "_aliases", alias]) => aliases::put_alias(store, call, name, alias, &body(call)?),
        ("DELETE", ["_alias" | "_aliases", alias]) => {
            let body = json!({"actions": [{"remove": {"index": name, "alias": alias}}]});
            aliases::aliases(store, call, &body).map(|_| admin::acknowledged())
        }
        ("POST" | "PUT", ["_bulk"]) => bulk::bulk(store, call, Some(name)),
        ("GET" | "POST", ["_mget"]) => get::many(store, call, Some(name), &body(call)?),
        ("GET" | "POST", ["_search"]) => find(store, call, name),
        ("GET" | "POST", ["_count"]) => search::count(call, &views(store, call, name)?),
        ("GET" | "POST", ["_field_caps"]) => overview::field_caps(store, call, name),
        ("POST", ["_pit"]) => point_in_time(store, call, name),
        ("POST", ["_delete_by_query"]) => delete_by_query(store, call, name),
        ("POST", ["_doc"]) => bulk::single(store, call, name, None, Write::Index),
        ("PUT" | "POST", ["_doc", id]) => bulk::single(store, call, name, Some(id), Write::Index),
        ("PUT" | "POST", ["_create", id]) => bulk::single(store, call, name, Some(id), Write::Create),
        ("DELETE", ["_doc", id]) => bulk::single(store, call, name, Some(id), Write::Delete),
        ("GET", ["_doc", id]) => get::document(store, call, name, id),
        ("GET", ["_source", id]) => get::source(store, call, name, id),
        _ => unknown(call, &[]),
    }
}

fn head_or_get(store: &Store, call: &Call, name: &str) -> Outcome<Answer> {
    let answer = admin::each(store, call, name, admin::whole)?;
    if call.method == "HEAD" && answer.value().as_object().is_some_and(serde_json::Map::is_empty) && !name.contains('*')
    {
        return Err(Failure::no_such_index(name));
    }
    Ok(answer)
}

fn body(call: &Call) -> Outcome<Value> {
    if call.body.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_slice(&call.body).map_err(|error| {
        Failure::new(
            400,
            "parse_exception",
            format!("Failed to parse content to map: [{}:{}]", error.line(), error.column()),
        )
    })
}

fn views(store: &Store, call: &Call, expression: &str) -> Outcome<Vec<context::View>> {
    store.views(store.resolve_open(expression, Expand::of(call))?)
}

fn find(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let views = views(store, call, expression);
    search::search(store, call, views)
}

fn point_in_time(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    if call.param("keep_alive").is_none() {
        let reason = "Validation Failed: 1: [keep_alive] is not specified;";
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    let views = views(store, call, expression)?;
    Ok(context::open_point_in_time(store, views))
}

fn delete_by_query(store: &mut Store, call: &Call, expression: &str) -> Outcome<Answer> {
    let found = search::found_documents(call, &views(store, call, expression)?)?;
    for (name, document) in &found {
        let index = store.index(name)?;
        index.refuse_writes()?;
        index.delete(&document.id, document.routing.as_deref())?;
    }
    if call.flag("refresh") {
        admin::refresh(store, call, expression)?;
    }
    Ok(Answer::json(
        200,
        &json!({"took": 0, "timed_out": false, "total": found.len(), "deleted": found.len(),
        "batches": found.len().div_ceil(1000), "version_conflicts": 0, "noops": 0,
        "retries": {"bulk": 0, "search": 0}, "throttled_millis": 0, "requests_per_second": -1.0,
        "throttled_until_millis": 0, "failures": []}),
    ))
}

/// What no handler takes: one part alone is taken for an index by other methods.
fn unknown(call: &Call, segments: &[&str]) -> Outcome<Answer> {
    let uri = call.uri();
    if segments.len() == 1 {
        if call.method == "PUT" {
            super::names::check_name(segments[0])?;
        }
        if call.method == "DELETE" {
            return Err(Failure::invalid_name(segments[0], "must not start with '_'."));
        }
        let error = format!(
            "Incorrect HTTP method for uri [{uri}] and method [{}], allowed: [GET, PUT, DELETE, HEAD]",
            call.method
        );
        return Ok(
            Answer::json(405, &json!({"error": error, "status": 405})).with_header("allow", "GET,PUT,DELETE,HEAD")
        );
    }
    let error = format!("no handler found for uri [{uri}] and method [{}]", call.method);
    Ok(Answer::json(400, &json!({"error": error})))
}
