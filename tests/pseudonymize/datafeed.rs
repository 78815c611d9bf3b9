//! What happens to the datafeed: its query stays, `match_all` replaces it, or the datafeed is removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::newest;
use super::shared_archives::{Pseudonymized, edited, pseudonymized};
use crate::support::archive::{blocks, entries, entry, gzip, members};
use crate::support::binary::{Binary, Run};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const HOST: &str = "web-05.iad.corp.example";

/// Exports the job with this datafeed. Its status is a number.
fn with_datafeed(binary: &Binary, feed: Value) -> PathBuf {
    edited(binary, JOB, |config, mapping| {
        let datafeed = config["datafeed_config"].as_object_mut().unwrap();
        datafeed.remove("runtime_mappings");
        datafeed.insert("query".to_owned(), json!({"match_all": {}}));
        for (name, value) in feed.as_object().unwrap() {
            datafeed.insert(name.clone(), value.clone());
        }
        mapping["weblogs-2024.01"]["mappings"]["properties"]["status"] = json!({"type": "long"});
    })
}

/// Returns the archive without its input documents.
fn without_inputs(binary: &Binary, archive: &Path) -> PathBuf {
    let mut all = members(archive);
    all.retain(|member| !member.name.contains("_input_") && member.name != "esml_manifest.json");
    let path = binary.path("without_inputs.tar.gz");
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    path
}

fn datafeed(entries: &BTreeMap<String, String>) -> Value {
    let config: Value = serde_json::from_str(entry(entries, "_config.json")).unwrap();
    config["datafeed_config"].clone()
}

/// Pseudonymizes an archive; the target is the same each time.
fn pseudonymize_again(binary: &Binary, old: &Path) -> Pseudonymized {
    let key = binary.path("new.key.json").display().to_string();
    pseudonymized(binary, old, "new", &["--overwrite", "--key", &key])
}

fn pseudonymize(binary: &Binary, old: &Path, more: &[&str]) -> Run {
    let old = old.display().to_string();
    let mut arguments = vec!["pseudonymize", &old, "-o", "new.tar.gz"];
    arguments.extend(more);
    binary.run(&arguments)
}

#[test]
fn query_without_replaced_fields_and_values_is_kept() {
    let binary = Binary::new();
    for query in [
        json!({"bool": {"filter": [{"range": {"responsetime": {"gte": 0, "lte": 60000}}}, {"exists": {"field": "@timestamp"}}]}}),
        json!({"query_string": {"query": "responsetime:[1 TO 5]"}}),
    ] {
        let old = with_datafeed(&binary, json!({"query": query}));
        for old in [old.clone(), without_inputs(&binary, &old)] {
            let new = pseudonymize_again(&binary, &old);
            assert_eq!(new.output["datafeed"], json!({"result": "kept"}));
            assert_eq!(datafeed(&entries(&new.archive))["query"], query);
        }
    }
}

#[test]
fn a_query_with_replaced_fields_or_values_becomes_match_all() {
    let binary = Binary::new();
    // Problems that only depend on fields are reported before anything is read.
    let (archive, output) = (binary.path("edited.tar.gz").display().to_string(), "new.tar.gz");
    for (query, why) in [
        (
            json!({"bool": {"must_not": [{"wildcard": {"host.keyword": "db*"}}]}}),
            "it reads host",
        ),
        (json!({"query_string": {"query": "web-05"}}), "cannot be determined"),
        (json!({"ids": {"values": ["i000000"]}}), "IDs"),
        (json!({"term": {"team": HOST}}), "replaced value"),
        (
            json!({"query_string": {"query": "team:304 OR team:x"}}),
            "replaced value",
        ),
    ] {
        with_datafeed(&binary, json!({"query": query}));
        let report = binary.run(["pseudonymize", &archive, "-o", output, "--dry-run", "--json"]);
        let report = report
            .expect(0)
            .expect_stderr("its query is replaced by `match_all`")
            .json();
        assert_eq!(report["datafeed"]["result"], "match_all", "{query}");
        let reason = report["datafeed"]["reason"].as_str().unwrap();
        assert!(reason.contains(why), "{query}: {reason}");
    }
    let old = with_datafeed(&binary, json!({"query": {"term": {"host": "web-99.unseen.example"}}}));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let written = entries(&new.archive);
    assert_eq!(datafeed(&written)["query"], json!({"match_all": {}}));
    assert!(entry(&written, "esml_manifest.json").contains("\"datafeed-query\": \"replaced\""));
    // The manifest still records the replaced query.
    let next = pseudonymized(&binary, &new.archive, "next", &[]);
    assert!(entry(&entries(&next.archive), "esml_manifest.json").contains("\"datafeed-query\": \"replaced\""));
}

