//! Index templates of the target cluster: checked before the first write, refused if they would lose or expose
//! documents.

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, import, options, small_fixture, target};
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlOptions, User};
use crate::support::test_cluster::TestCluster;

fn put(cluster: &TestCluster, path: &str, body: &Value) {
    let answer = cluster.call("PUT", path, &body.to_string());
    assert!(answer.status < 300, "{path}: {answer:?}");
}

/// A template for every index with the suffix of indices for input documents.
fn composable(template: Value) -> Value {
    json!({"index_patterns": ["*-input"], "priority": 7, "template": template})
}

/// Refused before anything is written, also with `--replace` before the existing job is deleted.
#[track_caller]
fn assert_refused(cluster: &TestCluster, expected: &str) {
    let before = ClusterState::of(cluster);
    cluster.stand_in.clear_requests();
    for more in [&[][..], &["--replace"], &["--dry-run"]] {
        let run = import(cluster, &Binary::new(), &archive_of(JOB), more).expect(3);
        run.expect_stderr(expected)
            .expect_stderr("--input-index")
            .expect_stderr("--skip-inputs");
    }
    assert_eq!(cluster.stand_in.writes().len(), 0, "{expected}");
    ClusterState::of(cluster).assert_same(&before, expected);
}

#[test]
fn import_refuses_templates_that_would_lose_or_expose_input_documents() {
    let cases = [
        (
            json!({"aliases": {"production": {}}}),
            "adds the index to alias production",
        ),
        (json!({"mappings": {"_source": {"enabled": false}}}), "disables _source"),
        (
            json!({"mappings": {"_source": {"excludes": ["uri"]}}}),
            "filters _source",
        ),
        (
            json!({"mappings": {"_routing": {"required": true}}}),
            "requires routing",
        ),
        (json!({"mappings": {"enabled": false}}), "disables the mapping"),
        (
            json!({"mappings": {"runtime": {"host": {"type": "keyword"}}}}),
            "hides field host behind a runtime field",
        ),
        (json!({"settings": {"index.hidden": true}}), "sets index.hidden to true"),
        (
            json!({"settings": {"index": {"blocks.write": true}}}),
            "sets index.blocks.write to true",
        ),
        (
            json!({"settings": {"mapping": {"total_fields": {"limit": 3}}}}),
            "sets index.mapping.total_fields.limit to 3",
        ),
        (
            json!({"settings": {"max_result_window": 500, "hidden": true}}),
            "sets index.hidden to true, sets index.max_result_window to 500",
        ),
    ];
    for (number, (template, expected)) in cases.into_iter().enumerate() {
        let cluster = target(number, 3);
        let seeded = small_fixture(JOB).without_inputs();
        put(&cluster, "/_index_template/inputs", &composable(template.clone()));
        cluster.seed(&seeded);
        // If the job exists, an import without `--replace` is refused for this reason too.
        assert_refused(&cluster, &format!("index template inputs {expected}"));
        let elsewhere = ["--replace", "--input-index", "elsewhere"];
        import(&cluster, &Binary::new(), &archive_of(JOB), &elsewhere).expect(0);
        cluster.call("DELETE", "/_index_template/inputs", "");
    }
}

#[test]
fn import_refuses_a_name_that_creates_data_streams_only() {
    // In memory: the assembled node of 7.17 does not support data streams.
    let cluster = target(1, usize::MAX);
    let template = json!({"index_patterns": ["web-*"], "data_stream": {}});
    put(&cluster, "/_index_template/web", &template);
    assert_refused(&cluster, "index template web creates data streams only");
    cluster.call("DELETE", "/_index_template/web", "");
}

#[test]
fn component_and_legacy_templates_are_checked() {
    let cluster = target(1, 1);
    put(
        &cluster,
        "/_component_template/shared",
        &json!({"template": {"aliases": {"production": {}}}}),
    );
    let template = json!({"index_patterns": ["web-latency-input"], "composed_of": ["shared"]});
    put(&cluster, "/_index_template/web", &template);
    assert_refused(&cluster, "index template web adds the index to alias production");
    cluster.call("DELETE", "/_index_template/web", "");
    cluster.call("DELETE", "/_component_template/shared", "");

    put(
        &cluster,
        "/_template/low",
        &json!({"index_patterns": ["web-*"], "order": 1, "settings": {"hidden": true}}),
    );
    put(
        &cluster,
        "/_template/high",
        &json!({"index_patterns": ["*"], "order": 2, "mappings": {"_source": {"includes": ["uri"]}}}),
    );
    assert_refused(
        &cluster,
        "index templates low, high filters _source, sets index.hidden to true",
    );
    cluster.call("DELETE", "/_template/low", "");
    cluster.call("DELETE", "/_template/high", "");
}

#[test]
fn additions_of_a_harmless_template_are_reported() {
    let cluster = target(1, 1);
    let template = json!({
        "settings": {"priority": 5, "default_pipeline": "unused"},
        "mappings": {"date_detection": false, "properties": {"team": {"type": "keyword"}, "host": {"type": "keyword"}}},
    });
    put(&cluster, "/_index_template/inputs", &composable(template));
    let run = import(&cluster, &Binary::new(), &archive_of(JOB), &["--dry-run"]).expect(0);
    let note = "note: index template inputs applies to index web-latency-input: it sets index.priority; it maps field team; \
                it sets option date_detection of the mapping\n";
    assert!(run.stdout.contains(note), "{}", run.stdout);
    import(&cluster, &Binary::new(), &archive_of(JOB), &[]).expect(0);
    cluster.call("DELETE", "/_index_template/inputs", "");
}

/// The documented role may read templates, but not simulate them.
#[test]
fn templates_are_checked_with_the_documented_role() {
    let role = include_str!("../../docs/roles/esml-state-import.json");
    let importer = User::new("importer", "secret").with_role(&serde_json::from_str(role).unwrap(), &[]);
    let cluster = TestCluster::in_memory(MlOptions {
        users: Some(vec![importer]),
        allows_requests_without_credentials: true,
        ..options()
    });
    put(
        &cluster,
        "/_index_template/inputs",
        &composable(json!({"aliases": {"production": {}}})),
    );
    let who = ["--username", "importer", "--password", "secret"];
    let run = import(&cluster, &Binary::new(), &archive_of(JOB), &who).expect(3);
    run.expect_stderr("index template inputs adds the index to alias production");
    assert_eq!(cluster.stand_in.writes().len(), 0);
}

#[test]
fn default_index_name_matches_no_built_in_template() {
    // In memory: the assembled node of 7.17 does not support data streams.
    let cluster = target(1, usize::MAX);
    let template = json!({"index_patterns": ["logs-*-*"], "data_stream": {}, "priority": 100});
    put(&cluster, "/_index_template/logs", &template);
    let renamed = ["--as", "logs-web", "--dry-run"];
    let run = import(&cluster, &Binary::new(), &archive_of(JOB), &renamed).expect(0);
    assert!(
        run.stdout.contains("create input index esml-logs-web-input"),
        "{}",
        run.stdout
    );
    import(&cluster, &Binary::new(), &archive_of(JOB), &["--as", "logs-web"]).expect(0);
    cluster.call("DELETE", "/_index_template/logs", "");
}
