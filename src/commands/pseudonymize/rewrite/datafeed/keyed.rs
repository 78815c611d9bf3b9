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

/// A clause with a field's name as a key.
struct Clause<'a> {
    kind: &'a str,
    name: &'a str,
    /// What stands under the name.
    value: &'a Value,
    /// What stands beside it.
    options: Map<String, Value>,
}

impl<'a> Clause<'a> {
    /// The clause with something else under the name.
    fn with(&self, value: Value) -> Value {
        let mut new = Map::new();
        new.insert(self.name.to_owned(), value);
        new.extend(self.options.clone());
        json!({ self.kind: new })
    }

    fn compared<'q>(&self, queried: &'q Queried) -> Compared<'q>
    where
        'a: 'q,
    {
        Compared {
            clause: self.kind,
            name: self.name,
            queried,
        }
    }
}

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
        let options = members
            .iter()
            .filter(|(name, _)| is_option(name))
            .map(|(name, value)| (name.clone(), self.scrubbed_json(value)))
            .collect();
        let clause = Clause {
            kind,
            name,
            value,
            options,
        };
        let queried = match (name.as_str(), kind) {
            ("_id", "term" | "terms" | "match") => return Ok(clause.with(self.ids(value))),
            ("_id", _) => Queried::Untold("ids of documents are replaced"),
            (name, _) => self.fields.queried(name),
        };
        let known = |key: &String| HARMLESS.contains(&key.as_str()) || OPERANDS.contains(&key.as_str());
        match kind {
            _ if queried == Queried::Others => Ok(clause.with(self.others(name, value))),
            "terms" => self.listing(&clause, &queried),
            _ if value.as_object().is_some_and(|all| !all.keys().all(known)) => {
                self.unfollowed(&format!("`{kind}`"), name, "one of its options is not known here");
                Ok(clause.with(Value::Null))
            }
            "range" => {
                let (low, high) = bounds(value.as_object());
                let tokens = self.compared(clause.compared(&queried), Operand::Range(low, high))?;
                Ok(any_of(name, tokens.unwrap_or_default(), self.beside(&clause)))
            }
            _ => self.one(&clause, &queried),
        }
    }

    fn listing(&mut self, clause: &Clause<'_>, queried: &Queried) -> Made {
        let Some(list) = clause.value.as_array() else {
            self.unfollowed("`terms`", clause.name, "its values stand elsewhere");
            return Ok(clause.with(Value::Null));
        };
        let list = self.listed(clause.compared(queried), list)?;
        Ok(clause.with(list.map(Value::Array).unwrap_or_default()))
    }

    /// A clause with one value or pattern.
    fn one(&mut self, clause: &Clause<'_>, queried: &Queried) -> Made {
        let Clause { kind, name, value, .. } = *clause;
        let parameters = value.as_object();
        let place = parameters.and_then(|all| ["value", "query", kind].into_iter().find(|key| all.contains_key(*key)));
        let operand = place.map_or(value, |place| &value[place]);
        let Some(text) = text_of(operand) else {
            // Truth and `null` are no values that are replaced.
            if !(operand.is_boolean() || operand.is_null()) {
                let why = "it compares with something that is no value";
                self.unfollowed(&format!("`{kind}`"), name, why);
            }
            return Ok(clause.with(value.clone()));
        };
        let any_case = value.get("case_insensitive");
        let any_case = any_case.is_some_and(|any| any == true || any == "true");
        let compared = match kind {
            "wildcard" => Operand::Pattern(&text, any_case),
            "prefix" => Operand::Prefix(&text, any_case),
            "regexp" => Operand::Regexp(&text, any_case),
            _ if any_case => Operand::AnyCase(&text),
            _ => Operand::Exact(&text),
        };
        let exact = matches!(compared, Operand::Exact(_));
        let Some(mut tokens) = self.compared(clause.compared(queried), compared)? else {
            return Ok(clause.with(Value::Null));
        };
        if tokens.len() != 1 || !exact {
            return Ok(any_of(name, tokens, self.beside(clause)));
        }
        let token = as_written(operand, tokens.pop_first().unwrap_or_default());
        Ok(clause.with(match (place, parameters) {
            (Some(place), Some(parameters)) => {
                let mut new = self.options(parameters);
                new.insert(place.to_owned(), token);
                new.into()
            }
            _ => token,
        }))
    }

    /// What stands beside a clause's value, wherever that may stand.
    fn beside(&self, clause: &Clause<'_>) -> Map<String, Value> {
        let mut all = clause.options.clone();
        let more = clause.value.as_object().into_iter().flatten();
        let more = more.filter(|(key, _)| EVERYWHERE.contains(&key.as_str()));
        all.extend(more.map(|(key, value)| (key.clone(), self.scrubbed_json(value))));
        all
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
