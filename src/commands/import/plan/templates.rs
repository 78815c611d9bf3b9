//! What index templates of the cluster would do to the indices of the input documents.

use serde_json::{Map, Value};

use super::planner::Planner;
use crate::cluster::{self, TemplateEffect, flat_settings};
use crate::error::{Error, Result};
use crate::job::TargetIndex;

const HINT: &str = "choose a name that no such template matches with --input-index, or leave the input documents out \
                    with --skip-inputs";

/// Settings that an index must have at least, where nothing else is set: Elasticsearch's defaults.
const LIMITS: [(&str, u64); 8] = [
    ("mapping.total_fields.limit", 1000),
    ("mapping.depth.limit", 20),
    ("mapping.nested_fields.limit", 50),
    ("mapping.nested_objects.limit", 10_000),
    ("max_docvalue_fields_search", 100),
    ("max_result_window", 10_000),
    ("max_script_fields", 32),
    ("max_terms_count", 65_536),
];

/// Settings that keep documents out, change them, or hide them, unless they have this value.
const REQUIRED: [(&str, &str); 13] = [
    ("hidden", "false"),
    ("mode", "standard"),
    ("default_pipeline", "_none"),
    ("final_pipeline", "_none"),
    ("blocks.read", "false"),
    ("blocks.write", "false"),
    ("blocks.metadata", "false"),
    ("blocks.read_only", "false"),
    ("mapping.source.mode", "stored"),
    ("mapping.coerce", "true"),
    ("mapping.ignore_malformed", "false"),
    ("mapping.total_fields.ignore_dynamic_beyond_limit", "false"),
    ("routing_partition_size", "1"),
];

impl Planner<'_> {
    /// Refuses what would lose or expose input documents, and reports what else index templates do to each index.
    pub(super) async fn check_templates(&mut self, targets: &[TargetIndex]) -> Result<()> {
        for target in targets {
            let name = &target.name;
            let effect = match self.cluster.template_effect(name.as_str()).await {
                Err(cluster::Error::Forbidden { .. }) => {
                    self.note(format!(
                        "an index template could expose or lose the input documents in {name}: the user may not read \
                         index templates (cluster privilege monitor, before 8.0 manage_index_templates), so they are not \
                         checked"
                    ));
                    continue;
                }
                effect => effect?,
            };
            let Some(effect) = effect else { continue };
            let template = match effect.names.as_slice() {
                [one] => format!("index template {one}"),
                several => format!("index templates {}", several.join(", ")),
            };
            let own = IndexBody::of(target)?;
            let dangers = own.dangers(&effect).join(", ");
            if !dangers.is_empty() {
                self.conflict(
                    format!("index {name} cannot hold the input documents: {template} {dangers}"),
                    HINT,
                );
            } else if let Some(additions) = own.additions(&effect) {
                self.note(format!("{template} applies to index {name}: it {additions}"));
            }
        }
        Ok(())
    }
}

/// What the request that creates the index sets itself, which overrides templates.
struct IndexBody {
    settings: Map<String, Value>,
    mappings: Map<String, Value>,
    fields: Vec<String>,
}

impl IndexBody {
    fn of(target: &TargetIndex) -> Result<Self> {
        let body: Value = serde_json::from_str(target.body.get())
            .map_err(|error| Error::without_hint(format!("index {} cannot be described: {error}", target.name)))?;
        let object = |name: &str| body.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        Ok(Self {
            settings: flat_settings(&object("settings")),
            mappings: object("mappings"),
            fields: target.fields.clone(),
        })
    }

    fn dangers(&self, effect: &TemplateEffect) -> Vec<String> {
        let mut dangers = Vec::new();
        if effect.data_stream {
            dangers.push("creates data streams only".to_owned());
        }
        if !effect.body.aliases.is_empty() {
            let aliases = list("alias", "aliases", effect.body.aliases.keys());
            dangers.push(format!("adds it to {aliases}"));
        }
        dangers.extend(self.mapping_dangers(&effect.body.mappings));
        dangers.extend(self.setting_dangers(&effect.body.settings));
        dangers
    }

