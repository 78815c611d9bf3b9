#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::mappings::{INDEX_BYTES, MAX_BYTES, VALUE_BYTES, bytes_of};
use super::*;
use crate::job::{JobConfig, needed_fields};

fn job() -> JobConfig {
    JobConfig::parse(br#"{"job_id":"a","analysis_config":{"detectors":[{"function":"count","by_field_name":"h"}]}}"#)
        .unwrap()
}

fn targets(definitions: Value) -> Vec<TargetIndex> {
    let mappings = InputMappings::parse(&definitions.to_string()).unwrap();
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
        target_document_id(&same[0], "one", "1", None),
        target_document_id(&same[0], "two", "1", None)
    );
    assert!(target_document_id(&same[0], "one", &"x".repeat(600), None).len() <= 512);
    let other = targets(json!({"one": typed("keyword"), "two": typed("long")}));
    assert_eq!(
        other.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(),
        ["a-input", "a-input-2"]
    );
    assert_eq!(target_document_id(&other[0], "one", "1", None), "1");
}

#[test]
fn index_without_mapping_gets_default_fields_and_the_ownership_mark() {
    let body = targets(json!({}))[0].body.clone();
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
fn fixtures_need_the_fields_that_they_analyze() {
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
        let mappings =
            InputMappings::parse(&std::fs::read_to_string(format!("{dir}/input_mapping.json")).unwrap()).unwrap();
        let found = needed_fields(&job, &mappings, &[]);
        assert_eq!(
            found.fields.iter().map(String::as_str).collect::<Vec<_>>(),
            wanted,
            "{name}"
        );
        assert!(found.warnings.is_empty(), "{name}");
    }
}

#[test]
fn target_index_accepts_the_documents() {
    let mappings = json!({"dynamic": "strict", "_routing": {"required": true}, "properties": {
        "o": {"dynamic": false, "properties": {"x": {"type": "keyword", "time_series_dimension": true}, "y": {"type": "long"}}},
        "al": {"type": "alias", "path": "o.x"}, "c": {"type": "constant_keyword", "value": "v"}, "z": {"type": "long"},
        "m": {"type": "text", "copy_to": ["z", "o.x"], "fields": {"raw": {"type": "keyword"}}}}});
    let definitions = json!({"one": {"mappings": mappings}});
    let fields = BTreeSet::from(["o.x".to_owned(), "m".to_owned()]);
    let pruned = InputMappings::parse(&definitions.to_string())
        .unwrap()
        .pruned(&fields, &BTreeSet::new())
        .to_json();
    let wanted = json!({"dynamic": "strict", "properties": {"o": {"dynamic": false, "properties": {"x": {"type": "keyword"}}},
        "al": {"type": "alias", "path": "o.x"}, "c": {"type": "constant_keyword", "value": "v"},
        "m": {"type": "text", "copy_to": ["o.x"], "fields": {"raw": {"type": "keyword"}}}}});
    assert_eq!(pruned["one"]["mappings"], wanted);
    let whole = targets(definitions)[0].body.clone();
    assert_eq!(whole["mappings"].get("_routing"), None);
    assert_eq!(whole["mappings"]["properties"]["z"]["type"], "long");
    assert_eq!(whole["mappings"]["dynamic"], false, "nothing is refused");
}

#[test]
fn sources_with_different_indexing_settings_stay_separate() {
    let index = |mappings: Value, settings: Value| json!({"mappings": mappings, "settings": {"index": settings}});
    let field = |definition: Value| index(json!({"properties": {"f": definition}}), json!({}));
    let plain = || field(json!({"type": "keyword"}));
    let number = |one: Value, two: Value| targets(json!({"one": one, "two": two})).len();
    for other in [
        field(json!({"type": "keyword", "ignore_above": 8})),
        field(json!({"type": "keyword", "index": false})),
        field(json!({"type": "keyword", "copy_to": "g"})),
        index(
            json!({"properties": {"f": {"type": "keyword"}}}),
            json!({"mapping": {"ignore_malformed": "true"}}),
        ),
        index(json!({"dynamic": false, "properties": {}}), json!({})),
    ] {
        assert_eq!(number(plain(), other.clone()), 2, "{other}");
    }
    for other in [
        field(json!({"type": "keyword", "meta": {"unit": "ms"}, "eager_global_ordinals": true})),
        field(json!({"type": "keyword", "fields": {"t": {"type": "text"}}})),
        index(
            json!({"properties": {"g": {"type": "long"}}}),
            json!({"mapping": {"total_fields": {"limit": "2000"}}}),
        ),
        index(
            json!({"dynamic": "strict", "properties": {"g": {"type": "long"}}}),
            json!({}),
        ),
    ] {
        assert_eq!(number(plain(), other.clone()), 1, "{other}");
    }
    let object = json!({"type": "object", "properties": {"x": {"type": "long"}}});
    let shown = json!({"properties": {"y": {"type": "long"}}});
    assert_eq!(number(field(object), field(shown)), 1);
}

