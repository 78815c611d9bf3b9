//! Input documents: only the needed fields, equivalent mappings, several sources.

use serde_json::{Value, json};

use super::against_cluster::search;
use super::archive_contents::json_of;
use super::scenario::{Destination, RoundTrip, newest};
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

/// Adds fields that no job needs to every input document.
fn with_unused_fields(name: &str) -> Fixture {
    let mut fixture = Fixture::load(name);
    fixture.input_mapping["properties"]["noise"] = json!({"type": "object", "enabled": false});
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', "{\"noise\": {\"n\": [1.10, 1e3, -0]}, ", 1);
    }
    fixture
}

fn count(cluster: &crate::support::test_cluster::TestCluster, index: &str, query: &Value) -> usize {
    search(cluster, index, query, Some(&[])).len()
}

#[test]
fn web_latency_exports_the_fields_of_job_and_query() {
    let fields = &["@timestamp", "host", "responsetime", "status", "clientip"];
    let arrived = RoundTrip::of(with_unused_fields("web-latency"))
        .only_fields(fields)
        .run();
    assert!(!arrived.first.inputs[0].source.contains("noise"));
    let runtime = &arrived.second.config["datafeed_config"]["runtime_mappings"];
    assert_eq!(runtime["is_error"]["type"], "boolean");
}

#[test]
fn parent_of_a_multi_field_is_exported() {
    let fixture = with_unused_fields("log-categories").with_job(|job| {
        job["analysis_config"]["influencers"] = json!(["mlcategory", "service.keyword"]);
    });
    let trip = RoundTrip::of(fixture).only_fields(&["@timestamp", "service", "message"]);
    let arrived = trip.renamed("logs.clone").run();
    assert!(arrived.first.inputs[0].source.contains("\"service\""));
    let service = &arrived.second.mapping["logs.clone-input"]["mappings"]["properties"]["service"];
    assert_eq!(service["fields"]["keyword"]["type"], "keyword");
    assert_eq!(
        arrived.second.mapping["logs.clone-input"]["settings"]["index"]["number_of_shards"],
        "2"
    );
}

#[test]
fn times_in_seconds_and_keywords_are_searchable_after_the_import() {
    let arrived = RoundTrip::of(Fixture::load("log-categories")).run();
    let first = json_of(&arrived.first.inputs[0].source);
    let index = "log-categories-input";
    let seconds = &first["@timestamp"];
    let at = json!({"range": {"@timestamp": {"gte": seconds, "lte": seconds, "format": "epoch_second"}}});
    assert!(count(&arrived.cluster, index, &at) > 0, "a date of seconds");
    let none = json!({"range": {"@timestamp": {"lt": seconds, "format": "epoch_second"}}});
    assert_eq!(count(&arrived.cluster, index, &none), 0, "and none in 1970");
    let service = json!({"term": {"service.keyword": first["service"]}});
    assert!(count(&arrived.cluster, index, &service) > 0, "a keyword whole");
}

#[test]
fn user_population_exports_only_fields_that_it_reads() {
    let fields = &["@timestamp", "user", "program", "bytes"];
    RoundTrip::of(with_unused_fields("user-population"))
        .only_fields(fields)
        .run();
}

#[test]
fn requested_field_is_exported() {
    let trip = RoundTrip::of(with_unused_fields("user-population")).only_fields(&[
        "@timestamp",
        "user",
        "program",
        "bytes",
        "noise",
    ]);
    trip.export_options(&["--input-field", "noise"]).run();
}

#[test]
fn equal_ids_of_two_sources_stay_separate() {
    let fixture = Fixture::load("log-categories").with_second_source("app-logs-2");
    let documents = fixture.inputs.len();
    let arrived = RoundTrip::of(fixture).run();
    assert_eq!(arrived.second.inputs.len(), documents, "none was overwritten");
    assert_eq!(documents, 400);
}