    fn mapping_dangers(&self, mappings: &Map<String, Value>) -> Vec<String> {
        let mut dangers = Vec::new();
        let source = mappings.get("_source").and_then(Value::as_object);
        for (option, value) in source.into_iter().flatten() {
            match (option.as_str(), value) {
                ("enabled", Value::Bool(true)) => {}
                ("enabled", _) => dangers.push("disables _source".to_owned()),
                ("includes" | "excludes", Value::Array(list)) if list.is_empty() => {}
                ("includes" | "excludes", _) => dangers.push("filters _source".to_owned()),
                ("mode", Value::String(mode)) if mode == "stored" => {}
                _ => dangers.push(format!("sets _source.{option}")),
            }
        }
        let requires = |mappings: &Map<String, Value>| {
            let routing = mappings.get("_routing").and_then(|routing| routing.get("required"));
            routing.is_some_and(is_true)
        };
        if requires(mappings) && !requires(&self.mappings) {
            dangers.push("requires routing".to_owned());
        }
        if mappings.get("enabled").is_some_and(|enabled| !is_true(enabled)) {
            dangers.push("disables the mapping".to_owned());
        }
        if mappings.get("dynamic").and_then(Value::as_str) == Some("strict") && !self.mappings.contains_key("dynamic") {
            dangers.push("rejects documents with other fields (dynamic: strict)".to_owned());
        }
        let runtime = mappings.get("runtime").and_then(Value::as_object);
        let mut hidden: Vec<&String> = runtime.into_iter().flat_map(Map::keys).collect();
        hidden.retain(|name| self.fields.contains(name));
        if !hidden.is_empty() {
            dangers.push(format!("hides {} by a runtime field", list("field", "fields", hidden)));
        }
        dangers
    }

    fn setting_dangers(&self, settings: &Map<String, Value>) -> Vec<String> {
        let mut dangers = Vec::new();
        for (name, value) in settings.iter().filter(|(name, _)| !self.settings.contains_key(*name)) {
            let text = text(value);
            let limit = LIMITS.iter().find(|(limit, _)| limit == name);
            let too_low = limit.is_some_and(|(_, least)| text.parse::<u64>().is_ok_and(|limit| limit < *least));
            let required = REQUIRED.iter().find(|(required, _)| required == name);
            let differs = required.is_some_and(|(_, required)| *required != text);
            let unknown_field = name == "sort.field" && !sorts_by(value).all(|field| self.fields.contains(&field));
            if too_low || differs || unknown_field || name == "routing_path" {
                dangers.push(format!("sets index.{name} to {text}"));
            }
        }
        dangers
    }

    /// What else the index gets, in words; `None` where nothing of it is left.
    fn additions(&self, effect: &TemplateEffect) -> Option<String> {
        let mut additions = Vec::new();
        let settings = effect
            .body
            .settings
            .keys()
            .filter(|name| !self.settings.contains_key(*name));
        let settings: Vec<String> = settings.map(|name| format!("index.{name}")).collect();
        if !settings.is_empty() {
            additions.push(format!("sets {}", settings.join(", ")));
        }
        let properties = effect.body.mappings.get("properties").and_then(Value::as_object);
        let own = self.mappings.get("properties").and_then(Value::as_object);
        let mut fields: Vec<&String> = properties.into_iter().flat_map(Map::keys).collect();
        fields.retain(|name| !own.is_some_and(|own| own.contains_key(*name)));
        if !fields.is_empty() {
            additions.push(format!("maps {}", list("field", "fields", fields)));
        }
        let mut options: Vec<&String> = effect.body.mappings.keys().collect();
        options.retain(|name| *name != "properties" && !self.mappings.contains_key(*name));
        if !options.is_empty() {
            additions.push(format!("sets {} of the mapping", list("option", "options", options)));
        }
        (!additions.is_empty()).then(|| additions.join("; it "))
    }
}

fn list<'a>(one: &str, many: &str, names: impl IntoIterator<Item = &'a String>) -> String {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    format!("{} {}", if names.len() == 1 { one } else { many }, names.join(", "))
}

fn is_true(value: &Value) -> bool {
    matches!(value, Value::Bool(true)) || value.as_str() == Some("true")
}

fn sorts_by(value: &Value) -> impl Iterator<Item = String> {
    let names = match value {
        Value::Array(names) => names.clone(),
        name => vec![name.clone()],
    };
    names.into_iter().map(|name| text(&name))
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
