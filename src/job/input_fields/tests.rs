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
    needed_fields(&job, &InputMappings::parse(&definitions.to_string()).unwrap(), &[])
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
fn query_options_are_not_fields() {
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
            vec!["n.x", "timestamp"],
        ),
    ] {
        let found = of_feed(json!({"query": query}));
        assert_eq!(names(&found), wanted, "{query}");
        assert!(found.warnings.is_empty(), "{query}: {:?}", found.warnings);
    }
    assert_eq!(of_feed(json!({"query": {"new_kind": {"x": 1}}})).warnings.len(), 1);
    assert_eq!(
        of_feed(json!({"query": {"has_child": {"type": "c", "query": {"match_all": {}}}}}))
            .warnings
            .len(),
        1
    );
}

#[test]
fn fields_named_like_options_are_fields() {
    for (query, wanted) in [
        (json!({"term": {"type": "error"}}), vec!["timestamp", "type"]),
        (json!({"term": {"boost": 3}}), vec!["boost", "timestamp"]),
        (json!({"match": {"_raw": "x"}}), vec!["_raw", "timestamp"]),
        (
            json!({"match": {"distance": {"query": 1}}}),
            vec!["distance", "timestamp"],
        ),
        (json!({"terms": {"unit": ["s"], "boost": 2}}), vec!["timestamp", "unit"]),
        (json!({"terms": {"_id": ["1"]}}), vec!["timestamp"]),
        (
            json!({"sparse_vector": {"field": "tokens", "query": "q"}}),
            vec!["timestamp", "tokens"],
        ),
        (
            json!({"nested": {"path": "n", "query": {"match_all": {}}}}),
            vec!["n", "timestamp"],
        ),
    ] {
        let found = of_feed(json!({"query": query}));
        assert_eq!(names(&found), wanted, "{query}");
        assert!(found.warnings.is_empty(), "{query}: {:?}", found.warnings);
    }
}

#[test]
fn queries_on_all_fields_cause_a_warning_and_add_no_fields() {
    for query in [
        json!({"query_string": {"query": "error AND status:500"}}),
        json!({"query_string": {"query": "error", "fields": ["*"]}}),
        json!({"simple_query_string": {"query": "error"}}),
        json!({"multi_match": {"query": "error"}}),
    ] {
        let found = of_feed(json!({"query": query}));
        assert!(
            found.fields.iter().all(|name| name == "status" || name == "timestamp"),
            "{query}"
        );
        assert_eq!(found.warnings.len(), 1, "{query}");
    }
    for query in [
        json!({"query_string": {"query": "*"}}),
        json!({"query_string": {"query": "error", "default_field": "timestamp"}}),
        json!({"simple_query_string": {"query": "error", "fields": ["timestamp"]}}),
        json!({"exists": {"field": "*"}}),
    ] {
        let found = of_feed(json!({"query": query}));
        assert_eq!((names(&found), found.warnings.len()), (vec!["timestamp"], 0), "{query}");
    }
}

/// Reads a datafeed with several indices and their settings.
fn of_indices(feed: Value, definitions: Value) -> NeededFields {
    let mut feed = feed;
    feed["datafeed_id"] = json!("datafeed-a");
    let job = json!({"job_id": "a", "analysis_config": {"detectors": [{"function": "count"}]}, "datafeed_config": feed,
        "data_description": {"time_field": "timestamp"}});
    let job = JobConfig::parse(job.to_string().as_bytes()).unwrap();
    needed_fields(&job, &InputMappings::parse(&definitions.to_string()).unwrap(), &[])
}

#[test]
fn default_search_fields_of_an_index_are_needed() {
    let index = json!({"mappings": {"properties": {"m": {"type": "text"}, "timestamp": {"type": "date"}}},
        "settings": {"index": {"query": {"default_field": ["m"]}}}});
    let feed = json!({"query": {"query_string": {"query": "error"}}});
    let found = of_indices(feed.clone(), json!({"i": index}));
    assert_eq!((names(&found), found.warnings.len()), (vec!["m", "timestamp"], 0));
    let other = json!({"mappings": index["mappings"]});
    assert_eq!(of_indices(feed, json!({"i": index, "j": other})).warnings.len(), 1);
}

#[test]
fn names_are_resolved_by_the_mapping_of_each_index() {
    let multi =
        json!({"mappings": {"properties": {"s": {"type": "text", "fields": {"keyword": {"type": "keyword"}}}}}});
    let object = json!({"mappings": {"properties": {"s": {"properties": {"keyword": {"type": "keyword"}}}}}});
    let alias = json!({"mappings": {"properties": {"s": {"properties": {"keyword": {"type": "alias", "path": "o.raw"}}},
        "o": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}}});
    let feed = json!({"query": {"term": {"s.keyword": "x"}}});
    let found = of_indices(
        feed,
        json!({"a": multi, "b": object, "c": alias, "d": {"mappings": {}}}),
    );
    assert_eq!(names(&found), ["o", "s", "s.keyword", "timestamp"]);
}

