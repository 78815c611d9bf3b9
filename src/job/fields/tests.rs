#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::{Value, json};

use super::*;

fn needed(analysis: Value, feed: Value, mappings: Value) -> NeededFields {
    let mut feed = feed;
    feed["datafeed_id"] = json!("datafeed-a");
    let job = json!({"job_id": "a", "analysis_config": analysis, "datafeed_config": feed,
        "data_description": {"time_field": "timestamp"}});
    let job = JobConfig::parse(job.to_string().as_bytes()).unwrap();
    let definitions = json!({"i": {"mappings": {"properties": mappings}}});
    needed_fields(&job, &InputMappings::parse(definitions.to_string().as_bytes()).unwrap())
}

fn of_feed(feed: Value) -> NeededFields {
    needed(json!({"detectors": [{"function": "count"}]}), feed, json!({}))
}

fn names(found: &NeededFields) -> Vec<&str> {
    found.fields.iter().map(String::as_str).collect()
}

#[test]
fn categorization_and_summary_count_are_needed_and_mlcategory_is_not() {
    let analysis = json!({"detectors": [{"function": "count", "by_field_name": "mlcategory"}], "influencers": ["host"],
        "categorization_field_name": "message", "summary_count_field_name": "n"});
    let found = needed(analysis, json!({}), json!({}));
    assert_eq!(names(&found), ["host", "message", "n", "timestamp"]);
}

#[test]
fn options_of_a_query_are_no_fields() {
    for (query, wanted) in [
        (
            json!({"range": {"bytes": {"gte": 1, "lte": 2}}}),
            vec!["bytes", "timestamp"],
        ),
        (
            json!({"bool": {"filter": {"exists": {"field": "h"}}, "must_not": [{"term": {"t": 1}}]}}),
            vec!["h", "t", "timestamp"],
        ),
        (
            json!({"multi_match": {"query": "q", "fields": ["a^2", "b"]}}),
            vec!["a", "b", "timestamp"],
        ),
        (
            json!({"query_string": {"query": "status:500 AND host:(a b) AND _exists_:u"}}),
            vec!["host", "status", "timestamp", "u"],
        ),
        (
            json!({"terms": {"user": {"index": "i", "id": "1", "path": "p"}, "boost": 1}}),
            vec!["timestamp", "user"],
        ),
        (
            json!({"geo_distance": {"distance": "1km", "place": [0, 0]}}),
            vec!["place", "timestamp"],
        ),
        (
            json!({"nested": {"path": "n", "query": {"match": {"n.x": "y"}}}}),
            vec!["n", "n.x", "timestamp"],
        ),
    ] {
        let found = of_feed(json!({"query": query}));
        assert_eq!(names(&found), wanted, "{query}");
        assert!(found.doubts.is_empty(), "{query}: {:?}", found.doubts);
    }
    assert_eq!(of_feed(json!({"query": {"new_kind": {"x": 1}}})).doubts.len(), 1);
}

#[test]
fn scripts_name_fields_or_leave_a_doubt() {
    let script =
        |source: &str| of_feed(json!({"runtime_mappings": {"r": {"type": "long", "script": {"source": source}}}}));
    for source in [
        "emit(doc['x'].value)",
        "emit(doc[\"x\"].value)",
        "emit(params._source.x)",
        "emit(params['_source']['x'])",
        "emit(field('x').get(0))",
        "emit($('x', 0))",
        "if (doc.containsKey('x')) {}",
    ] {
        let found = script(source);
        assert_eq!(names(&found), ["timestamp", "x"], "{source}");
        assert!(found.doubts.is_empty(), "{source}: {:?}", found.doubts);
    }
    assert_eq!(script("for (f in l) emit(doc[f].value)").doubts.len(), 1);
}

#[test]
fn a_runtime_field_of_the_datafeed_is_not_stored() {
    let analysis = json!({"detectors": [{"function": "sum", "field_name": "r"}]});
    let feed =
        json!({"runtime_mappings": {"r": {"type": "long", "script": "emit(doc['x'].value)"}, "own": {"type": "long"}}});
    assert_eq!(names(&needed(analysis, feed, json!({}))), ["own", "timestamp", "x"]);
}

#[test]
fn multi_fields_and_aliases_are_read_from_their_source() {
    let analysis = json!({"detectors": [{"function": "sum", "field_name": "s.raw", "by_field_name": "al"}]});
    let mappings = json!({"s": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "al": {"type": "alias", "path": "o.x"},
        "o": {"properties": {"x": {"type": "long"}}}});
    assert_eq!(names(&needed(analysis, json!({}), mappings)), ["o.x", "s", "timestamp"]);
}

#[test]
fn with_aggregations_the_jobs_names_are_not_fields() {
    let analysis =
        json!({"detectors": [{"function": "mean", "field_name": "avg_b"}], "summary_count_field_name": "doc_count"});
    let feed = json!({"aggregations": {"t": {"date_histogram": {"field": "timestamp"}, "aggs": {
        "avg_b": {"avg": {"field": "bytes"}}, "m": {"top_metrics": {"metrics": [{"field": "g"}]}},
        "c": {"composite": {"sources": [{"u": {"terms": {"field": "user"}}}]}}}}}});
    assert_eq!(
        names(&needed(analysis, feed, json!({}))),
        ["bytes", "g", "timestamp", "user"]
    );
}
