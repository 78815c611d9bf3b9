//! Checks document requests against the privileges of a user.

use serde_json::{Value, json};

use super::docs::{Docs, encode};
use super::reply::json_answer;
use super::security::{User, denied};
use crate::support::cluster::{Answer, Call};

/// Returns the action of a document request and the privileges that grant it, the usual one first.
fn index_action(method: &str, rest: &[&str]) -> (&'static str, &'static [&'static str]) {
    match (method, rest) {
        (_, ["_search" | "_msearch" | "_count" | "_async_search", ..]) => {
            ("indices:data/read/search", &["read", "all"])
        }
        (_, ["_pit"]) => ("indices:data/read/open_point_in_time", &["read", "all"]),
        ("GET" | "HEAD", ["_doc" | "_source", ..]) => ("indices:data/read/get", &["read", "all"]),
        (_, ["_mget"]) => ("indices:data/read/mget", &["read", "all"]),
        (_, ["_field_caps"]) => (
            "indices:data/read/field_caps",
            &["view_index_metadata", "read", "manage", "all"],
        ),
        (
            _,
            [
                "_bulk" | "_doc" | "_create" | "_update" | "_delete_by_query" | "_update_by_query",
                ..,
            ],
        ) => ("indices:data/write/bulk", &["write", "all"]),
        (_, ["_refresh" | "_flush" | "_forcemerge"]) => ("indices:admin/refresh", &["maintenance", "manage", "all"]),
        (_, ["_stats" | "_segments", ..]) => ("indices:monitor/stats", &["monitor", "manage", "all"]),
        ("GET" | "HEAD", _) => ("indices:admin/get", &["view_index_metadata", "manage", "all"]),
        ("PUT", []) => ("indices:admin/create", &["create_index", "manage", "all"]),
        ("DELETE", []) => ("indices:admin/delete", &["delete_index", "manage", "all"]),
        _ => ("indices:admin/settings/update", &["manage", "all"]),
    }
}

/// Refuses a concrete name with 403. Wildcards silently match only accessible indices. `None` passes the request on
/// unchanged.
pub async fn authorize_documents(user: &User, mut call: Call, segments: &[String], docs: &Docs) -> Option<Answer> {
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let method = call.method.clone();
    let (expression, rest): (&str, &[&str]) = match segments.as_slice() {
        ["_bulk"] => return authorize_bulk(user, "", &call),
        ["_search", "scroll"] | ["_pit"] => return None,
        ["_search"] if String::from_utf8_lossy(&call.body).contains("\"pit\"") => return None,
        ["_cluster" | "_cat" | "_nodes", ..] => return user.may_do("cluster:monitor/state").err(),
        ["_index_template" | "_component_template" | "_template", rest @ ..] => {
            let reads = method == "GET" && !rest.contains(&"_simulate_index");
            return match reads {
                true => user.may_do("cluster:monitor/templates").err(),
                false => user.may_manage_templates().err(),
            };
        }
        ["_ilm", ..] => return user.may_do("cluster:admin/ilm").err(),
        ["_aliases"] => return authorize_aliases(user, &call),
        ["_alias", names] if method == "GET" => return authorize_alias(user, names),
        [operation, ..] if operation.starts_with('_') => ("*", &segments),
        [expression, rest @ ..] => (expression, rest),
        [] => return None,
    };
    if rest == ["_bulk"] {
        return authorize_bulk(user, expression, &call);
    }
    if method == "PUT"
        && rest.is_empty()
        && let Some(denied) = authorize_new_aliases(user, expression, &call)
    {
        return Some(denied);
    }
    let (action, privileges) = index_action(&method, rest);
    let may = |name: &str| privileges.iter().any(|privilege| user.holds(name, privilege));
    let mut left: Vec<String> = Vec::new();
    for part in expression.split(',') {
        let plain = part.split_once(':').map_or(part, |(_, name)| name);
        if plain.contains('*') || plain == "_all" {
            let pattern = if plain == "_all" { "*" } else { plain };
            left.extend(
                matching_indices(docs, pattern)
                    .await
                    .into_iter()
                    .filter(|name| may(name)),
            );
        } else if may(plain) {
            left.push(part.to_owned());
        } else {
            let mut names = docs.alias(plain).await;
            if action != "indices:admin/create" {
                names.push(plain.to_owned());
            }
            return Some(denied_on(user, action, &names, privileges));
        }
    }
    if left.is_empty() {
        left.push("nothing-that-may-be-seen-*".to_owned());
    }
    let tail: String = rest.iter().map(|segment| format!("/{}", encode(segment))).collect();
    call.path = format!("/{}{tail}", encode(&left.join(",")));
    Some(docs.0.call(call).await)
}

fn denied_on(user: &User, action: &str, names: &[String], privileges: &[&str]) -> Answer {
    let (names, privileges) = (names.join(","), privileges.join(","));
    denied(&format!(
        "action [{action}] is unauthorized for user [{}] on indices [{names}], this action is granted by the \
         privileges [{privileges}]",
        user.name
    ))
}

/// Returns the indices that match a pattern, including hidden ones.
async fn matching_indices(docs: &Docs, pattern: &str) -> Vec<String> {
    let (_, body) = docs
        .send("GET", &format!("/{}", encode(pattern)), "expand_wildcards=all", None)
        .await;
    body.as_object()
        .map(|indices| indices.keys().cloned().collect())
        .unwrap_or_default()
}

fn authorize_alias(user: &User, names: &str) -> Option<Answer> {
    let privileges = ["view_index_metadata", "manage", "all"];
    let refused = names
        .split(',')
        .find(|name| !name.contains('*') && !privileges.iter().any(|privilege| user.holds(name, privilege)));
    refused.map(|name| denied_on(user, "indices:admin/aliases/get", &[name.to_owned()], &privileges))
}

fn authorize_aliases(user: &User, call: &Call) -> Option<Answer> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let actions = body["actions"].as_array().cloned().unwrap_or_default();
    let names = actions
        .iter()
        .flat_map(|action| action.as_object().into_iter().flatten())
        .flat_map(|(_, details)| [&details["index"], &details["alias"]])
        .filter_map(|name| name.as_str().map(str::to_owned));
    deny_aliases(user, names)
}

