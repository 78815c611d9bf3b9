//! What the datafeed reads decides on the fields that come along.

use serde_json::json;

use super::trip::Trip;
use crate::support::fixtures::Fixture;

#[test]
fn aggregations_and_summary_counts_bring_what_they_read() {
    let fixture = Fixture::load("user-population").with_job(|job| {
        job["analysis_config"]["summary_count_field_name"] = json!("doc_count");
        job["analysis_config"]["influencers"] = json!(["user"]);
        job["analysis_config"]["detectors"] = json!([{"function": "sum", "field_name": "sent", "over_field_name": "user",
            "detector_description": "sum(sent) over user", "detector_index": 0}]);
        job["datafeed_config"]["aggregations"] = json!({"buckets": {
            "date_histogram": {"field": "@timestamp", "fixed_interval": "900s"},
            "aggregations": {
                "@timestamp": {"max": {"field": "@timestamp"}},
                "user": {"terms": {"field": "user", "size": 100},
                    "aggregations": {"sent": {"sum": {"field": "bytes"}}}}}}});
    });
    let arrived = Trip::of(fixture).only_fields(&["@timestamp", "user", "bytes"]).run();
    let input = &arrived.first.inputs[0].source;
    assert!(input.contains("\"bytes\"") && !input.contains("\"program\""), "{input}");
    let properties = &arrived.first.mapping["endpoint-process"]["mappings"]["properties"];
    assert!(properties.get("program").is_none(), "{properties}");
}

#[test]
fn a_query_brings_what_it_asks_for_and_leaves_out_what_it_excludes() {
    let mut fixture = Fixture::load("user-population").with_job(|job| {
        job["analysis_config"]["influencers"] = json!(["user"]);
        job["analysis_config"]["detectors"] = json!([{"function": "count", "over_field_name": "user",
            "detector_description": "count over user", "detector_index": 0}]);
        job["datafeed_config"]["query"] = json!({"bool": {
            "filter": [{"range": {"bytes": {"gte": 5000}}}],
            "must_not": [{"term": {"level.code": "debug"}}]}});
    });
    fixture.input_mapping["properties"]["level"] = json!({"properties": {"code": {"type": "keyword"}}});
    for (number, input) in fixture.inputs.iter_mut().enumerate() {
        let code = ["debug", "info"][number % 2];
        input.source = input.source.replacen(
            '{',
            &format!("{{\"level\": {{\"code\": \"{code}\", \"n\": {number}}}, "),
            1,
        );
    }
    let documents = fixture.inputs.len();
    let arrived = Trip::of(fixture)
        .only_fields(&["@timestamp", "user", "bytes", "level.code"])
        .run();
    let kept = arrived.first.inputs.len();
    assert!(0 < kept && kept < documents / 2 + 1, "{kept} of {documents}");
    assert!(
        arrived
            .first
            .inputs
            .iter()
            .all(|input| input.source.contains("{\"code\":\"info\"}"))
    );
}

#[test]
fn a_runtime_field_without_script_brings_the_value_that_it_reads() {
    let mut fixture = Fixture::load("user-population").with_job(|job| {
        job["datafeed_config"]["runtime_mappings"] = json!({"zone": {"type": "keyword"}});
        job["analysis_config"]["influencers"] = json!(["user", "zone"]);
    });
    fixture.input_mapping["dynamic"] = json!(false);
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', "{\"zone\": \"eu\", \"other\": 1, ", 1);
    }
    Trip::of(fixture)
        .only_fields(&["@timestamp", "user", "bytes", "program", "zone"])
        .run();
}

#[test]
fn a_wildcard_and_an_alias_are_followed_to_their_indices() {
    let fixture = Fixture::load("log-categories").on_two_sources("app-logs-2");
    let wildcard = fixture
        .clone()
        .with_job(|job| job["datafeed_config"]["indices"] = json!(["app-*"]));
    Trip::of(wildcard).run();
    let alias = fixture.with_job(|job| job["datafeed_config"]["indices"] = json!(["every-log"]));
    let action = r#"{"actions":[{"add":{"indices":["app-logs","app-logs-2"],"alias":"every-log"}}]}"#;
    let arrived = Trip::of(alias).preparing("POST", "/_aliases", action).run();
    assert_eq!(arrived.first.mapping.len(), 2);
}

#[test]
fn a_datafeed_that_reads_hidden_indices_and_ignores_missing_ones_is_exported_so() {
    let mut fixture = Fixture::load("log-categories")
        .on_two_sources("app-logs-2")
        .with_job(|job| {
            job["datafeed_config"]["indices"] = json!(["app-*", "gone"]);
            job["datafeed_config"]["indices_options"] = json!({"expand_wildcards": ["open", "hidden"],
            "ignore_unavailable": true, "allow_no_indices": true, "ignore_throttled": true});
        });
    let documents = fixture.inputs.len();
    fixture.hidden.push("app-logs-2".to_owned());
    let arrived = Trip::of(fixture).run();
    assert_eq!(arrived.first.inputs.len(), documents);
}