#[test]
fn datafeed_with_a_replaced_query_is_omitted_without_input_documents() {
    let binary = Binary::new();
    for query in [json!({"term": {"host": "x"}}), json!({"term": {"team": HOST}})] {
        // Scripts that read values are not a reason for refusal if the datafeed is not written.
        let scripts = json!({"bad": {"script": "doc['host'].value"}});
        let old = with_datafeed(&binary, json!({"query": query, "script_fields": scripts}));
        let old = without_inputs(&binary, &old);
        pseudonymize(&binary, &old, &["--overwrite", "--key", "new.key.json"])
            .expect(0)
            .expect_stderr("Datafeed: removed");
        let written = entries(&binary.path("new.tar.gz"));
        assert!(!entry(&written, "_config.json").contains("datafeed_config"), "{query}");
    }
}

#[test]
fn fields_read_only_by_a_replaced_query_are_omitted() {
    let binary = Binary::new();
    let query = json!({"bool": {"filter": [{"term": {"labels.team": "payments"}}, {"exists": {"field": "zone"}}]}});
    let old = edited(&binary, JOB, |config, mapping| {
        config["datafeed_config"]["query"] = query.clone();
        let properties = &mut mapping["weblogs-2024.01"]["mappings"]["properties"];
        properties["labels"] = json!({"properties": {"team": {"type": "keyword"}, "env": {"type": "keyword"}}});
        properties["zone"] = json!({"type": "keyword", "copy_to": "all", "fields": {"low": {"type": "text"}}});
        properties["place"] = json!({"type": "alias", "path": "zone"});
    });
    let mut all = members(&old);
    for member in all.iter_mut().filter(|member| member.name.contains("_input_1.ndjson")) {
        let text = String::from_utf8(member.content.clone()).unwrap();
        let more = r#","labels":{"team":"payments","env":"blue"},"zone":["zurich",{"x":1}],"place":"here"}"#;
        let lines = text
            .lines()
            .enumerate()
            .map(|(n, line)| match (n % 2, line.strip_suffix('}')) {
                (1, Some(document)) => format!("{document}{more}\n"),
                _ => format!("{line}\n"),
            });
        member.content = lines.collect::<String>().into_bytes();
    }
    std::fs::write(&old, gzip(&blocks(&all))).unwrap();
    let new = pseudonymized(&binary, &old, "new", &[]);
    assert_eq!(new.output["datafeed"], json!({"result": "kept"}));
    assert_eq!(new.output["input_fields_removed"], json!(["labels.team", "zone"]));
    let written = entries(&new.archive);
    assert_eq!(datafeed(&written)["query"], query);
    let inputs = entry(&written, "_input_1.ndjson");
    for gone in ["payments", "team", "zurich", "zone"] {
        assert!(!inputs.contains(gone), "{gone}");
    }
    assert!(inputs.contains("\"labels\":{\"env\":\"t_"));
    let mapping: Value = serde_json::from_str(entry(&written, "_input_mapping.json")).unwrap();
    let properties = &mapping["weblogs-2024.01"]["mappings"]["properties"];
    assert!(properties.get("zone").is_none() && properties.get("place").is_none());
    assert_eq!(properties["labels"]["properties"].as_object().unwrap().len(), 1);
    assert!(entry(&written, "esml_manifest.json").contains("original-without-fields"));
}

