//! Large amounts of data for a job.

use std::io::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::bare_http;
use crate::seed::{INDEX, JOB, load};
use crate::support::fixtures::Fixture;

/// The time of the first input document and annotation, in epoch milliseconds.
const BEGIN: u64 = 1_704_067_200_000;
/// The number of distinct words in input documents.
const WORDS: usize = 500;

/// Adds a filter with this number of items, and a field with long text in the input documents.
pub fn extend(fixture: &mut Fixture, items: usize) {
    fixture.annotations.clear();
    fixture.filters[0]["items"] = (0..items)
        .map(|number| format!("web-{number:05}.iad.corp.example"))
        .collect();
    fixture.input_mapping["properties"]["text"] = json!({"type": "text", "index": false, "norms": false});
}

/// Loads input documents in time order, each with about this number of bytes, most of them text that can be compressed
/// as well as logs.
pub fn inputs(node: SocketAddr, count: usize, bytes: usize) {
    let mut random = fastrand::Rng::with_seed(11);
    let words: Vec<String> = (0..WORDS).map(|_| format!("{:x} ", random.u32(..))).collect();
    load(node, INDEX, 0..count, |lines, number| {
        let mut text = String::with_capacity(bytes);
        while text.len() + 200 < bytes {
            text.push_str(&words[random.usize(..WORDS)]);
        }
        let document = json!({
            "@timestamp": BEGIN + number as u64 * 1009,
            "host": format!("web-{:02}.iad.corp.example", random.u8(..32)),
            "responsetime": f64::from(random.u32(5_000..900_000)) / 1000.0,
            "status": random.choice(["200", "304", "404", "500"]),
            "clientip": format!("2001:db8::{:x}:{:x}", random.u16(..64), random.u16(..)),
            "text": text,
        });
        let _ = writeln!(lines, "{{\"index\":{{\"_id\":\"i{number:09}\"}}}}\n{document}");
    });
    bare_http::json(node, "POST", &format!("/{INDEX}/_refresh"), &Value::Null);
}

/// Loads annotations as a job writes them.
pub fn annotations(node: SocketAddr, count: usize) {
    let index = ".ml-annotations-write";
    load(node, index, 0..count, |lines, number| {
        let document = json!({
            "annotation": format!("Detected change {number} of the rate"), "create_time": BEGIN,
            "create_username": "_xpack", "timestamp": BEGIN + number as u64 * 1009, "job_id": JOB,
            "type": "annotation", "event": "model_change", "detector_index": 0,
        });
        let _ = writeln!(lines, "{{\"index\":{{\"_id\":\"n{number:09}\"}}}}\n{document}");
    });
    bare_http::json(node, "POST", &format!("/{index}/_refresh"), &Value::Null);
}
