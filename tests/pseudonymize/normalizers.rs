//! Input documents with values that are spelled differently from what the job reads.

use serde_json::{Value, json};

use super::leak_check;
use super::newest;
use super::shared_archives::{exported_of, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlOptions;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// Returns the job with the normalizer `alike` of this analysis for hosts. In some input documents, hosts are in
/// uppercase.
fn fixture_with_normalizer(analysis: &Value) -> Fixture {
    let mut fixture = Fixture::load("web-latency");
    fixture.input_mapping["properties"]["host"] = json!({"type": "keyword", "normalizer": "alike"});
    fixture.input_settings = json!({ "analysis": analysis });
    for input in fixture.inputs.iter_mut().step_by(2) {
        let mut document: Value = serde_json::from_str(&input.source).unwrap();
        document["host"] = document["host"].as_str().unwrap().to_uppercase().into();
        input.source = document.to_string();
    }
    fixture
}

fn hosts(inputs: &str) -> Vec<String> {
    let documents = inputs.lines().skip(1).step_by(2);
    let documents = documents.map(|line| serde_json::from_str::<Value>(line).unwrap());
    documents
        .map(|document| document["host"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn normalized_values_have_the_tokens_of_the_job() {
    let analysis = json!({"normalizer": {"alike": {"type": "custom", "filter": ["lowercase"]}}});
    let (binary, fixture) = (Binary::new(), fixture_with_normalizer(&analysis));
    let old = exported_of(&binary, &fixture);
    let new = pseudonymized(&binary, &old, "new", &[]);
    let (old, written) = (entries(&old), entries(&new.archive));
    let inputs = |entries| hosts(entry(entries, "_input_1.ndjson"));
    let known = leak_check::values(&written);
    assert!(inputs(&old).iter().any(|host| host.starts_with("WEB-")));
    for (old, token) in inputs(&old).iter().zip(inputs(&written)) {
        assert_eq!(new.tokens[&token], old.to_lowercase());
        assert!(known.contains(&token), "{token}");
    }
    for (name, text) in &written {
        assert!(
            name.contains("_snapshot_docs") || !text.to_lowercase().contains(".corp.example"),
            "{name}"
        );
    }
    let mapping: Value = serde_json::from_str(entry(&written, "_input_mapping.json")).unwrap();
    let mapping = &mapping[&fixture.sources[0]]["mappings"]["properties"]["host"];
    assert_eq!(*mapping, json!({"type": "keyword"}));
    TestCluster::new(newest()).import(&binary, &new.archive, &[]).expect(0);
}

#[test]
fn normalizer_other_than_lowercase_is_refused() {
    let binary = Binary::new();
    let fixture = fixture_with_normalizer(&json!({
        "normalizer": {"alike": {"type": "custom", "filter": ["lowercase", "asciifolding"]}},
    }));
    let cluster = TestCluster::in_memory(MlOptions::new(newest()));
    cluster.seed(&fixture);
    let old = cluster.export(&binary, fixture.id(), "original", &["--include-inputs"]);
    let old = old.display().to_string();
    let run = |more: &[&str]| {
        let mut arguments = vec!["pseudonymize", &old, "-o", "new.tar.gz"];
        arguments.extend(more);
        binary.run(&arguments)
    };
    run(&[])
        .expect(3)
        .expect_stderr("of its normalizers, only `lowercase` is supported")
        .expect_stderr("--fields");
    assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
    run(&["--fields", "status,clientip"]).expect(0);
}
