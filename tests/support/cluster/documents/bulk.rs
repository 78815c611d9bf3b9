//! `_bulk`, and writes of single documents.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::WriteResult;
use super::store::Store;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Index,
    Create,
    Delete,
}

/// A document to write.
struct Action {
    write: Write,
    operation: &'static str,
    index: String,
    id: String,
    routing: Option<String>,
    require_alias: bool,
    source: Bytes,
}

fn generated_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(20).collect()
}

/// Performs a write, and returns the index and the result.
fn perform(store: &mut Store, action: &Action) -> Outcome<(String, WriteResult)> {
    let deletes = action.write == Write::Delete;
    let target = store.write_target(&action.index, action.require_alias, !deletes)?;
    let index = store.index(&target)?;
    index.check_writable()?;
    let (id, routing) = (&action.id, action.routing.as_deref());
    let written = match action.write {
        Write::Delete => index.delete(id, routing),
        write => index.put(id, routing, &action.source, write == Write::Create)?,
    };
    Ok((target, written))
}

fn write_response(call: &Call, index: &str, id: &str, written: WriteResult) -> Value {
    let mut shown = json!({"_index": index, "_id": id, "_version": written.version, "result": written.result,
        "_shards": {"total": written.copies, "successful": 1, "failed": 0}, "_seq_no": written.seq_no, "_primary_term": 1});
    if call.param("refresh") == Some("true") {
        shown["forced_refresh"] = true.into();
    }
    shown
}

/// Writes a single document. Without an ID, the cluster generates one.
pub(super) fn single(store: &mut Store, call: &Call, name: &str, id: Option<&str>, write: Write) -> Outcome<Answer> {
    let action = Action {
        write,
        operation: "",
        index: name.to_owned(),
        id: id.map_or_else(generated_id, str::to_owned),
        routing: call.param("routing").map(str::to_owned),
        require_alias: call.flag("require_alias"),
        source: call.body.clone(),
    };
    let (target, written) = perform(store, &action)?;
    if call.flag("refresh") {
        store.index(&target)?.refresh();
    }
    Ok(Answer::json(
        written.status,
        &write_response(call, &target, &action.id, written),
    ))
}

/// `_bulk`, with or without an index in the path.
pub(super) fn bulk(store: &mut Store, call: &Call, default_index: Option<&str>) -> Outcome<Answer> {
    if !call.body.ends_with(b"\n") {
        return Err(Failure::illegal(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let (mut items, mut errors, mut touched) = (Vec::new(), false, Vec::new());
    for action in actions(call, default_index)? {
        let item = match perform(store, &action) {
            Ok((target, written)) => {
                let mut item = write_response(call, &target, &action.id, written);
                item["status"] = written.status.into();
                touched.push(target);
                item
            }
            Err(failure) => {
                errors = true;
                json!({"_index": action.index, "_id": action.id, "status": failure.status, "error": failure.cause()})
            }
        };
        items.push(json!({action.operation: item}));
    }
    if call.flag("refresh") {
        touched.dedup();
        for name in touched {
            store.index(&name)?.refresh();
        }
    }
    Ok(Answer::json(200, &json!({"errors": errors, "took": 0, "items": items})))
}

fn actions(call: &Call, default_index: Option<&str>) -> Outcome<Vec<Action>> {
    let mut lines = call.body.split(|byte| *byte == b'\n').enumerate();
    let mut actions = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let malformed = || Failure::illegal(format!("Malformed action/metadata line [{}]", number + 1));
        let line: Value = serde_json::from_slice(line).map_err(|_| malformed())?;
        let words = [
            ("index", Write::Index),
            ("create", Write::Create),
            ("delete", Write::Delete),
        ];
        let (operation, write) = words
            .into_iter()
            .find(|(operation, _)| line.get(operation).is_some())
            .ok_or_else(malformed)?;
        let text = |key: &str| line[operation][key].as_str().map(str::to_owned);
        let index = text("_index").or_else(|| default_index.map(str::to_owned));
        actions.push(Action {
            write,
            operation,
            index: index.ok_or_else(|| Failure::validation("index is missing"))?,
            id: text("_id").unwrap_or_else(generated_id),
            routing: text("routing"),
            require_alias: line[operation]["require_alias"]
                .as_bool()
                .unwrap_or_else(|| call.flag("require_alias")),
            source: match write {
                Write::Delete => Bytes::new(),
                _ => call
                    .body
                    .slice_ref(lines.next().map(|(_, line)| line).ok_or_else(malformed)?),
            },
        });
    }
    Ok(actions)
}
