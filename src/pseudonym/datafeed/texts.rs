//! Finds replaced values in the texts of a datafeed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::job::{InputMappings, JobConfig, needed_fields};
use crate::json::nested_values;
use crate::pseudonym::error::Result;
use crate::pseudonym::tokens::{TokenMap, unescaped, words};

/// The reason why a part of the datafeed cannot stay.
pub(super) const CONTAINS_VALUE: &str = "it contains a replaced value";

/// Finds replaced values, except in names that stay.
pub(crate) struct ValueMatcher<'a> {
    tokens: &'a TokenMap,
    /// Names that contain a value, the longest first.
    names: Vec<String>,
}

/// Returns the names that the datafeed uses: of fields, aggregations and parameters.
pub(crate) fn names(config: &JobConfig) -> BTreeSet<String> {
    let mut names = needed_fields(config, &InputMappings::default(), &[]).names;
    if let Some(feed) = config.datafeed() {
        let sections = [&feed.aggregations, &feed.runtime_mappings, &feed.script_fields];
        let members = sections.into_iter().flatten().flat_map(nested_values);
        names.extend(members.filter_map(|(name, _)| name.map(str::to_owned)));
    }
    names
}

/// Returns the configuration without texts that users may have added to the datafeed but nothing reads: names of
/// clauses and `meta` of aggregations.
pub(super) fn without_comments(config: &JobConfig) -> Result<JobConfig> {
    Ok(config.edit_datafeed(&mut |name, section| {
        let mut without = section.clone();
        match name {
            "query" => leave_out_names(&mut without, false),
            "aggregations" | "aggs" => leave_out_meta(&mut without),
            _ => return None,
        }
        (without != *section).then_some(without)
    })?)
}

/// If `alone` is set, the name may be the only member of a clause.
fn leave_out_names(query: &mut Value, alone: bool) {
    match query {
        Value::Array(list) => list.iter_mut().for_each(|item| leave_out_names(item, false)),
        Value::Object(members) => {
            if members.get("_name").is_some_and(Value::is_string) && (alone || members.len() > 1) {
                members.shift_remove("_name");
            }
            for (name, member) in members.iter_mut() {
                leave_out_names(member, matches!(name.as_str(), "match_all" | "match_none"));
            }
        }
        _ => {}
    }
}

fn leave_out_meta(aggregations: &mut Value) {
    let aggregations = aggregations.as_object_mut().into_iter().flat_map(Map::values_mut);
    for kinds in aggregations.filter_map(Value::as_object_mut) {
        kinds.shift_remove("meta");
        for (kind, body) in kinds.iter_mut() {
            match kind.as_str() {
                "aggs" | "aggregations" => leave_out_meta(body),
                _ => leave_out_names(body, false),
            }
        }
    }
}

/// Whether a query contains document IDs: an `ids` or `pinned` query, or the field `_id` as a name or a word in a text.
pub(super) fn mentions_ids(query: &Value) -> bool {
    nested_values(query).any(|(name, value)| match name {
        Some("_id") => true,
        Some("ids") if value.get("values").is_some() => true,
        Some("pinned") if value.get("ids").is_some() => true,
        _ => value.as_str().is_some_and(|text| without(text, "_id") != text),
    })
}

impl<'a> ValueMatcher<'a> {
    pub(crate) fn new(tokens: &'a TokenMap, names: &BTreeSet<String>) -> Self {
        let mut matcher = Self {
            tokens,
            names: Vec::new(),
        };
        let known = names.iter().filter(|name| matcher.is_known(name));
        matcher.names = known.cloned().collect();
        matcher.names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        matcher
    }

    /// Whether a query contains a value as a text, a word in a text, a name or a number.
    pub(super) fn is_in_query(&self, query: &Value) -> bool {
        nested_values(query).any(|(name, value)| {
            name.is_some_and(|name| self.is_value(name))
                || match value {
                    Value::String(text) => self.is_value(text) || words(text).any(|word| self.is_value(&text[word])),
                    Value::Number(number) => self.is_value(&number.to_string()),
                    _ => false,
                }
        })
    }

    /// Whether a text at any depth, except for names of members, contains a value.
    pub(crate) fn is_in_texts(&self, value: &Value) -> bool {
        nested_values(value).any(|(_, value)| value.as_str().is_some_and(|text| self.is_in_text(text)))
    }

    /// Describes the problem if a value is in the texts.
    pub(super) fn problem_in(&self, value: &Value) -> Option<String> {
        self.is_in_texts(value).then(|| CONTAINS_VALUE.to_owned())
    }

    /// Whether a text contains a value: the complete text, a string literal in it, or a part that is long enough.
    fn is_in_text(&self, text: &str) -> bool {
        if self.names.iter().any(|name| name == text) {
            return false;
        }
        let names = self.names.iter();
        let text = names.fold(text.to_owned(), |text, name| without(&text, name));
        self.is_value(&text) || literals(&text).any(|literal| self.is_value(&literal))
    }