#[test]
fn aggregations_and_scripts_that_do_not_depend_on_values_are_kept() {
    let binary = Binary::new();
    let feed = json!({
        "aggregations": {"buckets": {
            "composite": {"sources": [
                {"time": {"date_histogram": {"field": "@timestamp", "fixed_interval": "5m"}}},
                {"host": {"terms": {"field": "host"}}},
            ]},
            "aggregations": {
                "@timestamp": {"max": {"field": "@timestamp"}},
                "responsetime": {"avg": {"field": "responsetime"}},
                "status": {"terms": {"field": "status", "size": 5, "order": {"_count": "desc"}}},
                "hosts": {"cardinality": {"field": "host"}},
                "fast": {"filter": {"range": {"responsetime": {"lt": 200}}}},
                "ratio": {"bucket_script": {"buckets_path": {"a": "fast>_count"}, "script": "params.a / 2"}},
                "median": {"percentiles": {"field": "responsetime", "percents": [50]}},
            },
        }},
        "script_fields": {"is_slow": {"script": {"source": "doc['responsetime'].value > params.limit", "params": {"limit": 304}}}},
        "runtime_mappings": {"double": {"type": "double", "script": {"source": "emit(doc['responsetime'].value * 2)"}}},
    });
    let old = with_datafeed(&binary, feed.clone());
    let new = pseudonymized(&binary, &old, "new", &[]);
    let written = datafeed(&entries(&new.archive));
    for section in ["aggregations", "script_fields", "runtime_mappings"] {
        assert_eq!(written[section], feed[section], "{section}");
    }
}

#[test]
fn unused_scripted_fields_are_omitted() {
    let binary = Binary::new();
    let old = with_datafeed(
        &binary,
        json!({
            "script_fields": {"upper": {"script": "doc['host'].value.toUpperCase()"}, "kept": {"script": "1"}},
            "runtime_mappings": {
                "short": {"type": "keyword", "script": "emit(doc['host'].value.substring(0, 3))"},
                "shorter": {"type": "keyword", "script": {"source": "emit(doc['short'].value.substring(0, 1))"}},
                "named": {"type": "boolean", "script": "emit(doc['team'].value == 'web-05.iad.corp.example')"},
                // A parameter that is used twice no longer affects a comparison.
                "twice": {"type": "boolean", "script": {
                    "source": "emit(doc['host'].value == params.h || doc['team'].value == params.h)", "params": {"h": HOST}}},
            },
        }),
    );
    let new = pseudonymized(&binary, &old, "new", &[]);
    let written = datafeed(&entries(&new.archive));
    assert_eq!(written["script_fields"], json!({"kept": {"script": "1"}}));
    assert_eq!(written["runtime_mappings"], json!({}));
    assert_eq!(
        new.output["scripted_fields_removed"],
        json!(["shorter", "short", "named", "twice", "upper"])
    );
}

#[test]
fn runtime_field_read_only_by_a_replaced_query_is_omitted() {
    let binary = Binary::new();
    let old = with_datafeed(
        &binary,
        json!({
            "query": {"term": {"is_error": true}},
            "runtime_mappings": {"is_error": {"type": "boolean", "script": "emit(doc['status'].value > 499)"}},
        }),
    );
    let new = pseudonymized(&binary, &old, "new", &[]);
    assert_eq!(new.output["datafeed"]["result"], "match_all");
    let written = datafeed(&entries(&new.archive));
    assert_eq!(
        (&written["query"], &written["runtime_mappings"]),
        (&json!({"match_all": {}}), &json!({}))
    );
}

