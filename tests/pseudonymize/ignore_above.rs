//! Values that were too long to be indexed: neither the job nor its query read them.

use serde_json::{Value, json};

use super::newest;
use super::shared_archives::{exported_of, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

fn documents(text: &str) -> Vec<Value> {
    let documents = text.lines().skip(1).step_by(2);
    documents.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Checks the field in each document, before and after: values that are too long are removed, and others are replaced
/// by tokens.
fn check_ignore_above(fixture: &Fixture, field: &str, limit: usize) {
    let binary = Binary::new();
    let old = exported_of(&binary, fixture);
    let new = pseudonymized(&binary, &old, "new", &[]);
    let (old, written) = (entries(&old), entries(&new.archive));
    let (mut indexed, mut ignored) = (0, 0);
    let both = documents(entry(&old, "_input_1.ndjson"))
        .into_iter()
        .zip(documents(entry(&written, "_input_1.ndjson")));
    for (old, new) in both {
        if old[field].as_str().unwrap().chars().count() > limit {
            ignored += 1;
            assert!(new.get(field).is_none(), "{new}");
        } else {
            indexed += 1;
            assert!(new[field].as_str().unwrap().contains("t_"), "{new}");
        }
    }
    assert!(indexed > 5 && ignored > 5, "{indexed} {ignored}");
    let mapping: Value = serde_json::from_str(entry(&written, "_input_mapping.json")).unwrap();
    let mapping = &mapping[&fixture.sources[0]]["mappings"]["properties"][field];
    assert_eq!(*mapping, json!({"type": "keyword", "ignore_above": i32::MAX}));
    TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
}

/// The fixture's own query selects documents with an indexed `host`.
fn fixture_with_match_all() -> Fixture {
    let mut fixture = Fixture::load("web-latency");
    fixture.job["datafeed_config"]["query"] = json!({"match_all": {}});
    fixture
}

#[test]
fn value_above_the_limit_stays_unindexed() {
    let mut fixture = fixture_with_match_all();
    fixture.input_mapping["properties"]["host"] = json!({"type": "keyword", "ignore_above": 30});
    for input in fixture.inputs.iter_mut().step_by(3) {
        let mut document: Value = serde_json::from_str(&input.source).unwrap();
        document["host"] = format!("/{}", "abc".repeat(20)).into();
        input.source = document.to_string();
    }
    check_ignore_above(&fixture, "host", 30);
}

#[test]
fn limit_shorter_than_a_token_hides_no_values() {
    let mut fixture = fixture_with_match_all();
    fixture.input_mapping["properties"]["host"] = json!({"type": "keyword", "ignore_above": 8});
    for input in fixture.inputs.iter_mut().step_by(2) {
        let mut document: Value = serde_json::from_str(&input.source).unwrap();
        document["host"] = "web-1".into();
        input.source = document.to_string();
    }
    check_ignore_above(&fixture, "host", 8);
}

#[test]
fn message_above_the_limit_stays_unindexed() {
    let mut fixture = Fixture::load("log-categories");
    fixture.input_mapping["properties"]["message"] = json!({"type": "keyword", "ignore_above": 70});
    check_ignore_above(&fixture, "message", 70);
}
