//! What refuses a copy.

use super::{Clusters, INDEX, JOB};
use crate::support::archive::{blocks, gzip, members};
use crate::support::fixtures::Fixture;

#[test]
fn an_index_of_that_name_is_a_conflict_unless_it_has_the_same_mark() {
    for meta in [
        "{}",
        r#"{"esml_state":{"job_id":"web-latency","archive":"other","complete":false}}"#,
    ] {
        let clusters = Clusters::new();
        clusters.target.call(
            "PUT",
            &format!("/{INDEX}"),
            &format!(r#"{{"mappings":{{"_meta":{meta}}}}}"#),
        );
        let run = clusters.import(&["--replace"]).expect(3);
        run.expect_stderr(&format!("index {INDEX} already exists"));
        clusters.import(&["--input-index", "elsewhere"]).expect(0);
    }
}

#[test]
fn an_archive_without_the_mapping_is_refused() {
    let mut clusters = Clusters::new();
    let mut entries = members(&clusters.archive);
    entries.retain(|entry| !entry.name.ends_with("_input_mapping.json") && !entry.name.ends_with("manifest.json"));
    clusters.archive = clusters.binary.path("older.tar.gz");
    std::fs::write(&clusters.archive, gzip(&blocks(&entries))).unwrap();
    let run = clusters.import(&[]).expect(3);
    run.expect_stderr("the archive does not contain their mapping");
}

#[test]
fn runtime_fields_in_the_query_and_remote_clusters_are_refused() {
    let mut fixture = Fixture::load(JOB);
    let field = fixture.job["data_description"]["time_field"]
        .as_str()
        .unwrap()
        .to_owned();
    fixture.job["datafeed_config"]["runtime_mappings"] = serde_json::json!({"hour": {"type": "long", "script": {"source": format!("emit(doc['{field}'].value.getHour())")}}});
    fixture.job["datafeed_config"]["query"] = serde_json::json!({"range": {"hour": {"gte": 3}}});
    let clusters = Clusters::with(&fixture);
    clusters.import(&[]).expect(3).expect_stderr("runtime fields");
    drop(clusters);
    let mut fixture = Fixture::load(JOB);
    fixture.job["datafeed_config"]["indices"] = serde_json::json!(["europe:logs"]);
    let clusters = Clusters::with(&fixture);
    clusters
        .import(&[])
        .expect(3)
        .expect_stderr("the archive does not contain their mapping");
}