#[test]
fn aggregations_and_scripts_that_read_values_are_refused() {
    let binary = Binary::new();
    for (feed, expected) in [
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "include": ".*"}}}}),
            "aggregation `a` (`terms`): it reads host with `include`",
        ),
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "missing": "none"}}}}),
            "with `missing`",
        ),
        (
            json!({"aggs": {"a": {"terms": {"field": "host", "size": 5, "order": {"_key": "asc"}}}}}),
            "the order of values decides",
        ),
        (
            json!({"aggs": {"a": {"composite": {"after": {"h": "x"}, "sources": [{"h": {"terms": {"field": "host"}}}]}}}}),
            "`after` contains values",
        ),
        (
            json!({"aggs": {"a": {"histogram": {"field": "status", "interval": 100}}}}),
            "(`histogram`): it reads status",
        ),
        (
            json!({"aggs": {"a": {"scripted_metric": {"map_script": "state.n = doc['host'].value.length()"}}}}),
            "(`scripted_metric`): it reads host",
        ),
        (
            json!({"aggs": {"a": {"filter": {"prefix": {"host": "x"}}}}}),
            "(`filter`): it reads host",
        ),
        (
            json!({"aggs": {"a": {"filter": {"ids": {"values": ["1"]}}}}}),
            "document IDs",
        ),
        (
            json!({"aggs": {"a": {"filter": {"term": {"team": HOST}}}}}),
            "its aggregations: it contains a replaced value",
        ),
        (
            json!({"aggs": {"a": {"sum_bucket": {"buckets_path": "teams['304']>n"}}}}),
            "contains a replaced value",
        ),
        (
            json!({"aggs": {"a": {"new_kind": {"field": "responsetime"}}}}),
            "it is unknown whether",
        ),
        (
            json!({"aggs": {"host": {"filters": {"filters": {"a": {"match_all": {}}}}}}}),
            "its keys are replaced values",
        ),
        (
            json!({"runtime_mappings": {"host": {"type": "keyword", "script": "emit(doc['kind'].value)"}}}),
            "the script of `host`: it computes values that are replaced",
        ),
        (
            json!({"script_fields": {"responsetime": {"script": "doc['host'].value.length()"}}}),
            "the script of `responsetime`: it reads host",
        ),
        (
            json!({"script_fields": {"responsetime": {"script": {"id": "stored"}}}}),
            "the script of `responsetime`: the fields that it reads cannot be determined",
        ),
        (
            json!({"script_fields": {"responsetime": {"script": "doc['team'].value == '304' ? 1 : 0"}}}),
            "the script of `responsetime`: it contains a replaced value",
        ),
    ] {
        let old = with_datafeed(&binary, feed.clone());
        let refused = pseudonymize(&binary, &old, &["--dry-run"]);
        assert_eq!(refused.code, 3, "{feed}: {}", refused.stderr);
        refused.expect_stderr(expected).expect_stderr("--skip-datafeed");
        assert!(!refused.stderr.contains("web-05"), "{}", refused.stderr);
    }
    // The option in the hint must work.
    let old = with_datafeed(&binary, json!({"aggs": {"a": {"filter": {"prefix": {"host": "x"}}}}}));
    pseudonymize(&binary, &old, &["--skip-datafeed"]).expect(0);
    let written = entries(&binary.path("new.tar.gz"));
    assert!(!entry(&written, "_config.json").contains("datafeed_config"));
}

#[test]
fn aggregation_names_that_contain_values_must_be_accepted() {
    let binary = Binary::new();
    let feed = json!({"aggs": {"a": {"filters": {"filters": {HOST: {"match_all": {}}}}}}});
    let old = with_datafeed(&binary, feed);
    pseudonymize(&binary, &old, &["--dry-run"])
        .expect(3)
        .expect_stderr("--accept-names");
    pseudonymize(&binary, &old, &["--accept-names"]).expect(0);
}

#[test]
fn value_may_be_a_field_name_if_names_are_accepted() {
    let binary = Binary::new();
    let old = with_datafeed(
        &binary,
        json!({"script_fields": {"responsetime": {"script": "doc['web-05.iad.corp.example'].value * 2"}}}),
    );
    pseudonymize(&binary, &old, &["--dry-run"])
        .expect(3)
        .expect_stderr("--accept-names");
    pseudonymize(&binary, &old, &["--accept-names"]).expect(0);
    let written = datafeed(&entries(&binary.path("new.tar.gz")));
    assert_eq!(
        written["script_fields"]["responsetime"]["script"],
        "doc['web-05.iad.corp.example'].value * 2"
    );
}

