//! Texts written by users in configuration, mapping, settings and calendars are replaced or removed.

use serde_json::{Value, json};

use super::shared_archives::{edited, exported, exported_of, pseudonymized};
use crate::support::archive::{blocks, entries, entry, gzip, members};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;

const JOB: &str = "web-latency";
const HOST: &str = "web-05.iad.corp.example";

fn parsed(archive: &std::path::Path, ending: &str) -> Value {
    serde_json::from_str(entry(&entries(archive), ending)).unwrap()
}

#[test]
fn kept_texts_exclude_those_of_input_documents() {
    let (binary, mut fixture) = (Binary::new(), Fixture::load(JOB));
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', r#"{"remark":"called Petra Example","#, 1);
    }
    fixture.job["custom_settings"] = json!({"note": "ask the platform team"});
    let cluster = crate::support::test_cluster::TestCluster::seeded(super::newest(), &fixture);
    let old = cluster.export(
        &binary,
        JOB,
        "original",
        &["--include-inputs", "--input-field", "remark"],
    );
    drop(cluster);
    let new = pseudonymized(&binary, &old, "new", &["--keep-text"]);
    let written = entries(&new.archive);
    assert!(entry(&written, "_config.json").contains("ask the platform team"));
    let inputs = entry(&written, "_input_1.ndjson");
    assert!(inputs.contains("\"remark\":\"t_") && !inputs.contains("Petra"));
}

#[test]
fn custom_settings_are_replaced() {
    let binary = Binary::new();
    let settings = json!({
        "created_by": "petra.example", "phone": 41791234567_u64, "managed": true,
        "custom_urls": [{"url_name": "Runbook of Petra", "time_range": "1h",
            "url_value": "https://wiki.corp.example/x?q=web%2D05.iad.corp.example"}],
    });
    let old = edited(&binary, JOB, |config, _| config["custom_settings"] = settings.clone());
    for options in [&[][..], &["--keep-text"]] {
        let name = format!("new{}", options.len());
        let new = pseudonymized(&binary, &old, &name, options);
        let written = parsed(&new.archive, "_config.json")["custom_settings"].clone();
        assert_eq!(
            (&written["managed"], &written["custom_urls"][0]["time_range"]),
            (&json!(true), &json!("1h"))
        );
        let kept = options.len() == 1;
        assert_eq!(written["created_by"] == "petra.example", kept);
        assert_eq!(written["phone"] == 41791234567_u64, kept);
        assert!(written["phone"].is_number());
        assert_eq!(written["custom_urls"][0]["url_name"] == "Runbook of Petra", kept);
        let url = written["custom_urls"][0]["url_value"].as_str().unwrap();
        assert!(url.starts_with("t_"), "{url}");
    }
    let old = edited(&binary, JOB, |config, _| {
        config["custom_settings"] = json!({"created_by": "multi-metric-wizard"});
    });
    let new = pseudonymized(&binary, &old, "wizard", &[]);
    let written = parsed(&new.archive, "_config.json");
    assert_eq!(written["custom_settings"]["created_by"], "multi-metric-wizard");
}

#[test]
fn calendars_contain_no_other_job() {
    let (binary, mut fixture) = (Binary::new(), Fixture::load(JOB));
    fixture.job["groups"] = json!(["web"]);
    let old = exported_of(&binary, &fixture);
    let mut all = members(&old);
    all.retain(|member| member.name != "esml_manifest.json" && !member.name.ends_with("_calendars.json"));
    let calendars = json!([{"calendar_id": "maintenance", "job_ids": ["payroll-petra", JOB, "web", "hr"],
        "description": "by Petra", "events": []}]);
    let mut member = all
        .iter()
        .find(|member| member.name.ends_with("_config.json"))
        .unwrap()
        .clone();
    member.name = format!("{JOB}_calendars.json");
    member.content = calendars.to_string().into_bytes();
    all.push(member);
    std::fs::write(&old, gzip(&blocks(&all))).unwrap();
    let new = pseudonymized(&binary, &old, "new", &[]);
    let written = parsed(&new.archive, "_calendars.json");
    assert_eq!(written[0]["job_ids"], json!([JOB, "web"]));
    assert!(written[0]["description"].as_str().unwrap().starts_with("t_"));
}

