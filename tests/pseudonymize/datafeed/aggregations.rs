//! Aggregations and scripts.

use std::collections::BTreeSet;

use serde_json::json;

use super::{HOST, OTHER, datafeed, feeding, refused, told};
use crate::pseudonymize::revealed::reveal;
use crate::pseudonymize::shared::{edited, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;

#[test]
fn aggregations_and_scripts_compare_with_tokens() {
    let binary = Binary::new();
    let feed = json!({
        "aggregations": {"buckets": {
            "meta": {"by": ["anna"], "n": 1},
            "composite": {"sources": [{"host": {"terms": {"field": "host"}}}]},
            "aggregations": {
                "status": {"terms": {"field": "status", "include": ["304", 503], "missing": 0}},
                "fra": {"terms": {"field": "host", "include": ".*\\.fra\\.corp\\.example", "exclude": [OTHER]}},
                "one": {"filter": {"term": {"host": HOST}}},
                "two": {"filters": {"filters": {"a": {"prefix": {"host": "db"}}, "b": {"term": {"status": 200}}}}},
                "db": {"terms": {"field": "host", "include": "db-.*", "exclude": "db-.*"}},
                "median": {"percentiles": {"field": "responsetime", "percents": [50]}},
            },
        }},
        "script_fields": {
            "is_one": {"script": {"source": "doc['host'].value == params.host || params.all.contains(doc['host'].value)",
                "params": {"host": "web-99.unseen.example", "all": [HOST], "other": "x"}}},
        },
        "runtime_mappings": {
            "loud": {"type": "boolean", "script": {"source": "emit(doc['host'].value.startsWith('web-secret'))"}},
            "commented": {"type": "boolean", "script": {"source": "emit(doc['host'].value == 'x') // web-secret"}},
        },
    });
    let old = feeding(&binary, feed);
    let new = pseudonymized(&binary, &old, "new", &[]);
    let after = datafeed(&entries(&new.archive));
    let written = ["aggregations", "script_fields", "runtime_mappings"];
    let written = written.map(|section| after[section].to_string()).concat();
    assert!(
        !["web-", "unseen", "corp"].iter().any(|value| written.contains(value)),
        "{written}"
    );
    let token = |value: &str| new.tokens.iter().find(|(_, of)| *of == value).unwrap().0.clone();
    assert_eq!(
        after["aggregations"]["buckets"]["meta"],
        json!({"by": [token("anna")], "n": 1})
    );
    let inner = &after["aggregations"]["buckets"]["aggregations"];
    assert_eq!(
        inner["status"]["terms"]["include"],
        json!([token("304"), token("503").parse::<u64>().unwrap()])
    );
    assert_eq!(inner["status"]["terms"]["missing"].to_string(), token("0"));
    let fra: BTreeSet<String> = told(&new, &inner["fra"]["terms"]["include"].to_string());
    assert!(
        fra.len() > 5 && fra.iter().all(|host| host.contains(".fra.")),
        "{fra:?}"
    );
    assert_eq!(inner["fra"]["terms"]["exclude"], json!([token(OTHER)]));
    assert_eq!(inner["one"]["filter"]["term"]["host"], json!(token(HOST)));
    assert_eq!(inner["two"]["filters"]["filters"]["a"], json!({"match_none": {}}));
    assert_eq!(inner["db"]["terms"]["include"].as_array().unwrap().len(), 1);
    assert!(inner["db"]["terms"].get("exclude").is_none());
    let script = &after["script_fields"]["is_one"]["script"]["params"];
    assert_eq!(
        *script,
        json!({"host": token("web-99.unseen.example"), "all": [token(HOST)], "other": "x"})
    );
    let loud = after["runtime_mappings"]["loud"]["script"]["source"].as_str().unwrap();
    assert_eq!(
        reveal(&binary, &new.key, &[loud]),
        ["emit(doc['host'].value.startsWith('web-secret'))"]
    );
    assert!(after["runtime_mappings"].get("commented").is_none());
    assert!(
        new.said["notes"].to_string().contains("nothing reads"),
        "{}",
        new.said["notes"]
    );
}

#[test]
fn aggregations_and_scripts_that_cannot_be_followed_are_refused() {
    let binary = Binary::new();
    for (feed, wanted) in [
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "include": "web-[0-4].*"}}}}),
            "`include` on host",
        ),
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "include": {"partition": 0, "num_partitions": 2}}}}}),
            "`include` on host",
        ),
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "size": 5, "order": {"_key": "asc"}}}}}),
            "order of values",
        ),
        (
            json!({"aggs": {"a": {"histogram": {"field": "status", "interval": 100}}}}),
            "`histogram` on status",
        ),
        (
            json!({"aggs": {"a": {"scripted_metric": {"map_script": "state.n = doc['host'].value.length()"}}}}),
            "on host",
        ),
        (
            json!({"aggs": {"a": {"filter": {"fuzzy": {"host": "x"}}}}}),
            "`fuzzy` on host",
        ),
        (
            json!({"aggs": {"a": {"sum_bucket": {"buckets_path": "hosts['web-05']>n"}}}}),
            "names a bucket",
        ),
        (
            json!({"query": {"term": {"short": "web"}}, "runtime_mappings": {"short": {"type": "keyword",
                "script": "emit(doc['host'].value.substring(0, 3))"}}}),
            "script of `short` on host",
        ),
        (
            json!({"runtime_mappings": {"host": {"type": "keyword", "script": "emit(doc['kind'].value)"}}}),
            "script on host",
        ),
        (
            json!({"script_fields": {"status": {"script": "params._source.s"}}}),
            "script on status",
        ),
    ] {
        let old = feeding(&binary, feed.clone());
        let run = refused(&binary, &old, &["--dry-run"]);
        assert_eq!(run.code, 3, "{feed}: {}", run.stderr);
        run.says(wanted);
    }
}