#[test]
fn settings_required_by_documents_and_searches_are_kept() {
    let of = |limit: &str| {
        json!({"mappings": {}, "settings": {"index": {"uuid": "u", "number_of_replicas": "1", "default_pipeline": "p",
        "mapping": {"total_fields": {"limit": limit}, "source": {"mode": "synthetic"}}, "max_result_window": "20000"}}})
    };
    let made = targets(json!({"one": of("3000"), "two": of("900")}));
    let body = made[0].body.clone();
    assert_eq!(
        body["settings"]["index"],
        json!({"number_of_shards": 1, "number_of_replicas": 0, "refresh_interval": "-1", "max_result_window": "20000",
            "mapping.total_fields.limit": "3000", "default_pipeline": "_none", "final_pipeline": "_none"})
    );
    let logs = json!({"mappings": {}, "settings": {"index": {"mode": "logsdb"}}});
    let body = targets(json!({"one": logs, "two": logs}))[0].body.clone();
    assert_eq!(body["settings"]["index"]["mapping.ignore_malformed"], "true");
}

#[test]
fn join_and_model_fields_are_mapped_by_their_values() {
    let mappings = json!({"properties": {"j": {"type": "join", "relations": {"a": "b"}},
        "s": {"type": "semantic_text", "inference_id": "mine"}}});
    let index = json!({"mappings": mappings});
    let body = targets(json!({"one": index, "two": index}))[0].body.clone();
    assert_eq!(
        body["mappings"]["properties"],
        json!({"j": {"type": "object", "enabled": false}, "s": {"type": "text"}})
    );
}

#[test]
fn settings_that_change_documents_or_counts_are_reported() {
    let definitions = json!({
        "a": {"mappings": {"_source": {"excludes": ["m", "o.*"]}, "properties": {"m": {"type": "text"}, "n": {"type": "long"},
            "o": {"properties": {"x": {"type": "long"}}}, "t": {"type": "date"}}}},
        "b": {"mappings": {"_source": {"enabled": false}, "properties": {"t": {"type": "alias", "path": "u"}, "u": {"type": "date_nanos"}}}}});
    let mappings = InputMappings::parse(&definitions.to_string()).unwrap();
    let fields = ["m", "n", "o.x", "t"].map(str::to_owned).into();
    assert_eq!(mappings.left_out_of_source(&fields), [("a", "m"), ("a", "o.x")]);
    assert_eq!(mappings.without_source(), ["b"]);
    assert!(mappings.differ_in_resolution("t") && !mappings.differ_in_resolution("u"));
}

#[test]
fn indices_of_one_mapping_share_it() {
    let fields: Map<String, Value> = (0..1000)
        .map(|n| (format!("f{n}"), json!({"type": "keyword"})))
        .collect();
    let definition = json!({"mappings": {"properties": fields}, "settings": {"index": {"number_of_shards": "1"}}});
    let indices: Map<String, Value> = (0..1000).map(|n| (format!("logs-{n}"), definition.clone())).collect();
    let text = Value::Object(indices).to_string();
    assert!(bytes_of(&text) > 2 * MAX_BYTES);
    let parsed = InputMappings::parse(&text).unwrap();
    assert_eq!(parsed.indices().count(), 1000);
    assert!(parsed.knows("f999"));
}

#[test]
fn mappings_that_need_too_much_memory_are_refused() {
    let values = "0,".repeat(MAX_BYTES / VALUE_BYTES);
    let many = (0..MAX_BYTES / INDEX_BYTES).map(|n| format!("\"{n}\":{{}}"));
    for dense in [
        format!(r#"{{"a":{{"mappings":{{"_meta":"{}"}}}}}}"#, "x".repeat(MAX_BYTES)),
        format!(r#"{{"a":{{"mappings":{{"_meta":[{values}0]}}}}}}"#),
        format!(r#"{{"a":{{"settings":[{values}0]}}}}"#),
        format!("{{{}}}", many.collect::<Vec<_>>().join(",")),
    ] {
        assert!(InputMappings::parse_within(&dense, usize::MAX).unwrap().is_none());
        assert!(InputMappings::parse(&dense).is_err());
    }
    let ignored = format!(r#"{{"a":{{"aliases":[{values}0],"mappings":{{}}}}}}"#);
    assert!(InputMappings::parse(&ignored).unwrap().has("a"));
    for broken in [
        "[]",
        "{",
        r#"{"a":1}"#,
        r#"{"a":[{}]}"#,
        r#"{"a":{"mappings":[]}}"#,
        "{} {}",
    ] {
        assert!(InputMappings::parse(broken).is_err(), "{broken}");
    }
}
