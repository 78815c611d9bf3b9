//! The datafeed determines which fields are exported.

use serde_json::json;

use super::scenario::RoundTrip;
use crate::support::fixtures::Fixture;

#[test]
fn fields_of_aggregations_and_summary_counts_are_exported() {
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
    let arrived = RoundTrip::of(fixture)
        .only_fields(&["@timestamp", "user", "bytes"])
        .run();
    let input = &arrived.first.inputs[0].source;
    assert!(input.contains("\"bytes\"") && !input.contains("\"program\""), "{input}");
    let properties = &arrived.first.mapping["endpoint-process"]["mappings"]["properties"];
    assert!(properties.get("program").is_none(), "{properties}");
}

#[test]
fn fields_of_the_query_are_exported() {
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
    let arrived = RoundTrip::of(fixture)
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
fn field_read_by_a_runtime_field_without_script_is_exported() {
    let mut fixture = Fixture::load("user-population").with_job(|job| {
        job["datafeed_config"]["runtime_mappings"] = json!({"zone": {"type": "keyword"}});
        job["analysis_config"]["influencers"] = json!(["user", "zone"]);
    });
    fixture.input_mapping["dynamic"] = json!(false);
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', "{\"zone\": \"eu\", \"other\": 1, ", 1);
    }
    RoundTrip::of(fixture)
        .only_fields(&["@timestamp", "user", "bytes", "program", "zone"])
        .run();
}

#[test]
fn wildcards_and_aliases_are_resolved_to_indices() {
    let fixture = Fixture::load("log-categories").with_second_source("app-logs-2");
    let wildcard = fixture
        .clone()
        .with_job(|job| job["datafeed_config"]["indices"] = json!(["app-*"]));
    RoundTrip::of(wildcard).run();
    let alias = fixture.with_job(|job| job["datafeed_config"]["indices"] = json!(["every-log"]));
    let action = r#"{"actions":[{"add":{"index":"app-logs*","alias":"every-log"}}]}"#;
    let arrived = RoundTrip::of(alias).source_request("POST", "/_aliases", action).run();
    assert_eq!(arrived.first.mapping.len(), 2);
}

#[test]
fn indices_options_of_the_datafeed_are_respected() {
    let mut fixture = Fixture::load("log-categories")
        .with_second_source("app-logs-2")
        .with_job(|job| {
            job["datafeed_config"]["indices"] = json!(["app-*", "gone"]);
            job["datafeed_config"]["indices_options"] = json!({"expand_wildcards": ["open", "hidden"],
            "ignore_unavailable": true, "allow_no_indices": true, "ignore_throttled": true});
        });
    let documents = fixture.inputs.len();
    fixture.hidden_sources.push("app-logs-2".to_owned());
    let arrived = RoundTrip::of(fixture).run();
    assert_eq!(arrived.first.inputs.len(), documents);
}

#[test]
fn field_aliases_are_resolved() {
    let mut fixture = Fixture::load("user-population").with_job(|job| {
        job["data_description"]["time_field"] = json!("seen");
        job["analysis_config"]["influencers"] = json!(["who"]);
        job["analysis_config"]["detectors"] = json!([{"function": "count", "over_field_name": "who",
            "detector_description": "count over who", "detector_index": 0}]);
        job["datafeed_config"]["query"] = json!({"bool": {"should": [
            {"exists": {"field": "who"}}, {"term": {"everything": "ssh"}}]}});
    });
    for (alias, path) in [("seen", "@timestamp"), ("who", "user")] {
        fixture.input_mapping["properties"][alias] = json!({"type": "alias", "path": path});
    }
    fixture.input_mapping["properties"]["everything"] = json!({"type": "text"});
    fixture.input_mapping["properties"]["program"]["copy_to"] = json!("everything");
    let arrived = RoundTrip::of(fixture)
        .only_fields(&["@timestamp", "user", "program"])
        .run();
    let properties = &arrived.second.mapping["user-population-input"]["mappings"]["properties"];
    for name in ["seen", "who", "everything", "user"] {
        assert!(properties[name].is_object(), "{name} in {properties}");
    }
    assert!(properties["bytes"].is_null(), "{properties}");
}

#[test]
fn analyzers_of_exported_fields_are_included() {
    let mut fixture = Fixture::load("log-categories");
    fixture.input_settings = json!({"max_result_window": 12000, "analysis": {
        "analyzer": {"mine": {"type": "custom", "tokenizer": "standard", "filter": ["lowercase", "small"]},
            "unneeded": {"type": "custom", "tokenizer": "standard", "filter": ["secret"]}},
        "normalizer": {"low": {"type": "custom", "filter": ["lowercase"]}},
        "filter": {"small": {"type": "stop", "stopwords": ["the"]}, "secret": {"type": "stop", "stopwords": ["alice"]}}}});
    let properties = &mut fixture.input_mapping["properties"];
    properties["message"]["analyzer"] = json!("mine");
    properties["service"] = json!({"type": "keyword", "normalizer": "low"});
    properties["other"] = json!({"type": "text", "analyzer": "unneeded"});
    let arrived = RoundTrip::of(fixture)
        .only_fields(&["@timestamp", "message", "service"])
        .run();
    for (contents, index) in [(&arrived.first, "app-logs"), (&arrived.second, "log-categories-input")] {
        let settings = &contents.mapping[index]["settings"]["index"];
        let analysis = &settings["analysis"];
        let names = |section: &str| -> Vec<&String> { analysis[section].as_object().unwrap().keys().collect() };
        assert_eq!(names("analyzer"), ["mine"], "{analysis}");
        assert_eq!(names("filter"), ["small"], "{analysis}");
        assert_eq!(names("normalizer"), ["low"], "{analysis}");
        assert_eq!(settings["max_result_window"], "12000", "{settings}");
    }
}