#[test]
fn equal_ids_of_two_sources_stay_separate_in_a_copy() {
    let fixture = Fixture::load("web-latency").with_second_source("weblogs-2024.02");
    RoundTrip::of(fixture)
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn equal_ids_with_different_routing_are_all_imported() {
    let fixture = Fixture::load("web-latency");
    let last = fixture.inputs.last().unwrap().clone();
    for pagination in ["pit", "scroll"] {
        let (binary, cluster) = (Binary::new(), TestCluster::seeded(newest(), &fixture));
        let before = count(&cluster, &last.index, &json!({"match_all": {}}));
        for routing in 0..20 {
            let path = format!("/{}/_doc/same?refresh=true&routing=r{routing}", last.index);
            cluster.call(
                "PUT",
                &path,
                &last.source.replacen('{', &format!("{{\"routing\": {routing}, "), 1),
            );
        }
        let all = count(&cluster, &last.index, &json!({"match_all": {}}));
        assert_eq!(all, before + 2, "one in each shard");
        let more = ["--include-inputs", "--all-fields", "--pagination", pagination];
        let archive = cluster.export(&binary, "web-latency", "first", &more);
        drop(cluster);
        let cluster = TestCluster::new(newest());
        drop(cluster.import(&binary, &archive, &["--as", "copy"]).expect(0));
        assert_eq!(count(&cluster, "copy-input", &json!({"match_all": {}})), all);
        let routed = search(&cluster, "copy-input", &json!({"exists": {"field": "routing"}}), None);
        assert_eq!(routed.len(), 2, "both documents");
    }
}

#[test]
fn sources_with_conflicting_types_get_separate_indices() {
    let second = "endpoint-process-v2";
    let fixture = Fixture::load("user-population").with_second_source(second);
    let mut mapping = fixture.input_mapping.clone();
    mapping["properties"]["bytes"] = json!({"type": "double"});
    let arrived = RoundTrip::of(fixture.with_mapping_of(second, mapping))
        .expecting_inputs_in(&[
            ("endpoint-process", "user-population-input"),
            (second, "user-population-input-2"),
        ])
        .run();
    let bytes = |index: &str| arrived.second.mapping[index]["mappings"]["properties"]["bytes"]["type"].clone();
    assert_eq!(bytes("user-population-input"), "long");
    assert_eq!(bytes("user-population-input-2"), "double");
    assert!(
        arrived
            .second
            .inputs
            .iter()
            .any(|input| input.id == arrived.first.inputs[0].id),
        "ids stay as they were"
    );
}

#[test]
fn unmapped_fields_need_no_type() {
    let mut fixture = Fixture::load("user-population");
    fixture.inputs.truncate(40);
    fixture.input_mapping["dynamic"] = json!(false);
    fixture.input_mapping["properties"]["labels"] = json!({"dynamic": false, "properties": {"a": {"type": "keyword"}}});
    let noise = [r#""2024-01-01""#, "7", r#"{"deep": true}"#, r#"["x", 1.5]"#, "null"];
    for (number, input) in fixture.inputs.iter_mut().enumerate() {
        let one = noise[number % noise.len()];
        input.source = input.source.replacen(
            '{',
            &format!(r#"{{"noise": {one}, "labels": {{"a": "x", "b": {one}}}, "#),
            1,
        );
    }
    let arrived = RoundTrip::of(fixture).run();
    let mappings = &arrived.second.mapping["user-population-input"]["mappings"];
    assert_eq!(mappings["dynamic"].to_string().trim_matches('"'), "false", "{mappings}");
    assert!(mappings["properties"]["noise"].is_null(), "{mappings}");
}

#[test]
fn times_of_different_resolution_are_exported_in_order() {
    let second = "endpoint-process-nanos";
    let mut fixture = Fixture::load("user-population");
    fixture.inputs.truncate(150);
    let fixture = fixture.with_second_source(second);
    let mut mapping = fixture.input_mapping.clone();
    mapping["properties"]["@timestamp"]["type"] = json!("date_nanos");
    let documents = fixture.inputs.len();
    for paging in ["pit", "scroll"] {
        let trip = RoundTrip::of(fixture.clone().with_mapping_of(second, mapping.clone()));
        let places = [
            ("endpoint-process", "user-population-input"),
            (second, "user-population-input-2"),
        ];
        let arrived = trip
            .export_options(&["--page-size", "7", "--pagination", paging])
            .expecting_inputs_in(&places)
            .run();
        assert_eq!(arrived.first.inputs.len(), documents);
    }
}

#[test]
fn input_index_has_the_requested_name() {
    RoundTrip::of(Fixture::load("log-categories"))
        .import_options(&["--input-index", "elsewhere-2024.03"])
        .expecting_inputs_in(&[("app-logs", "elsewhere-2024.03")])
        .run();
}

#[test]
fn ids_and_texts_with_escapes_are_unchanged() {
    let mut fixture = Fixture::load("log-categories");
    fixture.inputs = documents_with_escapes("app-logs");
    let arrived = RoundTrip::of(fixture).run();
    assert_eq!(arrived.second.inputs.len(), arrived.first.inputs.len());
}

fn documents_with_escapes(index: &str) -> Vec<StoredDocument> {
    let long = "ü".repeat(256);
    let ids = [
        "/",
        "a/b#c?d=e%2Ff g",
        "\"quoted\\\"",
        "\u{1F980}",
        "_all",
        "..",
        "*",
        "a,b",
        long.as_str(),
        "+1&x",
    ];
    let messages = [
        r#""\u0041\ud83e\udd80 \/ \\ \" \t""#,
        "\"\u{2028}\u{FEFF}ж\"",
        "\"\"",
        "null",
        r#"["a", "b"]"#,
    ];
    let numbers = ["1.10", "1e3", "-0", "123456789012345678901234567890", "0.1E-7"];
    ids.iter()
        .enumerate()
        .map(|(n, id)| StoredDocument {
            index: index.to_owned(),
            id: (*id).to_owned(),
            source: format!(
                "{{ \"@timestamp\":{},\"message\" :{}, \"service\":\"s\",\"deep\":{{\"n\":[{}],\"x\":{{}}}} }}",
                1_709_251_286 + n,
                messages[n % messages.len()],
                numbers[n % numbers.len()]
            ),
        })
        .collect()
}
