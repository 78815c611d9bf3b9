//! Queries that compare with tokens.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{HOST, Input, OTHER, datafeed, feeding, inputs, instant, told};
use crate::pseudonymize::independent::{search, values};
use crate::pseudonymize::newest;
use crate::pseudonymize::revealed::reveal;
use crate::pseudonymize::shared::pseudonymized;
use crate::support::archive::entries;
use crate::support::binary::Binary;
use crate::support::world::World;

/// Whether a value is taken in.
type Taken = Box<dyn Fn(&str) -> bool>;
type Wanted = fn(&Input) -> bool;

fn first_of(address: &str) -> u8 {
    let first = address.split('.').next().unwrap();
    first.parse().unwrap_or(0)
}

fn status(input: &Input) -> u32 {
    input.status.parse().unwrap()
}

/// Clauses with what they select.
fn followed() -> Vec<(Value, Wanted)> {
    vec![
        (json!({"term": {"host": HOST}}), |input| input.host == HOST),
        (json!({"term": {"host": {"value": HOST, "boost": 2.0}}}), |input| {
            input.host == HOST
        }),
        (
            json!({"term": {"host": {"value": "WEB-05.iad.corp.EXAMPLE", "case_insensitive": true}}}),
            |input| input.host == HOST,
        ),
        (json!({"terms": {"host": [HOST, OTHER], "boost": 1.0}}), |input| {
            input.host == HOST || input.host == OTHER
        }),
        (
            json!({"match": {"host": {"query": HOST, "operator": "and"}}}),
            |input| input.host == HOST,
        ),
        (json!({"match_phrase": {"host": HOST}}), |input| input.host == HOST),
        (json!({"wildcard": {"host": "*.fra.corp.example"}}), |input| {
            input.host.contains(".fra.")
        }),
        (
            json!({"wildcard": {"host": {"value": "WEB-0?.*", "case_insensitive": true}}}),
            |input| input.host.starts_with("web-0"),
        ),
        (json!({"prefix": {"host": {"value": "web-1"}}}), |input| {
            input.host.starts_with("web-1")
        }),
        (json!({"prefix": {"host": "db-"}}), |_| false),
        (json!({"regexp": {"host": r"web-1.\.iad.*"}}), |input| {
            input.host.starts_with("web-1") && input.host.contains(".iad")
        }),
        (json!({"range": {"host": {"gte": "web-05", "lt": "web-12"}}}), |input| {
            ("web-05".."web-12").contains(&input.host.as_str())
        }),
        (
            json!({"range": {"host": {"from": "web-2", "to": null, "include_lower": false, "boost": 1.0}}}),
            |input| input.host.as_str() > "web-2",
        ),
        (
            json!({"bool": {"must_not": [{"prefix": {"host": "web-0"}}, {"match_none": {}}]}}),
            |input| !input.host.starts_with("web-0"),
        ),
        (json!({"bool": {"must_not": {"wildcard": {"host": "db*"}}}}), |_| true),
        (
            json!({"constant_score": {"filter": {"term": {"status": 304}}}}),
            |input| input.status == "304",
        ),
        (json!({"terms": {"status": [200, "503"]}}), |input| {
            ["200", "503"].contains(&input.status.as_str())
        }),
        (json!({"range": {"status": {"gte": 500}}}), |input| status(input) >= 500),
        (json!({"range": {"status": {"gt": 200, "lte": "404"}}}), |input| {
            status(input) > 200 && status(input) <= 404
        }),
        (json!({"term": {"clientip": "10.0.0.0/8"}}), |input| {
            first_of(&input.address) == 10
        }),
        (json!({"term": {"clientip": "2001:DB8::3870:37C8"}}), |input| {
            input.address == "2001:db8::3870:37c8"
        }),
        (
            json!({"range": {"clientip": {"gte": "10.0.0.0", "lte": "10.255.255.255"}}}),
            |input| first_of(&input.address) == 10,
        ),
        (json!({"term": {"host": "web-99.unseen.example"}}), |_| false),
        (
            json!({"bool": {"filter": [{"exists": {"field": "host"}}, {"range": {"responsetime": {"gte": 0}}}]}}),
            |_| true,
        ),
    ]
}

