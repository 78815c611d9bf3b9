//! Replaced values in the texts of a datafeed.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::job::{InputMappings, JobConfig, needed_fields};
use crate::pseudonym::error::Result;
use crate::pseudonym::tokens::{TokenMap, rewrite_text, unescaped};

/// Finds replaced values; names that stay are no values.
pub(crate) struct ValueMatcher<'a> {
    tokens: Option<&'a TokenMap>,
    /// Names that contain a value, the longest first.
    names: Vec<&'a str>,
}

/// Names that the datafeed uses: of fields, aggregations and parameters.
pub(crate) fn names(config: &JobConfig) -> BTreeSet<String> {
    let mut names = needed_fields(config, &InputMappings::default(), &[]).names;
    if let Some(feed) = config.datafeed() {
        let sections = [&feed.aggregations, &feed.runtime_mappings, &feed.script_fields];
        sections
            .into_iter()
            .flatten()
            .for_each(|section| keys(section, &mut names));
    }
    names
}

fn keys(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(list) => list.iter().for_each(|item| keys(item, names)),
        Value::Object(members) => members.iter().for_each(|(name, member)| {
            names.insert(name.clone());
            keys(member, names);
        }),
        _ => {}
    }
}

/// The configuration without what people may have written beside the clauses of its datafeed: names of clauses, `meta` of
/// aggregations. Nothing reads them.
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

/// `alone`: a name may be all that a clause has.
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
    for aggregation in aggregations.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(kinds) = aggregation.as_object_mut() else {
            continue;
        };
        kinds.shift_remove("meta");
        for (kind, body) in kinds.iter_mut() {
            match kind.as_str() {
                "aggs" | "aggregations" => leave_out_meta(body),
                _ => leave_out_names(body, false),
            }
        }
    }
}

/// Whether a query names the IDs of documents.
pub(super) fn mentions_ids(query: &Value) -> bool {
    match query {
        Value::String(text) => text.contains("_id"),
        Value::Array(list) => list.iter().any(mentions_ids),
        Value::Object(members) => members
            .iter()
            .any(|(name, member)| name == "ids" || name.contains("_id") || mentions_ids(member)),
        _ => false,
    }
}

impl<'a> ValueMatcher<'a> {
    /// `None` where no value has a token yet.
    pub(crate) fn new(tokens: Option<&'a TokenMap>, names: &'a BTreeSet<String>) -> Self {
        let contains = |name: &&String| {
            tokens.is_some_and(|tokens| tokens.is_original(name, false) || tokens.find_value(name, false).is_some())
        };
        let mut names: Vec<&str> = names.iter().filter(contains).map(String::as_str).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self { tokens, names }
    }

    /// Whether a query contains a value, as a text, a word of a text, a name or a number.
    pub(super) fn in_query(&self, query: &Value) -> bool {
        match query {
            Value::String(text) => self.is_value(text) || self.has_word(text),
            Value::Number(number) => self.is_value(&number.to_string()),
            Value::Array(list) => list.iter().any(|item| self.in_query(item)),
            Value::Object(members) => {
                let mut members = members.iter();
                members.any(|(name, member)| self.is_value(name) || self.in_query(member))
            }
            Value::Null | Value::Bool(_) => false,
        }
    }

    /// Whether a text at any depth contains a value, names of members excepted.
    pub(crate) fn in_texts(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.in_text(text),
            Value::Array(list) => list.iter().any(|item| self.in_texts(item)),
            Value::Object(members) => members.values().any(|member| self.in_texts(member)),
            _ => false,
        }
    }

    /// The same of one text: all of it, a literal in it, or a part that is long enough.
    pub(crate) fn in_text(&self, text: &str) -> bool {
        if self.names.contains(&text) {
            return false;
        }
        let text = self
            .names
            .iter()
            .fold(text.to_owned(), |text, name| without(&text, name));
        self.is_value(&text) || literals(&text).any(|literal| self.is_value(&literal))
    }

    fn is_value(&self, text: &str) -> bool {
        let found = |text: &str| {
            self.tokens
                .is_some_and(|tokens| tokens.is_original(text, false) || tokens.find_value(text, false).is_some())
        };
        found(text) || (text.contains('\\') && found(&unescaped(text)))
    }

    fn has_word(&self, text: &str) -> bool {
        let mut found = false;
        let read = rewrite_text::<()>(text, &mut |word| {
            found |= self.is_value(word);
            Ok(String::new())
        });
        read.is_ok() && found
    }
}

/// The text without a name where no letter or digit touches it.
fn without(text: &str, name: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(name).filter(|_| !name.is_empty()) {
        let (before, after) = (&rest[..at], &rest[at + name.len()..]);
        kept.push_str(before);
        let bounded = !kept.ends_with(is_word) && !after.starts_with(is_word);
        kept.push_str(if bounded { " " } else { name });
        rest = after;
    }
    kept + rest
}

/// What stands between quotes, backslashes resolved.
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
        let texts = ValueMatcher::new(Some(&tokens), &none);
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
            assert!(texts.in_query(&query), "{query}");
        }
        for query in [
            json!({"term": {"a": "europe"}}),
            json!({"term": {"a": 4040}}),
            json!({"match": {"a": "timeout"}}),
        ] {
            assert!(!texts.in_query(&query), "{query}");
        }
        assert!(!ValueMatcher::new(None, &none).in_query(&json!("web-01")));
    }

    #[test]
    fn a_name_that_is_used_is_no_value() {
        let (tokens, names) = (tokens(), BTreeSet::from(["status_code".to_owned()]));
        let texts = ValueMatcher::new(Some(&tokens), &names);
        for text in [
            "status_code",
            "emit(doc['status_code'].value > 404)",
            "doc.status_code.value",
        ] {
            assert!(!texts.in_text(text), "{text}");
        }
        for text in [
            "doc['a'].value == 'eu'",
            "doc['a'].value == \"404\"",
            "doc['a'].value == 'x\\'web-01'",
            "xstatus_code",
            "emit('status_codes')",
            "'eu",
        ] {
            assert!(texts.in_text(text), "{text}");
        }
    }

    #[test]
    fn ids_are_found_in_any_query() {
        for query in [
            json!({"ids": {"values": ["1"]}}),
            json!({"bool": {"must_not": [{"term": {"_id": "1"}}]}}),
            json!({"query_string": {"query": "_id:1"}}),
        ] {
            assert!(mentions_ids(&query), "{query}");
        }
        assert!(!mentions_ids(&json!({"term": {"identity": "valid"}})));
    }
}
