//! Aggregations: filters, lists of values, and values for what has none.

use serde_json::{Map, Value, json};

use super::values::{Compared, Operand, as_written, text_of};
use super::{Made, Rewriter};
use crate::commands::pseudonymize::queried::Queried;

/// Kinds whose buckets or counts are the same of tokens.
const FOLLOWED: [&str; 8] = [
    "terms",
    "rare_terms",
    "significant_terms",
    "multi_terms",
    "cardinality",
    "value_count",
    "missing",
    "top_metrics",
];

/// Buckets of `terms` that does not say how many.
const BUCKETS: u64 = 10;

impl Rewriter {
    /// Aggregations by name.
    pub(super) fn aggregations(&mut self, aggregations: &Value) -> Made {
        let mut all = Map::new();
        for (name, aggregation) in aggregations.as_object().into_iter().flatten() {
            let mut kinds = Map::new();
            for (kind, body) in aggregation.as_object().into_iter().flatten() {
                let made = match kind.as_str() {
                    "aggs" | "aggregations" => self.aggregations(body)?,
                    "meta" => self.written(body)?,
                    "filter" => self.query(body)?,
                    "filters" | "adjacency_matrix" => self.buckets(name, kind, body)?,
                    "composite" => self.composite(body)?,
                    _ => self.aggregation(name, kind, body)?,
                };
                kinds.insert(kind.clone(), made);
            }
            all.insert(name.clone(), kinds.into());
        }
        Ok(all.into())
    }

    /// Buckets by query. Where they are values of a field, their keys are too.
    fn buckets(&mut self, name: &str, kind: &str, body: &Value) -> Made {
        let chosen = self.fields.is_chosen(name);
        if chosen && kind == "adjacency_matrix" {
            self.unfollowed(&format!("`{kind}`"), name, "it puts values together");
        }
        let mut new = Map::new();
        for (member, value) in body.as_object().into_iter().flatten() {
            let made = match (member.as_str(), value) {
                ("filters", Value::Object(filters)) => {
                    let mut all = Map::new();
                    for (key, query) in filters {
                        let key = match chosen {
                            true => self.value(name, key)?,
                            false => key.clone(),
                        };
                        all.insert(key, self.query(query)?);
                    }
                    all.into()
                }
                ("filters", list) => self.query(list)?,
                ("other_bucket_key", Value::String(key)) if chosen => self.value(name, key)?.into(),
                (member, value) => self.member(kind, member, value)?,
            };
            new.insert(member.to_owned(), made);
        }
        Ok(new.into())
    }

    fn composite(&mut self, body: &Value) -> Made {
        let mut new = Map::new();
        for (member, value) in body.as_object().into_iter().flatten() {
            let made = match (member.as_str(), value) {
                ("sources", Value::Array(sources)) => sources
                    .iter()
                    .map(|source| self.aggregations(source))
                    .collect::<Made>()?,
                ("sources", source) => self.aggregations(source)?,
                ("after", after) => {
                    self.unfollowed("`after`", "the sources of a composite", "");
                    after.clone()
                }
                (member, value) => self.member("composite", member, value)?,
            };
            new.insert(member.to_owned(), made);
        }
        Ok(new.into())
    }

