//! `_bulk` and the writes of single documents.

use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::failure::{Failure, Outcome};
use super::index::Written;
use super::store::Store;

/// How a document is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Write {
    Index,
    Create,
    Delete,
}

/// Whether a write shall be seen at once.
fn refreshes(call: &Call) -> bool {
    call.flag("refresh")
}

fn shown(index: &str, id: &str, written: Written, refreshed: bool, shards: Value) -> Value {
    let mut shown = json!({"_index": index, "_id": id, "_version": written.version, "result": written.result});
    if refreshed {
        shown["forced_refresh"] = true.into();
    }
    shown["_shards"] = shards;
    shown["_seq_no"] = written.seq_no.into();
    shown["_primary_term"] = 1.into();
    shown
}

/// One document to write.
struct One<'a> {
    name: &'a str,
    id: &'a str,
    routing: Option<&'a str>,
    how: Write,
    source: &'a [u8],
    require_alias: bool,
}

fn write(store: &mut Store, one: &One<'_>) -> Outcome<(String, Written)> {
    let &One {
        name,
        id,
        routing,
        how,
        source,
        require_alias,
    } = one;
    if how == Write::Delete && !store.indices.contains_key(name) && !store.is_alias(name) {
        return Err(Failure::no_such_index(name));
    }
    let target = store.write_target(name, require_alias)?;
    let index = store.index(&target)?;
    index.refuse_writes()?;
    let written = match how {
        Write::Delete => index.delete(id, routing)?,
        _ => index.put(id, routing, source, how == Write::Create)?,
    };
    Ok((target, written))
}

fn new_id() -> String {
    std::iter::repeat_with(fastrand::alphanumeric).take(20).collect()
}

/// One document by its own request. No id: the cluster makes one.
pub(super) fn single(store: &mut Store, call: &Call, name: &str, id: Option<&str>, how: Write) -> Outcome<Answer> {
    let made = id.map_or_else(new_id, str::to_owned);
    let create = how == Write::Index && call.param("op_type") == Some("create");
    let how = if create || (id.is_none() && how == Write::Index) {
        Write::Create
    } else {
        how
    };
    if how != Write::Delete && call.body.is_empty() {
        return Err(Failure::new(400, "parse_exception", "request body is required"));
    }
    let one = One {
        name,
        id: &made,
        routing: call.param("routing"),
        how,
        source: &call.body,
        require_alias: call.flag("require_alias"),
    };
    let (target, written) = write(store, &one)?;
    let index = store.index(&target)?;
    if refreshes(call) {
        index.refresh();
    }
    let body = shown(
        &target,
        &made,
        written,
        call.param("refresh")
            .is_some_and(|word| word == "true" || word.is_empty()),
        index.write_shards(),
    );
    Ok(Answer::json(written.status, &body))
}

/// One action line.
struct Action {
    how: Write,
    word: String,
    index: Option<String>,
    id: Option<String>,
    routing: Option<String>,
    require_alias: Option<bool>,
}

fn action(line: &Value, number: usize) -> Outcome<Action> {
    let malformed = |what: String| Failure::illegal(format!("Malformed action/metadata line [{number}], {what}"));
    let (word, meta) = line
        .as_object()
        .and_then(|object| object.iter().next())
        .ok_or_else(|| malformed("expected START_OBJECT but found [VALUE_STRING]".to_owned()))?;
    let how = match word.as_str() {
        "index" => Write::Index,
        "create" => Write::Create,
        "delete" => Write::Delete,
        other => {
            return Err(malformed(format!(
                "expected field [create], [delete], [index] or [update] but found [{other}]"
            )));
        }
    };
    let text = |key: &str| meta.get(key).and_then(Value::as_str).map(str::to_owned);
    for key in meta.as_object().into_iter().flat_map(serde_json::Map::keys) {
        let known = [
            "_index",
            "_id",
            "routing",
            "_routing",
            "require_alias",
            "version",
            "version_type",
            "if_seq_no",
            "if_primary_term",
            "op_type",
            "pipeline",
            "dynamic_templates",
            "list_executed_pipelines",
        ];
        if !known.contains(&key.as_str()) {
            let reason = format!("Action/metadata line [{number}] contains an unknown parameter [{key}]");
            return Err(Failure::illegal(reason));
        }
    }
    let require_alias = meta.get("require_alias").and_then(Value::as_bool);
    Ok(Action {
        how,
        word: word.clone(),
        index: text("_index"),
        id: text("_id"),
        routing: text("routing").or_else(|| text("_routing")),
        require_alias,
    })
}

