//! Clauses of a datafeed's query on metadata fields: the imported documents have other metadata, and already match.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{options, small_fixture, with_datafeed};
use crate::support::binary::Binary;
use crate::support::sample_step;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";

/// An archive with input documents, whose datafeed has this query.
fn archive_with(binary: &Binary, name: &str, query: &Value) -> PathBuf {
    with_datafeed(binary, name, |datafeed| datafeed["query"] = query.clone())
}

fn datafeed(cluster: &TestCluster, id: &str) -> Value {
    let answer = cluster.call("GET", &format!("/_ml/datafeeds/datafeed-{id}"), "");
    answer.value()["datafeeds"][0].clone()
}

/// Returns what the imported datafeed selects with its own indices and query.
fn selected_count(cluster: &TestCluster, datafeed: &Value) -> u64 {
    let index = datafeed["indices"][0].as_str().unwrap();
    let body = json!({"query": datafeed["query"], "runtime_mappings": datafeed["runtime_mappings"]});
    let answer = cluster.call("POST", &format!("/{index}/_count"), &body.to_string());
    answer.value()["count"].as_u64().unwrap()
}

#[test]
fn datafeed_query_on_metadata_selects_the_archived_documents() {
    let cases = [
        (json!({"prefix": {"_index": "weblogs-"}}), "_index"),
        (json!({"term": {"_index": "weblogs-2024.01"}}), "_index"),
        (json!({"wildcard": {"_index": "weblogs*"}}), "_index"),
        (
            json!({"query_string": {"query": "_index:weblogs-2024.01 AND _exists_:host"}}),
            "_index",
        ),
        (json!({"ids": {"values": ["0", "1"]}}), "_id"),
        (json!({"terms": {"_id": ["0", "1"]}}), "_id"),
        (json!({"term": {"_routing": "a"}}), "_routing"),
        (json!({"query_string": {"query": "_routing:a"}}), "_routing"),
        (json!({"range": {"_seq_no": {"gte": 1}}}), "_seq_no"),
        (
            json!({"has_child": {"type": "error", "query": {"match_all": {}}}}),
            "parents and children",
        ),
        (
            json!({"bool": {"filter": {"has_parent": {"parent_type": "host", "query": {"match_all": {}}}}}}),
            "parents and children",
        ),
        (
            json!({"parent_id": {"type": "error", "id": "1"}}),
            "parents and children",
        ),
        (
            json!({"terms": {"host": {"index": "watched", "id": "1", "path": "hosts"}}}),
            "a document of another index",
        ),
        // Other forms: nested, negated, relative to now.
        (
            json!({"bool": {"must_not": [{"bool": {"filter": {"term": {"_index": "other"}}}}]}}),
            "_index",
        ),
        (
            json!({"constant_score": {"filter": {"exists": {"field": "_id"}}}}),
            "_id",
        ),
        (json!({"range": {"@timestamp": {"lte": "now+1d"}}}), "now"),
    ];
    let binary = Binary::new();
    for (number, (query, named)) in cases.into_iter().enumerate().step_by(sample_step(2)) {
        let archive = archive_with(&binary, &format!("archive-{number}.tar.gz"), &query);
        let cluster = TestCluster::in_memory(options());
        let run = cluster.import(&binary, &archive, &["--as", "copy"]).expect(0);
        run.expect_stderr(&format!("its clauses on {named} would select different documents here"));
        let imported = datafeed(&cluster, "copy");
        assert_eq!(imported["query"], json!({"match_all": {}}), "{query}");
        let documents = cluster.documents_of("copy-input").len() as u64;
        assert!(
            documents > 0 && selected_count(&cluster, &imported) == documents,
            "{query}"
        );
        // If the documents are not imported, the datafeed keeps its query.
        for elsewhere in [&["--skip-inputs"][..], &["--datafeed-index", "theirs"]] {
            let cluster = TestCluster::in_memory(options());
            cluster
                .import(&binary, &archive, &[&["--as", "copy"], elsewhere].concat())
                .expect(0);
            assert_eq!(datafeed(&cluster, "copy")["query"], query);
        }
    }
}

#[test]
fn export_reports_how_import_changes_clauses_on_metadata() {
    let queries = [
        (json!({"prefix": {"_index": "weblogs-"}}), Some("_index")),
        (
            json!({"bool": {"must_not": {"ids": {"values": ["none"]}}}}),
            Some("_id"),
        ),
        (json!({"exists": {"field": "host"}}), None),
    ];
    let binary = Binary::new();
    for (query, named) in queries {
        let source = TestCluster::in_memory(options());
        source.seed(&small_fixture(JOB).with_job(|job| job["datafeed_config"]["query"] = query.clone()));
        let export = |more: &[&str]| source.run(&binary, &[&["export", "--job-id", JOB, "--dry-run"], more].concat());
        let cases = [
            (
                &["--include-inputs"][..],
                "an import will replace the query of the datafeed with `match_all`",
            ),
            (&[], "the datafeed may select different documents after an import"),
        ];
        for (more, expected) in cases {
            let run = export(more).expect(0);
            match named {
                Some(named) => {
                    run.expect_stderr(&format!("clauses on {named} "))
                        .expect_stderr(expected);
                }
                None => assert!(!run.stderr.contains("clauses on"), "{}", run.stderr),
            }
        }
    }
}

#[test]
fn query_without_metadata_is_unchanged() {
    let binary = Binary::new();
    let query = json!({"bool": {"filter": [{"exists": {"field": "host"}}, {"term": {"host": "nowhere"}}]}});
    let archive = archive_with(&binary, "plain.tar.gz", &query);
    let cluster = TestCluster::in_memory(options());
    cluster.import(&binary, &archive, &["--as", "copy"]).expect(0);
    assert_eq!(datafeed(&cluster, "copy")["query"], query);
}

#[test]
fn metadata_fields_of_the_job_are_reported() {
    let source = TestCluster::in_memory(options());
    source.seed(&small_fixture(JOB).with_job(|job| {
        job["analysis_config"]["influencers"] = json!(["host", "day"]);
        job["datafeed_config"]["runtime_mappings"] =
            json!({"day": {"type": "keyword", "script": {"source": "emit(doc['_index'].value)"}}});
        job["datafeed_config"]["script_fields"] = json!({});
    }));
    let binary = Binary::new();
    let archive = source.export(&binary, JOB, "reads", &["--include-inputs"]);
    let cluster = TestCluster::in_memory(options());
    let run = cluster.import(&binary, &archive, &["--dry-run"]).expect(0);
    assert!(
        run.stdout
            .contains("the job may read other values than it learned: it uses _index"),
        "{}",
        run.stdout
    );
}