    fn aggregation(&mut self, name: &str, kind: &str, body: &Value) -> Made {
        let Some(members) = body.as_object() else {
            return Ok(self.scrubbed_json(body));
        };
        let pipeline = members.contains_key("buckets_path");
        let by_key = members
            .get("buckets_path")
            .is_some_and(|path| path.to_string().contains("['"));
        if by_key {
            self.unfollowed(&format!("`{kind}`"), name, "its path names a bucket");
        }
        let field = members.get("field").and_then(Value::as_str);
        let queried = field.map(|field| self.fields.queried(field));
        let compared = field
            .zip(queried.as_ref())
            .filter(|(_, queried)| **queried != Queried::Others);
        if let Some((field, _)) = compared {
            let why = match members.contains_key("script") {
                true => Some("a script makes something of values"),
                false if !FOLLOWED.contains(&kind) => Some("what it makes of values is not the same of tokens"),
                false => None,
            };
            why.into_iter()
                .for_each(|why| self.unfollowed(&format!("`{kind}`"), field, why));
        }
        if let Some((field, Queried::Values { field: of, .. })) = compared
            && self.orders_values(members, of)
        {
            self.unfollowed(
                &format!("`{kind}`"),
                field,
                "it lists some of them, by the order of values",
            );
        }
        let mut new = Map::new();
        for (member, value) in members {
            let made = match (member.as_str(), compared) {
                ("filter" | "background_filter", _) => self.query(value)?,
                ("terms", _) if kind == "multi_terms" => self.several(kind, value)?,
                ("metrics", _) if kind == "top_metrics" => value.clone(),
                ("field" | "buckets_path" | "order", _) => value.clone(),
                ("script" | "params", _) if pipeline => self.scrubbed_json(value),
                ("include" | "exclude" | "missing", Some((name, queried))) => {
                    let what = Compared {
                        clause: member,
                        name,
                        queried,
                    };
                    match self.taken_in(what, value)? {
                        Some(made) => made,
                        // Nothing is left out.
                        None if member == "exclude" => continue,
                        None => Value::from(vec![self.book.key().unrecorded("nothing")]),
                    }
                }
                (member, _) => {
                    self.makes(name, member, value);
                    self.member(kind, member, value)?
                }
            };
            new.insert(member.clone(), made);
        }
        Ok(new.into())
    }

    /// Whether buckets are chosen by the order of a field's values.
    fn orders_values(&self, members: &Map<String, Value>, field: &str) -> bool {
        let size = members.get("size").and_then(Value::as_u64).unwrap_or(BUCKETS);
        let order = members.get("order").map(Value::to_string).unwrap_or_default();
        let ordered = ["\"_key\"", "\"_term\""].iter().any(|key| order.contains(key));
        // Where the count comes first, the key is but what tells equals apart.
        let first = order.trim_start_matches(['[', '{']).starts_with("\"_count\"");
        ordered && !first && size < self.values_of(field)
    }

    /// What somebody wrote beside an aggregation.
    fn written(&mut self, value: &Value) -> Made {
        Ok(match value {
            Value::String(text) => self.free(text)?.into(),
            Value::Array(list) => list.iter().map(|item| self.written(item)).collect::<Made>()?,
            Value::Object(members) => {
                let mut new = Map::new();
                for (name, member) in members {
                    new.insert(name.clone(), self.written(member)?);
                }
                new.into()
            }
            value => value.clone(),
        })
    }

    /// A script that makes what a field of the job is made of.
    fn makes(&mut self, name: &str, member: &str, value: &Value) {
        if super::painless::is_script(member, value) && self.fields.is_chosen(name) {
            self.unfollowed("script", name, "it makes the values that are replaced");
        }
    }

    /// The sources of a `multi_terms`.
    fn several(&mut self, kind: &str, sources: &Value) -> Made {
        let sources = sources.as_array().into_iter().flatten();
        sources.map(|source| self.aggregation(kind, "terms", source)).collect()
    }

    /// `include`, `exclude` or `missing` of a field; `None` where no value is taken in.
    fn taken_in(&mut self, what: Compared<'_>, value: &Value) -> Result<Option<Value>, crate::pseudonym::Error> {
        let some = |list: Vec<Value>| (!list.is_empty()).then(|| Value::from(list));
        match value {
            Value::Array(list) => Ok(self.listed(what, list)?.and_then(some)),
            Value::String(text) if what.clause != "missing" => {
                let tokens = self.compared(what, Operand::Regexp(text, false))?;
                Ok(tokens.and_then(|tokens| some(tokens.into_iter().map(Value::from).collect())))
            }
            Value::Object(_) => {
                self.unfollowed(&format!("`{}`", what.clause), what.name, "its partitions are of values");
                Ok(None)
            }
            value => {
                let Some(text) = text_of(value) else {
                    return Ok(Some(value.clone()));
                };
                let tokens = self.compared(what, Operand::Exact(&text))?.unwrap_or_default();
                let token = tokens
                    .into_iter()
                    .next()
                    .map_or(json!(null), |token| as_written(value, token));
                Ok(Some(token))
            }
        }
    }
}
