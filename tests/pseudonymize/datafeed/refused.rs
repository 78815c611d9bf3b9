//! Queries that tokens cannot follow.

use serde_json::{Value, json};

use super::{datafeed, feeding, refused};
use crate::pseudonymize::newest;
use crate::pseudonymize::shared::edited;
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::world::World;

#[test]
fn clauses_that_cannot_be_followed_are_refused() {
    let binary = Binary::new();
    let clauses = [
        json!({"fuzzy": {"host": "web-o5"}}),
        json!({"regexp": {"host": "web-[0-4].*"}}),
        json!({"match_phrase_prefix": {"host": "web-05"}}),
        json!({"match": {"host": {"query": "web-05", "fuzziness": "AUTO"}}}),
        json!({"terms": {"host": {"index": "hosts", "id": "1", "path": "names"}}}),
        json!({"terms_set": {"host": {"terms": ["web-05"], "minimum_should_match_field": "n"}}}),
        json!({"more_like_this": {"fields": ["host"], "like": "web-05"}}),
        json!({"percolate": {"field": "q", "document": {"host": "web-05"}}}),
        json!({"wildcard": {"clientip": "10.*"}}),
        json!({"simple_query_string": {"query": "web-05*"}}),
        json!({"query_string": {"query": "web-05"}}),
        json!({"query_string": {"query": "host:web-05~"}}),
        json!({"query_string": {"query": "ho*:web-05", "boost": 1}}),
        json!({"multi_match": {"query": "web-05", "type": "phrase_prefix", "fields": ["host^2"]}}),
        json!({"span_term": {"host": "web-05"}}),
        json!({"new_kind": {"inner": [{"field": "host", "with": "web-05"}]}}),
        json!({"script": {"script": {"source": "doc['host'].value.startsWith('web-0')"}}}),
        json!({"script_score": {"query": {"match_all": {}}, "script": {"source": "doc['status'].value >= 500 ? 1 : 0"}}}),
        json!({"script": {"script": {"id": "stored"}}}),
        json!({"wildcard": {"_id": "web-05*"}}),
    ];
    let wanted = [
        "`fuzzy` on host",
        "`regexp` on host",
        "`match_phrase_prefix` on host",
        "`match` on host",
        "`terms` on host",
        "`terms_set` on host",
        "`more_like_this` on host",
        "`percolate` on any field",
        "`wildcard` on clientip",
        "`simple_query_string` on the fields",
        "`query_string` on the fields",
        "`query_string` on host",
        "`query_string` on ho*",
        "`multi_match` on host",
        "`span_term` on host",
        "`new_kind` on host",
        "script of `script` on host",
        "script of `script_score` on status",
        "script of `script` on any field",
        "`wildcard` on _id",
    ];
    let old = feeding(&binary, json!({"query": {"bool": {"should": clauses}}}));
    let run = refused(&binary, &old, &[]).expect(3);
    for clause in wanted {
        run.says(clause);
    }
    assert!(!run.stderr.contains("web-0"), "{}", run.stderr);
    run.says("--skip-datafeed").says("--fields");
    assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
    refused(&binary, &old, &["--dry-run"]).expect(3);
    for clause in clauses {
        let old = feeding(&binary, json!({ "query": clause.clone() }));
        let exit = refused(&binary, &old, &["--dry-run"]).code;
        assert_eq!(exit, 3, "{clause}");
    }
    // The hint is a way.
    refused(&binary, &old, &["--skip-datafeed"]).expect(0);
    let written = entries(&binary.path("new.tar.gz"));
    assert!(!entry(&written, "_config.json").contains("datafeed_config"));
    let world = World::new(newest());
    world.import(&binary, &binary.path("new.tar.gz"), &[]).expect(0);
}

#[test]
fn clauses_about_fields_that_stay_are_left_alone() {
    let binary = Binary::new();
    let feed = json!({"query": {"bool": {"filter": [
        {"fuzzy": {"team": "paymets"}},
        {"query_string": {"query": "bytes:304 AND (bytes:[200 TO 503] OR team:/x/)"}},
        {"term": {"bytes": "304"}},
        {"regexp": {"host": "web-[0-4].*"}},
        {"script": {"script": {"source": "doc['responsetime'].value > 5 && doc['team'].value == 'x'"}}},
    ]}}});
    let old = feeding(&binary, feed.clone());
    refused(&binary, &old, &["--fields", "status,clientip"]).expect(0);
    assert_eq!(datafeed(&entries(&binary.path("new.tar.gz")))["query"], feed["query"]);
}

#[test]
fn clauses_about_messages_are_refused_where_words_matter() {
    let binary = Binary::new();
    let asking = |query: Value| {
        edited(&binary, "log-categories", |config, _| {
            config["datafeed_config"]["query"] = query;
        })
    };
    let old = asking(json!({"match": {"message": "error"}}));
    refused(&binary, &old, &["--dry-run"])
        .expect(3)
        .says("`match` on message");
    refused(&binary, &old, &["--dry-run", "--fields", "service"]).expect(0);
    // What is cut into words is another matter than what the job sees, which is whole.
    let old = asking(json!({"match": {"service": "billing"}}));
    refused(&binary, &old, &["--dry-run"])
        .expect(3)
        .says("`match` on service");
    let old = asking(json!({"bool": {"filter": [{"exists": {"field": "message"}}, {"term": {"level": "debug"}}]}}));
    refused(&binary, &old, &["--dry-run"]).expect(0);
}

#[test]
fn names_that_stand_for_a_replaced_field_are_known() {
    let binary = Binary::new();
    let run = |query: &Value, properties: Value| {
        let old = edited(&binary, "web-latency", |config, mapping| {
            config["datafeed_config"]["query"] = query.clone();
            let mapping = &mut mapping["weblogs-2024.01"];
            mapping["settings"] = json!({"index": {"analysis": {"normalizer": {"low": {"filter": ["lowercase"]}}}}});
            for (name, definition) in properties.as_object().unwrap() {
                mapping["mappings"]["properties"][name] = definition.clone();
            }
        });
        refused(&binary, &old, &["--overwrite", "--key", "new.key.json"])
    };
    let host = "web-05.iad.corp.example";
    for (name, properties) in [
        ("server", json!({"server": {"type": "alias", "path": "host"}})),
        (
            "host.raw",
            json!({"host": {"type": "text", "fields": {"raw": {"type": "keyword"}}}}),
        ),
        ("host.keyword", json!({})),
    ] {
        run(&json!({"term": {name: host}}), properties).expect(0);
        let written = datafeed(&entries(&binary.path("new.tar.gz")));
        let token = written["query"]["term"][name].as_str().unwrap();
        assert!(token.starts_with("t_"), "{name}: {token}");
    }
    for (name, properties) in [
        (
            "all",
            json!({"all": {"type": "keyword"}, "host": {"type": "keyword", "copy_to": "all"}}),
        ),
        (
            "host.low",
            json!({"host": {"type": "keyword", "fields": {"low": {"type": "keyword", "normalizer": "low"}}}}),
        ),
        (
            "host.words",
            json!({"host": {"type": "keyword", "fields": {"words": {"type": "text"}}}}),
        ),
        ("host", json!({"host": {"type": "text"}})),
    ] {
        let run = run(&json!({"term": {name: host}}), properties).expect(3);
        run.says(&format!("`term` on {name} "));
    }
}
