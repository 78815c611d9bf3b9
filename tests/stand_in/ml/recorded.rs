//! A replay of the recorded exchanges.
//!
//! Not compared, because they differ between runs or nodes: times on or after the day of the
//! recording (creation, log times, sort values), `took`, scores, shard and sequence numbers, node and cluster
//! names, UUIDs, generated IDs (events, notifications, keys), `query_delay` (random), license dates, positions in a
//! body, the number of notifications, and `.ml-config`, which is hidden from users.

use std::sync::Arc;

use serde_json::{Value, json};

use super::Cluster;
use crate::support::cluster::Call;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion, User};

const ML: &str = include_str!("../../fixtures/exchanges/ml-exchanges.jsonl");
const SECURITY: &str = include_str!("../../fixtures/exchanges/security-exchanges.jsonl");

const VOLATILE: [&str; 27] = [
    "took",
    "max_score",
    "_score",
    "_seq_no",
    "_shards",
    "node",
    "node_name",
    "name",
    "cluster_name",
    "cluster_uuid",
    "uid",
    "issued_to",
    "event_id",
    "query_delay",
    "create_time",
    "finished_time",
    "issue_date",
    "expiry_date",
    "issue_date_in_millis",
    "expiry_date_in_millis",
    "id",
    "api_key",
    "effective_max_model_memory_limit",
    "build_hash",
    "build_date",
    "_version",
    "task_id",
];

/// The day of the recording: later times are taken from the clock.
const RECORDED_AT: i64 = 1_795_000_000_000;

