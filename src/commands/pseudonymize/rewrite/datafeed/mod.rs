//! The datafeed: what its clauses compare with becomes tokens, and what cannot be followed is refused.

mod aggregations;
mod keyed;
mod literals;
mod made;
mod painless;
mod query;
mod query_string;
mod values;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::Rewriter;
use crate::error;
use crate::job::JobConfig;
use crate::pseudonym::Error;

/// Members of a datafeed with names of fields and values in them.
const SECTIONS: [&str; 5] = ["query", "aggregations", "aggs", "runtime_mappings", "script_fields"];
/// Members of clauses that hold a choice, or names of fields.
const CHOICES: [&str; 24] = [
    "boost",
    "boost_mode",
    "operator",
    "default_operator",
    "rewrite",
    "minimum_should_match",
    "analyzer",
    "calendar_interval",
    "fixed_interval",
    "interval",
    "format",
    "lang",
    "order",
    "relation",
    "score_mode",
    "time_zone",
    "zero_terms_query",
    "field",
    "fields",
    "default_field",
    "path",
    "type",
    "unit",
    "buckets_path",
];
/// What may stand beside the field's name in any clause.
const EVERYWHERE: [&str; 2] = ["boost", "_name"];
/// Clauses with a field's name as a key.
pub(in super::super) const KEYED: [&str; 8] = [
    "term",
    "terms",
    "match",
    "match_phrase",
    "wildcard",
    "prefix",
    "regexp",
    "range",
];

/// What becomes of a part of the datafeed.
type Made = Result<Value, Error>;

/// Whether a member of the configuration is a part of the datafeed that is rewritten clause by clause.
pub(in super::super) fn is_clause(path: &str) -> bool {
    let inside = path.strip_prefix("datafeed_config.");
    inside.is_some_and(|path| {
        let section = path.split('.').next().unwrap_or_default();
        SECTIONS.contains(&section)
    })
}

/// Whether a text of a clause is a choice or a name, and not what is compared with.
pub(in super::super) fn is_choice(path: &str) -> bool {
    let mut segments = path.rsplit('.');
    let name = segments.next().unwrap_or_default();
    let keyed = segments.next().is_some_and(|above| KEYED.contains(&above));
    CHOICES.contains(&name) && !keyed
}

impl Rewriter {
    /// The configuration's text with a datafeed that goes by tokens.
    pub(super) fn datafeed(&mut self, config: &JobConfig) -> error::Result<Box<RawValue>> {
        self.refuse_mapped_scripts(config)?;
        let mut failed = None;
        let text = config.edit_datafeed(&mut |name, json| {
            if !SECTIONS.contains(&name) {
                return None;
            }
            let section: Value = serde_json::from_str(json).ok()?;
            let made = match name {
                "query" => self.query(&section),
                "runtime_mappings" | "script_fields" => self.made_fields(&section, config),
                _ => self.aggregations(&section),
            };
            match made {
                Ok(made) => (made != section).then(|| made.to_string()),
                Err(error) => {
                    failed = Some(error);
                    None
                }
            }
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok(text),
        }
    }

    /// Remembers a clause that cannot be followed.
    fn unfollowed(&mut self, clause: &str, field: &str, why: &str) {
        self.unfollowed.insert(match why.is_empty() {
            true => format!("{clause} on {field}"),
            false => format!("{clause} on {field} ({why})"),
        });
    }

    /// Refuses a datafeed with clauses that cannot be followed.
    pub(in super::super) fn refuse_unfollowed(&self) -> error::Result<()> {
        if self.unfollowed.is_empty() {
            return Ok(());
        }
        let clauses: Vec<&str> = self.unfollowed.iter().map(String::as_str).collect();
        Err(error::Error::Refused {
            message: format!(
                "the datafeed looks into values that are replaced, in a way that tokens cannot follow: {}",
                clauses.join("; ")
            ),
            hint: "leave the datafeed out with --skip-datafeed, or replace other fields only with --fields, or change the \
                   datafeed and export again"
                .to_owned(),
        })
    }

    /// Texts at any depth as they are, but for values in them.
    fn scrubbed_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => self.scrubbed(text).into(),
            Value::Array(list) => list.iter().map(|item| self.scrubbed_json(item)).collect(),
            Value::Object(members) => self.options(members).into(),
            value => value.clone(),
        }
    }

    /// The same of options, of which some hold choices.
    fn options(&self, members: &Map<String, Value>) -> Map<String, Value> {
        let option = |(name, value): (&String, &Value)| {
            let new = match CHOICES.contains(&name.as_str()) && !value.is_object() {
                true => value.clone(),
                false => self.scrubbed_json(value),
            };
            (name.clone(), new)
        };
        members.iter().map(option).collect()
    }
}
