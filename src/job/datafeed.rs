//! A datafeed's configuration: what it reads, the interval of its aggregations, the scripts that it runs.

use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value, json};

use super::id::DatafeedId;
use crate::util::format::parse_duration;

/// A datafeed's configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Datafeed {
    /// `datafeed_id`.
    #[serde(rename = "datafeed_id")]
    pub id: DatafeedId,
    /// `indices` (or `indexes`).
    #[serde(default, alias = "indexes", deserialize_with = "one_or_many")]
    pub indices: Vec<String>,
    /// `query`, `match_all` where absent.
    #[serde(default = "match_all", deserialize_with = "query")]
    pub query: Value,
    /// `runtime_mappings`.
    pub runtime_mappings: Option<Value>,
    /// `script_fields`.
    pub script_fields: Option<Value>,
    /// `aggregations` or `aggs`.
    #[serde(alias = "aggs")]
    pub aggregations: Option<Value>,
    /// `indices_options`.
    pub indices_options: Option<Value>,
}

fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match Option::deserialize(deserializer)? {
        Some(OneOrMany::Many(names)) => names,
        Some(OneOrMany::One(name)) => vec![name],
        None => Vec::new(),
    })
}

fn query<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(match_all))
}

fn match_all() -> Value {
    json!({"match_all": {}})
}

/// The members of an object, where it is one.
pub(super) fn entries<'a>(object: impl Into<Option<&'a Value>>) -> impl Iterator<Item = (&'a String, &'a Value)> {
    object.into().and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

impl Datafeed {
    /// The interval of the outermost histogram: each level above it has one aggregation. `None` also where it has a form of
    /// its own.
    pub(super) fn interval(&self) -> Option<Duration> {
        let mut level = self.aggregations.as_ref()?;
        loop {
            let aggregation = level.as_object()?.values().next()?;
            if let Some(interval) = interval_of(aggregation) {
                return Some(interval);
            }
            level = aggregation.get("aggregations").or_else(|| aggregation.get("aggs"))?;
        }
    }
}

fn interval_of(aggregation: &Value) -> Option<Duration> {
    if let Some(histogram) = aggregation.get("histogram") {
        return Some(Duration::from_millis(histogram.get("interval")?.as_u64()?));
    }
    let sources = aggregation.pointer("/composite/sources").and_then(Value::as_array);
    let sources = sources.into_iter().flatten().flat_map(entries);
    let mut holders = sources.map(|(_, source)| source).chain([aggregation]);
    let histogram = holders.find_map(|holder| holder.get("date_histogram"))?;
    let names = ["fixed_interval", "calendar_interval", "interval"];
    match names.iter().find_map(|name| histogram.get(name)?.as_str())? {
        "second" => Some(Duration::from_secs(1)),
        "minute" => Some(Duration::from_secs(60)),
        "hour" => Some(Duration::from_secs(3_600)),
        "day" => Some(Duration::from_secs(86_400)),
        text => parse_duration(text),
    }
}

/// Queries that have a field's name as a key, with the text that is looked for: a field may be called `script`. `terms`
/// is not among them, since the aggregation of that name takes a script as text.
const BY_FIELD: &str =
    "term match match_phrase match_phrase_prefix match_bool_prefix prefix wildcard regexp fuzzy span_term";

/// What makes a datafeed run scripts: fields by their names, its query, aggregations by theirs. Nothing is left out
/// because its kind is not known: whoever sent the job may wish so.
pub fn scripts_of(feed: &Datafeed) -> Vec<String> {
    let fields = [&feed.runtime_mappings, &feed.script_fields];
    let fields = fields.into_iter().flat_map(|fields| entries(fields.as_ref()));
    let scripted = fields.filter(|(name, field)| holds_script(name, field));
    let mut found: Vec<String> = scripted.map(|(name, _)| name.clone()).collect();
    if holds_script("query", &feed.query) {
        found.push("its query".to_owned());
    }
    aggregation_scripts(feed.aggregations.as_ref(), &mut found);
    found
}

fn aggregation_scripts(aggregations: Option<&Value>, found: &mut Vec<String>) {
    for (name, aggregation) in entries(aggregations) {
        let is_inner = |key: &str| matches!(key, "aggs" | "aggregations");
        let mut own = entries(aggregation).filter(|(key, _)| !is_inner(key));
        if own.any(|(key, body)| is_script("", key, body) || holds_script(key, body)) {
            found.push(format!("aggregation {name}"));
        }
        let inner = entries(aggregation).filter(|(key, _)| is_inner(key));
        inner.for_each(|(_, inner)| aggregation_scripts(Some(inner), found));
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
    let members = ["source", "inline", "id", "stored"];
    let holds_text = match value {
        Value::String(_) => !BY_FIELD.split(' ').any(|query| query == above),
        value => members.iter().any(|member| value.get(member).is_some()),
    };
    holds_text && (key == "script" || key.ends_with("_script"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
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
