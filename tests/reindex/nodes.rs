//! A copy of many documents between two nodes, during which `esml-state` and then the source are killed.
//!
//! `ESML_TEST_REINDEX_DOCUMENTS` is their number. The source must have been started with `elasticsearch.sh`, whose environment
//! variables the test passes on.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Clusters, INDEX, JOB, node};
use crate::support::binary::Run;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const DOCUMENTS: usize = 1_000_000;
const PER_REQUEST: usize = 10_000;

#[derive(Deserialize)]
struct Page {
    _scroll_id: String,
    hits: Hits,
}

#[derive(Deserialize)]
struct Hits {
    hits: Vec<Hit>,
}

#[derive(Deserialize)]
struct Hit {
    _id: String,
    _source: Value,
}

/// The document with this number.
fn document(number: usize) -> Value {
    let time = 1_704_067_200_000 + 100 * number;
    let (host, status) = (format!("web-{}", number % 7), ["200", "404", "503"][number % 3]);
    json!({"@timestamp": time, "host": host, "responsetime": number % 997, "status": status})
}

fn fill(clusters: &Clusters, index: &str, documents: usize) {
    for first in (0..documents).step_by(PER_REQUEST) {
        let numbers = first..documents.min(first + PER_REQUEST);
        let lines = numbers.map(|number| format!("{{\"index\":{{\"_id\":\"{number}\"}}}}\n{}\n", document(number)));
        let written = clusters
            .source
            .call("POST", &format!("/{index}/_bulk"), &lines.collect::<String>());
        assert_eq!(written.value()["errors"], false);
    }
    clusters.source.call("POST", &format!("/{index}/_refresh"), "");
}

/// Waits until a cluster has so many documents.
fn wait_for(cluster: &TestCluster, index: &str, documents: usize) {
    let started = Instant::now();
    loop {
        cluster.call("POST", &format!("/{index}/_refresh"), "");
        let counted = cluster.call("GET", &format!("/{index}/_count"), "").value();
        if counted["count"].as_u64().unwrap_or(0) as usize >= documents {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(300), "{counted}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn started(clusters: &Clusters, arguments: &[String]) -> std::process::Child {
    let mut command = clusters.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn ended(arguments: Vec<String>, process: std::process::Child) -> Run {
    Clusters::ended(arguments, process.wait_with_output().unwrap())
}

fn elasticsearch(command: &str) {
    let port = node("SOURCE").unwrap().rsplit(':').next().unwrap().to_owned();
    let script = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/support/elasticsearch/elasticsearch.sh"
    );
    let mut process = Command::new("bash");
    let process = process.args([script, command, &port]).env("ES_KEEP_DATA", "1");
    assert!(process.status().unwrap().success());
}

fn assert_identical(clusters: &Clusters, documents: usize) {
    let search = format!("/{INDEX}/_search?scroll=1m&sort=_doc&size={PER_REQUEST}");
    let mut answer = clusters.target.call("GET", &search, "");
    let mut found = vec![false; documents];
    loop {
        let page: Page = serde_json::from_slice(&answer.body).unwrap();
        if page.hits.hits.is_empty() {
            break;
        }
        for Hit { _id, _source } in page.hits.hits {
            let number: usize = _id.parse().unwrap();
            assert_eq!(_source, document(number), "{number}");
            assert!(!std::mem::replace(&mut found[number], true), "{number}");
        }
        let body = json!({"scroll": "1m", "scroll_id": page._scroll_id}).to_string();
        answer = clusters.target.call("POST", "/_search/scroll", &body);
    }
    assert!(found.into_iter().all(|found| found));
}

#[test]
fn a_copy_continues_after_the_tool_and_the_source_were_killed() {
    if node("SOURCE").is_none() {
        return;
    }
    let documents = std::env::var("ESML_TEST_REINDEX_DOCUMENTS");
    let documents = documents.map_or(DOCUMENTS, |text| text.parse().expect("a number"));
    let mut fixture = Fixture::load(JOB);
    fixture.inputs.truncate(1);
    let clusters = Clusters::with(&fixture);
    let index = fixture.sources[0].clone();
    clusters
        .source
        .call("DELETE", &format!("/{index}/_doc/{}", fixture.inputs[0].id), "");
    fill(&clusters, &index, documents);

    let arguments = clusters.arguments(&["--retry-for", "3s"]);
    let mut killed = started(&clusters, &arguments);
    wait_for(&clusters.target, INDEX, documents / 10);
    killed.kill().unwrap();
    killed.wait().unwrap();

    let failing = started(&clusters, &arguments);
    wait_for(&clusters.target, INDEX, documents / 2);
    elasticsearch("kill");
    let failed = ended(arguments.clone(), failing).expect(6);
    failed.expect_stderr(&format!("DELETE /{INDEX}"));
    elasticsearch("start");
    wait_for(&clusters.source, &index, documents);

    let began = Instant::now();
    let last = started(&clusters, &arguments);
    let run = ended(arguments, last).expect(0);
    println!("The last import took {:?}\n{}", began.elapsed(), run.stderr);
    assert_eq!(clusters.mark()["complete"], true);
    assert_identical(&clusters, documents);
}
