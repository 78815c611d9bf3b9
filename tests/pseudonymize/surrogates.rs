//! Unpaired surrogates: Elasticsearch accepts them in documents, and so do export and import.

use serde_json::Value;

use super::newest;
use super::shared_archives::{pseudonymized, rewritten};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::test_cluster::TestCluster;

#[test]
fn lone_surrogates_are_replaced_as_they_are_indexed() {
    let binary = Binary::new();
    let old = rewritten(&binary, "log-categories", |name, text| match name {
        name if name.contains("_input_") => text.replacen("Failed", "\\udc01 Failed", 3),
        name if name.ends_with("_categories.ndjson") => text.replacen("[\"Failed", "[\"\\ud800 Failed", 2),
        name if name.ends_with("_annotations.ndjson") => text.replacen("Load test", "\\uDBFFLoad test", 1),
        _ => text.to_owned(),
    });
    let changed = entries(&old);
    assert!(entry(&changed, "_input_1.ndjson").contains("\\udc01"));
    assert!(entry(&changed, "_categories.ndjson").contains("\\ud800"));
    let new = pseudonymized(&binary, &old, "new", &[]);
    TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
}

#[test]
fn value_with_a_lone_surrogate_has_a_token() {
    let binary = Binary::new();
    let old = rewritten(&binary, "web-latency", |name, text| match name {
        name if name.contains("_input_") => text.replace("\"web-05.iad.corp.example\"", "\"web\\ud800\""),
        name if name.ends_with("_annotations.ndjson") => {
            // The author determines how the text is treated.
            text.replace("\"create_username\": \"_xpack\"", "\"create_username\": \"\\ud800\"")
        }
        _ => text.to_owned(),
    });
    let changed = entries(&old);
    assert!(entry(&changed, "_input_1.ndjson").contains("web\\ud800"));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let (token, _) = new.tokens.iter().find(|(_, value)| *value == "web\u{fffd}").unwrap();
    let written = entries(&new.archive);
    let documents = entry(&written, "_input_1.ndjson").lines().skip(1).step_by(2);
    let documents: Vec<Value> = documents.map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(documents.iter().any(|document| document["host"] == **token));
    TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
}
