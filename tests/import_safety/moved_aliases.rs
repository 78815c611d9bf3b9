//! Aliases that move and indices that are deleted while documents are written. Each document is found, and removed, in
//! the index that the cluster reported when it was written.

use super::cluster_state::ClusterState;
use super::ownership::{INDEX, import, reject, send};
use super::target;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::stand_in::DirectClient;
use crate::support::test_cluster::TestCluster;

/// Adds a new index to the alias, optionally as its write index.
pub fn add_index(cluster: &DirectClient, alias: &str, writes: bool) {
    let old = send(cluster, "GET", &format!("/_alias/{alias}"), "");
    let mut indices: Vec<&String> = old.as_object().unwrap().keys().collect();
    indices.sort();
    let old = indices.pop().unwrap();
    let new = format!("{old}-{}", indices.len() + 2);
    let mappings = send(cluster, "GET", &format!("/{old}"), "")[old]["mappings"].clone();
    send(
        cluster,
        "PUT",
        &format!("/{new}"),
        &serde_json::json!({"mappings": mappings}).to_string(),
    );
    let add = |index: &str, writes: bool| serde_json::json!({"add": {"index": index, "alias": alias, "is_write_index": writes, "is_hidden": true}});
    let mut actions = vec![add(old, !writes), add(&new, writes)];
    if alias.contains(".write-") {
        // Results are read through a separate alias.
        let read = alias.replace(".write-", "");
        let job = read.trim_start_matches(".ml-anomalies-");
        let filter = serde_json::json!({"term": {"job_id": job}});
        actions.push(serde_json::json!({"add": {"index": new, "alias": read, "is_hidden": true, "filter": filter}}));
    }
    let actions = serde_json::json!({ "actions": actions });
    send(cluster, "POST", "/_aliases", &actions.to_string());
}

const ALIASES: [&str; 4] = [
    ".ml-annotations-write",
    ".ml-notifications-write",
    ".ml-state-write",
    ".ml-anomalies-.write-web-latency",
];

/// Returns the number of documents that an import writes to `.ml-*`.
fn written_documents(test_cluster: &TestCluster) -> usize {
    let contents = test_cluster.contents();
    let ours = |(index, id): &&(String, String)| {
        index.starts_with(".ml-")
            && (id.starts_with("esml-") || id.starts_with("web-latency_"))
            && !id.contains("_model_size_stats_")
    };
    let mut ids: Vec<&String> = contents.keys().filter(ours).map(|(_, id)| id).collect();
    let all = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), all);
    all
}

/// The first bulk request through this alias, and those after it.
fn bulk_rule(alias: &'static str) -> FaultRule {
    FaultRule::when(move |call| call.path == format!("/{alias}/_bulk"))
}

#[test]
fn documents_are_found_after_the_alias_moved() {
    let all = {
        let test_cluster = target(1, usize::MAX);
        import(&test_cluster, &[]).expect(0);
        written_documents(&test_cluster)
    };
    for alias in ALIASES {
        // Before the first request, and between two of them.
        for nth in [1, 2] {
            for fails in [false, true] {
                let test_cluster = target(1, usize::MAX);
                let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
                let moved = bulk_rule(alias).nth(nth).run(move |_| add_index(&direct, alias, true));
                test_cluster.stand_in.faults().add(moved);
                if fails {
                    test_cluster
                        .stand_in
                        .faults()
                        .add(FaultRule::on("PUT", "/jobs/web-latency").then(reject()));
                }
                let run = import(&test_cluster, &["--bulk-size", "1kb", "--bulk-concurrency", "1"]);
                let name = format!("{alias}, {nth}, fails {fails}, exit {}: {}", run.code, run.stderr);
                if !fails {
                    assert_eq!(run.code, 0, "{name}");
                    assert_eq!(written_documents(&test_cluster), all, "{name}");
                    continue;
                }
                assert_eq!(run.code, 1, "{name}");
                let mut after = ClusterState::of(&test_cluster);
                after.aliases.clone_from(&before.aliases);
                after.assert_unchanged(&before, &name);
            }
        }
    }
}

#[test]
fn write_index_of_an_alias_may_be_the_older_one() {
    for fails in [false, true] {
        let test_cluster = target(1, usize::MAX);
        let direct = test_cluster.stand_in.direct();
        for alias in [".ml-annotations-write", ".ml-notifications-write"] {
            add_index(&direct, alias, false);
        }
        let before = ClusterState::of(&test_cluster);
        if fails {
            test_cluster
                .stand_in
                .faults()
                .add(FaultRule::on("PUT", "/jobs/web-latency").then(reject()));
        }
        let run = import(&test_cluster, &[]);
        assert_eq!(run.code, i32::from(fails), "{}", run.stderr);
        if fails {
            ClusterState::of(&test_cluster).assert_unchanged(&before, "rolled back");
        }
    }
}

