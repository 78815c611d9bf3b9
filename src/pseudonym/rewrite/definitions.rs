//! Definitions of fields in the input mapping: what people wrote in them, and the values that they contain.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::datafeed::ValueMatcher;
use super::super::fields::Input;
use super::Rewriter;
use crate::pseudonym::error::{Error, Result};

/// Parameters that name analyzers. No archived query needs one, and an analyzer may list words.
const ANALYZERS: [&str; 3] = ["analyzer", "search_analyzer", "search_quote_analyzer"];

/// Leaves out of a source's mapping and settings what people wrote and what only a search for words needs.
pub(super) fn without_texts(source: &mut Value) {
    if let Some(properties) = source.pointer_mut("/mappings/properties") {
        without_parameters(properties);
    }
    if let Some(mappings) = source.get_mut("mappings").and_then(Value::as_object_mut) {
        mappings.shift_remove("_meta");
    }
    if let Some(index) = source.pointer_mut("/settings/index").and_then(Value::as_object_mut) {
        let normalizers = index.get("analysis").and_then(normalizers);
        match normalizers {
            Some(normalizers) => drop(index.insert("analysis".to_owned(), normalizers)),
            None => drop(index.shift_remove("analysis")),
        }
    }
}

fn without_parameters(properties: &mut Value) {
    for definition in properties.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let Some(definition) = definition.as_object_mut() else {
            continue;
        };
        // Without an analyzer this type is an error.
        let counts = definition.get("type").is_some_and(|kind| kind == "token_count");
        for parameter in ANALYZERS.into_iter().chain(["meta"]) {
            definition.shift_remove(parameter);
        }
        if counts {
            definition.insert("analyzer".to_owned(), "standard".into());
        }
        for inner in ["properties", "fields"] {
            definition.get_mut(inner).into_iter().for_each(without_parameters);
        }
    }
}

/// Normalizers with the filters that they name: keywords need them.
fn normalizers(analysis: &Value) -> Option<Value> {
    let normalizers = analysis.get("normalizer")?.as_object()?;
    let mut kept = Map::new();
    kept.insert("normalizer".to_owned(), normalizers.clone().into());
    for section in ["filter", "char_filter"] {
        let other_value: BTreeSet<&str> = normalizers
            .values()
            .filter_map(|normalizer| normalizer.get(section))
            .flat_map(|names| match names {
                Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
                name => Vec::from_iter(name.as_str()),
            })
            .collect();
        let mut parts = analysis
            .get(section)
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        parts.retain(|name, _| other_value.contains(name.as_str()));
        if !parts.is_empty() {
            kept.insert(section.to_owned(), parts.into());
        }
    }
    Some(kept.into())
}

impl Rewriter {
    /// The values in the definition of a field: that of a constant, and what stands for `null`.
    pub(super) fn constants(&mut self, path: &str, definition: &mut Value) -> Result<()> {
        for name in ["value", "null_value"] {
            let (text, quoted) = match definition.get(name) {
                Some(Value::String(text)) => (text.clone(), true),
                Some(Value::Number(number)) => (number.to_string(), false),
                _ => continue,
            };
            let new = match self.fields.input(path) {
                Input::Value(field) => {
                    let field = field.to_owned();
                    self.document_value(&field, &text)?
                }
                Input::Message if quoted => self.message(&text)?,
                Input::Text if quoted => self.word_by_word(&text)?,
                Input::Address if quoted => self.other_value(&text)?,
                _ if quoted => self.replace_known_values(&text),
                _ => continue,
            };
            definition[name] = match new.parse::<u64>() {
                Ok(number) if !quoted => number.into(),
                _ if new == text => continue,
                _ => new.into(),
            };
        }
        Ok(())
    }

    /// Refuses normalizers that contain values: without them, keywords would be others.
    pub(super) fn refuse_in_settings(&self, mapping: &Value) -> Result<()> {
        let texts = ValueMatcher::new(self.writing.then_some(&self.tokens), &self.names);
        let sources = mapping.as_object().into_iter().flatten();
        for (index, source) in sources {
            if source
                .pointer("/settings/index/analysis")
                .is_some_and(|analysis| texts.in_texts(analysis))
            {
                return Err(Error::normalizer_contains_value(index));
            }
        }
        Ok(())
    }
}