#[test]
fn names_in_aggregations_that_hold_values_must_be_accepted() {
    let binary = Binary::new();
    let feed = json!({"aggs": {"a": {"filters": {"filters": {HOST: {"term": {"host": HOST}}}}}}});
    let old = feeding(&binary, feed);
    refused(&binary, &old, &["--dry-run"]).expect(3).says("--accept-names");
    refused(&binary, &old, &["--accept-names", "--dry-run"]).expect(0);
}

#[test]
fn runtime_fields_of_the_mapping_are_followed_or_left_out() {
    let binary = Binary::new();
    let run = |query: serde_json::Value, script: serde_json::Value, more: &[&str]| {
        let old = edited(&binary, "web-latency", |config, mapping| {
            config["datafeed_config"]["query"] = query;
            mapping["weblogs-2024.01"]["mappings"]["runtime"] = json!({"made": {"type": "keyword", "script": script}});
        });
        let mut options = vec!["--overwrite", "--key", "new.key.json"];
        options.extend(more);
        refused(&binary, &old, &options)
    };
    let written = || {
        let entries = entries(&binary.path("new.tar.gz"));
        let mapping: serde_json::Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
        mapping["weblogs-2024.01"]["mappings"]["runtime"].clone()
    };
    let cut = json!("emit(doc['host'].value.substring(0, 3))");
    let asked = json!({"term": {"made": "web"}});
    run(asked.clone(), cut.clone(), &[])
        .expect(3)
        .says("script of `made` in the mapping on host");
    for (query, more) in [
        (asked.clone(), &["--skip-datafeed"][..]),
        (json!({"match_all": {}}), &[]),
    ] {
        run(query, cut.clone(), more).expect(0);
        assert_eq!(written(), json!({}));
    }
    let equal = json!({"source": "emit(doc['host'].value == params.h ? 'a' : 'b')", "params": {"h": HOST}});
    run(asked, equal.clone(), &[]).expect(0);
    let made = written()["made"]["script"].clone();
    assert_eq!(made["source"], equal["source"]);
    assert!(made["params"]["h"].as_str().unwrap().starts_with("t_"), "{made}");
}