    fn is_value(&self, text: &str) -> bool {
        self.is_known(text) || (text.contains('\\') && self.is_known(&unescaped(text)))
    }

    fn is_known(&self, text: &str) -> bool {
        self.tokens.replacement(text).is_some() || self.tokens.contains_value(text)
    }
}

/// Returns the text without the occurrences of a name that no letter or digit precedes or follows.
fn without(text: &str, name: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let (mut kept, mut done) = (String::with_capacity(text.len()), 0);
    for (start, _) in text.match_indices(name) {
        kept.push_str(&text[done..start]);
        done = start + name.len();
        let bounded = !kept.ends_with(is_word) && !text[done..].starts_with(is_word);
        kept.push_str(if bounded { " " } else { name });
    }
    kept + &text[done..]
}

/// Iterates over quoted texts, with escapes resolved.
fn literals(text: &str) -> impl Iterator<Item = String> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (_, quoted) = rest.split_at(rest.find(['\'', '"'])?);
        let quote = quoted.chars().next()?;
        let mut escaped = false;
        let end = quoted[1..].find(|c| {
            let end = !escaped && c == quote;
            escaped = !escaped && c == '\\';
            end
        });
        let end = end.map_or(quoted.len(), |end| end + 1);
        let literal = unescaped(&quoted[1..end]);
        rest = quoted.get(end + 1..).unwrap_or_default();
        Some(literal)
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::pseudonym::tokens::{KeyFile, TokenUse};

    fn tokens() -> TokenMap {
        let mut tokens = TokenMap::new(KeyFile::new().unwrap());
        for value in ["web-01", "404", "status_code", "eu"] {
            tokens.note(value, TokenUse::Value).unwrap();
        }
        tokens.note("timeout", TokenUse::MessageWord).unwrap();
        tokens.assign_tokens().unwrap();
        tokens
    }

    #[test]
    fn values_are_found_in_queries() {
        let (tokens, none) = (tokens(), BTreeSet::new());
        let texts = ValueMatcher::new(&tokens, &none);
        for query in [
            json!({"term": {"a": "web-01"}}),
            json!({"terms": {"a": ["x", "eu"]}}),
            json!({"term": {"a": 404}}),
            json!({"wildcard": {"a": "*web-01*"}}),
            json!({"query_string": {"query": "a:eu AND b:c"}}),
            json!({"query_string": {"query": r"a:web\-01"}}),
            json!({"exists": {"field": "status_code"}}),
            json!({"range": {"status_code": {"gte": 1}}}),
        ] {
            assert!(texts.is_in_query(&query), "{query}");
        }
        for query in [
            json!({"term": {"a": "europe"}}),
            json!({"term": {"a": 4040}}),
            json!({"match": {"a": "timeout"}}),
        ] {
            assert!(!texts.is_in_query(&query), "{query}");
        }
        let unread = TokenMap::new(KeyFile::new().unwrap());
        assert!(!ValueMatcher::new(&unread, &none).is_in_query(&json!("web-01")));
    }

    #[test]
    fn field_names_in_queries_are_not_values() {
        let (tokens, names) = (tokens(), BTreeSet::from(["status_code".to_owned()]));
        let texts = ValueMatcher::new(&tokens, &names);
        for text in [
            "status_code",
            "emit(doc['status_code'].value > 404)",
            "doc.status_code.value",
        ] {
            assert!(!texts.is_in_text(text), "{text}");
        }
        for text in [
            "doc['a'].value == 'eu'",
            "doc['a'].value == \"404\"",
            "doc['a'].value == 'x\\'web-01'",
            "xstatus_code",
            "emit('status_codes')",
            "'eu",
        ] {
            assert!(texts.is_in_text(text), "{text}");
        }
    }

    #[test]
    fn ids_are_found_in_any_query() {
        for query in [
            json!({"ids": {"values": ["1"]}}),
            json!({"pinned": {"ids": ["1"], "organic": {"match_all": {}}}}),
            json!({"bool": {"must_not": [{"term": {"_id": "1"}}]}}),
            json!({"query_string": {"query": "_id:1"}}),
            json!({"query_string": {"query": "a", "fields": ["_id^2"]}}),
            json!({"script": {"script": "doc['_id'].value == 'a'"}}),
        ] {
            assert!(mentions_ids(&query), "{query}");
        }
        for query in [
            json!({"term": {"identity": "valid"}}),
            json!({"terms": {"user_id": ["1"]}}),
            json!({"terms": {"ids": ["1"]}}),
            json!({"exists": {"field": "_identity"}}),
            json!({"query_string": {"query": "user_id:1 or _ids:1"}}),
        ] {
            assert!(!mentions_ids(&query), "{query}");
        }
    }
}
