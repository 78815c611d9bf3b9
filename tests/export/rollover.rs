//! If rollovers left several copies of a document, the current one is exported.

use serde_json::{Value, json};

use super::{cluster, exported};
use crate::support::archive::entry;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

fn put(cluster: &TestCluster, index: &str, id: &str, source: &str) {
    let answer = cluster.call("PUT", &format!("/{index}/_doc/{id}?refresh=true"), source);
    assert!(answer.status < 300, "{answer:?}");
}

/// Rolls the state index over until there are `copies` indices.
fn roll_over_state(cluster: &TestCluster, copies: usize, alias: &str) {
    for n in 2..=copies {
        let index = format!(".ml-state-{n:06}");
        let body = json!({"settings": {"hidden": true}, "mappings": {"enabled": false}});
        assert_eq!(cluster.call("PUT", &format!("/{index}"), &body.to_string()).status, 200);
        let actions = json!({"actions": [
            {"remove": {"index": ".ml-state*", "alias": alias}},
            {"add": {"index": index, "alias": alias, "is_hidden": true}},
        ]});
        assert_eq!(cluster.call("POST", "/_aliases", &actions.to_string()).status, 200);
    }
}

#[test]
fn newest_copy_of_categorizer_state_is_exported() {
    let fixture = Fixture::load(JOB);
    let id = format!("{JOB}_categorizer_state%231");
    let newest = &fixture
        .state
        .iter()
        .find(|state| state.id.contains("categorizer_state#1"))
        .unwrap()
        .source;
    for copies in [2, 4, 12] {
        let cluster = cluster(&fixture);
        roll_over_state(&cluster, copies, ".ml-state-write");
        // This state cannot be decoded: an export that reads it fails or includes it.
        for n in 1..copies {
            put(
                &cluster,
                &format!(".ml-state-{n:06}"),
                &id,
                &format!("{{\"stale\": {n}}}"),
            );
        }
        put(&cluster, &format!(".ml-state-{copies:06}"), &id, newest);
        // The oldest index, which sorts last by the name that an upgrade gives it.
        let (oldest, alias) = (".reindexed-v8-ml-state-000000", ".ml-state-000000");
        let body = json!({"settings": {"hidden": true}, "mappings": {"enabled": false},
            "aliases": {alias: {"is_hidden": true}}});
        assert_eq!(
            cluster.call("PUT", &format!("/{oldest}"), &body.to_string()).status,
            200
        );
        put(&cluster, oldest, &id, "{\"stale\": 0}");
        let entries = exported(&cluster, JOB, &[]);
        let state = entry(&entries, "_snapshot_docs.ndjson");
        assert!(
            !state.contains("stale") && state.contains(newest.as_str()),
            "{copies} copies"
        );
    }
}

#[test]
fn data_counts_come_from_the_write_index() {
    let fixture = Fixture::load(JOB);
    let copy = |index: &str| {
        let mut counts = fixture.data_counts.clone();
        counts["copy"] = index.into();
        counts.to_string()
    };
    for write in [
        ".ml-anomalies-shared",
        ".ml-anomalies-shared-000002",
        ".ml-anomalies-shared-000003",
    ] {
        let cluster = cluster(&fixture);
        let counts = format!("{JOB}_data_counts");
        let (read_alias, write_alias) = (format!(".ml-anomalies-{JOB}"), format!(".ml-anomalies-.write-{JOB}"));
        for n in 2..=3 {
            let index = format!(".ml-anomalies-shared-{n:06}");
            cluster.call("PUT", &format!("/{index}"), "{}");
            put(&cluster, &index, &counts, &copy(&index));
        }
        put(&cluster, ".ml-anomalies-shared", &counts, &copy(".ml-anomalies-shared"));
        let add = |index: &str, alias: &str, writes: bool| match writes {
            true => json!({"add": {"index": index, "alias": alias, "is_hidden": true, "is_write_index": true}}),
            false => json!({"add": {"index": index, "alias": alias, "is_hidden": true}}),
        };
        let actions = json!({"actions": [
            {"remove": {"index": ".ml-anomalies-shared", "alias": write_alias}},
            add(".ml-anomalies-shared-000002", &read_alias, false),
            add(".ml-anomalies-shared-000003", &read_alias, false),
            add(write, &write_alias, true),
        ]});
        assert_eq!(cluster.call("POST", "/_aliases", &actions.to_string()).status, 200);
        let entries = exported(&cluster, JOB, &[]);
        let exported: Value = serde_json::from_str(entry(&entries, "_data_counts.json")).unwrap();
        assert_eq!(exported["copy"], write);
    }
}

#[test]
fn newest_copy_of_a_category_is_exported() {
    let fixture = Fixture::load(JOB);
    let cluster = cluster(&fixture);
    let before = exported(&cluster, JOB, &[]);
    let before = entry(&before, "_categories.ndjson");
    let changed = fixture.categories.last().unwrap();
    assert!(before.contains(&changed.source));
    let index = ".ml-anomalies-shared-000002";
    let mappings = cluster.call("GET", "/.ml-anomalies-shared/_mapping", "").value()[".ml-anomalies-shared"].clone();
    assert_eq!(
        cluster.call("PUT", &format!("/{index}"), &mappings.to_string()).status,
        200
    );
    let actions =
        json!({"actions": [{"add": {"index": index, "alias": format!(".ml-anomalies-{JOB}"), "is_hidden": true}}]});
    assert_eq!(cluster.call("POST", "/_aliases", &actions.to_string()).status, 200);
    let mut newer: Value = serde_json::from_str(&changed.source).unwrap();
    newer["num_matches"] = json!(987_654);
    put(&cluster, index, &changed.id, &newer.to_string());
    for more in [
        &["--page-size", "1"][..],
        &["--pagination", "scroll", "--page-size", "3"],
        &[],
    ] {
        let entries = exported(&cluster, JOB, more);
        let text = entry(&entries, "_categories.ndjson");
        assert_eq!(text.lines().count(), before.lines().count());
        assert_eq!(text.matches(&format!("\"{}\"", changed.id)).count(), 1);
        assert!(text.contains("987654"));
    }
}
