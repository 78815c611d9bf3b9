//! `_reindex` from a remote cluster, with its tasks. Responses and requests to the remote cluster have the form that a node of
//! version 7.17.29 was recorded with.

use std::collections::BTreeMap;
use std::sync::Mutex;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::super::{Answer, Call};
use super::InMemory;
use super::failure::Failure;

const NODE: &str = "4-UDBgtaQLGpQjQ1NHEAdQ";
const ACTION: &str = "indices:data/write/reindex";
/// `reindex.remote.whitelist`.
const ALLOWED: &str = "127.0.0.1:";

/// The tasks by number. Those that have ended remain, as in the index `.tasks`.
pub(super) type Tasks = Mutex<BTreeMap<u64, Task>>;

#[derive(Clone, Debug)]
pub(super) struct Task {
    description: String,
    headers: Value,
    counts: Counts,
    canceled: bool,
    /// `response` or `error`, once the task has ended.
    result: Option<(&'static str, Value)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    total: u64,
    created: u64,
    conflicts: u64,
    batches: u64,
}

#[derive(Deserialize)]
struct Page<'a> {
    _scroll_id: String,
    #[serde(borrow)]
    hits: Hits<'a>,
}

#[derive(Deserialize)]
struct Hits<'a> {
    total: Value,
    #[serde(borrow)]
    hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
struct Hit<'a> {
    _id: String,
    _routing: Option<String>,
    #[serde(borrow)]
    _source: &'a RawValue,
}

/// The `error` of a response, and its status.
type Error = (u16, Value);

fn error(status: u16, kind: &str, reason: impl Into<String>) -> Error {
    (status, json!({"type": kind, "reason": reason.into()}))
}

impl Counts {
    fn status(self, canceled: bool) -> Value {
        let mut status = json!({"total": self.total, "updated": 0, "created": self.created, "deleted": 0,
            "batches": self.batches, "version_conflicts": self.conflicts, "noops": 0, "retries": {"bulk": 0, "search": 0},
            "throttled_millis": 0, "requests_per_second": -1.0, "throttled_until_millis": 0});
        if canceled {
            status["canceled"] = "by user request".into();
        }
        status
    }
}

impl Task {
    fn json(&self, number: u64, detailed: bool) -> Value {
        let mut task = json!({"node": NODE, "id": number, "type": "transport", "action": ACTION,
            "start_time_in_millis": 1_796_132_939_208_u64, "running_time_in_nanos": 1, "cancellable": true,
            "cancelled": self.canceled, "headers": self.headers});
        if detailed {
            task["status"] = self.counts.status(self.canceled);
            task["description"] = self.description.clone().into();
        }
        task
    }
}

impl InMemory {
    /// Answers the requests of this module.
    pub(super) async fn reindex_answer(&self, call: &Call) -> Option<Answer> {
        let segments = call.segments();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let number = |id: &str| id.strip_prefix(&format!("{NODE}:"))?.parse::<u64>().ok();
        match (call.method.as_str(), segments.as_slice()) {
            ("POST", ["_reindex"]) => Some(self.reindex(call).await),
            ("GET", ["_tasks"]) => {
                let tasks = self.tasks.lock().unwrap();
                let running = tasks.iter().filter(|(_, task)| task.result.is_none());
                let list: Vec<Value> = running
                    .map(|(id, task)| task.json(*id, call.flag("detailed")))
                    .collect();
                Some(Answer::json(200, &json!({"tasks": list})))
            }
            ("GET", ["_tasks", id]) => {
                let tasks = self.tasks.lock().unwrap();
                let found = number(id).and_then(|number| Some((number, tasks.get(&number)?)));
                Some(match found {
                    Some((number, task)) => {
                        let mut body = json!({"completed": task.result.is_some(), "task": task.json(number, true)});
                        if let Some((name, value)) = &task.result {
                            body[name] = value.clone();
                        }
                        Answer::json(200, &body)
                    }
                    None => {
                        let reason = format!("task [{id}] isn't running and hasn't stored its results");
                        Failure::new(404, "resource_not_found_exception", reason).answer()
                    }
                })
            }
            ("POST", ["_tasks", id, "_cancel"]) => {
                let mut tasks = self.tasks.lock().unwrap();
                let task = number(id).and_then(|number| tasks.get_mut(&number));
                let Some(task) = task.filter(|task| task.result.is_none()) else {
                    let cause =
                        json!({"type": "resource_not_found_exception", "reason": format!("task [{id}] is not found")});
                    let failure = json!({"type": "failed_node_exception", "reason": format!("Failed node [{NODE}]"),
                        "node_id": NODE, "caused_by": cause});
                    return Some(Answer::json(200, &json!({"node_failures": [failure], "nodes": {}})));
                };
                task.canceled = true;
                let task = task.json(number(id)?, false);
                let nodes = json!({NODE: {"name": "n1", "tasks": {*id: task}}});
                Some(Answer::json(200, &json!({"nodes": nodes})))
            }
            _ => None,
        }
    }

