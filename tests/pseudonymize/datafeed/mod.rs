//! Clauses of the datafeed: those that go on selecting the same documents, and those that are refused.

mod aggregations;
mod followed;
mod refused;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::shared::{Pseudonymized, edited};
use crate::support::archive::entry;
use crate::support::binary::{Binary, Run};

const JOB: &str = "web-latency";
const HOST: &str = "web-05.iad.corp.example";
const OTHER: &str = "web-16.fra.corp.example";

/// An input: host, status, address; what tells it from others.
struct Input {
    host: String,
    status: String,
    address: String,
    instant: String,
}

fn inputs(entries: &BTreeMap<String, String>) -> Vec<Input> {
    let lines = entry(entries, "_input_1.ndjson").lines().skip(1).step_by(2);
    let documents = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let input = |document: Value| Input {
        host: text(&document["host"]),
        status: text(&document["status"]),
        address: text(&document["clientip"]),
        instant: instant(&document),
    };
    documents.map(input).collect()
}

fn instant(document: &Value) -> String {
    format!("{} {}", document["@timestamp"], document["responsetime"])
}

/// The job with this datafeed; its status is a number, and a field of addresses and one of numbers that stay are there.
fn feeding(binary: &Binary, feed: Value) -> PathBuf {
    edited(binary, JOB, |config, mapping| {
        for (name, value) in feed.as_object().unwrap() {
            config["datafeed_config"][name] = value.clone();
        }
        mapping["weblogs-2024.01"]["mappings"]["properties"]["status"] = json!({"type": "long"});
    })
}

fn datafeed(entries: &BTreeMap<String, String>) -> Value {
    let config: Value = serde_json::from_str(entry(entries, "_config.json")).unwrap();
    config["datafeed_config"].clone()
}

/// Values whose tokens stand in a text.
fn told(new: &Pseudonymized, text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || "_.".contains(c)));
    words.filter_map(|word| new.tokens.get(word).cloned()).collect()
}

fn refused(binary: &Binary, old: &Path, more: &[&str]) -> Run {
    let old = old.display().to_string();
    let mut arguments = vec!["pseudonymize", &old, "-o", "new.tar.gz"];
    arguments.extend(more);
    binary.run(&arguments)
}