fn masked(value: &Value) -> Value {
    match value {
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| {
                let hidden = VOLATILE.contains(&key.as_str()) || (key == "_id" && is_generated_id(value));
                (key.clone(), if hidden { json!("…") } else { masked(value) })
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .filter(|item| item["index"] != ".ml-config")
            .map(masked)
            .collect(),
        Value::Number(number) => match number.as_i64() {
            Some(instant) if instant > RECORDED_AT => json!("…"),
            _ => json!(number.as_f64()),
        },
        Value::String(text) => json!(without_position(text)),
        other => other.clone(),
    }
}

fn is_generated_id(id: &Value) -> bool {
    let base64 = |id: &str| id.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    id.as_str()
        .is_some_and(|id| id.contains("_model_size_stats_") || id.len() == 20 && base64(id))
}

/// `[1:258] [job_details] …` without the numbers; an API key without its ID.
fn without_position(text: &str) -> String {
    let text = match text.split_once("API key id [") {
        Some((before, rest)) => format!("{before}API key id […{}", &rest[rest.find(']').unwrap_or(0)..]),
        None => text.to_owned(),
    };
    match text.strip_prefix('[').and_then(|rest| rest.split_once("] [")) {
        Some((at, rest)) if at.chars().all(|c| c.is_ascii_digit() || c == ':') => format!("[…] [{rest}"),
        _ => text,
    }
}

async fn compare(cluster: &Cluster, number: usize, exchange: &Value, authorization: Option<&str>) -> Option<String> {
    let (request, expected) = (&exchange["request"], &exchange["response"]);
    let body = if request["body"].is_null() {
        String::new()
    } else {
        request["body"].to_string()
    };
    let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
    let mut call = Call::new(method, path, body);
    if let Some(authorization) = authorization {
        call.headers
            .push(("authorization".to_owned(), authorization.to_owned()));
    }
    let answer = cluster.send(call).await;
    let mut recorded = json!({"status": expected["status"], "body": masked(&expected["body"])});
    let mut answered = json!({"status": answer.status, "body": masked(&answer.value())});
    if path.starts_with("/.ml-notifications") {
        recorded["body"]["hits"]["total"] = Value::Null;
        answered["body"]["hits"]["total"] = Value::Null;
    }
    if path.starts_with("/_cat/indices") {
        // A node lists them in any order, and their number depends on when it refreshes.
        for side in [&mut recorded, &mut answered] {
            let listed = side["body"].as_array().into_iter().flatten();
            let mut names: Vec<Value> = listed.map(|index| index["index"].clone()).collect();
            names.sort_by_key(Value::to_string);
            side["body"] = Value::Array(names);
        }
    }
    if path.starts_with("/_refresh") {
        recorded["body"] = Value::Null;
        answered["body"] = Value::Null;
    }
    (recorded != answered).then(|| format!("{number} {method} {path}\n  recorded {recorded}\n  answered {answered}"))
}

#[tokio::test]
async fn ml_responses_match_the_recording() {
    let cluster = Cluster::on_test_documents(MlOptions::new(MlVersion::recorded()));
    let mut differences = Vec::new();
    for (number, line) in ML.lines().enumerate() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        differences.extend(compare(&cluster, number + 1, &exchange, None).await);
    }
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

#[tokio::test]
async fn security_responses_match_the_recording() {
    let key = "ZXhhbXBsZS1rZXktaWQ6ZXhhbXBsZS1hcGkta2V5LXZhbHVl";
    let users = vec![
        User::superuser("elastic", "right"),
        User::new("narrow", "example")
            .cluster(&["monitor"])
            .indices(&["src"], &["read"]),
        User::new("elastic", "…")
            .api_key(key)
            .cluster(&["monitor"])
            .indices(&["src"], &["read"]),
    ];
    let mut options = MlOptions::new(MlVersion::recorded());
    options.users = Some(users);
    let cluster = Cluster::on_test_documents(options);
    let open = Cluster {
        ml: MlApi::of(MlVersion::recorded()),
        documents: Arc::clone(&cluster.documents),
    };
    open.call(
        "PUT",
        "/_ml/anomaly_detectors/s1",
        json!({"analysis_config": {"bucket_span": "15m",
        "detectors": [{"function": "count"}]}, "data_description": {"time_field": "@timestamp"}}),
    )
    .await;
    cluster
        .ml
        .insert_trained_job(&open.ml.job_config("s1").unwrap(), Arc::clone(&cluster.documents))
        .await;
    let mut differences = Vec::new();
    for (number, line) in SECURITY.lines().enumerate() {
        let exchange: Value = serde_json::from_str(line).unwrap();
        let request = &exchange["request"];
        let path = request["path"].as_str().unwrap();
        let authorization = match request["auth"].as_str().unwrap() {
            "none" | "security off" => None,
            "Basic, wrong password" => Some("Basic ZWxhc3RpYzp3cm9uZw==".to_owned()),
            "ApiKey, unknown" => Some("ApiKey dW5rbm93bjp1bmtub3du".to_owned()),
            "Bearer, unknown" => Some("Bearer unknown".to_owned()),
            "Basic, narrow role" => Some("Basic bmFycm93OmV4YW1wbGU=".to_owned()),
            kind if kind.starts_with("ApiKey") => Some(format!("ApiKey {key}")),
            _ => Some("Basic ZWxhc3RpYzpyaWdodA==".to_owned()),
        };
        // The test itself creates users and keys.
        if ["/_security/api_key", "/_security/role/narrow", "/_security/user/narrow"].contains(&path) {
            continue;
        }
        let at = if request["auth"] == "security off" {
            &open
        } else {
            &cluster
        };
        let mut exchange = exchange.clone();
        if exchange["response"]["body"]["error"]["reason"]
            .as_str()
            .is_some_and(|reason| reason.contains("API key id"))
        {
            let reason = "action [indices:data/read/search] is unauthorized for user [elastic] on indices [other], this \
                          action is granted by the privileges [read,all]";
            exchange["response"]["body"]["error"]["reason"] = json!(reason);
            exchange["response"]["body"]["error"]["root_cause"][0]["reason"] = json!(reason);
        }
        differences.extend(compare(at, number + 1, &exchange, authorization.as_deref()).await);
    }
    assert!(
        differences.is_empty(),
        "{} differences\n{}",
        differences.len(),
        differences.join("\n")
    );
}

/// Behavior measured on real servers that is not part of the recorded exchanges.
#[tokio::test]
async fn ml_responses_match_the_measurements() {
    let cluster = Cluster::on_test_documents(MlOptions::new(MlVersion::recorded()));
    let job = |more: Value| {
        let mut job = json!({"analysis_config": {"detectors": [{"function": "count"}]}, "data_description": {}});
        job.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        job
    };
    for (method, path, body) in [
        (
            "PUT",
            "/_ml/anomaly_detectors/a",
            job(json!({"groups": ["web"], "results_index_name": "security"})),
        ),
        (
            "PUT",
            "/_ml/anomaly_detectors/b",
            job(json!({"results_index_name": "custom-security"})),
        ),
        ("PUT", "/_ml/calendars/c", json!({"job_ids": []})),
        ("POST", "/_ml/anomaly_detectors/_validate", job(json!({"job_id": "d"}))),
    ] {
        let (status, response) = cluster.call(method, path, body).await;
        assert_eq!(status, 200, "{method} {path}: {response}");
    }
    for id in ["a", "b"] {
        let (_, response) = cluster
            .call("GET", &format!("/_ml/anomaly_detectors/{id}"), Value::Null)
            .await;
        assert_eq!(response["jobs"][0]["results_index_name"], "custom-security");
    }
    let unknown = json!({"later": 1, "job_id": "d"});
    let generated = json!({"job_id": "d", "create_time": 1, "job_version": "8.0.0"});
    for (method, path, body, status, kind, reason) in [
        (
            "DELETE",
            "/_ml/calendars/c/jobs/a",
            Value::Null,
            400,
            "status_exception",
            "Cannot remove [a] as it is not present in calendar [c]",
        ),
        (
            "DELETE",
            "/_ml/calendars/x/jobs/a",
            Value::Null,
            404,
            "resource_not_found_exception",
            "[x]",
        ),
        (
            "PUT",
            "/_ml/anomaly_detectors/web",
            job(json!({})),
            400,
            "resource_already_exists_exception",
            "web",
        ),
        (
            "POST",
            "/_ml/anomaly_detectors/_validate",
            job(unknown.clone()),
            400,
            "x_content_parse_exception",
            "unknown field [later]",
        ),
        (
            "PUT",
            "/_ml/anomaly_detectors/d",
            job(unknown),
            400,
            "x_content_parse_exception",
            "unknown field [later]",
        ),
        (
            "PUT",
            "/_ml/anomaly_detectors/d",
            job(generated),
            400,
            "illegal_argument_exception",
            "that are illegal to set at job creation",
        ),
        (
            "GET",
            "/_ml/anomaly_detectors/d",
            Value::Null,
            404,
            "resource_not_found_exception",
            "No known job with id 'd'",
        ),
    ] {
        let (answered, response) = cluster.call(method, path, body).await;
        let error = &response["error"];
        assert_eq!(
            (answered, error["type"].as_str()),
            (status, Some(kind)),
            "{method} {path}: {response}"
        );
        assert!(
            error["reason"].as_str().is_some_and(|text| text.contains(reason)),
            "{method} {path}: {response}"
        );
    }
}
