#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::json;

use super::*;
use crate::job::{JobConfig, needed_fields};

fn job() -> JobConfig {
    JobConfig::parse(br#"{"job_id":"a","analysis_config":{"detectors":[{"function":"count","by_field_name":"h"}]}}"#)
        .unwrap()
}

fn targets(definitions: Value) -> Vec<TargetIndex> {
    let mappings = InputMappings::parse(definitions.to_string().as_bytes()).unwrap();
    let sources = [("one".to_owned(), 1), ("two".to_owned(), 1)].into();
    target_indices(
        &mappings,
        &sources,
        &"a-input".parse().unwrap(),
        job().id(),
        &job(),
        guess_time_format(&[]),
    )
    .unwrap()
}

fn typed(kind: &str) -> Value {
    json!({"mappings": {"properties": {"f": {"type": kind}}}})
}

#[test]
fn sources_share_an_index_unless_types_differ() {
    let same = targets(json!({"one": typed("keyword"), "two": typed("keyword")}));
    assert_eq!(same.len(), 1);
    assert_ne!(
        target_document_id(&same[0], "one", "1"),
        target_document_id(&same[0], "two", "1")
    );
    assert!(target_document_id(&same[0], "one", &"x".repeat(600)).len() <= 512);
    let other = targets(json!({"one": typed("keyword"), "two": typed("long")}));
    assert_eq!(
        other.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["a-input", "a-input-2"]
    );
    assert_eq!(target_document_id(&other[0], "one", "1"), "1");
}

#[test]
fn an_index_without_mapping_gets_a_date_and_keywords_and_our_mark() {
    let body: Value = serde_json::from_str(targets(json!({}))[0].body.get()).unwrap();
    assert_eq!(body["mappings"]["properties"]["time"]["type"], "date");
    assert_eq!(body["mappings"]["properties"]["h"]["type"], "keyword");
    assert!(marked_as_ours(&body["mappings"], job().id()));
    assert!(!marked_as_ours(&body["mappings"], &"b".parse().unwrap()));
    assert_eq!(
        guess_time_format(&[json!(1_704_067_000)]),
        "strict_date_optional_time||epoch_second"
    );
}

#[test]
fn fixtures_need_what_they_analyse() {
    for (name, wanted) in [
        (
            "web-latency",
            vec!["@timestamp", "clientip", "host", "responsetime", "status"],
        ),
        ("user-population", vec!["@timestamp", "bytes", "program", "user"]),
        ("log-categories", vec!["@timestamp", "message", "service"]),
        ("log-categories-multisnap", vec!["@timestamp", "message", "service"]),
    ] {
        let dir = format!("{}/tests/fixtures/jobs/{name}", env!("CARGO_MANIFEST_DIR"));
        let job = JobConfig::parse(&std::fs::read(format!("{dir}/job.json")).unwrap()).unwrap();
        let mappings = InputMappings::parse(&std::fs::read(format!("{dir}/input_mapping.json")).unwrap()).unwrap();
        let found = needed_fields(&job, &mappings);
        assert_eq!(
            found.fields.iter().map(String::as_str).collect::<Vec<_>>(),
            wanted,
            "{name}"
        );
        assert!(found.doubts.is_empty(), "{name}");
    }
}

#[test]
fn a_plain_index_takes_the_documents() {
    let mappings = json!({"dynamic": "strict", "_routing": {"required": true}, "properties": {
        "o": {"dynamic": false, "properties": {"x": {"type": "keyword", "time_series_dimension": true}, "y": {"type": "long"}}},
        "al": {"type": "alias", "path": "o.x"}, "c": {"type": "constant_keyword", "value": "v"}, "z": {"type": "long"},
        "m": {"type": "text", "copy_to": ["z", "o.x"], "fields": {"raw": {"type": "keyword"}}}}});
    let definitions = json!({"one": {"mappings": mappings}});
    let fields = BTreeSet::from(["o.x".to_owned(), "m".to_owned()]);
    let pruned = InputMappings::parse(definitions.to_string().as_bytes())
        .unwrap()
        .pruned(&fields)
        .to_json();
    let wanted = json!({"dynamic": true, "properties": {"o": {"properties": {"x": {"type": "keyword"}}},
        "al": {"type": "alias", "path": "o.x"}, "c": {"type": "constant_keyword", "value": "v"},
        "m": {"type": "text", "copy_to": ["o.x"], "fields": {"raw": {"type": "keyword"}}}}});
    assert_eq!(pruned["one"]["mappings"], wanted);
    let whole: Value = serde_json::from_str(targets(definitions)[0].body.get()).unwrap();
    assert_eq!(whole["mappings"].get("_routing"), None);
    assert_eq!(whole["mappings"]["properties"]["z"]["type"], "long");
}