/// `_bulk`, with or without an index in the path.
pub(super) fn bulk(store: &mut Store, call: &Call, default_index: Option<&str>) -> Outcome<Answer> {
    if call.body.is_empty() {
        let reason = "request body is required";
        return Err(Failure::new(400, "parse_exception", reason));
    }
    if call.body.last() != Some(&b'\n') {
        return Err(Failure::illegal(
            "The bulk request must be terminated by a newline [\\n]",
        ));
    }
    let items = parse(call, default_index)?;
    let mut answers = Vec::with_capacity(items.len());
    let (mut errors, mut touched) = (false, Vec::new());
    for (action, name, source) in items {
        let id = action.id.unwrap_or_else(new_id);
        let one = One {
            name: &name,
            id: &id,
            routing: action.routing.as_deref(),
            how: action.how,
            source: &source,
            require_alias: action.require_alias.unwrap_or_else(|| call.flag("require_alias")),
        };
        let item = match write(store, &one) {
            Ok((target, written)) => {
                let shards = store.index(&target)?.write_shards();
                let mut item = shown(&target, &id, written, call.param("refresh") == Some("true"), shards);
                item["status"] = written.status.into();
                touched.push(target);
                item
            }
            Err(failure) => {
                errors = true;
                // What is refused before it reaches a shard is named as in the request.
                let early = ["index_closed_exception", "cluster_block_exception"].contains(&failure.kind());
                let behind = store.write_target(&name, true).ok().filter(|_| !early);
                let behind = behind.unwrap_or_else(|| name.clone());
                json!({"_index": behind, "_id": id, "status": failure.status, "error": failure.in_item()})
            }
        };
        answers.push(json!({action.word: item}));
    }
    if refreshes(call) {
        touched.dedup();
        for name in touched {
            store.index(&name)?.refresh();
        }
    }
    Ok(Answer::json(
        200,
        &json!({"errors": errors, "took": 0, "items": answers}),
    ))
}

/// What is done, in which index, with which source.
type Item = (Action, String, bytes::Bytes);

fn parse(call: &Call, default_index: Option<&str>) -> Outcome<Vec<Item>> {
    let mut lines = call.body.split(|byte| *byte == b'\n').enumerate();
    let mut items = Vec::new();
    let mut missing = Vec::new();
    while let Some((number, line)) = lines.next() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed: Value = serde_json::from_slice(line).map_err(|_| {
            Failure::illegal(format!(
                "Malformed action/metadata line [{}], expected START_OBJECT",
                number + 1
            ))
        })?;
        let action = action(&parsed, number + 1)?;
        let source = match action.how {
            Write::Delete => bytes::Bytes::new(),
            _ => call
                .body
                .slice_ref(lines.next().map(|(_, line)| line).unwrap_or_default()),
        };
        let Some(index) = action.index.clone().or_else(|| default_index.map(str::to_owned)) else {
            missing.push(format!("{}: index is missing;", missing.len() + 1));
            continue;
        };
        items.push((action, index, source));
    }
    if !missing.is_empty() {
        let reason = format!("Validation Failed: {}", missing.concat());
        return Err(Failure::new(400, "action_request_validation_exception", reason));
    }
    Ok(items)
}
