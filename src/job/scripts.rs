//! The scripts that a datafeed runs, wherever they stand.

use serde_json::{Map, Value};

use crate::job::config::Datafeed;

/// Queries that have a field's name as a key, with the text that is looked for: a field may be called `script`. `terms`
/// is not among them, since the aggregation of that name takes a script as text.
const BY_FIELD: [&str; 10] = [
    "term",
    "match",
    "match_phrase",
    "match_phrase_prefix",
    "match_bool_prefix",
    "prefix",
    "wildcard",
    "regexp",
    "fuzzy",
    "span_term",
];

/// What makes a datafeed run scripts: fields by their names, its query, aggregations by theirs. Nothing is left out
/// because its kind is not known: whoever sent the job may wish so.
pub fn scripts_of(feed: &Datafeed) -> Vec<String> {
    let mut found = Vec::new();
    for fields in [&feed.runtime_mappings, &feed.script_fields].into_iter().flatten() {
        let scripted = entries(fields).filter(|(name, field)| holds_script(name, field));
        found.extend(scripted.map(|(name, _)| name.clone()));
    }
    if holds_script("query", &feed.query) {
        found.push("its query".to_owned());
    }
    if let Some(aggregations) = &feed.aggregations {
        of_aggregations(aggregations, &mut found);
    }
    found
}

fn of_aggregations(aggregations: &Value, found: &mut Vec<String>) {
    for (name, aggregation) in entries(aggregations) {
        let inner = |key: &str| matches!(key, "aggs" | "aggregations");
        let mut own = entries(aggregation).filter(|(key, _)| !inner(key));
        if own.any(|(key, body)| is_script("", key, body) || holds_script(key, body)) {
            found.push(format!("aggregation {name}"));
        }
        let below = entries(aggregation).filter(|(key, _)| inner(key));
        below.for_each(|(_, below)| of_aggregations(below, found));
    }
}

/// `above` is the key that the value stands at.
fn holds_script(above: &str, value: &Value) -> bool {
    match value {
        Value::Array(list) => list.iter().any(|value| holds_script(above, value)),
        _ => entries(value).any(|(key, value)| is_script(above, key, value) || holds_script(key, value)),
    }
}

fn is_script(above: &str, key: &str, value: &Value) -> bool {
    if key != "script" && !key.ends_with("_script") {
        return false;
    }
    match value {
        Value::String(_) => !BY_FIELD.contains(&above),
        value => ["source", "inline", "id", "stored"]
            .iter()
            .any(|text| value.get(text).is_some()),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn feed(query: Value, aggregations: Option<Value>) -> Datafeed {
        Datafeed {
            id: "datafeed-a".parse().unwrap(),
            indices: vec!["logs".into()],
            query,
            runtime_mappings: None,
            script_fields: None,
            aggregations,
            indices_options: None,
        }
    }

    #[test]
    fn scripts_are_found_wherever_a_query_may_have_them() {
        for query in [
            json!({"script": {"script": {"source": "true"}}}),
            json!({"script": {"script": "true"}}),
            json!({"bool": {"must_not": [{"match_all": {}}, {"script": {"script": {"id": "stored"}}}]}}),
            json!({"script_score": {"query": {"match_all": {}}, "script": {"source": "1"}}}),
            json!({"function_score": {"functions": [{"script_score": {"script": "1"}}]}}),
            json!({"terms_set": {"a": {"terms": ["b"], "minimum_should_match_script": {"source": "1"}}}}),
            json!({"intervals": {"a": {"match": {"query": "b", "filter": {"script": {"source": "true"}}}}}}),
            json!({"unheard_of": [{"deep": {"script": {"source": "1"}}}]}),
        ] {
            assert_eq!(scripts_of(&feed(query.clone(), None)), ["its query"], "{query}");
        }
    }

    #[test]
    fn a_field_may_be_called_so() {
        for query in [
            json!({"match_all": {}}),
            json!({"term": {"script": "x"}}),
            json!({"term": {"script": {"value": "x"}}}),
            json!({"terms": {"script": ["x", "y"]}}),
            json!({"range": {"ran_script": {"gte": 1}}}),
            json!({"exists": {"field": "script"}}),
        ] {
            assert!(scripts_of(&feed(query.clone(), None)).is_empty(), "{query}");
        }
    }

    #[test]
    fn aggregations_are_named() {
        let aggregations = json!({"times": {
            "date_histogram": {"field": "t", "fixed_interval": "1h"},
            "aggs": {
                "t": {"max": {"field": "t"}},
                "terms": {"terms": {"script": "doc['a'].value"}, "aggregations": {
                    "metric": {"scripted_metric": {"map_script": "state.n = 1"}},
                }},
                "hits": {"top_hits": {"sort": [{"_script": {"type": "number", "script": {"source": "1"}}}]}},
                "ratio": {"bucket_script": {"buckets_path": {"a": "b"}, "script": "params.a"}},
            },
        }});
        let found = scripts_of(&feed(json!({"match_all": {}}), Some(aggregations)));
        let expected = ["terms", "metric", "hits", "ratio"].map(|name| format!("aggregation {name}"));
        assert_eq!(found, expected);
    }
}
