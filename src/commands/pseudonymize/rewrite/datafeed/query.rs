//! Queries, clause by clause.

use serde_json::{Map, Value, json};

use super::{Made, Rewriter};
use crate::commands::pseudonymize::queried::Queried;

/// Where no field is named.
pub(super) const BY_DEFAULT: &str = "the fields that are searched by default";

impl Rewriter {
    /// A query, or a list of them.
    pub(super) fn query(&mut self, query: &Value) -> Made {
        match query {
            Value::Array(list) => list.iter().map(|query| self.query(query)).collect(),
            Value::Object(clauses) => match clauses.iter().next() {
                Some((kind, body)) if clauses.len() == 1 => self.clause(kind, body),
                _ => self.unknown("query", query),
            },
            _ => self.unknown("query", query),
        }
    }

    fn clause(&mut self, kind: &str, body: &Value) -> Made {
        let inner: &[&str] = match kind {
            "bool" => &["must", "filter", "should", "must_not"],
            "constant_score" => &["filter"],
            "dis_max" => &["queries"],
            "boosting" => &["positive", "negative"],
            "nested" | "has_child" | "has_parent" | "script_score" => &["query"],
            "function_score" => &["query", "functions"],
            "pinned" => &["organic"],
            "exists" => return Ok(json!({ kind: self.scrubbed_json(body) })),
            "ids" => return Ok(json!({ kind: self.ids(body) })),
            "multi_match" => return self.multi_match(body),
            "query_string" => return self.query_string(body),
            "simple_query_string" | "combined_fields" | "more_like_this" => {
                let all = body
                    .get("query")
                    .and_then(Value::as_str)
                    .is_some_and(|text| text.trim() == "*");
                if body.get("fields").is_none() && !all {
                    self.unfollowed(&format!("`{kind}`"), BY_DEFAULT, "");
                }
                return Ok(json!({ kind: self.unknown(kind, body)? }));
            }
            "wrapper" | "percolate" => {
                self.unfollowed(
                    &format!("`{kind}`"),
                    "any field",
                    "what it compares with cannot be read",
                );
                &[]
            }
            kind if super::KEYED.contains(&kind) => return self.keyed(kind, body),
            _ => &[],
        };
        let Some(members) = body.as_object() else {
            return Ok(json!({ kind: self.unknown(kind, body)? }));
        };
        let mut new = Map::new();
        for (name, value) in members {
            let made = match name.as_str() {
                "functions" if inner.contains(&"functions") => self.functions(value)?,
                "ids" if kind == "pinned" => self.ids(value),
                name if inner.contains(&name) => self.query(value)?,
                name => self.member(kind, name, value)?,
            };
            new.insert(name.clone(), made);
        }
        Ok(json!({ kind: new }))
    }

    fn functions(&mut self, functions: &Value) -> Made {
        let functions = functions.as_array().into_iter().flatten();
        let mut new = Vec::new();
        for function in functions {
            let mut made = Map::new();
            for (name, value) in function.as_object().into_iter().flatten() {
                let value = match name.as_str() {
                    "filter" => self.query(value)?,
                    name => self.member("function_score", name, value)?,
                };
                made.insert(name.clone(), value);
            }
            new.push(made.into());
        }
        Ok(Value::Array(new))
    }

    /// Ids of inputs may be made of values.
    pub(super) fn ids(&self, value: &Value) -> Value {
        match value {
            Value::String(id) => self.book.key().unrecorded(id).into(),
            Value::Number(id) => self.book.key().unrecorded(&id.to_string()).into(),
            Value::Array(ids) => ids.iter().map(|id| self.ids(id)).collect(),
            Value::Object(members) => {
                let member = |(name, value): (&String, &Value)| {
                    let options = ["boost", "_name"].contains(&name.as_str());
                    (
                        name.clone(),
                        if options {
                            self.scrubbed_json(value)
                        } else {
                            self.ids(value)
                        },
                    )
                };
                members.iter().map(member).collect()
            }
            value => value.clone(),
        }
    }

    /// What a clause has beside its queries: nothing of it may name a replaced field, or look into one.
    pub(super) fn member(&mut self, clause: &str, name: &str, value: &Value) -> Made {
        if super::painless::is_script(name, value) {
            return self.script(&format!("script of `{clause}`"), value);
        }
        match super::CHOICES.contains(&name) && !value.is_object() {
            true => {
                self.refuse_named(clause, value);
                Ok(value.clone())
            }
            false => {
                self.refuse_named(clause, &Value::from(name));
                self.unknown(clause, value)
            }
        }
    }

    /// A part of a clause that is not known: it stays where it names no replaced field.
    pub(super) fn unknown(&mut self, clause: &str, value: &Value) -> Made {
        match value {
            Value::Object(members) => {
                let mut new = Map::new();
                for (name, value) in members {
                    new.insert(name.clone(), self.member(clause, name, value)?);
                }
                Ok(new.into())
            }
            Value::Array(list) => list.iter().map(|item| self.unknown(clause, item)).collect(),
            value => {
                self.refuse_named(clause, value);
                Ok(self.scrubbed_json(value))
            }
        }
    }

    fn refuse_named(&mut self, clause: &str, value: &Value) {
        match value {
            Value::Array(list) => list.iter().for_each(|item| self.refuse_named(clause, item)),
            Value::String(name) => {
                let name = name.split('^').next().unwrap_or_default();
                if !name.trim_matches('*').is_empty() && self.fields.queried(name) != Queried::Others {
                    self.unfollowed(&format!("`{clause}`"), name, "what it takes in is not known here");
                }
            }
            _ => {}
        }
    }
}