    async fn reindex(&self, call: &Call) -> Answer {
        let Ok(body) = serde_json::from_slice::<Value>(&call.body) else {
            return Failure::new(400, "parsing_exception", "not JSON").answer();
        };
        let description = format!(
            "reindex from [host={} query={}][{}] to [{}][_doc]",
            body["source"]["remote"]["host"].as_str().unwrap_or_default(),
            body["source"]["query"],
            body["source"]["index"][0].as_str().unwrap_or_default(),
            body["dest"]["index"].as_str().unwrap_or_default()
        );
        let task = Task {
            description,
            headers: json!({"X-Opaque-Id": call.header("x-opaque-id")}),
            counts: Counts::default(),
            canceled: false,
            result: None,
        };
        let number = {
            let mut tasks = self.tasks.lock().unwrap();
            let number = tasks.keys().next_back().map_or(26, |last| last + 1);
            tasks.insert(number, task);
            number
        };
        if call.param("wait_for_completion") == Some("false") {
            let cluster = self.clone();
            tokio::spawn(async move { cluster.run(number, &body).await });
            return Answer::json(200, &json!({"task": format!("{NODE}:{number}")}));
        }
        match self.run(number, &body).await {
            Ok(response) => Answer::json(200, &response),
            Err((status, mut error)) => {
                error["root_cause"] = json!([{"type": error["type"], "reason": error["reason"]}]);
                Answer::json(status, &json!({"error": error, "status": status}))
            }
        }
    }

    async fn run(&self, number: u64, body: &Value) -> Result<Value, Error> {
        let copied = self.copy(number, body).await;
        let mut tasks = self.tasks.lock().unwrap();
        let task = tasks.get_mut(&number).unwrap();
        let result = copied.map(|failures| {
            let mut response = task.counts.status(task.canceled);
            response["took"] = 344.into();
            response["timed_out"] = false.into();
            response["failures"] = failures.into();
            response
        });
        task.result = Some(match &result {
            Ok(response) => ("response", response.clone()),
            Err((_, error)) => ("error", error.clone()),
        });
        result
    }

