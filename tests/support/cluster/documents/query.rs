//! Queries: parsed with the mappings of an index, then applied to its documents.

use serde_json::Value;

use super::dates;
use super::failure::{Failure, Outcome};
use super::index::Document;
use super::mapping::{Field, FieldType, Key, field};

/// A query for one index.
#[derive(Clone, Debug)]
pub(super) enum Query {
    All,
    None,
    Ids(Vec<String>),
    Terms(Field, Vec<Key>),
    /// A text field contains one of these words.
    Match(Field, Vec<String>),
    Range(Field, Vec<Bound>),
    Exists(Field),
    Prefix(Field, String),
    Bool {
        must: Vec<Query>,
        should: Vec<Query>,
        must_not: Vec<Query>,
        minimum_should_match: usize,
    },
}

#[derive(Clone, Debug)]
pub(super) enum Bound {
    GreaterOrEqual(Key),
    Greater(Key),
    LessOrEqual(Key),
    Less(Key),
}

/// Parses a query for the index with this name.
pub(super) fn parse(query: &Value, index: &str, mappings: &Value) -> Outcome<Query> {
    let Some((name, body)) = query.as_object().and_then(|object| object.iter().next()) else {
        return Err(Failure::illegal("query malformed, empty clause found"));
    };
    // A query for one field has the name of the field and the options.
    let field_of = || {
        let mut pairs = body.as_object().into_iter().flatten();
        let (name, value) = pairs.find(|(key, _)| *key != "boost")?;
        Some((field(mappings, name)?, value))
    };
    Ok(match name.as_str() {
        "match_all" => Query::All,
        "match_none" => Query::None,
        "ids" => Query::Ids(strings(&body["values"])),
        "term" => field_of().map_or(Query::None, |(field, value)| {
            terms(field, std::slice::from_ref(value.get("value").unwrap_or(value)))
        }),
        "terms" if body["_index"].is_array() => match strings(&body["_index"]).iter().any(|name| name == index) {
            true => Query::All,
            false => Query::None,
        },
        "terms" => field_of().map_or(Query::None, |(field, values)| {
            terms(field, values.as_array().map_or(&[], Vec::as_slice))
        }),
        "range" => match field_of() {
            Some((field, bounds)) => range(field, bounds)?,
            None => Query::None,
        },
        "exists" => {
            let name = body["field"].as_str().unwrap_or_default();
            field(mappings, name).map_or(Query::None, Query::Exists)
        }
        "prefix" => field_of().map_or(Query::None, |(field, value)| {
            let prefix = value.get("value").unwrap_or(value).as_str().unwrap_or_default();
            Query::Prefix(field, prefix.to_owned())
        }),
        "bool" => boolean(body, index, mappings)?,
        other => return Err(Failure::unsupported(&format!("the query [{other}]"))),
    })
}

fn strings(values: &Value) -> Vec<String> {
    let values = values.as_array().into_iter().flatten();
    values.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn terms(mut field: Field, values: &[Value]) -> Query {
    if field.kind == FieldType::Text {
        let words = values.iter().filter_map(Value::as_str).map(str::to_owned);
        return Query::Match(field, words.collect());
    }
    field.format = format!("{}||{}", field.format, dates::DEFAULT);
    let keys = values.iter().filter_map(|value| field.key(value)).collect();
    Query::Terms(field, keys)
}

/// Splits a text into words like the standard analyzer.
fn tokenize(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '\'')
}

fn range(field: Field, bounds: &Value) -> Outcome<Query> {
    let mut reader = field.clone();
    let given = bounds.as_object().into_iter().flatten();
    let given: Vec<_> = given.filter(|(_, value)| !value.is_null()).collect();
    if let Some(format) = bounds["format"].as_str() {
        reader.format = format.to_owned();
    } else if given.iter().any(|(_, value)| value.is_number()) {
        // If one bound is a number, all are read as milliseconds.
        reader.format = "epoch_millis".to_owned();
    }
    let mut parsed = Vec::new();
    for (name, value) in given {
        let key = || {
            let invalid = || Failure::new(400, "parse_exception", format!("failed to parse [{value}]"));
            reader.key(value).ok_or_else(invalid)
        };
        let exclusive = |flag: &str| bounds[flag] == false;
        parsed.push(match name.as_str() {
            "gt" => Bound::Greater(key()?),
            "from" if exclusive("include_lower") => Bound::Greater(key()?),
            "gte" | "from" => Bound::GreaterOrEqual(key()?),
            "lt" => Bound::Less(key()?),
            "to" if exclusive("include_upper") => Bound::Less(key()?),
            "lte" | "to" => Bound::LessOrEqual(key()?),
            "format" | "boost" | "include_lower" | "include_upper" => continue,
            other => return Err(Failure::unsupported(&format!("[{other}] in a range query"))),
        });
    }
    Ok(Query::Range(field, parsed))
}

fn boolean(body: &Value, index: &str, mappings: &Value) -> Outcome<Query> {
    let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
    let mut at_least = None;
    for (name, value) in body.as_object().into_iter().flatten() {
        let clauses = match name.as_str() {
            "must" | "filter" => &mut must,
            "should" => &mut should,
            "must_not" => &mut must_not,
            "minimum_should_match" => {
                at_least = value.as_u64().or_else(|| value.as_str()?.parse().ok());
                continue;
            }
            "boost" | "adjust_pure_negative" => continue,
            other => return Err(Failure::unsupported(&format!("[{other}] in a bool query"))),
        };
        match value {
            Value::Array(items) => {
                for item in items {
                    clauses.push(parse(item, index, mappings)?);
                }
            }
            one => clauses.push(parse(one, index, mappings)?),
        }
    }
    let default = u64::from(must.is_empty() && !should.is_empty());
    Ok(Query::Bool {
        must,
        should,
        must_not,
        minimum_should_match: at_least.unwrap_or(default) as usize,
    })
}

impl Query {
    pub(super) fn matches(&self, document: &Document) -> bool {
        let any = |field: &Field, test: &dyn Fn(&Key) -> bool| field.keys(document.value()).iter().any(test);
        match self {
            Self::All => true,
            Self::None => false,
            Self::Ids(ids) => ids.contains(&document.id),
            Self::Terms(field, expected) => any(field, &|key| expected.contains(key)),
            Self::Match(field, expected) => any(field, &|key| match key {
                Key::Text(text) => tokenize(text).any(|word| expected.iter().any(|expected| expected == word)),
                _ => false,
            }),
            Self::Range(field, bounds) => any(field, &|key| bounds.iter().all(|bound| bound.includes(key))),
            Self::Exists(field) => any(field, &|_| true),
            Self::Prefix(field, prefix) => any(field, &|key| match key {
                Key::Text(text) => text.starts_with(prefix),
                _ => false,
            }),
            Self::Bool {
                must,
                should,
                must_not,
                minimum_should_match: at_least,
            } => {
                must.iter().all(|query| query.matches(document))
                    && !must_not.iter().any(|query| query.matches(document))
                    && should.iter().filter(|query| query.matches(document)).count() >= *at_least
            }
        }
    }
}

impl Bound {
    fn includes(&self, key: &Key) -> bool {
        match self {
            Self::GreaterOrEqual(bound) => key >= bound,
            Self::Greater(bound) => key > bound,
            Self::LessOrEqual(bound) => key <= bound,
            Self::Less(bound) => key < bound,
        }
    }
}
