//! Clauses that compare one field, or several, with what they hold.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::compare::Bound;
use super::query::BY_DEFAULT;
use super::values::{Compared, Operand, any_of, as_written, text_of};
use super::{EVERYWHERE, Made, Rewriter};
use crate::commands::pseudonymize::queried::Queried;

/// What may stand beside what a clause compares with, and changes nothing about which values that are.
const HARMLESS: [&str; 12] = [
    "boost",
    "_name",
    "rewrite",
    "operator",
    "lenient",
    "zero_terms_query",
    "auto_generate_synonyms_phrase_query",
    "slop",
    "minimum_should_match",
    "max_determinized_states",
    "flags",
    "case_insensitive",
];
/// Where an operand stands among parameters.
const OPERANDS: [&str; 12] = [
    "value",
    "query",
    "wildcard",
    "prefix",
    "gt",
    "gte",
    "lt",
    "lte",
    "from",
    "to",
    "include_lower",
    "include_upper",
];

impl Rewriter {
    /// A clause with a field's name as a key.
    pub(super) fn keyed(&mut self, kind: &str, body: &Value) -> Made {
        let Some(members) = body.as_object() else {
            return Ok(json!({ kind: self.unknown(kind, body)? }));
        };
        let is_option = |name: &str| EVERYWHERE.contains(&name) && members.len() > 1;
        let mut named = members.iter().filter(|(name, _)| !is_option(name));
        let (Some((name, value)), None) = (named.next(), named.next()) else {
            return Ok(json!({ kind: self.unknown(kind, body)? }));
        };
        let options: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| is_option(name))
            .map(|(name, value)| (name.clone(), self.scrubbed_json(value)))
            .collect();
        let with = |value: Value| {
            let mut new = Map::new();
            new.insert(name.clone(), value);
            new.extend(options.clone());
            Ok(json!({ kind: new }))
        };
        let queried = match (name.as_str(), kind) {
            ("_id", "term" | "terms" | "match") => return with(self.ids(value)),
            ("_id", _) => Queried::Untold("ids of documents are replaced"),
            (name, _) => self.fields.queried(name),
        };
        let what = Compared {
            clause: kind,
            name,
            queried: &queried,
        };
        if queried == Queried::Others {
            return with(self.scrubbed_json(value));
        }
        if kind == "terms" {
            let Some(list) = value.as_array() else {
                self.unfollowed("`terms`", name, "its values stand elsewhere");
                return with(Value::Null);
            };
            return with(self.listed(what, list)?.map(Value::Array).unwrap_or_default());
        }
        let parameters = value.as_object();
        let known = |key: &String| HARMLESS.contains(&key.as_str()) || OPERANDS.contains(&key.as_str());
        if parameters.is_some_and(|all| !all.keys().all(known)) {
            self.unfollowed(&format!("`{kind}`"), name, "one of its options is not known here");
            return with(Value::Null);
        }
        let mut more = options.clone();
        let beside = parameters
            .into_iter()
            .flatten()
            .filter(|(key, _)| EVERYWHERE.contains(&key.as_str()));
        more.extend(beside.map(|(key, value)| (key.clone(), self.scrubbed_json(value))));
        if kind == "range" {
            let (low, high) = bounds(parameters);
            let tokens = self.compared(what, Operand::Range(low, high))?;
            return any_of(name, tokens.unwrap_or_default(), more);
        }
        let place = parameters.and_then(|all| ["value", "query", kind].into_iter().find(|key| all.contains_key(*key)));
        let operand = place.map_or(value, |place| &value[place]);
        let Some(text) = text_of(operand) else {
            // Truth and `null` are no values that are replaced.
            if !(operand.is_boolean() || operand.is_null()) {
                self.unfollowed(
                    &format!("`{kind}`"),
                    name,
                    "it compares with something that is no value",
                );
            }
            return with(value.clone());
        };
        let any_case = value
            .get("case_insensitive")
            .is_some_and(|any| any == true || any == "true");
        let exact = matches!(kind, "term" | "match" | "match_phrase");
        let text = text.as_str();
        let compared = match kind {
            "wildcard" => Operand::Pattern(text, any_case),
            "prefix" => Operand::Prefix(text, any_case),
            "regexp" => Operand::Regexp(text, any_case),
            _ if any_case => Operand::AnyCase(text),
            _ => Operand::Exact(text),
        };
        let Some(mut tokens) = self.compared(what, compared)? else {
            return with(Value::Null);
        };
        if tokens.len() != 1 || !exact || any_case {
            return any_of(name, tokens, more);
        }
        let token = as_written(operand, tokens.pop_first().unwrap_or_default());
        with(match place {
            None => token,
            Some(place) => {
                let mut new = self.options(parameters.unwrap_or(&Map::new()));
                new.insert(place.to_owned(), token);
                new.into()
            }
        })
    }

    /// One text for several fields.
    pub(super) fn multi_match(&mut self, body: &Value) -> Made {
        let fields = body.get("fields").and_then(Value::as_array);
        let mut new = body.as_object().cloned().unwrap_or_default();
        let Some(fields) = fields else {
            self.unfollowed("`multi_match`", BY_DEFAULT, "");
            return Ok(json!({ "multi_match": new }));
        };
        let names = fields.iter().filter_map(Value::as_str);
        let names: Vec<&str> = names.map(|name| name.split('^').next().unwrap_or_default()).collect();
        let queried: Vec<Queried> = names.iter().map(|name| self.fields.queried(name)).collect();
        if queried.iter().all(|queried| *queried == Queried::Others) {
            return Ok(json!({ "multi_match": self.options(&new) }));
        }
        let known =
            |key: &String| HARMLESS.contains(&key.as_str()) || ["query", "fields", "type"].contains(&key.as_str());
        let prefix = new
            .get("type")
            .and_then(Value::as_str)
            .is_some_and(|kind| kind.ends_with("prefix"));
        let text = new.get("query").and_then(text_of);
        let Some(text) = text.filter(|_| !prefix && new.keys().all(known)) else {
            self.unfollowed(
                "`multi_match`",
                &names.join(", "),
                "one of its options is not known here",
            );
            return Ok(json!({ "multi_match": new }));
        };
        let mut tokens = BTreeSet::new();
        for (name, queried) in names.iter().zip(&queried) {
            let clause = "multi_match";
            let what = Compared { clause, name, queried };
            tokens.extend(self.compared(what, Operand::Exact(&text))?.unwrap_or_default());
        }
        match (tokens.pop_first(), tokens.is_empty()) {
            (Some(token), true) => drop(new.insert("query".to_owned(), token.into())),
            _ => self.unfollowed("`multi_match`", &names.join(", "), "its text stands for several values"),
        }
        Ok(json!({ "multi_match": self.options(&new) }))
    }
}

/// The bounds of a range, as written now and before 8.0.
fn bounds(parameters: Option<&Map<String, Value>>) -> (Option<Bound>, Option<Bound>) {
    let text = |key: &str| parameters?.get(key).and_then(text_of);
    let included = |key: &str| parameters.and_then(|all| all.get(key)?.as_bool()).unwrap_or(true);
    let side = |open: &str, closed: &str, old: &str, flag: &str| {
        let new = text(open)
            .map(|text| (text, false))
            .or_else(|| Some((text(closed)?, true)));
        new.or_else(|| Some((text(old)?, included(flag))))
    };
    (
        side("gt", "gte", "from", "include_lower"),
        side("lt", "lte", "to", "include_upper"),
    )
}