#[test]
fn time_field_may_be_an_alias() {
    let found = needed(
        json!({"detectors": [{"function": "count"}]}),
        json!({}),
        json!({
        "timestamp": {"type": "alias", "path": "event.created"}, "event": {"properties": {"created": {"type": "date"}}}}),
    );
    assert_eq!(names(&found), ["event.created"]);
}

#[test]
fn copy_to_fields_include_their_sources() {
    let mappings = json!({"all": {"type": "text"}, "m": {"type": "text", "copy_to": ["all", "x"]}, "timestamp": {"type": "date"},
        "o": {"properties": {"t": {"type": "keyword", "copy_to": "all"}, "u": {"type": "keyword"}}}});
    let feed = json!({"query": {"match": {"all": "error"}}});
    let found = needed(json!({"detectors": [{"function": "count"}]}), feed, mappings);
    assert_eq!(names(&found), ["all", "m", "o.t", "timestamp"]);
}

#[test]
fn patterns_are_expanded_by_the_mapping() {
    let mappings = json!({"s": {"type": "text", "fields": {"raw": {"type": "keyword"}}}, "st": {"type": "long"}, "x": {"type": "long"}});
    let feed = json!({"query": {"query_string": {"query": "a", "fields": ["s*"]}}});
    let analysis = json!({"detectors": [{"function": "count"}]});
    assert_eq!(
        names(&needed(analysis.clone(), feed, mappings.clone())),
        ["s", "st", "timestamp"]
    );
    let feed = json!({"query": {"exists": {"field": "s.*"}}});
    assert_eq!(names(&needed(analysis, feed, mappings)), ["s", "timestamp"]);
    assert_eq!(
        names(&of_feed(json!({"query": {"exists": {"field": "q.*"}}}))),
        ["q.*", "timestamp"]
    );
}

#[test]
fn chains_of_runtime_fields_are_resolved() {
    let index = json!({"mappings": {"runtime": {
            "a": {"type": "long", "script": {"source": "emit(doc['b'].value)"}},
            "b": {"type": "long", "script": {"source": "emit(params._source.deep.c.length)"}},
            "c": {"type": "long"}, "unread": {"type": "long", "script": {"source": "emit(doc['z'].value)"}},
            "pair": {"type": "composite", "script": "emit(doc['p'].value)", "fields": {"left": {"type": "long"}}}},
        "properties": {"deep": {"properties": {"c": {"type": "keyword"}}}, "timestamp": {"type": "date"}, "p": {"type": "long"}}}});
    let feed =
        json!({"query": {"bool": {"filter": [{"term": {"a": 1}}, {"term": {"c": 1}}, {"term": {"pair.left": 1}}]}}});
    let found = of_indices(feed, json!({"i": index}));
    assert_eq!(names(&found), ["c", "deep.c", "p", "timestamp"]);
    assert_eq!(found.runtime.iter().collect::<Vec<_>>(), ["a", "b", "c", "pair"]);
}

#[test]
fn runtime_field_may_read_the_source_field_of_the_same_name() {
    let analysis = json!({"detectors": [{"function": "sum", "field_name": "bytes", "by_field_name": "host"}]});
    let feed = json!({"runtime_mappings": {"bytes": {"type": "long", "script": "emit(Long.parseLong(params._source.bytes))"}},
        "script_fields": {"host": {"script": "doc['host'].value.toLowerCase()"}}});
    assert_eq!(
        names(&needed(analysis, feed, json!({}))),
        ["bytes", "host", "timestamp"]
    );
}

#[test]
fn requested_fields_are_resolved_by_the_mapping() {
    let job = json!({"job_id": "a", "analysis_config": {"detectors": [{"function": "count"}]}});
    let job = JobConfig::parse(job.to_string().as_bytes()).unwrap();
    let definitions = json!({"i": {"mappings": {"properties": {"s": {"type": "text", "fields": {"raw": {"type": "keyword"}}},
        "o": {"properties": {"x": {"type": "long"}}}}}}});
    let mappings = InputMappings::parse(&definitions.to_string()).unwrap();
    let more = ["s.raw", "o", "new.*"].map(str::to_owned);
    assert_eq!(
        names(&needed_fields(&job, &mappings, &more)),
        ["new.*", "o", "s", "time"]
    );
}

#[test]
fn aggregations_are_parsed_regardless_of_their_names() {
    let aggregations = json!({"t": {"date_histogram": {"field": "timestamp"}, "aggs": {
        "c": {"composite": {"sources": [{"path": {"terms": {"field": "url"}}}, {"order": {"terms": {"field": "o"}}}]}},
        "line": {"geo_line": {"point": {"field": "place"}, "sort": {"field": "seen"}}},
        "top": {"top_hits": {"sort": [{"rank": {"order": "desc"}}], "_source": {"includes": ["user"]}}},
        "none": {"missing": {"field": "gone"}},
        "sorted": {"bucket_sort": {"sort": [{"line": {}}]}}}}});
    let found = of_feed(json!({"aggregations": aggregations}));
    assert_eq!(
        names(&found),
        [
            "_doc_count",
            "gone",
            "o",
            "place",
            "rank",
            "seen",
            "timestamp",
            "url",
            "user"
        ]
    );
}

