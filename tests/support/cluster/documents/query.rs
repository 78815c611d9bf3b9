//! Queries: read against an index's mapping, then asked of its documents.

use std::cmp::Ordering;

use serde_json::{Map, Value, json};

use super::dates;
use super::failure::{Failure, Outcome, position, position_of_name};
use super::index::Document;
use super::mapping::{Field, Key, Kind, collect, definition, field};
use super::names::wild;

/// A query as one index understands it.
#[derive(Clone, Debug)]
pub(super) enum Query {
    All,
    None,
    Ids(Vec<String>),
    Terms(Field, Vec<Key>),
    /// Lower and upper bound; the flag says whether the bound itself belongs to it.
    Range(Field, Option<(Key, bool)>, Option<(Key, bool)>),
    Exists(String),
    Pattern(Field, String),
    Words {
        field: Field,
        words: Vec<String>,
        all: bool,
    },
    Bool {
        must: Vec<Query>,
        should: Vec<Query>,
        must_not: Vec<Query>,
        at_least: usize,
    },
}

/// Reads a query. `text`: the request body, to name places in it.
pub(super) fn parse(query: &Value, mappings: &Value, text: &str) -> Outcome<Query> {
    let Some((name, body)) = query.as_object().and_then(|object| object.iter().next()) else {
        let (line, column) = position(text, "query");
        return Err(Failure::illegal(format!(
            "query malformed, empty clause found at [{line}:{}]",
            column + 1
        )));
    };
    let one = || {
        let pair = body
            .as_object()
            .and_then(|object| object.iter().find(|(key, _)| *key != "boost"));
        pair.map(|(key, value)| (key.as_str(), value))
            .ok_or_else(|| Failure::parsing(format!("[{name}] query malformed, no field"), position(text, name)))
    };
    Ok(match name.as_str() {
        "match_all" => Query::All,
        "match_none" => Query::None,
        "ids" => Query::Ids(strings(&body["values"])),
        "term" => {
            let (name, value) = one()?;
            let value = value.get("value").unwrap_or(value);
            if name == "_id" {
                return Ok(Query::Ids(strings(value)));
            }
            terms(name, std::slice::from_ref(value), mappings)
        }
        "terms" => {
            let (name, values) = one()?;
            let Value::Array(values) = values else {
                let reason = format!("[terms] query does not support [{name}]");
                return Err(Failure::parsing(reason, position(text, name)));
            };
            if name == "_id" {
                Query::Ids(values.iter().flat_map(strings).collect())
            } else {
                terms(name, values, mappings)
            }
        }
        "range" => {
            let (name, bounds) = one()?;
            range(name, bounds, mappings)?
        }
        "exists" => Query::Exists(body["field"].as_str().unwrap_or_default().to_owned()),
        "prefix" | "wildcard" => {
            let (field_name, value) = one()?;
            let value = value.get("value").or_else(|| value.get("wildcard")).unwrap_or(value);
            let value = value.as_str().unwrap_or_default();
            let pattern = if name == "prefix" {
                format!("{value}*")
            } else {
                value.to_owned()
            };
            field(mappings, field_name).map_or(Query::None, |field| Query::Pattern(field, pattern))
        }
        "match" | "match_phrase" => {
            let (name, value) = one()?;
            let all = value
                .get("operator")
                .and_then(Value::as_str)
                .is_some_and(|word| word.eq_ignore_ascii_case("and"));
            matching(name, value.get("query").unwrap_or(value), all, mappings)
        }
        "bool" => boolean(body, mappings, text)?,
        "constant_score" => parse(&body["filter"], mappings, text)?,
        "nested" => parse(&body["query"], mappings, text)?,
        other => {
            let (line, column) = position(text, other);
            let by = json!({"type": "named_object_not_found_exception",
                "reason": format!("[{line}:{column}] unknown field [{other}]")});
            return Err(Failure::parsing(format!("unknown query [{other}]"), (line, column)).caused_by(by));
        }
    })
}

fn strings(value: &Value) -> Vec<String> {
    match value {
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::String(text) => vec![text.clone()],
        Value::Null => Vec::new(),
        other => vec![other.to_string()],
    }
}

fn terms(name: &str, values: &[Value], mappings: &Value) -> Query {
    if name == "_index" {
        return Query::All;
    }
    let Some(mut field) = field(mappings, name) else {
        return Query::None;
    };
    if field.kind == Kind::Text {
        let words = values.iter().flat_map(strings).collect();
        return Query::Words {
            field,
            words,
            all: false,
        };
    }
    field.format = format!("{}||{}", field.format, dates::DEFAULT);
    let keys = values.iter().filter_map(|value| field.key(value)).collect();
    Query::Terms(field, keys)
}

fn matching(name: &str, value: &Value, all: bool, mappings: &Value) -> Query {
    match field(mappings, name) {
        Some(field) if field.kind == Kind::Text => Query::Words {
            words: strings(value).iter().flat_map(|text| words(text)).collect(),
            field,
            all,
        },
        _ => terms(name, std::slice::from_ref(value), mappings),
    }
}

fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'');
    parts.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

