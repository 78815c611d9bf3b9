//! The recorded exchanges, sent again.
//!
//! Not compared, because they differ from run to run or from node to node: `took`, uuids, creation dates,
//! ids of scrolls and points in time, context numbers, node names, cluster names and versions. Scores are not
//! compared either: the stand-in's are constant.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::cluster::Call;
use crate::support::cluster::real::documents_for_tests;

const DATA: &str = include_str!("../fixtures/exchanges/data-exchanges.jsonl");
const DOCUMENTS: &str = include_str!("../fixtures/exchanges/documents-exchanges.jsonl");
const VOLATILE: [&str; 10] = [
    "took",
    "uuid",
    "index_uuid",
    "creation_date",
    "created",
    "node",
    "cluster_name",
    "provided_name",
    "id",
    "index_uuid",
];

/// What differs from run to run, replaced by a fixed text.
/// Also left out: scores, `terminated_early`, and an index's `mode`, which 8.19 does not tell.
fn masked(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let entries = object.iter().map(|(key, value)| {
                let hide = VOLATILE.contains(&key.as_str()) || key == "_scroll_id" || key == "pit_id";
                let value = match value {
                    Value::String(text) if key == "reason" || key == "error" => masked_text(text).into(),
                    _ if hide && !value.is_object() => "…".into(),
                    _ => masked(value),
                };
                (key.clone(), value)
            });
            Value::Object(
                entries
                    .filter(|(key, _)| !["_score", "max_score", "terminated_early", "mode"].contains(&key.as_str()))
                    .collect(),
            )
        }
        Value::Array(items) => items.iter().map(masked).collect(),
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

/// Reasons name uuids as `index [t1/<uuid>]` and contexts by number.
fn masked_text(text: &str) -> String {
    if let Some((before, rest)) = text.split_once('/').filter(|(before, _)| before.contains('[')) {
        return format!("{before}/…{}", &rest[rest.find(']').unwrap_or(0)..]);
    }
    match text.split_once("No search context found for id [") {
        Some(_) => "No search context found for id […]".to_owned(),
        None => text.to_owned(),
    }
}

/// Puts the ids of this run in the place of the recorded ones.
fn with_ids(value: &Value, ids: &HashMap<String, String>) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), with_ids(value, ids)))
            .collect(),
        Value::Array(items) => items.iter().map(|item| with_ids(item, ids)).collect(),
        Value::String(text) => ids.get(text).unwrap_or(text).as_str().into(),
        other => other.clone(),
    }
}

#[test]
fn answers_as_recorded() {
    replay(DATA);
}

/// Recorded on Elasticsearch 9.2.0: the finer points of queries, sorts, slices, names, aliases and errors.
#[test]
fn answers_finer_points_as_recorded() {
    replay(DOCUMENTS);
}

fn replay(exchanges: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let documents = documents_for_tests();
    let mut ids = HashMap::new();
    let mut differences = Vec::new();
    for (number, line) in exchanges.lines().enumerate() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let (request, expected) = (&exchange["request"], &exchange["response"]);
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => spaced(&with_ids(other, &ids)),
        };
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let answer = runtime.block_on(documents.call(Call::new(method, path, body)));
        let got = answer.value();
        for key in ["id", "_scroll_id"] {
            if let (Some(old), Some(new)) = (expected["body"][key].as_str(), got[key].as_str()) {
                ids.insert(old.to_owned(), new.to_owned());
            }
        }
        let got = json!({"status": answer.status, "body": masked(&got)});
        let expected = json!({"status": expected["status"], "body": masked(&expected["body"])});
        if got != expected {
            differences.push(format!(
                "{number} {method} {path}\n  recorded {expected}\n  answered {got}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// JSON as the recording client printed it, with a space after `:` and `,`: positions depend on it.
fn spaced(value: &Value) -> String {
    match value {
        Value::Object(object) => {
            let entries: Vec<String> = object
                .iter()
                .map(|(key, value)| format!("{}: {}", Value::from(key.as_str()), spaced(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