#[test]
fn fields_of_scripts_are_found_or_reported_as_unknown() {
    let script =
        |source: &str| of_feed(json!({"runtime_mappings": {"r": {"type": "long", "script": {"source": source}}}}));
    for source in [
        "emit(doc['x'].value)",
        "emit(params._source.x)",
        "emit(field('x').get(0))",
    ] {
        let found = script(source);
        assert_eq!(names(&found), ["timestamp", "x"], "{source}");
        assert!(found.warnings.is_empty(), "{source}: {:?}", found.warnings);
    }
    assert_eq!(script("for (f in l) emit(doc[f].value)").warnings.len(), 1);
    // Elasticsearch refuses it.
    assert_eq!(script(&"/* */".repeat(20_000)).warnings.len(), 1);
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
fn fields_of_the_job_are_not_exported_with_aggregations() {
    let analysis =
        json!({"detectors": [{"function": "mean", "field_name": "avg_b"}], "summary_count_field_name": "doc_count"});
    let feed = json!({"aggregations": {"t": {"date_histogram": {"field": "timestamp"}, "aggs": {
        "avg_b": {"avg": {"field": "bytes"}}, "m": {"top_metrics": {"metrics": [{"field": "g"}]}},
        "c": {"composite": {"sources": [{"u": {"terms": {"field": "user"}}}]}}}}}});
    assert_eq!(
        names(&needed(analysis, feed, json!({}))),
        ["_doc_count", "bytes", "g", "timestamp", "user"]
    );
}

#[test]
fn only_used_subfields_of_nested_objects_are_needed() {
    let nested = |inside: Value| {
        let by_time = json!({"date_histogram": {"field": "timestamp", "fixed_interval": "1m"}, "aggregations": {
            "timestamp": {"max": {"field": "timestamp"}},
            "items": {"nested": {"path": "items"}, "aggregations": inside},
        }});
        of_feed(json!({"aggregations": {"buckets": by_time}}))
    };
    let price = nested(json!({"s": {"sum": {"field": "items.price"}}}));
    assert_eq!(names(&price), ["_doc_count", "items.price", "timestamp"]);
    let back = nested(json!({"s": {"sum": {"field": "items.price"}},
        "out": {"reverse_nested": {"path": "order"}, "aggs": {"m": {"max": {"field": "order.total"}}}}}));
    assert_eq!(names(&back), ["_doc_count", "items.price", "order.total", "timestamp"]);
    // The number of objects depends on the objects themselves.
    assert_eq!(names(&nested(json!({}))), ["_doc_count", "items", "timestamp"]);
}

#[test]
fn only_used_keys_of_flattened_fields_are_needed() {
    let analysis = json!({"detectors": [{"function": "count", "partition_field_name": "labels.env"}],
        "influencers": ["labels.zone.name"]});
    let found = needed(
        analysis,
        json!({}),
        json!({"labels": {"type": "flattened"}, "u": {"type": "keyword"}}),
    );
    assert_eq!(names(&found), ["labels.env", "labels.zone.name", "timestamp"]);
    let whole = json!({"detectors": [{"function": "count", "partition_field_name": "labels"}]});
    let found = needed(whole, json!({}), json!({"labels": {"type": "flattened"}}));
    assert_eq!(names(&found), ["labels", "timestamp"]);
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn field_below_a_mapped_field_is_its_multi_field() {
    let names = set(&[
        "u.keyword",
        "o.keyword",
        "a.b.raw",
        "none.keyword",
        "both.x",
        "plain",
        "p.*",
    ]);
    let asked = names_with_parents(&names);
    for name in ["u", "u.keyword", "a.b", "a.b.raw"] {
        assert!(asked.contains(name), "{name}");
    }
    assert!(!asked.contains("plain") && !asked.iter().any(|name| name.contains('*')));
    let types = BTreeMap::from(
        [
            ("u", &["text"][..]),
            ("u.keyword", &["keyword"]),
            ("o", &["object"]),
            ("o.keyword", &["keyword"]),
            ("a", &["object"]),
            ("a.b", &["text", "match_only_text"]),
            ("a.b.raw", &["keyword"]),
            ("none", &["text"]),
            ("both", &["object", "text"]),
            ("both.x", &["keyword"]),
        ]
        .map(|(name, kinds)| (name.to_owned(), set(kinds))),
    );
    assert_eq!(parents_of_multi_fields(&names, &types), set(&["a.b", "both", "u"]));
}