#[test]
fn mappings_and_settings_contain_no_free_text() {
    let binary = Binary::new();
    let old = edited(&binary, JOB, |_, mapping| {
        let source = &mut mapping["weblogs-2024.01"];
        source["mappings"]["_meta"] = json!({"owner": "petra.example"});
        let properties = &mut source["mappings"]["properties"];
        properties["host"] = json!({"type": "keyword", "null_value": "none.corp.example", "meta": {"unit": "petra"},
            "copy_to": "everything", "fields": {"words": {"type": "text", "analyzer": "products"}}});
        properties["status"] = json!({"type": "short", "null_value": 31999});
        properties["tenant"] = json!({"type": "constant_keyword", "value": "Example Bank"});
        properties["remark"] = json!({"type": "keyword", "null_value": "Petra Example", "normalizer": "plain"});
        properties["everything"] = json!({"type": "text", "search_analyzer": "products"});
        properties["words"] = json!({"type": "token_count", "analyzer": "products"});
        source["settings"]["index"]["analysis"] = json!({
            "analyzer": {"products": {"tokenizer": "standard", "filter": ["synonyms", "stops"]}},
            "filter": {"synonyms": {"type": "synonym", "synonyms": ["petra, p. example"]},
                "stops": {"type": "stop", "stopwords": ["petra"]}},
            "normalizer": {"plain": {"filter": ["lowercase"]}},
        });
    });
    let new = pseudonymized(&binary, &old, "new", &[]);
    let mapping = parsed(&new.archive, "_input_mapping.json");
    let text = mapping.to_string();
    for gone in ["etra", "Bank", "none.corp", "products", "31999", "_meta"] {
        assert!(!text.contains(gone), "{gone}: {text}");
    }
    let source = &mapping["weblogs-2024.01"];
    let properties = &source["mappings"]["properties"];
    let token = |value: &str| new.tokens.iter().find(|(_, of)| *of == value).unwrap().0.clone();
    assert_eq!(properties["host"]["null_value"], json!(token("none.corp.example")));
    assert_eq!(
        properties["status"],
        json!({"type": "keyword", "null_value": token("31999")})
    );
    assert_eq!(properties["words"]["analyzer"], "standard");
    assert_eq!(
        source["settings"]["index"]["analysis"],
        json!({"normalizer": {"plain": {"filter": ["lowercase"]}}})
    );
}

#[test]
fn normalizer_that_contains_a_value_is_refused() {
    let binary = Binary::new();
    let old = edited(&binary, JOB, |_, mapping| {
        let source = &mut mapping["weblogs-2024.01"];
        source["mappings"]["properties"]["remark"] = json!({"type": "keyword", "normalizer": "short"});
        source["settings"]["index"]["analysis"] = json!({
            "char_filter": {"names": {"type": "mapping", "mappings": [format!("{HOST} => a")]}},
            "normalizer": {"short": {"char_filter": ["names"]}},
        });
    });
    let archive = old.display().to_string();
    let run = binary
        .run(["pseudonymize", &archive, "-o", "new.tar.gz", "--dry-run"])
        .expect(3);
    run.expect_stderr("a normalizer in the archived settings of index weblogs-2024.01 contains a replaced value");
    assert!(!run.stderr.contains(HOST));
}

#[test]
fn comments_in_the_datafeed_are_omitted() {
    let binary = Binary::new();
    let old = edited(&binary, JOB, |config, _| {
        let feed = &mut config["datafeed_config"];
        feed["query"] = json!({"range": {"responsetime": {"gte": 0, "_name": "by petra"}}});
        feed["aggregations"] = json!({"buckets": {"meta": {"by": "petra"},
            "date_histogram": {"field": "@timestamp", "fixed_interval": "5m"},
            "aggs": {"meta": {"max": {"field": "@timestamp"}, "meta": {"n": 41791234567_u64}}}}});
    });
    let new = pseudonymized(&binary, &old, "new", &[]);
    let feed = parsed(&new.archive, "_config.json")["datafeed_config"].clone();
    assert_eq!(feed["query"], json!({"range": {"responsetime": {"gte": 0}}}));
    let aggregations = json!({"buckets": {"date_histogram": {"field": "@timestamp", "fixed_interval": "5m"},
        "aggs": {"meta": {"max": {"field": "@timestamp"}}}}});
    assert_eq!(feed["aggregations"], aggregations);
}

#[test]
fn value_without_its_field_name_is_replaced() {
    let binary = Binary::new();
    let old = exported(&binary, JOB);
    let mut all = members(&old);
    all.retain(|member| member.name != "esml_manifest.json");
    for member in all
        .iter_mut()
        .filter(|member| member.name.ends_with("_annotations.ndjson"))
    {
        let line = json!({"job_id": JOB, "annotation": "seen by petra", "partition_field_value": "petra",
            "create_username": "anna", "timestamp": 1, "type": "annotation"});
        member.content.extend_from_slice(format!("{line}\n").as_bytes());
    }
    std::fs::write(&old, gzip(&blocks(&all))).unwrap();
    let new = pseudonymized(&binary, &old, "new", &["--keep-text"]);
    let written = entries(&new.archive);
    let annotations = entry(&written, "_annotations.ndjson");
    assert!(annotations.contains("\"partition_field_value\":\"t_"), "{annotations}");
    assert!(annotations.contains("seen by "));
}
