//! What no recording shows: bytes, refreshes, expiry, versions before points in time.

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
fn keeps_a_source_byte_for_byte() {
    let stand_in = started(documents_for_tests());
    let source = "{\n  \"price\" : 1.10,\n  \"big\": 9007199254740993\n}";
    assert_eq!(stand_in.call("PUT", "/a/_doc/1?refresh=true", source).status, 201);
    for path in ["/a/_doc/1", "/a/_search", "/a/_source/1"] {
        assert!(text(&stand_in.call("GET", path, "")).contains(source), "{path}");
    }
    let chosen = text(&stand_in.call("GET", "/a/_search?_source=price", ""));
    assert!(chosen.contains(r#""_source":{"price":1.1}"#), "{chosen}");
    let filtered = text(&stand_in.call("GET", "/a/_search?filter_path=hits.hits._source", ""));
    assert_eq!(
        filtered,
        r#"{"hits":{"hits":[{"_source":{"price":1.1,"big":9007199254740993}}]}}"#
    );
}

#[test]
fn shows_searches_only_what_was_refreshed() {
    let stand_in = started(documents_for_tests());
    let settings = json!({"settings": {"refresh_interval": "-1"}}).to_string();
    stand_in.call("PUT", "/a", settings);
    stand_in.call("PUT", "/a/_doc/1", "{}");
    assert_eq!(stand_in.call("GET", "/a/_doc/1", "").status, 200);
    assert_eq!(count(&stand_in), 0);
    stand_in.call("POST", "/a/_refresh", "");
    assert_eq!(count(&stand_in), 1);
}

#[test]
fn a_point_in_time_sees_what_was_there_when_it_was_opened() {
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
fn contexts_expire_when_told_to() {
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
fn a_keyword_longer_than_its_limit_is_stored_and_not_found() {
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
fn slices_share_the_documents_among_them() {
    let stand_in = started(documents_for_tests());
    stand_in.call("PUT", "/a", json!({"settings": {"number_of_shards": 3}}).to_string());
    let lines: String = (0..200)
        .map(|n| format!("{{\"index\":{{\"_id\":\"id_{n}\"}}}}\n{{\"n\":{n}}}\n"))
        .collect();
    stand_in.call("POST", "/a/_bulk?refresh=true", lines);
    let opened = stand_in.call("POST", "/a/_pit?keep_alive=1m", "").value();
    for max in 2..6 {
        let found = (0..max).map(|id| {
            let search = json!({"pit": {"id": opened["id"]}, "size": 0, "track_total_hits": true,
                "slice": {"id": id, "max": max}});
            let answer = stand_in.call("POST", "/_search", search.to_string()).value();
            answer
                .pointer("/hits/total/value")
                .and_then(serde_json::Value::as_u64)
                .unwrap()
        });
        assert_eq!(found.sum::<u64>(), 200, "{max} slices");
    }
    stand_in.call("DELETE", "/_pit", json!({"id": opened["id"]}).to_string());
}

#[test]
fn counts_what_an_index_has_carried_out() {
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
fn a_closed_index_is_refused_or_left_out_and_loses_its_contexts() {
    let stand_in = started(documents_for_tests());
    for index in ["a", "b"] {
        stand_in.call("PUT", &format!("/{index}/_doc/1?refresh=true"), "{}");
    }
    let opened = stand_in.call("POST", "/a,b/_pit?keep_alive=1m", "").value();
    let of_one = stand_in.call("POST", "/a/_pit?keep_alive=1m", "").value();
    let search = |opened: &serde_json::Value| {
        let body = json!({"pit": {"id": opened["id"]}}).to_string();
        stand_in.call("POST", "/_search", body)
    };
    assert_eq!(search(&opened).value()["_shards"]["failed"], 0);
    assert_eq!(stand_in.call("POST", "/a/_close", "").status, 200);
    for refused in [
        "/a/_count",
        "/a,b/_count",
        "/*/_count?expand_wildcards=all",
        "/a/_doc/1",
    ] {
        let answer = stand_in.call("GET", refused, "");
        assert_eq!(answer.status, 400, "{refused}");
        assert_eq!(answer.value()["error"]["type"], "index_closed_exception", "{refused}");
    }
    for left_out in ["/*/_count", "/a,b/_count?ignore_unavailable=true"] {
        assert_eq!(stand_in.call("GET", left_out, "").value()["count"], 1, "{left_out}");
    }
    let lost = search(&opened).value();
    assert_eq!(
        (&lost["_shards"]["total"], &lost["_shards"]["failed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(search(&of_one).status, 404);
    assert_eq!(stand_in.call("POST", "/a/_open", "").status, 200);
    assert_eq!(search(&of_one).status, 404, "opening it again brings no context back");
    assert_eq!(stand_in.call("DELETE", "/a", "").status, 200);
    assert_eq!(search(&of_one).status, 503);
    stand_in.call("DELETE", "/_pit", json!({"id": opened["id"]}).to_string());
}
