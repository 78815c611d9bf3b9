//! The mapping of the input documents: fields are mapped so that they accept tokens, and values in the mapping are
//! replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::rewriter::Rewriter;
use crate::json::{nested_values, unquoted};
use crate::pseudonym::datafeed::ValueMatcher;
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::fields::ReplacedFields;
use crate::util::format::is_among;
use crate::values::Content;

/// Types of fields that accept any token.
const TAKES_TOKENS: &str = "keyword text wildcard constant_keyword match_only_text flattened ip long integer \
                            unsigned_long double alias";
/// Parameters that refer to analyzers, which may contain lists of words and which no archived query needs, and texts
/// written by users.
const LEFT_OUT: [&str; 4] = ["analyzer", "search_analyzer", "search_quote_analyzer", "meta"];

impl Rewriter {
    /// Rewrites the mappings and settings of the source indices, without the fields that only the datafeed's query
    /// reads. `names` are those that the datafeed uses, which may contain values.
    pub(crate) fn mapping(&mut self, names: &BTreeSet<String>) -> Result<Vec<u8>> {
        let fields = Arc::clone(&self.fields);
        let query_only = &fields.query_only;
        let is_left_out = |path: &str| query_only.contains(path);
        let mappings = fields.mappings.without(&is_left_out, &query_only.runtime);
        let mut sources = mappings.to_json();
        for (index, source) in sources.as_object_mut().into_iter().flatten() {
            if let Some(mappings) = source.get_mut("mappings").and_then(Value::as_object_mut) {
                if let Some(properties) = mappings.get_mut("properties") {
                    self.rename_properties(properties, "");
                    self.properties(properties, "", &fields)?;
                }
                if let Some(Value::Object(runtime)) = mappings.get_mut("runtime") {
                    self.leave_out_scripts(runtime, names);
                }
            }
            if let Some(Value::Object(settings)) = source.pointer_mut("/settings/index") {
                self.analysis(settings, index, names)?;
            }
        }
        Ok(sources.to_string().into_bytes())
    }

    fn properties(&mut self, properties: &mut Value, above: &str, fields: &ReplacedFields) -> Result<()> {
        let definitions = properties.as_object_mut().into_iter().flatten();
        for (name, definition) in definitions.filter_map(|(name, definition)| Some((name, definition.as_object_mut()?)))
        {
            let path = format!("{above}{name}");
            for parameter in LEFT_OUT {
                definition.shift_remove(parameter);
            }
            self.constants(fields.content(&path), definition)?;
            let kind = definition.get("type").and_then(Value::as_str);
            let takes_tokens = kind.is_none_or(|kind| is_among(TAKES_TOKENS, kind));
            if kind == Some("token_count") {
                // This type requires an analyzer.
                definition.insert("analyzer".to_owned(), "standard".into());
            }
            if !takes_tokens && self.writing && matches!(fields.content(&path), Content::Value(_)) {
                map_as_keyword(definition);
                self.notes
                    .insert("a field with a type that cannot hold tokens is mapped as `keyword`");
            }
            if fields.normalizers.normalized.contains(&path) {
                // Tokens are already normalized, and must not be changed.
                definition.shift_remove("normalizer");
            }
            if fields.normalizers.limited.contains(&path) {
                // Larger than any token, and takes precedence over the settings of the index.
                definition.insert("ignore_above".to_owned(), i32::MAX.into());
            }
            for inner in ["properties", "fields"] {
                if let Some(inner) = definition.get_mut(inner) {
                    self.properties(inner, &format!("{path}."), fields)?;
                }
            }
        }
        Ok(())
    }

    /// Replaces the values in the definition of a field: its constant, and the replacement for `null`.
    fn constants(&mut self, content: Content<'_>, definition: &mut Map<String, Value>) -> Result<()> {
        for constant in ["value", "null_value"] {
            let Some(value) = definition.get_mut(constant) else {
                continue;
            };
            if !value.is_string() && !value.is_number() {
                continue;
            }
            let (text, quoted) = (unquoted(value), value.is_string());
            let new = match content {
                Content::Value(field) => self.document_value(field, &text)?,
                Content::Message | Content::Text | Content::OtherValue if quoted => self.text(content, &text)?,
                _ if quoted => self.replace_known_values(&text),
                _ => continue,
            };
            match new.parse::<u64>() {
                Ok(number) if !quoted => *value = number.into(),
                _ if new == text => {}
                _ => *value = new.into(),
            }
        }
        Ok(())
    }

