//! Templates of indices: composable ones, their components, and legacy ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Answer;
use super::admin::acknowledged;
use super::failure::{Failure, Outcome};
use super::index::flat_settings;
use super::mapping;
use super::names::wild;
use super::store::{Store, shown_alias};

/// One of the three kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Composable,
    Component,
    Legacy,
}

impl Kind {
    /// By the first part of the address.
    pub(super) fn of(segment: &str) -> Self {
        match segment {
            "_index_template" => Self::Composable,
            "_component_template" => Self::Component,
            _ => Self::Legacy,
        }
    }

    /// Where it is kept.
    fn all(self, store: &mut Store) -> &mut BTreeMap<String, Value> {
        match self {
            Self::Composable => &mut store.templates,
            Self::Component => &mut store.component_templates,
            Self::Legacy => &mut store.legacy_templates,
        }
    }

    /// As a GET shows it.
    fn shown(self, name: &str, template: &Value) -> Value {
        match self {
            Self::Composable => json!({"name": name, "index_template": template}),
            Self::Component => json!({"name": name, "component_template": template}),
            Self::Legacy => template.clone(),
        }
    }

    fn missing(self, method: &str, name: &str) -> Outcome<Answer> {
        let (kind, reason) = match (self, method) {
            (Self::Legacy, "GET") => return Ok(Answer::json(404, &json!({}))),
            (Self::Composable, "GET") => (
                "resource_not_found_exception",
                format!("index template matching [{name}] not found"),
            ),
            (Self::Component, "GET") => (
                "resource_not_found_exception",
                format!("component template matching [{name}] not found"),
            ),
            (Self::Component, _) => (
                "resource_not_found_exception",
                format!("component_template [{name}] missing"),
            ),
            _ => (
                "index_template_missing_exception",
                format!("index_template [{name}] missing"),
            ),
        };
        Err(Failure::new(404, kind, reason))
    }
}

/// Puts, shows or deletes templates of one kind.
pub(super) fn template(store: &mut Store, method: &str, kind: Kind, name: &str, body: &Value) -> Outcome<Answer> {
    let templates = kind.all(store);
    if method == "PUT" || method == "POST" {
        templates.insert(name.to_owned(), kept(kind, body));
        return Ok(acknowledged());
    }
    let names: Vec<String> = templates
        .keys()
        .filter(|key| name.is_empty() || name.split(',').any(|part| wild(part, key)))
        .cloned()
        .collect();
    if names.is_empty() && !name.is_empty() && !name.contains('*') {
        return kind.missing(method, name);
    }
    if method == "DELETE" {
        templates.retain(|name, _| !names.contains(name));
        return Ok(acknowledged());
    }
    let shown = names.iter().map(|name| kind.shown(name, &templates[name]));
    Ok(Answer::json(
        200,
        &match kind {
            Kind::Legacy => {
                let pairs: Map<String, Value> = names.iter().cloned().zip(shown).collect();
                Value::Object(pairs)
            }
            Kind::Composable => json!({"index_templates": shown.collect::<Vec<_>>()}),
            Kind::Component => json!({"component_templates": shown.collect::<Vec<_>>()}),
        },
    ))
}

/// In the form in which it is shown: settings nested and as text.
fn kept(kind: Kind, body: &Value) -> Value {
    let mut kept = body.clone();
    let part = match kind {
        Kind::Legacy => &mut kept,
        _ => &mut kept["template"],
    };
    if part.is_object() && (kind == Kind::Legacy || part.get("settings").is_some()) {
        part["settings"] = shown_settings(&flat_settings(&part["settings"]));
    }
    match kind {
        Kind::Legacy => {
            for missing in ["mappings", "aliases"] {
                if kept[missing].is_null() {
                    kept[missing] = json!({});
                }
            }
            kept["order"] = json!(body["order"].as_i64().unwrap_or(0));
        }
        Kind::Composable => {
            if kept["composed_of"].is_null() {
                kept["composed_of"] = json!([]);
            }
            if kept["template"].is_null() {
                drop(kept.as_object_mut().map(|kept| kept.shift_remove("template")));
            }
            if kept["data_stream"].is_object() {
                kept["data_stream"] = json!({"hidden": false, "allow_custom_routing": false});
            }
        }
        Kind::Component => {}
    }
    kept
}

fn shown_settings(flat: &BTreeMap<String, Value>) -> Value {
    let mut shown = json!({});
    for (name, value) in flat {
        let mut at = &mut shown["index"];
        for part in name.split('.') {
            at = &mut at[part];
        }
        *at = value.clone();
    }
    shown
}

fn fits(template: &Value, name: &str) -> bool {
    let patterns = &template["index_patterns"];
    let patterns = patterns.as_array().cloned().unwrap_or_else(|| vec![patterns.clone()]);
    patterns
        .iter()
        .filter_map(Value::as_str)
        .any(|pattern| wild(pattern, name))
}

/// The composable template of a new index.
fn composable<'a>(store: &'a Store, name: &str) -> Option<(&'a String, &'a Value)> {
    let matching = store.templates.iter().filter(|(_, template)| fits(template, name));
    matching.max_by_key(|(_, template)| template["priority"].as_i64().unwrap_or(0))
}

/// The bodies of the templates of a new index, the strongest last; refused where only data streams are created.
pub(super) fn parts_for(store: &Store, name: &str) -> Outcome<Vec<Value>> {
    if let Some((template_name, template)) = composable(store, name) {
        if template.get("data_stream").is_some() {
            return Err(Failure::illegal(format!(
                "cannot create index with name [{name}], because it matches with template [{template_name}] that \
                 creates data streams only, use create data stream api instead"
            )));
        }
        return Ok(composed(store, template));
    }
    let mut legacy: Vec<&Value> = store
        .legacy_templates
        .values()
        .filter(|template| fits(template, name))
        .collect();
    legacy.sort_by_key(|template| template["order"].as_i64().unwrap_or(0));
    Ok(legacy.into_iter().cloned().collect())
}

fn composed(store: &Store, template: &Value) -> Vec<Value> {
    let names = template["composed_of"].as_array().into_iter().flatten();
    let components = names.filter_map(|name| Some(store.component_templates.get(name.as_str()?)?["template"].clone()));
    components.chain([template["template"].clone()]).collect()
}

/// `_simulate_index`: what the composable template gives; legacy templates are not told.
pub(super) fn simulate(store: &Store, name: &str) -> Outcome<Answer> {
    let Some((_, template)) = composable(store, name) else {
        return Ok(Answer::json(200, &json!({})));
    };
    let (mut settings, mut mappings, mut aliases) = (BTreeMap::new(), json!({}), json!({}));
    if template.get("data_stream").is_some() {
        mappings = json!({"_data_stream_timestamp": {"enabled": true}, "properties": {"@timestamp": {"type": "date"}}});
    }
    for part in composed(store, template) {
        settings.extend(flat_settings(&part["settings"]));
        mapping::merge(&mut mappings, &part["mappings"], "")?;
        for (alias, definition) in part["aliases"].as_object().into_iter().flatten() {
            aliases[alias] = shown_alias(definition);
        }
    }
    let mut simulated = json!({"settings": shown_settings(&settings)});
    if mappings.as_object().is_some_and(|mappings| !mappings.is_empty()) {
        simulated["mappings"] = mappings;
    }
    simulated["aliases"] = aliases;
    Ok(Answer::json(200, &json!({"template": simulated, "overlapping": []})))
}
