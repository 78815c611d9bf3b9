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
