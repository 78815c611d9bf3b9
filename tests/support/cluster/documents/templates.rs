//! Index templates: composable ones, their components, and legacy ones.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::Answer;
use super::failure::{Failure, Outcome};
use super::index::{flat_settings, nested_settings};
use super::indices::acknowledged;
use super::names::matches;
use super::store::Store;
use super::{aliases, mapping};

/// Templates of each kind by name.
#[derive(Clone, Default)]
pub(super) struct Templates {
    composable: BTreeMap<String, Value>,
    component: BTreeMap<String, Value>,
    legacy: BTreeMap<String, Value>,
}

impl Templates {
    /// By the first part of the path.
    fn of(&mut self, kind: &str) -> &mut BTreeMap<String, Value> {
        match kind {
            "_index_template" => &mut self.composable,
            "_component_template" => &mut self.component,
            _ => &mut self.legacy,
        }
    }
}

pub(super) fn put(store: &mut Store, kind: &str, name: &str, body: &Value) -> Outcome<Answer> {
    let mut template = body.clone();
    if kind == "_template" {
        template["order"] = json!(body["order"].as_i64().unwrap_or(0));
        template["settings"] = nested_settings(&flat_settings(&body["settings"]));
    } else if body["template"].get("settings").is_some() {
        template["template"]["settings"] = nested_settings(&flat_settings(&body["template"]["settings"]));
    }
    store.templates.of(kind).insert(name.to_owned(), template);
    Ok(acknowledged())
}

pub(super) fn delete(store: &mut Store, kind: &str, name: &str) -> Outcome<Answer> {
    store.templates.of(kind).retain(|key, _| !matches(name, key));
    Ok(acknowledged())
}

/// An empty name returns all templates of the kind.
pub(super) fn get(store: &mut Store, kind: &str, name: &str) -> Outcome<Answer> {
    let templates = store.templates.of(kind).iter();
    let found = templates.filter(|(key, _)| name.is_empty() || matches(name, key));
    if kind == "_template" {
        let found: Map<String, Value> = found.map(|(name, one)| (name.clone(), one.clone())).collect();
        return Ok(Answer::json(200, &found));
    }
    let kind = kind.trim_start_matches('_');
    let list: Vec<Value> = found.map(|(name, one)| json!({"name": name, kind: one})).collect();
    let mut answer = Map::new();
    answer.insert(format!("{kind}s"), list.into());
    Ok(Answer::json(200, &answer))
}

fn applies(template: &Value, name: &str) -> bool {
    let patterns = template["index_patterns"].as_array().into_iter().flatten();
    patterns.filter_map(Value::as_str).any(|pattern| matches(pattern, name))
}

/// Returns the composable template of a new index.
fn composable<'a>(store: &'a Store, name: &str) -> Option<(&'a String, &'a Value)> {
    let all = store.templates.composable.iter();
    all.filter(|(_, template)| applies(template, name))
        .max_by_key(|(_, template)| template["priority"].as_i64().unwrap_or(0))
}

/// Returns the bodies of the templates for a new index, in order of precedence, highest last. Refused if the template
/// only creates data streams.
pub(super) fn parts_for(store: &Store, name: &str) -> Outcome<Vec<Value>> {
    if let Some((template_name, template)) = composable(store, name) {
        if template.get("data_stream").is_some() {
            return Err(Failure::illegal(format!(
                "cannot create index with name [{name}], because it matches with template [{template_name}] that \
                 creates data streams only, use create data stream api instead"
            )));
        }
        return Ok(parts(store, template));
    }
    let mut legacy: Vec<Value> = store.templates.legacy.values().cloned().collect();
    legacy.retain(|template| applies(template, name));
    legacy.sort_by_key(|template| template["order"].as_i64());
    Ok(legacy)
}

/// Returns the components of a template, then its own body.
fn parts(store: &Store, template: &Value) -> Vec<Value> {
    let names = template["composed_of"].as_array().into_iter().flatten();
    let components = names.filter_map(|name| Some(store.templates.component.get(name.as_str()?)?["template"].clone()));
    components.chain([template["template"].clone()]).collect()
}

/// `_simulate_index`: returns the result of the composable template. Legacy templates are ignored.
pub(super) fn simulate(store: &Store, name: &str) -> Outcome<Answer> {
    let Some((_, template)) = composable(store, name) else {
        return Ok(Answer::json(200, &json!({})));
    };
    let (mut settings, mut mappings, mut found) = (BTreeMap::new(), json!({}), json!({}));
    if template.get("data_stream").is_some() {
        mappings = json!({"_data_stream_timestamp": {"enabled": true}, "properties": {"@timestamp": {"type": "date"}}});
    }
    for part in parts(store, template) {
        settings.extend(flat_settings(&part["settings"]));
        mapping::merge(&mut mappings, &part["mappings"], "")?;
        for (alias, definition) in part["aliases"].as_object().into_iter().flatten() {
            found[alias] = aliases::alias_json(definition);
        }
    }
    let template = json!({"settings": nested_settings(&settings), "mappings": mappings, "aliases": found});
    Ok(Answer::json(200, &json!({"template": template, "overlapping": []})))
}
