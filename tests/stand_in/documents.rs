//! Behavior that is not in recordings: bytes, refreshes, points in time, statistics, closed indices.

use std::sync::Arc;

use serde_json::json;

use crate::support::cluster::documents::InMemory;
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::cluster::{Answer, Documents};

fn started(documents: Arc<dyn Documents>) -> StandIn {
    StandIn::start(StandInOptions::new(documents))
}

fn count(stand_in: &StandIn) -> u64 {
    stand_in.call("GET", "/a/_count", "").value()["count"].as_u64().unwrap()
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.to_vec()).unwrap()
}

#[test]
fn returns_a_source_byte_for_byte() {
    let stand_in = started(documents_for_tests());
    let source = "{\n  \"price\" : 1.10,\n  \"big\": 9007199254740993\n}";
    assert_eq!(stand_in.call("PUT", "/a/_doc/1?refresh=true", source).status, 201);
    assert!(text(&stand_in.call("GET", "/a/_search", "")).contains(source));
    let chosen = text(&stand_in.call("GET", "/a/_search?_source=price", ""));
    assert!(chosen.contains(r#""_source":{"price":1.1}"#), "{chosen}");
    let filtered = text(&stand_in.call("GET", "/a/_search?filter_path=hits.hits._source", ""));
    assert_eq!(
        filtered,
        r#"{"hits":{"hits":[{"_source":{"price":1.1,"big":9007199254740993}}]}}"#
    );
}

#[test]
fn searches_see_only_what_was_refreshed() {
    let stand_in = started(documents_for_tests());
    let settings = json!({"settings": {"refresh_interval": "-1"}}).to_string();
    stand_in.call("PUT", "/a", settings);
    stand_in.call("PUT", "/a/_doc/1", "{}");
    assert_eq!(count(&stand_in), 0);
    stand_in.call("POST", "/a/_refresh", "");
    assert_eq!(count(&stand_in), 1);
}

#[test]
fn a_point_in_time_does_not_see_later_changes() {
    let stand_in = started(documents_for_tests());
    stand_in.call("PUT", "/a/_doc/1?refresh=true", "{\"n\":1}");
    let opened = stand_in.call("POST", "/a/_pit?keep_alive=1m", "").value();
    stand_in.call("PUT", "/a/_doc/1?refresh=true", "{\"n\":2}");
    stand_in.call("PUT", "/a/_doc/2?refresh=true", "{\"n\":3}");
    let search = json!({"pit": {"id": opened["id"]}}).to_string();
    let found = stand_in.call("POST", "/_search", search).value();
    assert_eq!(found.pointer("/hits/total/value"), Some(&json!(1)));
    assert_eq!(found.pointer("/hits/hits/0/_source/n"), Some(&json!(1)));
    let open = stand_in.documents().open_contexts();
    stand_in.call("DELETE", "/_pit", json!({"id": opened["id"]}).to_string());
    assert_ne!(open, stand_in.documents().open_contexts());
    assert_eq!(stand_in.documents().open_contexts(), Some(0));
}

#[test]
fn an_expired_scroll_is_missing() {
    let stand_in = started(Arc::new(InMemory::new()));
    stand_in.call("PUT", "/a/_doc/1?refresh=true", "{}");
    let opened = stand_in.call("POST", "/a/_search?scroll=1m", "{}").value();
    assert!(stand_in.documents().expire_contexts());
    let next = json!({"scroll": "1m", "scroll_id": opened["_scroll_id"]}).to_string();
    let answer = stand_in.call("POST", "/_search/scroll", next);
    assert_eq!(answer.status, 404);
    assert!(text(&answer).contains("search_context_missing_exception"));
}

#[test]
fn a_keyword_longer_than_its_limit_is_not_found() {
    let stand_in = started(documents_for_tests());
    let mapping = json!({"mappings": {"properties": {"host": {"type": "keyword", "ignore_above": 4}}}}).to_string();
    stand_in.call("PUT", "/a", mapping);
    stand_in.call("PUT", "/a/_doc/1?refresh=true", r#"{"host":"web-"}"#);
    stand_in.call("PUT", "/a/_doc/2?refresh=true", r#"{"host":"web-1"}"#);
    for query in [json!({"exists": {"field": "host"}}), json!({"prefix": {"host": "web"}})] {
        let found = stand_in.call("POST", "/a/_count", json!({"query": query}).to_string());
        assert_eq!(found.value()["count"], 1, "{query}");
    }
}

#[test]
fn indexing_statistics_count_index_and_delete_operations() {
    let stand_in = started(documents_for_tests());
    let lines = [
        r#"{"index":{"_id":"1"}}"#,
        "{}",
        r#"{"index":{"_id":"1"}}"#,
        "{}",
        r#"{"index":{"_id":"2"}}"#,
        "{}",
        r#"{"delete":{"_id":"2"}}"#,
        r#"{"delete":{"_id":"9"}}"#,
        r#"{"create":{"_id":"1"}}"#,
        "{}",
    ];
    stand_in.call("PUT", "/a", json!({"settings": {"number_of_shards": 2}}).to_string());
    stand_in.call("POST", "/a/_bulk", lines.join("\n") + "\n");
    let stats = stand_in.call("GET", "/a/_stats/indexing", "").value();
    assert_eq!(stats["_shards"]["failed"], 0);
    let primaries = &stats["_all"]["primaries"]["indexing"];
    assert_eq!(
        (&primaries["index_total"], &primaries["delete_total"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(stand_in.call("GET", "/b/_stats/indexing", "").status, 404);
}

#[test]
fn a_closed_index_is_refused_by_name_and_skipped_by_wildcards() {
    let stand_in = started(documents_for_tests());
    for index in ["a", "b"] {
        stand_in.call("PUT", &format!("/{index}/_doc/1?refresh=true"), "{}");
    }
    let opened = stand_in.call("POST", "/a/_pit?keep_alive=1m", "").value();
    let search = || {
        let body = json!({"pit": {"id": opened["id"]}}).to_string();
        stand_in.call("POST", "/_search", body)
    };
    assert_eq!(search().value()["_shards"]["failed"], 0);
    assert_eq!(stand_in.call("POST", "/a/_close", "").status, 200);
    for refused in ["/a/_count", "/a,b/_count", "/*/_count?expand_wildcards=all"] {
        let answer = stand_in.call("GET", refused, "");
        assert_eq!(answer.status, 400, "{refused}");
        assert_eq!(answer.value()["error"]["type"], "index_closed_exception", "{refused}");
    }
    for skipped in ["/*/_count", "/a,b/_count?ignore_unavailable=true"] {
        assert_eq!(stand_in.call("GET", skipped, "").value()["count"], 1, "{skipped}");
    }
    assert_eq!(search().status, 404);
    assert_eq!(stand_in.call("POST", "/a/_open", "").status, 200);
    assert_eq!(
        search().status,
        404,
        "opening the index again does not restore the point in time"
    );
    stand_in.call("DELETE", "/_pit", json!({"id": opened["id"]}).to_string());
}
