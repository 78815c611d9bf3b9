//! Filters, the rules that use them, and the datafeed.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::json_tree::{Tree, states};
use super::newest;
use super::reveal::filter_items;
use super::shared_archives::{Pseudonymized, exported_of, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const HOSTS: &str = "detector.d.c";

/// Returns the job with other items in the filter that its rule applies to hosts.
fn fixture_with_filter_items(items: Value) -> Fixture {
    let mut fixture = Fixture::load("web-latency");
    fixture.filters[0]["items"] = items;
    fixture
}

/// Returns the hosts in the model.
fn hosts(entries: &BTreeMap<String, String>) -> BTreeSet<String> {
    let states = states(entries);
    let tree = Tree::parse(states.values().next().unwrap());
    let hosts = tree.texts().into_iter().filter(|(path, _)| path == HOSTS);
    let hosts = hosts.map(|(_, host)| host.to_owned());
    hosts.filter(|host| !host.is_empty()).collect()
}

/// Returns the items of the filter on the cluster after an import.
fn imported_items(binary: &Binary, new: &Pseudonymized) -> BTreeSet<String> {
    let cluster = TestCluster::new(newest());
    cluster.import(binary, &new.archive, &[]).expect(0);
    let response = cluster.call("GET", "/_ml/filters/canary-hosts", "").value();
    let items = response["filters"][0]["items"].as_array().unwrap().iter();
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

#[test]
fn rules_still_match_by_pattern() {
    let fixture = fixture_with_filter_items(json!([
        "*.fra.corp.example",
        "web-05.iad*",
        "*6.iad.corp*",
        "web-99.unseen.example"
    ]));
    let matched = |host: &str| {
        host.ends_with(".fra.corp.example") || host.starts_with("web-05.iad") || host.contains("6.iad.corp")
    };
    let binary = Binary::new();
    let old = exported_of(&binary, &fixture);
    let new = pseudonymized(&binary, &old, "new", &[]);
    let notes = new.output["notes"].to_string();
    assert!(notes.contains("patterns"), "{notes}");
    let written = filter_items(&entries(&new.archive));
    let known = hosts(&entries(&new.archive));
    assert_eq!(known.len(), 30);
    for token in &known {
        assert_eq!(
            written.contains(token),
            matched(&new.tokens[token]),
            "{}",
            new.tokens[token]
        );
    }
    assert!(known.intersection(&written).count() > 5);
    let unseen = |token: &String| {
        new.tokens
            .get(token)
            .is_some_and(|value| value == "web-99.unseen.example")
    };
    assert!(written.iter().any(unseen) && !written.iter().any(|item| item.contains('*')));
    assert!(
        written.iter().all(|item| new.tokens[item].contains(".example")),
        "hosts alone"
    );
    assert_eq!(imported_items(&binary, &new), written);
}

#[test]
fn rules_of_a_kept_field_are_unchanged() {
    let (binary, listed) = (Binary::new(), json!(["*.fra.corp.example", "web-05.iad.corp.example"]));
    let fixture = fixture_with_filter_items(listed.clone());
    let old = exported_of(&binary, &fixture);
    let new = pseudonymized(&binary, &old, "new", &["--fields", "status,clientip"]);
    assert_eq!(hosts(&entries(&new.archive)), hosts(&entries(&old)));
    let listed: BTreeSet<String> = serde_json::from_value(listed).unwrap();
    assert_eq!(filter_items(&entries(&new.archive)), listed);
    assert_eq!(imported_items(&binary, &new), listed);
}

#[test]
fn category_patterns_are_parsed() {
    let mut fixture = Fixture::load("log-categories");
    let service = fixture.inputs[0].source.clone();
    fixture.inputs[0].source = service.replace("\"service\":", "\"service\": \"pay.internal-7\", \"was\":");
    for category in &mut fixture.categories {
        category.source = category.source.replacen(".*?", r".*?pay\\.internal\\-7.+?", 1);
    }
    let binary = Binary::new();
    let old = exported_of(&binary, &fixture);
    assert!(entry(&entries(&old), "_categories.ndjson").contains(r"pay\\.internal\\-7"));
    let new = pseudonymized(&binary, &old, "new", &["--fields", "service"]);
    let (token, _) = new.tokens.iter().find(|(_, value)| *value == "pay.internal-7").unwrap();
    let categories = entries(&new.archive);
    let categories = entry(&categories, "_categories.ndjson");
    assert!(categories.contains(&format!(".*?{token}.+?")) && !categories.contains("internal"));
}
