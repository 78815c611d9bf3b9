//! Names of members that are values, or hold one: in documents, in what users set, and in mappings.

use serde_json::{Map, Value, json};

use super::rewriter::Rewriter;
use crate::json::Edit;

/// Names that Elasticsearch gives to members of annotations, notifications and categories.
const DOCUMENT_MEMBERS: [&str; 31] = [
    "annotation",
    "by_field_name",
    "by_field_value",
    "category_id",
    "create_time",
    "create_username",
    "detector_index",
    "end_timestamp",
    "event",
    "examples",
    "grok_pattern",
    "job_id",
    "job_type",
    "level",
    "max_matching_length",
    "message",
    "mlcategory",
    "modified_time",
    "modified_username",
    "node_name",
    "num_matches",
    "over_field_name",
    "over_field_value",
    "partition_field_name",
    "partition_field_value",
    "preferred_to_categories",
    "regex",
    "result_type",
    "terms",
    "timestamp",
    "type",
];
/// Names that Kibana gives to members of custom settings.
const CUSTOM_SETTINGS: [&str; 8] = [
    "created_by",
    "custom_urls",
    "job_tags",
    "managed",
    "security_app_display_name",
    "time_range",
    "url_name",
    "url_value",
];

impl Rewriter {
    /// Another name for this member of an input document.
    pub(super) fn input_name(&self, path: &str, name: &str) -> Edit {
        match self.renamed(name).filter(|_| !self.fields.is_known(path)) {
            Some(name) => Edit::Text(name),
            None => Edit::Keep,
        }
    }

    /// Another name for this member of an annotation, a notification or a category.
    pub(super) fn document_name(&self, path: &str, name: &str) -> Edit {
        match DOCUMENT_MEMBERS.contains(&path) {
            true => Edit::Keep,
            false => self.input_name(path, name),
        }
    }

    /// Another name for this member of a configuration.
    pub(super) fn configuration_name(&self, path: &str, name: &str) -> Edit {
        let set = path.starts_with("custom_settings.") && !CUSTOM_SETTINGS.contains(&name);
        match self.renamed(name).filter(|_| set) {
            Some(name) => Edit::Text(name),
            None => Edit::Keep,
        }
    }

    /// The name with tokens; nothing where it holds no value. Dots in a name stand between names.
    fn renamed(&self, name: &str) -> Option<String> {
        if !self.writing {
            return None;
        }
        let new = self.tokens.replace_known_values(name, false);
        if new != name {
            return Some(new);
        }
        let parts = || {
            name.split('.')
                .map(|part| self.tokens.replacement(part, false).unwrap_or(part))
        };
        let changes = name.contains('.') && parts().ne(name.split('.'));
        changes.then(|| parts().collect::<Vec<_>>().join("."))
    }

    /// Renames the properties of a mapping as [`input_name`](Self::input_name) renames members. A value with dots in it is
    /// mapped as several properties, one in the other.
    pub(super) fn rename_properties(&self, properties: &mut Value, above: &str) {
        let Some(old) = properties.as_object_mut().filter(|_| self.writing) else {
            return;
        };
        let mut new = Map::new();
        for (name, mut definition) in std::mem::take(old) {
            let path = format!("{above}{name}");
            match self.renamed(&name) {
                _ if self.fields.is_known(&path) => put(&mut new, &name, definition),
                Some(token) => put(&mut new, &token, definition),
                None => {
                    let mut taken = Vec::new();
                    let empty = self.take_spread(&name, &mut definition, &mut taken);
                    taken
                        .into_iter()
                        .for_each(|(token, definition)| put(&mut new, &token, definition));
                    if !empty {
                        put(&mut new, &name, definition);
                    }
                }
            }
        }
        *old = new;
    }

    /// Takes the properties whose path, from `begin` on, is a value; true where nothing is left.
    fn take_spread(&self, begin: &str, definition: &mut Value, taken: &mut Vec<(String, Value)>) -> bool {
        let Some(inner) = definition.get_mut("properties").and_then(Value::as_object_mut) else {
            return false;
        };
        let before = taken.len();
        for (name, mut definition) in std::mem::take(inner) {
            let path = format!("{begin}.{name}");
            match self.tokens.replacement(&path, false) {
                Some(token) => taken.push((token.to_owned(), definition)),
                None if self.take_spread(&path, &mut definition, taken) => {}
                None => {
                    inner.insert(name, definition);
                }
            }
        }
        taken.len() > before && inner.is_empty()
    }
}

/// Puts a property where its name leads to; one that is there is extended.
fn put(properties: &mut Map<String, Value>, name: &str, definition: Value) {
    let (first, rest) = match name.split_once('.') {
        Some((first, rest)) if !first.is_empty() && !rest.is_empty() => (first, Some(rest)),
        _ => (name, None),
    };
    let inner = |definition: &mut Value, name: &str, new: Value| {
        if !definition["properties"].is_object() {
            definition["properties"] = json!({});
        }
        if let Some(properties) = definition["properties"].as_object_mut() {
            put(properties, name, new);
        }
    };
    match (properties.get_mut(first), rest) {
        (None, None) => {
            properties.insert(first.to_owned(), definition);
        }
        (None, Some(rest)) => {
            let mut outer = json!({});
            inner(&mut outer, rest, definition);
            properties.insert(first.to_owned(), outer);
        }
        (Some(known), Some(rest)) if known.is_object() => inner(known, rest, definition),
        (Some(known), _) if known.is_object() => {
            let properties = definition.get("properties").and_then(Value::as_object);
            for (name, definition) in properties.into_iter().flatten() {
                inner(known, name, definition.clone());
            }
        }
        _ => {}
    }
}
