//! An export is complete, or an error without an archive.

use serde_json::{Value, json};

use super::{assert_no_open_contexts, cluster as test_cluster, exported, failed_export, lines, stored, version};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlOptions, User};
use crate::support::cluster::stand_in::LoggedRequest;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";

/// A snapshot with this value in `snapshot_doc_count`.
fn with_document_count(count: u64) -> Fixture {
    let mut fixture = Fixture::load(JOB);
    for snapshot in &mut fixture.snapshots {
        let claimed = format!("\"snapshot_doc_count\": {count}");
        snapshot.source = snapshot.source.replacen("\"snapshot_doc_count\": 1", &claimed, 1);
        assert!(snapshot.source.contains(&claimed));
    }
    fixture
}

#[test]
fn missing_state_documents_are_an_error() {
    let test_cluster = test_cluster(&with_document_count(3));
    failed_export(&test_cluster, JOB, &[], 1)
        .expect_stderr("has 3 state documents, but 1 were found")
        .expect_stderr("`read` on .ml-state*");
}

#[test]
fn gap_in_the_state_is_an_error() {
    let mut fixture = with_document_count(3);
    let mut third = fixture.state[0].clone();
    third.id = third.id.replace("#1", "#3");
    fixture.state.push(third);
    failed_export(&test_cluster(&fixture), JOB, &[], 1).expect_stderr("state");
}

#[test]
fn empty_state_is_an_error() {
    let mut fixture = Fixture::load(JOB);
    fixture.state.clear();
    failed_export(&test_cluster(&fixture), JOB, &[], 1).expect_stderr("has 1 state documents, but 0 were found");
}

#[test]
fn corrupt_state_is_an_error_that_names_the_document() {
    let mut fixture = Fixture::load(JOB);
    let state = &mut fixture.state[0];
    // Changes one letter in the encoded state, which the gzip checksum detects.
    let middle = state.source.len() / 2;
    let letter = if state.source.as_bytes()[middle] == b'A' {
        "B"
    } else {
        "A"
    };
    state.source.replace_range(middle..=middle, letter);
    let run = failed_export(&test_cluster(&fixture), JOB, &[], 1);
    run.expect_stderr("state").expect_stderr(&fixture.state[0].id);
}

