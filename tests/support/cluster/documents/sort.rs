//! Sorts hits by integers and dates, or by position in the index.

use std::cmp::Ordering;

use serde_json::Value;

use super::failure::{Failure, Outcome};
use super::index::Document;
use super::mapping::{Field, FieldType, Key, field};

/// A sort criterion in a request.
#[derive(Clone, Debug)]
pub(super) struct Sort {
    name: String,
    descending: bool,
    unmapped: bool,
    /// Nanoseconds are compared as milliseconds.
    as_millis: bool,
}

/// A criterion with the mappings of an index.
#[derive(Clone, Debug)]
pub(super) enum SortKey {
    Position,
    Field(Field),
    Unmapped,
}

impl Sort {
    pub(super) fn list(value: &Value) -> Vec<Self> {
        match value {
            Value::Array(items) => items.iter().flat_map(Self::list).collect(),
            Value::String(name) => vec![Self::new(name, &Value::Null)],
            Value::Object(object) => object.iter().map(|(name, options)| Self::new(name, options)).collect(),
            _ => Vec::new(),
        }
    }

    fn new(name: &str, options: &Value) -> Self {
        let order = options.as_str().or_else(|| options["order"].as_str());
        Self {
            name: name.to_owned(),
            descending: order == Some("desc"),
            unmapped: options["unmapped_type"].is_string(),
            as_millis: options["numeric_type"] == "date",
        }
    }

    pub(super) fn bind(&self, mappings: &Value) -> Outcome<SortKey> {
        if ["_doc", "_shard_doc"].contains(&self.name.as_str()) {
            return Ok(SortKey::Position);
        }
        match field(mappings, &self.name) {
            Some(found) if matches!(found.kind, FieldType::Text | FieldType::Keyword | FieldType::Double) => {
                Err(Failure::unsupported(&format!("a sort by [{}]", self.name)))
            }
            Some(found) => Ok(SortKey::Field(found)),
            None if self.unmapped => Ok(SortKey::Unmapped),
            None => {
                let reason = format!("No mapping found for [{}] in order to sort on", self.name);
                Err(Failure::new(400, "query_shard_exception", reason))
            }
        }
    }

    /// Returns the sort value of a document: the first one if there are several. Documents without a value are sorted
    /// last.
    pub(super) fn key(&self, sort: &SortKey, document: &Document, position: i64) -> i64 {
        let missing = if self.descending { i64::MIN } else { i64::MAX };
        let field = match sort {
            SortKey::Position => return position,
            SortKey::Unmapped => return missing,
            SortKey::Field(field) => field,
        };
        let keys = field.keys(document.value()).into_iter().filter_map(|key| match key {
            Key::Int(nanos) if self.as_millis && field.kind == FieldType::DateNanos => {
                Some(nanos.div_euclid(1_000_000))
            }
            Key::Int(number) => Some(number),
            Key::Float(_) | Key::Text(_) => None,
        });
        keys.min_by(|a, b| self.compare(*a, *b)).unwrap_or(missing)
    }

    pub(super) fn compare(&self, a: i64, b: i64) -> Ordering {
        if self.descending { b.cmp(&a) } else { a.cmp(&b) }
    }
}
