//! What a clause compares with, and the tokens that stand for it.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::compare::{self, Holds, Kind};
use super::{CHOICES, Rewriter};
use crate::commands::pseudonymize::queried::Queried;
use crate::pseudonym::Error;

/// What Elasticsearch takes in one `terms`.
const MOST_TERMS: usize = 65_536;

/// A comparison with a field.
#[derive(Clone, Copy)]
pub(super) struct Compared<'a> {
    /// The clause's name.
    pub(super) clause: &'a str,
    /// The field's, as the clause has it.
    pub(super) name: &'a str,
    pub(super) queried: &'a Queried,
}

/// What is compared with.
pub(super) enum Operand<'a> {
    /// A value that is equal.
    Exact(&'a str),
    /// One that is equal but for its case.
    AnyCase(&'a str),
    /// `*` and `?` stand for what they stand for in a `wildcard`; true where case is no matter.
    Pattern(&'a str, bool),
    /// The same of a regular expression.
    Regexp(&'a str, bool),
    /// A beginning.
    Prefix(&'a str, bool),
    Range(Option<compare::Bound>, Option<compare::Bound>),
}

impl Rewriter {
    /// What stands for an operand: its tokens, or for another field itself. `None` where that cannot be told, which is
    /// remembered.
    pub(super) fn compared(
        &mut self,
        what: Compared<'_>,
        operand: Operand<'_>,
    ) -> Result<Option<BTreeSet<String>>, Error> {
        let (field, kind) = match what.queried {
            Queried::Values { field, kind } => (field, *kind),
            Queried::Messages(Kind::Keyword) => {
                return match operand {
                    Operand::Exact(text) => Ok(Some([self.words(text)?].into())),
                    _ => Ok(self.not(what, "it is about messages whose words are replaced")),
                };
            }
            Queried::Messages(_) => return Ok(self.not(what, "words of messages are replaced")),
            Queried::Untold(why) => return Ok(self.not(what, why)),
            Queried::Others => return Ok(self.not(what, "")),
        };
        let Some(holds) = self.holds(field, kind, &operand) else {
            let network = |text| kind == Kind::Unknown && compare::network(text).is_some();
            let text = match operand {
                Operand::Exact(text) if !network(text) => text,
                Operand::Exact(_) | Operand::Range(..) if kind == Kind::Unknown => {
                    return Ok(self.not(what, "no mapping tells its type"));
                }
                _ => return Ok(self.not(what, "which values it takes in is not known here")),
            };
            if kind == Kind::Other {
                return Ok(self.not(what, "values of its type are not compared as a whole"));
            }
            return Ok(Some([self.sent(field, text)?].into()));
        };
        match (kind, &operand) {
            (Kind::Number, Operand::Exact(text)) => drop(self.sent(field, text)?),
            _ => self.note(
                "the datafeed takes values in by pattern or range: the tokens of all values that match stand in its \
                 place, values to come will not match",
            ),
        }
        let tokens = self.matching(field, &*holds);
        match tokens.len() > MOST_TERMS {
            true => Ok(self.not(what, "it takes in more values than a query may list")),
            false => Ok(Some(tokens)),
        }
    }

    fn not<T>(&mut self, what: Compared<'_>, why: &str) -> Option<T> {
        self.unfollowed(&format!("`{}`", what.clause), what.name, why);
        None
    }

    /// What an operand takes in; `None` where it is one value, or where it cannot be told.
    fn holds(&self, field: &str, kind: Kind, operand: &Operand<'_>) -> Option<Holds> {
        let texts = matches!(kind, Kind::Keyword | Kind::Unknown);
        let spelled = |text: &str| self.fields.spellings.pattern(field, text).filter(|_| texts);
        match operand {
            Operand::Exact(text) => match kind {
                Kind::Number => compare::same_number(text),
                Kind::Address => compare::network(text),
                _ => None,
            },
            Operand::AnyCase(text) => Some(compare::equal_in_any_case(&spelled(text)?)),
            Operand::Pattern(text, any_case) => Some(compare::like(&spelled(text)?, *any_case)),
            Operand::Regexp(text, any_case) => {
                let pattern = compare::pattern_of(&spelled(text)?)?;
                Some(compare::like(&pattern, *any_case))
            }
            Operand::Prefix(text, any_case) => Some(compare::begins(&spelled(text)?, *any_case)),
            Operand::Range(low, high) => {
                let spell = |bound: &Option<compare::Bound>| match (bound, kind) {
                    (Some((text, itself)), Kind::Keyword) => Some(Some((spelled(text)?, *itself))),
                    (bound, _) => Some(bound.clone()),
                };
                compare::between(kind, spell(low)?, spell(high)?)
            }
        }
    }

    /// What another field is compared with, but for values in it. A number stays where inputs may have it as one: those
    /// stay there too.
    pub(super) fn others(&self, name: &str, value: &Value) -> Value {
        match value {
            Value::String(text) => self.other(name, text).into(),
            Value::Array(list) => list.iter().map(|item| self.others(name, item)).collect(),
            Value::Object(members) => {
                let member = |(key, value): (&String, &Value)| {
                    let new = match CHOICES.contains(&key.as_str()) {
                        true => value.clone(),
                        false => self.others(name, value),
                    };
                    (key.clone(), new)
                };
                members.iter().map(member).collect()
            }
            value => value.clone(),
        }
    }

    /// The same of one text.
    pub(super) fn other(&self, name: &str, text: &str) -> String {
        match text.parse::<f64>().is_ok() && self.fields.kind(name) != Kind::Keyword {
            true => text.to_owned(),
            false => self.scrubbed(text),
        }
    }

    /// A list of values; each becomes its tokens. `None` where one cannot be followed.
    pub(super) fn listed(&mut self, what: Compared<'_>, list: &[Value]) -> Result<Option<Vec<Value>>, Error> {
        let mut new = Vec::with_capacity(list.len());
        for value in list {
            let Some(text) = text_of(value) else {
                new.push(value.clone());
                continue;
            };
            let Some(tokens) = self.compared(what, Operand::Exact(&text))? else {
                return Ok(None);
            };
            new.extend(tokens.into_iter().map(|token| as_written(value, token)));
        }
        Ok(Some(new))
    }
}

/// A query for these tokens; `more` are its `boost` and its name.
pub(super) fn any_of(name: &str, tokens: BTreeSet<String>, more: Map<String, Value>) -> Value {
    if tokens.is_empty() {
        return json!({"match_none": {}});
    }
    let mut terms = Map::new();
    terms.insert(name.to_owned(), tokens.into_iter().collect());
    terms.extend(more);
    json!({ "terms": terms })
}

/// A value that may be compared with; `None` for what is none or says nothing.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A token where that value stood: a number where it was one, if it can be.
pub(super) fn as_written(value: &Value, token: String) -> Value {
    match (value, token.parse::<u64>()) {
        (Value::Number(number), _) if number.to_string() == token => value.clone(),
        (Value::Number(_), Ok(number)) => number.into(),
        _ => token.into(),
    }
}
