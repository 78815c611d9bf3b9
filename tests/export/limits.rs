//! Entries that an import would refuse are not written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{cluster, exported, failed_export, stored, version};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const SOURCE: &str = "weblogs-2024.01";
const ALL: [&str; 2] = ["--include-inputs", "--all-fields"];
/// Before the first input document of the other indices.
const BEFORE_OTHER_INPUTS: &str = "2024-06-01";

/// Nine more indices, each with a mapping of 2 MiB and a later input document.
fn large_mappings() -> Fixture {
    let mut fixture = Fixture::load(JOB).with_small_state();
    fixture.inputs.truncate(20);
    let mut large = fixture.input_mapping.clone();
    large["_meta"] = json!({"note": "x".repeat(2 << 20)});
    for number in 0..9 {
        let index = format!("weblogs-large-{number}");
        let source = json!({"@timestamp": 1_717_300_000_000_i64 + number, "host": "a", "responsetime": 1});
        fixture.inputs.push(StoredDocument {
            index: index.clone(),
            ..stored("one", source)
        });
        fixture = fixture.with_mapping_of(&index, large.clone());
        fixture.sources.push(index);
    }
    fixture.job["datafeed_config"]["indices"] = json!(["weblogs-*"]);
    fixture
}

fn mapped_indices(entries: &std::collections::BTreeMap<String, String>) -> BTreeSet<String> {
    let mapping: Value = serde_json::from_str(entry(entries, "_input_mapping.json")).unwrap();
    mapping.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn oversized_mappings_are_refused_before_reading() {
    let cluster = TestCluster::seeded(version(), &large_mappings());
    for more in [&[][..], &["--dry-run"]] {
        failed_export(&cluster, JOB, &[&ALL[..], more].concat(), 1)
            .expect_stderr("web-latency_input_mapping.json would have 1")
            .expect_stderr("but the maximum is 16777216")
            .expect_stderr("--all-fields")
            .expect_stderr("--inputs-before-date");
    }
    let requests = cluster.stand_in.requests();
    assert!(!requests.iter().any(|request| request.path.ends_with("/_pit")));
    assert_eq!(
        mapped_indices(&exported(&cluster, JOB, &["--include-inputs"])).len(),
        10
    );
}

#[test]
fn archive_contains_only_mappings_of_exported_indices() {
    let cluster = TestCluster::seeded(version(), &large_mappings());
    let more = [&ALL[..], &["--inputs-before-date", BEFORE_OTHER_INPUTS]].concat();
    let binary = Binary::new();
    let archive = cluster.export(&binary, JOB, "out", &more);
    let carried = mapped_indices(&crate::support::archive::entries(&archive));
    assert_eq!(carried, BTreeSet::from([SOURCE.to_owned()]));
    cluster.import(&binary, &archive, &["--as", "copy"]).expect(0);
    let input = cluster.call("GET", "/copy-input/_mapping", "").value();
    let properties = &input["copy-input"]["mappings"]["properties"];
    assert_eq!(properties["host"]["type"], "keyword", "{input}");
}

#[test]
fn unlisted_source_indices_are_read_up_to_the_limit() {
    let cluster = TestCluster::seeded(version(), &large_mappings());
    let silent = FaultRule::when(|call| String::from_utf8_lossy(&call.body).contains("\"_index\""));
    let body = json!({"error": {"type": "illegal_argument_exception", "reason": "no"}, "status": 400});
    cluster
        .stand_in
        .faults()
        .add(silent.always().then(Action::status(400, body.to_string())));
    failed_export(&cluster, JOB, &ALL, 1).expect_stderr("web-latency_input_mapping.json would have 1");
}

#[test]
fn oversized_document_is_an_error_that_names_it() {
    let mut fixture = Fixture::load(JOB).with_small_state();
    let mut annotation: Value = serde_json::from_str(&fixture.annotations[0].source).unwrap();
    annotation["annotation"] = "x".repeat(5 << 20).into();
    fixture.annotations.push(stored("the-long-one", annotation));
    failed_export(&cluster(&fixture), JOB, &[], 1)
        .expect_stderr("web-latency_annotations.ndjson, line ")
        .expect_stderr("document the-long-one) would have 52")
        .expect_stderr("but the maximum is 4194304")
        .expect_stderr("--annotations-after-date");
}

#[test]
fn oversized_calendars_are_refused() {
    let mut fixture = Fixture::load(JOB).with_small_state();
    let event = |number: i64| json!({"description": "d".repeat(1 << 20), "start_time": number, "end_time": number + 1});
    let events: Vec<Value> = (0..5).map(event).collect();
    fixture
        .calendars
        .push(json!({"calendar_id": "full", "job_ids": [JOB], "events": events}));
    failed_export(&cluster(&fixture), JOB, &ALL[..1], 1)
        .expect_stderr("web-latency_calendars.json would have 5")
        .expect_stderr("past events");
}
