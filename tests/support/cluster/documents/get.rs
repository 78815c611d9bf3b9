//! Single documents read by their ids: realtime, whatever was refreshed.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::Document;
use super::names::Expand;
use super::source::Choice;
use super::store::Store;

#[derive(Serialize)]
struct Found<'a> {
    _index: &'a str,
    _id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    _routing: Option<&'a str>,
    _version: u64,
    _seq_no: u64,
    _primary_term: u64,
    found: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    _source: Option<Box<RawValue>>,
}

fn chosen(document: &Document, choice: &Choice) -> Option<Box<RawValue>> {
    if choice.none {
        return None;
    }
    if choice.is_whole() {
        return Some(document.source.clone());
    }
    serde_json::value::to_raw_value(&choice.apply(document.value())).ok()
}

fn shown(index: &str, id: &str, document: Option<&Document>, choice: &Choice) -> Box<RawValue> {
    let shown = match document {
        None => serde_json::value::to_raw_value(&json!({"_index": index, "_id": id, "found": false})),
        Some(document) => serde_json::value::to_raw_value(&Found {
            _index: index,
            _id: id,
            _routing: document.routing.as_deref(),
            _version: document.version,
            _seq_no: document.seq_no,
            _primary_term: 1,
            found: true,
            _source: chosen(document, choice),
        }),
    };
    shown.expect("a document prints")
}

/// The one index that a name means.
fn concrete(store: &Store, name: &str) -> Outcome<String> {
    let expand = Expand {
        hidden: true,
        closed: true,
        none: true,
        ignore_unavailable: false,
        allow_no_indices: true,
        aliases: true,
    };
    let targets = store.resolve(name, expand)?;
    match targets.as_slice() {
        [one] => {
            store.indices[&one.index].refuse_when_closed()?;
            Ok(one.index.clone())
        }
        [] => Err(Failure::no_such_index(name)),
        many => {
            let names: Vec<&str> = many.iter().map(|target| target.index.as_str()).collect();
            let reason = format!(
                "alias [{name}] has more than one index associated with it [{}], can't execute a single index op",
                names.join(", ")
            );
            Err(Failure::illegal(reason))
        }
    }
}

/// `GET /<index>/_doc/<id>`.
pub(super) fn document(store: &Store, call: &Call, name: &str, id: &str) -> Outcome<Answer> {
    let name = concrete(store, name)?;
    let document = store.indices[&name].get(id, call.param("routing")).map(AsRef::as_ref);
    let choice = Choice::of_call(call).unwrap_or_default();
    let status = if document.is_some() { 200 } else { 404 };
    Ok(Answer::json(status, &shown(&name, id, document, &choice)))
}

/// `GET /<index>/_source/<id>`.
pub(super) fn source(store: &Store, call: &Call, name: &str, id: &str) -> Outcome<Answer> {
    let name = concrete(store, name)?;
    let Some(document) = store.indices[&name].get(id, call.param("routing")) else {
        let reason = format!("Document not found [{name}]/[{id}]");
        return Err(Failure::new(404, "resource_not_found_exception", reason));
    };
    let mut choice = Choice::of_call(call).unwrap_or_default();
    choice.none = false;
    let source = chosen(document, &choice).expect("a source");
    Ok(Answer::of(200, "application/json", source.get().to_owned()))
}

/// `_mget`, by ids in one index or by index and id.
pub(super) fn many(store: &Store, call: &Call, default_index: Option<&str>, body: &Value) -> Outcome<Answer> {
    let ids = body["ids"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|id| json!({"_id": id}));
    let wanted: Vec<Value> = body["docs"]
        .as_array()
        .into_iter()
        .flatten()
        .cloned()
        .chain(ids)
        .collect();
    if wanted.is_empty() {
        let reason = "Validation Failed: 1: no documents to get;";
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    let default = Choice::of_call(call).unwrap_or_default();
    let mut docs: Vec<Box<RawValue>> = Vec::new();
    for one in wanted {
        let id = one["_id"]
            .as_str()
            .map_or_else(|| one["_id"].to_string(), str::to_owned);
        let Some(name) = one["_index"].as_str().or(default_index) else {
            let reason = "Validation Failed: 1: index is missing for doc 0;";
            return Err(Failure::new(400, "action_request_validation_exception", reason));
        };
        let routing = one["routing"].as_str();
        let choice = one.get("_source").map_or_else(|| default.clone(), Choice::of);
        docs.push(match concrete(store, name) {
            Ok(name) => shown(
                &name,
                &id,
                store.indices[&name].get(&id, routing).map(AsRef::as_ref),
                &choice,
            ),
            Err(failure) => {
                let mut error = json!({"root_cause": [failure.in_item()]});
                for (key, value) in failure.in_item().as_object().into_iter().flatten() {
                    error[key] = value.clone();
                }
                let missing = json!({"_index": name, "_id": id, "error": error});
                serde_json::value::to_raw_value(&missing).expect("an error prints")
            }
        });
    }
    #[derive(Serialize)]
    struct Docs {
        docs: Vec<Box<RawValue>>,
    }
    Ok(Answer::json(200, &Docs { docs }))
}
