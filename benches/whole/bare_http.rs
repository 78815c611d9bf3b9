//! Measures the limit of the server: the same requests from a loop that reads the responses and parses only the sort
//! values.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};

use super::http::Connection;

const SLICES: usize = 2;
const PAGE: usize = 10_000;
const CONNECTIONS: usize = 2;
const BULK: usize = 5_000_000;

/// Sends a request and reads the complete response.
pub fn send(connection: &mut Connection, method: &str, path: &str, kind: &str, body: &[u8], answer: &mut Vec<u8>) {
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n"
    );
    connection.write(head.as_bytes()).expect("a request");
    connection.write(body).expect("a request");
    let head = connection.head().expect("an answer").expect("an answer");
    connection.collect(head.body, answer).expect("an answer");
    assert!(
        head.bytes.starts_with(b"HTTP/1.1 20"),
        "{method} {path}: {}",
        String::from_utf8_lossy(&answer[..answer.len().min(500)])
    );
}

/// Sends a JSON request on a new connection.
pub fn json(address: SocketAddr, method: &str, path: &str, body: &Value) -> Value {
    let mut connection = Connection::open(address).expect("a connection");
    let mut answer = Vec::new();
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    send(
        &mut connection,
        method,
        path,
        "application/json",
        body.as_bytes(),
        &mut answer,
    );
    serde_json::from_slice(&answer).unwrap_or_default()
}

/// The documents that the bare loop reads.
#[derive(Clone, Copy)]
pub struct Documents<'a> {
    pub index: &'a str,
    pub time_field: &'a str,
    /// The fields that are read; all if there are none.
    pub fields: &'a [&'a str],
    /// The job whose results are read from an index that it shares with others.
    pub job: Option<&'a str>,
}

/// Reads all documents in time order; returns seconds and bytes.
pub fn export(address: SocketAddr, documents: Documents<'_>) -> (f64, usize) {
    let index = documents.index;
    let started = Instant::now();
    let opened = json(address, "POST", &format!("/{index}/_pit?keep_alive=5m"), &Value::Null);
    let id = opened["id"].as_str().expect("a point in time");
    let bytes = thread::scope(|scope| {
        let slices = (0..SLICES).map(|slice| scope.spawn(move || read_slice(address, id, slice, documents)));
        let slices: Vec<_> = slices.collect();
        slices.into_iter().map(|slice| slice.join().expect("a slice")).sum()
    });
    json(address, "DELETE", "/_pit", &json!({ "id": id }));
    (started.elapsed().as_secs_f64(), bytes)
}

fn read_slice(address: SocketAddr, id: &str, slice: usize, documents: Documents<'_>) -> usize {
    let Documents {
        time_field,
        fields,
        job,
        ..
    } = documents;
    let query = job.map_or_else(|| json!({"match_all": {}}), |job| json!({"term": {"job_id": job}}));
    let source = if fields.is_empty() { json!(true) } else { json!(fields) };
    let mut connection = Connection::open(address).expect("a connection");
    let mut body = json!({
        "size": PAGE, "track_total_hits": false, "_source": source, "query": query,
        "pit": { "id": id, "keep_alive": "5m" },
        "slice": { "id": slice, "max": SLICES },
        "sort": [{ time_field: "asc" }, { "_shard_doc": "asc" }],
    });
    let (mut answer, mut bytes) = (Vec::new(), 0);
    loop {
        let request = body.to_string();
        send(
            &mut connection,
            "POST",
            "/_search",
            "application/json",
            request.as_bytes(),
            &mut answer,
        );
        bytes += answer.len();
        let Some(cursor) = cursor(&answer) else { return bytes };
        body["search_after"] = cursor;
    }
}

/// Returns the `sort` of the last document.
fn cursor(answer: &[u8]) -> Option<Value> {
    let name = br#""sort":"#;
    let tail = &answer[answer.len().saturating_sub(300)..];
    let begin = tail.windows(name.len()).rposition(|window| window == name)? + name.len();
    let end = begin + tail[begin..].iter().position(|byte| *byte == b']')? + 1;
    serde_json::from_slice(&tail[begin..end]).ok()
}

/// Splits action and document lines into bulk requests of about 5,000,000 bytes each.
pub fn bulk_requests(lines: &[u8]) -> Vec<Vec<u8>> {
    let mut requests = vec![Vec::with_capacity(BULK)];
    let mut lines = lines.split_inclusive(|byte| *byte == b'\n');
    while let (Some(action), Some(document)) = (lines.next(), lines.next()) {
        if requests
            .last()
            .is_some_and(|last| last.len() + action.len() + document.len() > BULK)
        {
            requests.push(Vec::with_capacity(BULK));
        }
        if let Some(last) = requests.last_mut() {
            last.extend_from_slice(action);
            last.extend_from_slice(document);
        }
    }
    requests
}

/// Sends the requests over two connections; returns seconds.
pub fn import(address: SocketAddr, index: &str, requests: &[Vec<u8>]) -> f64 {
    let started = Instant::now();
    let (sender, receiver) = mpsc::channel();
    for request in requests {
        sender.send(request).expect("a queue");
    }
    drop(sender);
    let receiver = std::sync::Mutex::new(receiver);
    let path = format!("/{index}/_bulk?filter_path=errors");
    thread::scope(|scope| {
        for _ in 0..CONNECTIONS {
            scope.spawn(|| {
                let mut connection = Connection::open(address).expect("a connection");
                let mut answer = Vec::new();
                loop {
                    let next = receiver.lock().expect("a queue").recv();
                    let Ok(request) = next else { return };
                    send(
                        &mut connection,
                        "POST",
                        &path,
                        "application/x-ndjson",
                        request,
                        &mut answer,
                    );
                    assert_eq!(answer, br#"{"errors":false}"#);
                }
            });
        }
    });
    started.elapsed().as_secs_f64()
}

/// Refreshes the index; returns seconds.
pub fn refresh(address: SocketAddr, index: &str) -> f64 {
    let started = Instant::now();
    json(address, "POST", &format!("/{index}/_refresh"), &Value::Null);
    started.elapsed().as_secs_f64()
}