#[test]
fn runtime_fields_of_the_mapping_that_read_values_are_omitted_or_refused() {
    let binary = Binary::new();
    let run = |job_reads: bool, script: Value, more: &[&str]| {
        let old = edited(&binary, JOB, |config, mapping| {
            config["datafeed_config"]["query"] = json!({"match_all": {}});
            if job_reads {
                config["analysis_config"]["detectors"][0]["field_name"] = "made".into();
            }
            mapping["weblogs-2024.01"]["mappings"]["runtime"] = json!({"made": {"type": "long", "script": script}});
        });
        let mut options = vec!["--overwrite", "--key", "new.key.json"];
        options.extend(more);
        pseudonymize(&binary, &old, &options)
    };
    let written = || {
        let entries = entries(&binary.path("new.tar.gz"));
        let mapping: Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
        mapping["weblogs-2024.01"]["mappings"]["runtime"].clone()
    };
    for script in [
        "emit(doc['host'].value.length())",
        "emit(doc['team'].value == '304' ? 1 : 0)",
    ] {
        run(true, json!(script), &[])
            .expect(3)
            .expect_stderr("the script of `made` in the mapping");
        run(true, json!(script), &["--skip-datafeed"]).expect(0);
        assert_eq!(written(), json!({}));
        run(false, json!(script), &[]).expect(0);
        assert_eq!(written(), json!({}));
    }
    run(true, json!({"source": "emit(doc['bytes'].value)"}), &[]).expect(0);
    assert_eq!(
        written()["made"]["script"],
        json!({"source": "emit(doc['bytes'].value)"})
    );
}

/// Returns the query of the imported datafeed.
fn imported_query(cluster: &TestCluster) -> Value {
    let answer = cluster.call("GET", "/_ml/datafeeds/datafeed-web-latency", "");
    answer.value()["datafeeds"][0]["query"].clone()
}

#[test]
fn replaced_query_is_imported_with_the_archived_documents_only() {
    let binary = Binary::new();
    let old = with_datafeed(&binary, json!({"query": {"prefix": {"host": "web-"}}}));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let cluster = TestCluster::new(newest());
    for options in [
        &["--skip-inputs"][..],
        &["--datafeed-index", "other"],
        &["--skip-inputs", "--dry-run"],
    ] {
        let refused = cluster.import(&binary, &new.archive, options).expect(3);
        refused.expect_stderr("`match_all`").expect_stderr("--skip-datafeed");
    }
    cluster
        .import(&binary, &new.archive, &["--skip-inputs", "--skip-datafeed"])
        .expect(0);
    cluster.import(&binary, &new.archive, &["--replace"]).expect(0);
    assert_eq!(imported_query(&cluster), json!({"match_all": {}}));
}

#[test]
fn query_with_missing_fields_is_imported_as_match_all() {
    let (binary, mut fixture) = (Binary::new(), Fixture::load(JOB));
    let query = json!({"bool": {"filter": [{"term": {"team": "payments"}}, {"range": {"responsetime": {"gte": 0}}}]}});
    fixture.job["datafeed_config"]["query"] = query.clone();
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', r#"{"team":"payments","#, 1);
    }
    let options = ["--pseudonymize", "--include-inputs"];
    let source = TestCluster::seeded(newest(), &fixture);
    let plain = source.export(&binary, JOB, "plain", &options[1..]);
    let tokens = source.export(&binary, JOB, "tokens", &options);
    drop(source);
    assert!(entry(&entries(&plain), "_input_1.ndjson").contains("payments"));
    let written = entries(&tokens);
    assert!(!entry(&written, "_input_1.ndjson").contains("team"));
    assert!(!entry(&written, "_input_mapping.json").contains("team"));
    assert_eq!(datafeed(&written)["query"], query);
    let cluster = TestCluster::new(newest());
    cluster
        .import(&binary, &tokens, &[])
        .expect(0)
        .expect_stderr("`match_all`");
    assert_eq!(imported_query(&cluster), json!({"match_all": {}}));
    cluster
        .import(&binary, &tokens, &["--replace", "--skip-inputs"])
        .expect(0);
    assert_eq!(imported_query(&cluster), query);
}
