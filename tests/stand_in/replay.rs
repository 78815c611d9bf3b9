//! Exchanges recorded on Elasticsearch 9.2.0, repeated. Against a real node they check the recording.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::support::cluster::Call;
use crate::support::cluster::real::documents_for_tests;

const EXCHANGES: &str = include_str!("../fixtures/exchanges/documents-exchanges.jsonl");
/// Members that differ between runs or nodes, and that clients do not read.
const IGNORED: [&str; 17] = [
    "took",
    "uuid",
    "creation_date",
    "created",
    "provided_name",
    "id",
    "_scroll_id",
    "pit_id",
    "_score",
    "max_score",
    "terminated_early",
    "_seq_no",
    "_primary_term",
    "_version",
    "key_as_string",
    "value_as_string",
    "doc_count_error_upper_bound",
];

fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(error) if error.contains_key("reason") => {
            let reason = without_uuid(error["reason"].as_str().unwrap_or_default());
            let causes = error.get("root_cause").map(comparable);
            json!({"type": error["type"], "reason": reason, "root_cause": causes})
        }
        Value::Object(object) => {
            let entries = object.iter().filter(|(key, _)| !IGNORED.contains(&key.as_str()));
            entries.map(|(key, value)| (key.clone(), comparable(value))).collect()
        }
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::Number(number) => number.as_f64().map_or_else(|| value.clone(), Value::from),
        other => other.clone(),
    }
}

/// Reasons contain UUIDs, as in `index [t1/<uuid>]`, and the numbers of search contexts.
fn without_uuid(reason: &str) -> String {
    match reason.split_once('/').filter(|(before, _)| before.contains('[')) {
        Some((before, rest)) => format!("{before}{}", &rest[rest.find(']').unwrap_or(0)..]),
        None => reason.replace(|c: char| c.is_ascii_digit(), ""),
    }
}

/// Replaces the recorded IDs of search contexts with those of this run.
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
fn document_responses_match_the_recording() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let documents = documents_for_tests();
    let mut ids = HashMap::new();
    let mut differences = Vec::new();
    for line in EXCHANGES.lines() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let (request, expected) = (&exchange["request"], &exchange["response"]);
        let body = match &request["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => with_ids(other, &ids).to_string(),
        };
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        let answer = runtime.block_on(documents.call(Call::new(method, path, body)));
        let got = answer.value();
        for key in ["id", "_scroll_id"] {
            if let (Some(old), Some(new)) = (expected["body"][key].as_str(), got[key].as_str()) {
                ids.insert(old.to_owned(), new.to_owned());
            }
        }
        let got = json!({"status": answer.status, "body": comparable(&got)});
        let expected = json!({"status": expected["status"], "body": comparable(&expected["body"])});
        if got != expected {
            let body = &request["body"];
            differences.push(format!(
                "{method} {path} {body}\n  recorded {expected}\n  answered {got}"
            ));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