#[test]
fn missing_snapshot_document_is_an_error() {
    let fixture = Fixture::load("log-categories-multisnap");
    let test_cluster = test_cluster(&fixture);
    // The response for a user who may list snapshots but not read the index.
    let nothing = json!({"took": 1, "timed_out": false, "_shards": {"total": 0, "successful": 0, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": 0, "relation": "eq"}, "max_score": null, "hits": []}});
    let hidden = FaultRule::on("POST", "ml-anomalies").always();
    test_cluster
        .stand_in
        .faults()
        .add(hidden.then(Action::status(200, nothing.to_string())));
    failed_export(&test_cluster, fixture.id(), &[], 1)
        .expect_stderr("the stored document of snapshot 1795433586")
        .expect_stderr("`read` on .ml-anomalies-*");
}

#[test]
fn missing_privileges_are_reported() {
    let fixture = Fixture::load(JOB);
    for (hidden, named) in [
        (".ml-state*", "`read` on .ml-state*"),
        (".ml-annotations*", "`read` on .ml-annotations*"),
        (".ml-notifications*", "`read` on .ml-notifications*"),
        (".ml-anomalies*", "ml-anomalies"),
        ("weblogs-2024.01", "weblogs-2024.01"),
    ] {
        let patterns = [
            ".ml-state*",
            ".ml-annotations*",
            ".ml-notifications*",
            ".ml-anomalies*",
            "weblogs-2024.01",
        ];
        let seen: Vec<&str> = patterns.into_iter().filter(|pattern| *pattern != hidden).collect();
        let user = User::new("reader", "pass")
            .cluster(&["monitor", "manage_ml"])
            .indices(&seen, &["read", "view_index_metadata"]);
        let test_cluster = TestCluster::with(MlOptions {
            users: Some(vec![user]),
            allows_requests_without_credentials: true,
            ..MlOptions::new(version())
        });
        test_cluster.seed(&fixture);
        let run = failed_export(
            &test_cluster,
            JOB,
            &["--include-inputs", "--username", "reader", "--password", "pass"],
            1,
        );
        run.expect_stderr(named);
        drop(test_cluster);
    }
}

/// With security, a search with a wildcard omits indices that the user may not read, without an error.
#[test]
fn missing_privileges_on_a_source_pattern_are_reported() {
    let pattern = |job: &mut Value| job["datafeed_config"]["indices"] = json!(["weblogs-*"]);
    let fixture = Fixture::load(JOB).with_job(pattern);
    let ml = [".ml-state*", ".ml-annotations*", ".ml-notifications*", ".ml-anomalies*"];
    let user = User::new("reader", "pass").cluster(&["monitor", "manage_ml"]);
    let test_cluster = TestCluster::with(MlOptions {
        users: Some(vec![user.indices(&ml, &["read", "view_index_metadata"])]),
        allows_requests_without_credentials: true,
        ..MlOptions::new(version())
    });
    test_cluster.seed(&fixture);
    let more = ["--include-inputs", "--username", "reader", "--password", "pass"];
    failed_export(&test_cluster, JOB, &more, 1).expect_stderr("weblogs-*");
}

#[test]
fn documented_role_exports_everything() {
    let fixture = Fixture::load(JOB);
    let role: Value = serde_json::from_str(include_str!("../../docs/roles/esml-state-export.json")).unwrap();
    let user = User::new("reader", "pass").with_role(&role, &["weblogs-2024.01"]);
    let test_cluster = TestCluster::with(MlOptions {
        users: Some(vec![user]),
        allows_requests_without_credentials: true,
        ..MlOptions::new(version())
    });
    test_cluster.seed(&fixture);
    let login = ["--include-inputs", "--username", "reader", "--password", "pass"];
    let entries = exported(&test_cluster, JOB, &login);
    assert!(entry(&entries, "_filters.json").contains("canary-hosts"));
    assert!(
        test_cluster.stand_in.writes().is_empty(),
        "{:?}",
        test_cluster.stand_in.writes()
    );
}

#[test]
fn failed_shards_are_an_error() {
    let failed = json!({"took": 1, "timed_out": false, "_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1,
        "failures": [{"shard": 0, "index": "weblogs-2024.01", "reason": {"type": "no_shard_available_action_exception",
        "reason": "no shard is there"}}]}, "hits": {"total": {"value": 0, "relation": "eq"}, "hits": []}});
    let counted = json!({"count": 3, "_shards": {"total": 2, "successful": 1, "skipped": 0, "failed": 1}});
    let test_cluster = test_cluster(&Fixture::load(JOB));
    for (path, answer) in [
        ("ml-state", &failed),
        ("ml-anomalies", &failed),
        ("/_search", &failed),
        ("annotations-read/_count", &counted),
        ("weblogs-2024.01/_count", &counted),
    ] {
        let faults = test_cluster.stand_in.faults();
        faults.clear();
        faults.add(FaultRule::on("POST", path).then(Action::status(200, answer.to_string())));
        failed_export(&test_cluster, JOB, &["--include-inputs"], 1).expect_stderr("1 of 2 shards failed");
    }
    // A page in the middle.
    let faults = test_cluster.stand_in.faults();
    faults.clear();
    faults.add(
        FaultRule::when(|call| call.path == "/_search")
            .nth(4)
            .then(Action::status(200, failed.to_string())),
    );
    failed_export(&test_cluster, JOB, &["--include-inputs", "--page-size", "50"], 1).expect_stderr("no shard is there");
}

#[test]
fn timed_out_search_is_an_error() {
    let test_cluster = test_cluster(&Fixture::load(JOB));
    let early = json!({"took": 1, "timed_out": true, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": []}});
    let fault = FaultRule::when(|call| call.path == "/_search")
        .nth(2)
        .then(Action::status(200, early.to_string()));
    test_cluster.stand_in.faults().add(fault);
    failed_export(&test_cluster, JOB, &["--page-size", "50"], 1).expect_stderr("timed_out");
    test_cluster.stand_in.faults().clear();
    // Pages with missing documents and without an error.
    let empty = json!({"took": 1, "timed_out": false, "_shards": {"total": 1, "failed": 0}, "hits": {"hits": []}});
    let fault = FaultRule::when(|call| call.path == "/_search").nth(2).always();
    test_cluster
        .stand_in
        .faults()
        .add(fault.then(Action::status(200, empty.to_string())));
    failed_export(&test_cluster, JOB, &["--page-size", "50"], 1)
        .expect_stderr("annotations: 98 documents were counted, but only 50 were read");
}

#[test]
fn expired_search_context_error_names_keep_alive() {
    let gone = json!({"error": {"root_cause": [{"type": "search_context_missing_exception",
        "reason": "No search context found for id [7]"}], "type": "search_phase_execution_exception",
        "reason": "all shards failed"}, "status": 404});
    let test_cluster = test_cluster(&Fixture::load(JOB));
    for (pagination, path) in [("pit", "/_search"), ("scroll", "/_search/scroll")] {
        let faults = test_cluster.stand_in.faults();
        faults.clear();
        faults.add(
            FaultRule::when(move |call| call.method == "POST" && call.path == path)
                .nth(2)
                .then(Action::status(404, gone.to_string())),
        );
        failed_export(
            &test_cluster,
            JOB,
            &["--page-size", "30", "--pagination", pagination],
            1,
        )
        .expect_stderr("the search context no longer exists")
        .expect_stderr("--keep-alive");
    }
}

#[test]
fn more_than_ten_thousand_documents_are_exported() {
    const INPUT_COUNT: usize = 10_050;
    let mut fixture = Fixture::load("log-categories");
    let source = |n: usize| {
        json!({"job_id": "log-categories", "annotation": format!("note {n}"), "message": format!("note {n}"),
            "type": "annotation", "create_time": 1_795_432_900_000_i64, "timestamp": 1_704_300_000_000_i64})
    };
    fixture.annotations = (0..INPUT_COUNT).map(|n| stored(&format!("a{n}"), source(n))).collect();
    fixture.notifications = (0..INPUT_COUNT).map(|n| stored(&format!("n{n}"), source(n))).collect();
    fixture.categories = (1..=INPUT_COUNT)
        .map(|n| {
            let source =
                json!({"job_id": "log-categories", "category_id": n, "terms": "a", "regex": ".*", "examples": []});
            stored(&format!("log-categories_category_definition_{n}"), source)
        })
        .collect();
    let test_cluster = test_cluster(&fixture);
    let entries = exported(&test_cluster, "log-categories", &["--compression-level", "1"]);
    for ending in ["_annotations.ndjson", "_notifications.ndjson", "_categories.ndjson"] {
        let mut found = lines(&entries, ending);
        found.sort_unstable();
        found.dedup();
        assert_eq!(found.len(), INPUT_COUNT, "{ending}");
    }
    assert_no_open_contexts(&test_cluster);
}

/// Early if each previous entry needs one page. Otherwise the point in time could expire.
#[test]
fn small_state_is_exported_while_input_documents_are_read() {
    for (page_size, early) in [("2", false), ("1000", true)] {
        let test_cluster = test_cluster(&Fixture::load("log-categories"));
        exported(
            &test_cluster,
            "log-categories",
            &["--include-inputs", "--page-size", page_size],
        );
        let requests = test_cluster.stand_in.requests();
        let opened: Vec<&str> = requests.iter().map(|request| request.path.as_str()).collect();
        let first = |begin: &str, end: &str| {
            let meant = |path: &&str| path.starts_with(begin) && path.ends_with(end);
            opened.iter().position(meant).unwrap_or_else(|| panic!("{opened:?}"))
        };
        let inputs = first("/app-logs", "/_pit");
        let annotations = first("/.ml-annotations-read", "/_pit");
        let state = first("/.ml-state", "/_search");
        assert_eq!(
            (inputs < state, inputs < annotations),
            (early, early),
            "{page_size}: {opened:?}"
        );
    }
}

/// Each document may have 16 MiB.
#[test]
fn large_state_is_exported_before_input_documents_are_read() {
    for (documents, opened) in [(1, true), (2, false)] {
        let mut fixture = with_document_count(documents);
        fixture.state.clear();
        let test_cluster = test_cluster(&fixture);
        // All annotations fit in a page, so that only the state is read early.
        failed_export(&test_cluster, JOB, &["--include-inputs", "--page-size", "1000"], 1)
            .expect_stderr("0 were found");
        let requests = test_cluster.stand_in.requests();
        let point = |request: &LoggedRequest| request.path == "/weblogs-2024.01/_pit";
        assert_eq!(requests.iter().any(point), opened, "{documents}");
        assert_no_open_contexts(&test_cluster);
    }
}

/// Without its events, the archive would contain an empty calendar.
#[test]
fn calendar_deleted_before_its_events_are_read_is_an_error() {
    let test_cluster = test_cluster(&Fixture::load(JOB));
    let gone = Action::status(
        404,
        r#"{"error":{"type":"resource_not_found_exception","reason":"gone"},"status":404}"#,
    );
    test_cluster
        .stand_in
        .faults()
        .add(FaultRule::on("GET", "/_ml/calendars/maintenance/events").then(gone));
    failed_export(&test_cluster, JOB, &[], 1).expect_stderr("gone");
}

#[test]
fn job_without_data_counts_is_exported() {
    let fixture = Fixture::load(JOB);
    let test_cluster = test_cluster(&fixture);
    test_cluster.call("POST", "/.ml-anomalies-web-latency/_refresh", "");
    let index = test_cluster
        .contents()
        .into_keys()
        .find(|(_, id)| id == "web-latency_data_counts")
        .unwrap()
        .0;
    let gone = test_cluster.call(
        "DELETE",
        &format!("/{index}/_doc/web-latency_data_counts?refresh=true"),
        "",
    );
    assert_eq!(gone.status, 200);
    let entries = exported(&test_cluster, JOB, &[]);
    assert!(!entries.keys().any(|name| name.ends_with("_data_counts.json")));
}

#[test]
fn missing_categorizer_state_causes_a_warning() {
    let mut fixture = Fixture::load("log-categories");
    fixture.state.retain(|state| !state.id.contains("_categorizer_state"));
    let test_cluster = test_cluster(&fixture);
    let binary = Binary::new();
    let run = test_cluster
        .run(&binary, &["export", "--job-id", "log-categories", "--yes"])
        .expect(0);
    run.expect_stderr("warning:")
        .expect_stderr("the categories are not included");
}

#[test]
fn open_job_is_exported_with_a_warning() {
    let fixture = Fixture::load(JOB);
    let test_cluster = test_cluster(&fixture);
    let opened = test_cluster.call("POST", "/_ml/anomaly_detectors/web-latency/_open", "");
    assert_eq!(opened.status, 200, "{:?}", opened.value());
    let run = test_cluster
        .run(&Binary::new(), &["export", "--job-id", JOB, "--yes"])
        .expect(0);
    run.expect_stderr("warning: changes since the last snapshot are not included: job web-latency is open");
}