fn range(name: &str, bounds: &Value, mappings: &Value) -> Outcome<Query> {
    let Some(field) = field(mappings, name) else {
        return Ok(Query::None);
    };
    let mut reader = field.clone();
    if let Some(format) = bounds.get("format").and_then(Value::as_str) {
        reader.format = format.to_owned();
    } else if ["gt", "gte", "lt", "lte", "from", "to"]
        .iter()
        .any(|key| bounds.get(key).is_some_and(Value::is_number))
    {
        // One number among the bounds makes the cluster read all of them as milliseconds.
        reader.format = "epoch_millis".to_owned();
    }
    let empty = Map::new();
    let (mut lower, mut upper) = (None, None);
    for (key, value) in bounds.as_object().unwrap_or(&empty) {
        if value.is_null() || !["gt", "gte", "from", "lt", "lte", "to"].contains(&key.as_str()) {
            continue;
        }
        let bound = reader.key(value).ok_or_else(|| {
            let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            match reader.kind {
                Kind::Date | Kind::DateNanos => {
                    let reason = format!("failed to parse date field [{shown}] with format [{}]", reader.format);
                    let by = json!({"type": "illegal_argument_exception", "reason": reason,
                        "caused_by": {"type": "date_time_parse_exception",
                            "reason": "Failed to parse with all enclosed parsers"}});
                    Failure::new(400, "parse_exception", format!("{reason}: [{reason}]")).caused_by(by)
                }
                _ => Failure::new(400, "number_format_exception", format!("For input string: \"{shown}\"")),
            }
        })?;
        let inclusive = |flag: &str| bounds.get(flag).and_then(Value::as_bool).unwrap_or(true);
        match key.as_str() {
            "gt" => lower = Some((bound, false)),
            "gte" => lower = Some((bound, true)),
            "from" => lower = Some((bound, inclusive("include_lower"))),
            "lt" => upper = Some((bound, false)),
            "lte" => upper = Some((bound, true)),
            _ => upper = Some((bound, inclusive("include_upper"))),
        }
    }
    Ok(Query::Range(field, lower, upper))
}

fn boolean(body: &Value, mappings: &Value, text: &str) -> Outcome<Query> {
    let clause = |name: &str| -> Outcome<Vec<Query>> {
        match body.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) => items.iter().map(|item| parse(item, mappings, text)).collect(),
            Some(one) => Ok(vec![parse(one, mappings, text)?]),
        }
    };
    if let Some(unknown) = body.as_object().into_iter().flat_map(Map::keys).find(|key| {
        ![
            "must",
            "filter",
            "should",
            "must_not",
            "minimum_should_match",
            "boost",
            "adjust_pure_negative",
            "_name",
        ]
        .contains(&key.as_str())
    }) {
        let (line, column) = position_of_name(text, unknown);
        let reason = format!("[{line}:{column}] [bool] unknown field [{unknown}]");
        return Err(Failure::new(400, "x_content_parse_exception", reason));
    }
    let mut must = clause("must")?;
    must.extend(clause("filter")?);
    let should = clause("should")?;
    let default = usize::from(must.is_empty() && !should.is_empty());
    let wanted = &body["minimum_should_match"];
    let wanted = wanted
        .as_u64()
        .or_else(|| wanted.as_str().and_then(|text| text.parse().ok()));
    let at_least = wanted
        .and_then(|number| usize::try_from(number).ok())
        .unwrap_or(default);
    Ok(Query::Bool {
        must,
        should,
        must_not: clause("must_not")?,
        at_least,
    })
}

impl Query {
    pub(super) fn matches(&self, document: &Document, mappings: &Value) -> bool {
        match self {
            Self::All => true,
            Self::None => false,
            Self::Ids(ids) => ids.contains(&document.id),
            Self::Terms(field, wanted) => field.keys(document.value()).iter().any(|key| wanted.contains(key)),
            Self::Range(field, lower, upper) => field
                .keys(document.value())
                .iter()
                .any(|key| within(key, lower.as_ref(), upper.as_ref())),
            Self::Exists(name) => exists(name, document, mappings),
            Self::Pattern(field, pattern) => field.keys(document.value()).iter().any(|key| match key {
                Key::Text(text) => wild(pattern, text),
                _ => false,
            }),
            Self::Words {
                field,
                words: wanted,
                all,
            } => {
                let found: Vec<String> = field
                    .keys(document.value())
                    .iter()
                    .flat_map(|key| match key {
                        Key::Text(text) => words(text),
                        _ => Vec::new(),
                    })
                    .collect();
                let mut hits = wanted.iter().map(|word| found.contains(word));
                if *all { hits.all(|hit| hit) } else { hits.any(|hit| hit) }
            }
            Self::Bool {
                must,
                should,
                must_not,
                at_least,
            } => {
                must.iter().all(|query| query.matches(document, mappings))
                    && !must_not.iter().any(|query| query.matches(document, mappings))
                    && should.iter().filter(|query| query.matches(document, mappings)).count() >= *at_least
            }
        }
    }
}

fn within(key: &Key, lower: Option<&(Key, bool)>, upper: Option<&(Key, bool)>) -> bool {
    let above = |(bound, inclusive): &(Key, bool)| match key.partial_cmp(bound) {
        Some(Ordering::Greater) => true,
        Some(Ordering::Equal) => *inclusive,
        _ => false,
    };
    let below = |(bound, inclusive): &(Key, bool)| match key.partial_cmp(bound) {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => *inclusive,
        _ => false,
    };
    lower.is_none_or(above) && upper.is_none_or(below)
}

fn exists(name: &str, document: &Document, mappings: &Value) -> bool {
    if ["_id", "_index", "_source", "_seq_no"].contains(&name) {
        return true;
    }
    if let Some(field) = field(mappings, name) {
        return !field.keys(document.value()).is_empty();
    }
    // An object exists when one of its fields does.
    let Some(properties) = definition(mappings, name).and_then(|found| found.get("properties")?.as_object()) else {
        return false;
    };
    properties.keys().any(|child| {
        let mut found = Vec::new();
        collect(document.value(), &format!("{name}.{child}"), &mut found);
        !found.is_empty()
    })
}