/// The cluster rejects writes after the alias has moved: the requests name the index that contains the documents.
#[test]
fn remaining_documents_are_reported_with_their_index() {
    for alias in ALIASES {
        let test_cluster = target(1, usize::MAX);
        let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
        let gone = r#"{"error":{"type":"x","reason":"gone"},"status":503}"#;
        let lock = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let locked = std::sync::Arc::clone(&lock);
        let last = FaultRule::on("PUT", "/jobs/web-latency").run(move |_| {
            add_index(&direct, alias, true);
            lock.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        test_cluster.stand_in.faults().add(last.then(Action::status(503, gone)));
        let rest = FaultRule::when(move |_| locked.load(std::sync::atomic::Ordering::SeqCst));
        test_cluster
            .stand_in
            .faults()
            .add(rest.always().then(Action::status(503, gone)));
        let run = import(&test_cluster, &["--json"]).expect(6);
        test_cluster.stand_in.faults().clear();
        super::every_write::run_cleanup_commands(&test_cluster, &run);
        test_cluster.call("POST", "/.ml-*/_refresh?expand_wildcards=all", "");
        let mut after = ClusterState::of(&test_cluster);
        after.aliases.clone_from(&before.aliases);
        after.assert_unchanged(&before, &format!("{alias}: {}", run.stderr));
    }
}

type Act = fn(&DirectClient);

fn delete(cluster: &DirectClient) {
    send(cluster, "DELETE", INDEX, "");
}

fn replace(cluster: &DirectClient) {
    delete(cluster);
    send(cluster, "PUT", INDEX, r#"{"mappings":{"_meta":{"owner":"another"}}}"#);
}

/// The requests of an import that load, finish, or read back the input index.
const INPUT_INDEX_REQUESTS: [(&str, &str, usize); 6] = [
    ("POST", "/_bulk", 1),
    ("POST", "/_bulk", 2),
    ("PUT", "/_settings", 1),
    ("PUT", "/jobs/web-latency", 1),
    ("POST", "/web-latency-input/_count", 1),
    ("POST", "/_aliases", 1),
];

#[test]
fn no_bulk_request_creates_the_input_index_or_writes_to_another_one() {
    let acts: [(&str, Act); 2] = [("deleted", delete), ("replaced", replace)];
    for (what, act) in acts {
        for (method, path, nth) in INPUT_INDEX_REQUESTS {
            let test_cluster = target(1, usize::MAX);
            let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
            let at = FaultRule::when(move |call| {
                let input =
                    call.path.starts_with("/web-latency-input") || !path.starts_with("/_") || path == "/_aliases";
                call.method == method && call.path.ends_with(path) && input
            });
            test_cluster
                .stand_in
                .faults()
                .add(at.nth(nth).run(move |_| act(&direct)));
            let run = import(&test_cluster, &["--bulk-size", "1kb", "--bulk-concurrency", "1"]);
            let name = format!("{what} before {method} {path} {nth}, exit {}: {}", run.code, run.stderr);
            assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{name}");
            assert_ne!(run.code, 0, "{name}");
            assert_ne!(run.code, 6, "{name}");
            assert!(run.stderr.contains("web-latency-input"), "{name}");
            if what == "replaced" {
                let count = test_cluster.call("GET", &format!("{INDEX}/_count"), "").value();
                assert_eq!(count["count"], 0, "{name}");
                test_cluster.call("DELETE", INDEX, "");
            }
            ClusterState::of(&test_cluster).assert_unchanged(&before, &name);
        }
    }
}

#[test]
fn import_verifies_the_mapping_of_the_input_index() {
    for (body, fails) in [
        (r#"{"_meta":{"owner":"another"}}"#, true),
        (r#"{"properties":{"a_new_field":{"type":"keyword"}}}"#, false),
    ] {
        let test_cluster = target(1, usize::MAX);
        let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
        let last = FaultRule::on("PUT", "/jobs/web-latency");
        test_cluster.stand_in.faults().add(last.run(move |_| {
            send(&direct, "PUT", &format!("{INDEX}/_mapping"), body);
        }));
        let run = import(&test_cluster, &[]);
        assert_eq!(run.code, if fails { 5 } else { 0 }, "{}", run.stderr);
        if fails {
            assert!(
                run.stderr.contains("changed the mapping of index web-latency-input"),
                "{}",
                run.stderr
            );
            ClusterState::of(&test_cluster).assert_unchanged(&before, body);
        }
    }
}