    /// Removes runtime fields whose scripts read or contain replaced values from a source's mapping.
    fn leave_out_scripts(&mut self, runtime: &mut Map<String, Value>, names: &BTreeSet<String>) {
        if !self.writing {
            return;
        }
        let matcher = ValueMatcher::new(&self.tokens, names);
        let problem = |name: &str, field: &Value| self.fields.replaced_by_script(name, field.get("script"), None);
        let before = runtime.len();
        runtime.retain(|name, field| problem(name, field).is_none() && !matcher.is_in_texts(field));
        if runtime.len() < before {
            self.notes.insert(
                "a runtime field is removed from the mapping because its script reads or contains replaced values",
            );
        }
    }

    /// Keeps only normalizers, which keywords need, and their filters. Refuses those that contain values, since
    /// keywords would be different without them.
    fn analysis(&self, settings: &mut Map<String, Value>, index: &str, names: &BTreeSet<String>) -> Result<()> {
        let Some(analysis) = settings.get("analysis").and_then(normalizers) else {
            settings.shift_remove("analysis");
            return Ok(());
        };
        if self.writing && ValueMatcher::new(&self.tokens, names).is_in_texts(&analysis) {
            return Err(Error::normalizer_contains_value(index));
        }
        settings.insert("analysis".to_owned(), analysis);
        Ok(())
    }

    /// Renames properties like the members of input documents. Each is renamed once, since a token may look like
    /// another value. A value that contains dots is mapped as nested properties.
    fn rename_properties(&self, properties: &mut Value, above: &str) {
        let Some(properties) = properties.as_object_mut().filter(|_| self.writing) else {
            return;
        };
        for (name, mut definition) in std::mem::take(properties) {
            let is_known = self.fields.is_known(&format!("{above}{name}"));
            let mut renamed = Vec::new();
            match self.renamed(&name).filter(|_| !is_known) {
                Some(token) => renamed.push((name, token, definition)),
                None if !is_known && self.take_values(&name, &mut definition, &mut renamed) => {}
                None => renamed.push((name.clone(), name, definition)),
            }
            for (path, name, mut definition) in renamed {
                for inner in ["properties", "fields"] {
                    if let Some(inner) = definition.get_mut(inner) {
                        self.rename_properties(inner, &format!("{above}{path}."));
                    }
                }
                insert_property(properties, &name, definition);
            }
        }
    }

    /// Removes the properties whose path, starting at `begin`, is a value, and collects path, new name and definition.
    /// Returns true if nothing remains.
    fn take_values(&self, begin: &str, definition: &mut Value, taken: &mut Vec<(String, String, Value)>) -> bool {
        let Some(Value::Object(inner)) = definition.get_mut("properties") else {
            return false;
        };
        let before = taken.len();
        for (name, mut definition) in std::mem::take(inner) {
            let path = format!("{begin}.{name}");
            match self.tokens.replacement(&path).map(str::to_owned) {
                Some(token) => taken.push((path, token, definition)),
                None if self.take_values(&path, &mut definition, taken) => {}
                None => drop(inner.insert(name, definition)),
            }
        }
        taken.len() > before && inner.is_empty()
    }
}

fn map_as_keyword(definition: &mut Map<String, Value>) {
    let null = definition.get("null_value");
    let null = null.map(unquoted);
    *definition = Map::from_iter([("type".to_owned(), "keyword".into())]);
    definition.extend(null.map(|null| ("null_value".to_owned(), null.into())));
}

/// Inserts a property at the path in its name; an existing one is extended.
fn insert_property(properties: &mut Map<String, Value>, name: &str, definition: Value) {
    match name.split_once('.') {
        Some((outer, inner)) if !outer.is_empty() && !inner.is_empty() => {
            let mut within = Map::new();
            insert_property(&mut within, inner, definition);
            return insert_property(properties, outer, json!({"properties": within}));
        }
        _ => {}
    }
    let Some(known) = properties.get_mut(name) else {
        properties.insert(name.to_owned(), definition);
        return;
    };
    let (Value::Object(known), Some(Value::Object(more))) = (known, definition.get("properties")) else {
        return;
    };
    if let Value::Object(properties) = known.entry("properties").or_insert_with(|| json!({})) {
        for (name, definition) in more {
            insert_property(properties, name, definition.clone());
        }
    }
}

fn normalizers(analysis: &Value) -> Option<Value> {
    let normalizers = analysis.get("normalizer")?;
    let used: Vec<&Value> = nested_values(normalizers).map(|(_, name)| name).collect();
    let mut kept = Map::from_iter([("normalizer".to_owned(), normalizers.clone())]);
    for section in ["filter", "char_filter"] {
        let filters = analysis.get(section).and_then(Value::as_object).into_iter().flatten();
        let filters = filters.filter(|(name, _)| used.iter().any(|used| *used == *name));
        let filters: Map<_, _> = filters.map(|(name, filter)| (name.clone(), filter.clone())).collect();
        if !filters.is_empty() {
            kept.insert(section.to_owned(), filters.into());
        }
    }
    Some(kept.into())
}
