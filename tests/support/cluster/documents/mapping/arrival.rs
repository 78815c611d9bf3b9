//! Documents on their way in.

use serde_json::{Map, Value, json};

use super::{Field, Kind, definition, kind};
use crate::support::cluster::documents::dates;
use crate::support::cluster::documents::failure::{Failure, Outcome, position};
use crate::support::cluster::documents::names::wild;

/// A document on its way in: checks its fields and finds the new ones.
pub(in super::super) struct Arrival<'a> {
    pub(in super::super) mappings: &'a Value,
    pub(in super::super) id: &'a str,
    pub(in super::super) text: &'a str,
    pub(in super::super) added: Vec<(String, Value)>,
}

impl Arrival<'_> {
    pub(in super::super) fn check(&mut self, source: &Value) -> Outcome<()> {
        let mappings = self.mappings;
        let Value::Object(object) = source else {
            return Err(Failure::new(400, "document_parsing_exception", "[1:1] failed to parse"));
        };
        self.object(Some(mappings), object, "", mappings.get("dynamic"))
    }

    fn object(
        &mut self,
        mapping: Option<&Value>,
        object: &Map<String, Value>,
        path: &str,
        dynamic: Option<&Value>,
    ) -> Outcome<()> {
        if mapping.and_then(|mapping| mapping.get("enabled")) == Some(&Value::Bool(false)) {
            return Ok(());
        }
        let dynamic = mapping.and_then(|mapping| mapping.get("dynamic")).or(dynamic);
        for (key, value) in object {
            let full = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            match mapping.and_then(|mapping| definition(mapping, key)) {
                Some(child) => self.known(child, value, &full, dynamic)?,
                None => self.unknown(value, &full, dynamic)?,
            }
        }
        Ok(())
    }

    fn known(&mut self, mapping: &Value, value: &Value, path: &str, dynamic: Option<&Value>) -> Outcome<()> {
        let type_name = mapping.get("type").and_then(Value::as_str).unwrap_or("object");
        match value {
            Value::Null => Ok(()),
            Value::Array(items) => items
                .iter()
                .try_for_each(|item| self.known(mapping, item, path, dynamic)),
            Value::Object(object) if ["object", "nested"].contains(&type_name) => {
                self.object(Some(mapping), object, path, dynamic)
            }
            _ if ["object", "nested"].contains(&type_name) => {
                if mapping.get("enabled") == Some(&Value::Bool(false)) {
                    return Ok(());
                }
                let (line, column) = position(self.text, last(path));
                let reason = format!(
                    "[{line}:{column}] object mapping for [{path}] tried to parse field [{path}] as object, but found a concrete value"
                );
                Err(Failure::new(400, "document_parsing_exception", reason))
            }
            _ => self.leaf(mapping, type_name, value, path),
        }
    }

    fn leaf(&self, mapping: &Value, type_name: &str, value: &Value, path: &str) -> Outcome<()> {
        let Some(kind) = kind(type_name) else { return Ok(()) };
        let format = mapping
            .get("format")
            .and_then(Value::as_str)
            .unwrap_or(dates::DEFAULT)
            .to_owned();
        let field = Field {
            path: path.to_owned(),
            kind,
            format,
            ignore_above: None,
        };
        if field.key(value).is_some() || mapping.get("ignore_malformed") == Some(&Value::Bool(true)) {
            return Ok(());
        }
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let (line, column) = position(self.text, last(path));
        let reason = format!(
            "[{line}:{column}] failed to parse field [{path}] of type [{type_name}] in document with id '{}'. Preview of field's value: '{shown}'",
            self.id
        );
        let by = match kind {
            Kind::Date | Kind::DateNanos => json!({"type": "illegal_argument_exception",
                "reason": format!("failed to parse date field [{shown}] with format [{}]", field.format),
                "caused_by": {"type": "date_time_parse_exception",
                    "reason": "Failed to parse with all enclosed parsers"}}),
            Kind::Boolean => json!({"type": "illegal_argument_exception",
                "reason": format!("Failed to parse value [{shown}] as only [true] or [false] are allowed.")}),
            _ => json!({"type": "illegal_argument_exception", "reason": format!("For input string: \"{shown}\"")}),
        };
        Err(Failure::new(400, "document_parsing_exception", reason).caused_by(by))
    }

    fn unknown(&mut self, value: &Value, path: &str, dynamic: Option<&Value>) -> Outcome<()> {
        match dynamic
            .map(|dynamic| dynamic.as_str().map_or_else(|| dynamic.to_string(), str::to_owned))
            .as_deref()
        {
            Some("false" | "runtime") => return Ok(()),
            Some("strict") => {
                let (line, column) = position(self.text, last(path));
                let reason = format!(
                    "[{line}:{column}] mapping set to strict, dynamic introduction of [{}] within [{}] is not allowed",
                    last(path),
                    path.rsplit_once('.').map_or("_doc", |(parent, _)| parent)
                );
                return Err(Failure::new(400, "strict_dynamic_mapping_exception", reason));
            }
            _ => {}
        }
        match value {
            Value::Object(object) => self.object(None, object, path, dynamic),
            Value::Array(items) => {
                for item in items {
                    self.unknown(item, path, dynamic)?;
                }
                Ok(())
            }
            _ => {
                if !self.added.iter().any(|(name, _)| name == path)
                    && let Some(mapping) = self.template(value, path).or_else(|| inferred(value))
                {
                    if mapping["type"] == "long" {
                        self.leaf(&mapping, "long", value, path)?;
                    }
                    self.added.push((path.to_owned(), mapping));
                }
                Ok(())
            }
        }
    }

    fn template(&self, value: &Value, path: &str) -> Option<Value> {
        let kind = match value {
            Value::String(_) => "string",
            Value::Bool(_) => "boolean",
            Value::Number(number) if number.is_f64() => "double",
            Value::Number(_) => "long",
            _ => return None,
        };
        let templates = self.mappings.get("dynamic_templates")?.as_array()?;
        let found = templates
            .iter()
            .filter_map(|named| named.as_object()?.values().next())
            .find(|template| {
                let fits = |key: &str, text: &str| {
                    template
                        .get(key)
                        .and_then(Value::as_str)
                        .is_none_or(|pattern| wild(pattern, text))
                };
                fits("match_mapping_type", kind) && fits("match", last(path)) && fits("path_match", path)
            })?;
        found.get("mapping").cloned()
    }
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

fn inferred(value: &Value) -> Option<Value> {
    let date = |text: &str| text.contains('-') && dates::parse(&text.into(), "strict_date_optional_time").is_some();
    Some(match value {
        Value::String(text) if date(text) => json!({"type": "date"}),
        Value::String(_) => json!({"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}),
        Value::Bool(_) => json!({"type": "boolean"}),
        Value::Number(number) if number.is_f64() => json!({"type": "float"}),
        Value::Number(_) => json!({"type": "long"}),
        _ => return None,
    })
}