    /// Copies the documents, and returns those that were rejected. A node ignores `require_alias` if the source is remote.
    async fn copy(&self, number: u64, body: &Value) -> Result<Vec<Value>, Error> {
        let (source, dest) = (&body["source"], &body["dest"]);
        assert_eq!(
            (&dest["op_type"], &body["conflicts"]),
            (&json!("create"), &json!("proceed"))
        );
        let remote = Remote::new(&source["remote"])?;
        remote.send("GET", "/", None).await?;
        let indices: Vec<&str> = source["index"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let indices = url::form_urlencoded::byte_serialize(indices.join(",").as_bytes()).collect::<String>();
        let indices = indices.replace("%2C", ",");
        let size = source["size"].as_u64().unwrap_or(1000);
        let path = format!(
            "/{indices}/_search?scroll=5m&sort=_doc%3Aasc&size={size}&allow_partial_search_results=false&version=false"
        );
        let search = json!({"query": source["query"], "_source": {"includes": source["_source"], "excludes": []}});
        let mut answer = remote.send("POST", &path, Some(search)).await?;
        let mut is_first = true;
        loop {
            let page: Page<'_> = serde_json::from_slice(&answer).expect("a page");
            let canceled = {
                let mut tasks = self.tasks.lock().unwrap();
                let task = tasks.get_mut(&number).unwrap();
                task.counts.total = page.hits.total["value"].as_u64().unwrap_or_default();
                task.canceled
            };
            // A node requests the second page even if the first one is empty.
            if canceled || page.hits.hits.is_empty() && !is_first {
                let clear = json!({"scroll_id": [page._scroll_id]});
                remote.send("DELETE", "/_search/scroll", Some(clear)).await?;
                return Ok(Vec::new());
            }
            let failures = self.create(number, dest["index"].as_str().unwrap(), &page.hits.hits);
            if !failures.is_empty() {
                return Ok(failures);
            }
            is_first = false;
            let next = json!({"scroll_id": page._scroll_id});
            answer = remote
                .send("POST", "/_search/scroll?scroll=300000000000nanos", Some(next))
                .await?;
        }
    }

    fn create(&self, number: u64, index: &str, hits: &[Hit<'_>]) -> Vec<Value> {
        let mut lines = String::new();
        for hit in hits {
            let mut action = json!({"_index": index, "_id": hit._id});
            if let Some(routing) = &hit._routing {
                action["routing"] = routing.clone().into();
            }
            lines += &format!("{}\n{}\n", json!({"create": action}), hit._source.get());
        }
        if hits.is_empty() {
            return Vec::new();
        }
        let written = self.answer(&Call::new("POST", "/_bulk", lines)).value();
        let mut failures = Vec::new();
        let mut tasks = self.tasks.lock().unwrap();
        let counts = &mut tasks.get_mut(&number).unwrap().counts;
        counts.batches += 1;
        for item in written["items"].as_array().into_iter().flatten() {
            let item = &item["create"];
            match item["status"].as_u64() {
                Some(201) => counts.created += 1,
                Some(409) => counts.conflicts += 1,
                _ => failures.push(json!({"index": item["_index"], "type": "_doc", "id": item["_id"],
                    "cause": item["error"], "status": item["status"]})),
            }
        }
        failures
    }
}

/// The remote cluster.
struct Remote {
    client: reqwest::Client,
    host: String,
    headers: Vec<(String, String)>,
}

impl Remote {
    fn new(remote: &Value) -> Result<Self, Error> {
        let host = remote["host"].as_str().expect("a host").to_owned();
        let address = host.split_once("://").expect("a scheme").1;
        if !address.starts_with(ALLOWED) {
            let address = address.split('/').next().unwrap();
            let reason = format!("[{address}] not whitelisted in reindex.remote.whitelist");
            return Err(error(400, "illegal_argument_exception", reason));
        }
        let headers = remote["headers"].as_object().into_iter().flatten();
        let headers = headers.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()));
        Ok(Self {
            client: reqwest::Client::builder().no_proxy().build().expect("a client"),
            host,
            headers: headers.collect(),
        })
    }

    async fn send(&self, method: &str, path: &str, body: Option<Value>) -> Result<Vec<u8>, Error> {
        let url = format!("{}{path}", self.host);
        let mut request = self.client.request(method.parse().unwrap(), &url);
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(failed) if failed.is_connect() && self.host.starts_with("https") => {
                let reason = "Unrecognized SSL message, plaintext connection?";
                return Err(error(500, "s_s_l_exception", reason));
            }
            Err(failed) if failed.is_connect() => return Err(error(500, "connect_exception", "Connection refused")),
            Err(_) => return Err(error(500, "connection_closed_exception", "Connection is closed")),
        };
        let status = response.status();
        let body = response.bytes().await;
        let body = body.map_err(|_| error(500, "connection_closed_exception", "Connection is closed"))?;
        if status.is_success() {
            return Ok(body.to_vec());
        }
        let text = String::from_utf8_lossy(&body);
        let mut failed = error(status.as_u16(), "status_exception", format!("body={text}"));
        let line = format!("status line [HTTP/1.1 {status}]");
        let reason = format!("method [{method}], host [{}], URI [{path}], {line}\n{text}", self.host);
        failed.1["caused_by"] = json!({"type": "response_exception", "reason": reason});
        Err(failed)
    }
}