/// Checks the aliases in a request that creates an index.
fn authorize_new_aliases(user: &User, index: &str, call: &Call) -> Option<Answer> {
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let aliases = body["aliases"].as_object().filter(|aliases| !aliases.is_empty())?;
    deny_aliases(user, aliases.keys().cloned().chain([index.to_owned()]))
}

/// Adding or removing an alias requires privileges on the index and on the alias.
fn deny_aliases(user: &User, names: impl Iterator<Item = String>) -> Option<Answer> {
    let refused: Vec<String> = names.filter(|name| !user.holds(name, "manage")).collect();
    (!refused.is_empty()).then(|| denied_on(user, "indices:admin/aliases", &refused, &["manage", "all"]))
}

/// If one item of a bulk request is not allowed, nothing is written, and every item is reported with 403.
fn authorize_bulk(user: &User, default: &str, call: &Call) -> Option<Answer> {
    let mut items = Vec::new();
    let mut lines = call.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    let mut refused = false;
    while let Some(line) = lines.next() {
        let action: Value = serde_json::from_slice(line).unwrap_or_default();
        let Some((kind, details)) = action.as_object().and_then(|action| action.iter().next()) else {
            break;
        };
        let index = details["_index"].as_str().unwrap_or(default).to_owned();
        refused |= !user.holds(&index, "write");
        let error = json!({"type": "security_exception", "reason": format!(
            "action [indices:data/write/bulk[s]] is unauthorized for user [{}] on indices [{index}], this action is \
             granted by the privileges [create_doc,create,delete,index,write,all]", user.name)});
        items.push(json!({kind: {"_index": index, "_id": details["_id"], "status": 403, "error": error}}));
        if kind != "delete" {
            lines.next();
        }
    }
    refused.then(|| json_answer(200, &json!({"took": 0, "errors": true, "items": items})))
}