#[test]
fn clauses_go_on_selecting_the_same_documents() {
    let binary = Binary::new();
    let clauses = followed();
    let should: Vec<&Value> = clauses.iter().map(|(clause, _)| clause).collect();
    let old = feeding(&binary, json!({"query": {"bool": {"should": should}}}));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let (before, after) = (entries(&old), entries(&new.archive));
    let query = &datafeed(&after)["query"]["bool"]["should"];
    let originals: BTreeSet<String> = values(&before).into_iter().filter(|value| value.len() > 2).collect();
    search("clauses", &after, &originals);
    assert!(
        !query.to_string().contains("web-") && !query.to_string().contains("unseen"),
        "{query}"
    );
    // A value that nothing else holds has a token too.
    let unseen = query[22]["term"]["host"].as_str().unwrap();
    assert_eq!(reveal(&binary, &new.key, &[unseen]), ["web-99.unseen.example"]);
    let world = World::new(newest());
    world.import(&binary, &new.archive, &[]).expect(0);
    let old = inputs(&before);
    for ((clause, wanted), now) in clauses.iter().zip(query.as_array().unwrap()) {
        let wanted: BTreeSet<&str> = old
            .iter()
            .filter(|input| wanted(input))
            .map(|input| input.instant.as_str())
            .collect();
        let found = selected(&world, now);
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(found, wanted, "{clause} became {now}");
    }
    let empty = clauses.iter().filter(|(_, wanted)| !old.iter().any(wanted));
    assert_eq!(empty.count(), 2, "a clause that selects nothing proves little");
}

/// Of the imported inputs those that a query selects.
fn selected(world: &World, query: &Value) -> BTreeSet<String> {
    let body = json!({"size": 10_000, "query": query}).to_string();
    let answer = world.call("POST", "/web-latency-input/_search", &body);
    assert_eq!(answer.status, 200, "{query}: {}", String::from_utf8_lossy(&answer.body));
    let hits = answer.value()["hits"]["hits"].as_array().unwrap().clone();
    hits.iter().map(|hit| instant(&hit["_source"])).collect()
}

#[test]
fn texts_of_queries_take_in_the_same_values() {
    let hosts = |holds: fn(&str) -> bool| move |value: &str| value.ends_with(".corp.example") && holds(value);
    let binary = Binary::new();
    let none = |_: &str| false;
    let table: Vec<(Value, Taken)> = vec![
        (
            json!({"query": "host:web-0* AND responsetime:>5"}),
            Box::new(hosts(|host| host.starts_with("web-0"))),
        ),
        (json!({"query": r"host:(web\-05.iad.corp.example OR web-1?.fra*)^2"}), {
            Box::new(hosts(|host| {
                host == HOST || host.starts_with("web-1") && host.contains(".fra")
            }))
        }),
        (
            json!({"query": "web-05*", "fields": ["host"]}),
            Box::new(hosts(|host| host.starts_with("web-05"))),
        ),
        (
            json!({"query": "NOT \"web-05.iad.corp.example\"", "default_field": "host"}),
            Box::new(hosts(|host| host == HOST)),
        ),
        (
            json!({"query": "host:[web-05 TO web-12}"}),
            Box::new(hosts(|host| ("web-05".."web-12").contains(&host))),
        ),
        (
            json!({"query": "host:/web-1.\\.iad.*/"}),
            Box::new(hosts(|host| host.starts_with("web-1") && host.contains(".iad"))),
        ),
        (
            json!({"query": "status:>=500 OR status:200"}),
            Box::new(|value| value == "200" || value.starts_with('5') && value.len() == 3),
        ),
        (json!({"query": "host:db-* AND *:* AND _exists_:host"}), Box::new(none)),
        (json!({"query": "*"}), Box::new(none)),
        (json!({"query": "responsetime:[1 TO 5] AND host:*"}), Box::new(none)),
    ];
    let should: Vec<Value> = table.iter().map(|(text, _)| json!({ "query_string": text })).collect();
    let old = feeding(&binary, json!({"query": {"bool": {"should": should}}}));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let (before, after) = (inputs(&entries(&old)), entries(&new.archive));
    let known: BTreeSet<&str> = before
        .iter()
        .flat_map(|input| [input.host.as_str(), &input.status])
        .collect();
    let query = &datafeed(&after)["query"]["bool"]["should"];
    for ((text, wanted), now) in table.iter().zip(query.as_array().unwrap()) {
        let now = now["query_string"]["query"].as_str().unwrap();
        let wanted: BTreeSet<String> = known
            .iter()
            .filter(|value| wanted(value))
            .map(|value| (*value).to_owned())
            .collect();
        let found = told(&new, now);
        let found: BTreeSet<String> = found
            .into_iter()
            .filter(|value| known.contains(value.as_str()))
            .collect();
        assert_eq!(found, wanted, "{text} became {now}");
        assert!(!now.contains("web-"), "{now}");
    }
    assert_eq!(
        query[7]["query_string"]["query"],
        "host:(NOT *:*) AND *:* AND _exists_:host"
    );
    for same in [8, 9] {
        assert_eq!(query[same]["query_string"], table[same].0);
    }
}
