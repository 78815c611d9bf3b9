//! Checks what index templates of the cluster would do to the input indices.

use serde_json::{Map, Value};

use super::planner::Planner;
use crate::cluster::{self, TemplateEffect};
use crate::error::Result;
use crate::job::{TargetIndex, flat_settings, one_or_many};
use crate::json::unquoted;

const HINT: &str = "choose a name that the template does not match with --input-index, or skip the input documents \
                    with --skip-inputs";

/// Minimum values of settings: Elasticsearch's defaults.
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

/// Settings that reject, change or hide documents unless they have this value.
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
    /// Refuses index templates that would lose or expose input documents, and reports other effects on each index.
    pub(super) async fn check_templates(&mut self, targets: &[TargetIndex]) -> Result<()> {
        for target in targets {
            let name = &target.name;
            let effect = match self.cluster.template_effect(name.as_str()).await {
                Err(cluster::Error::Forbidden { .. }) => {
                    self.note(format!(
                        "an index template could expose or lose the input documents in {name}: index templates are not \
                         checked, because the user may not read them (cluster privilege monitor, before 8.0 \
                         manage_index_templates)"
                    ));
                    continue;
                }
                effect => effect?,
            };
            let Some(mut effect) = effect else { continue };
            // Settings in the request that creates the index override templates.
            let own = target.body["settings"].as_object().map(flat_settings);
            let is_own = |name: &String| own.as_ref().is_some_and(|own| own.contains_key(name));
            effect.body.settings.retain(|name, _| !is_own(name));
            let template = list("template", "templates", &effect.names).unwrap_or_default();
            let dangers = dangers(target, &effect).join(", ");
            let additions = additions(target, &effect).join("; it ");
            if !dangers.is_empty() {
                self.conflict(
                    format!("index {name} cannot store the input documents: index {template} {dangers}"),
                    HINT,
                );
            } else if !additions.is_empty() {
                self.note(format!("index {template} applies to index {name}: it {additions}"));
            }
        }
        Ok(())
    }
}

/// Describes effects of templates that would lose or expose documents.
fn dangers(target: &TargetIndex, effect: &TemplateEffect) -> Vec<String> {
    let (fields, mappings) = (&target.fields, &target.body["mappings"]);
    let mut dangers = Vec::new();
    if effect.data_stream {
        dangers.push("creates data streams only".to_owned());
    }
    let aliases = list("alias", "aliases", effect.body.aliases.keys());
    dangers.extend(aliases.map(|aliases| format!("adds the index to {aliases}")));
    let mapping = |name: &str| effect.body.mappings.get(name).unwrap_or(&Value::Null);
    for (option, value) in mapping("_source").as_object().into_iter().flatten() {
        match (option.as_str(), value) {
            ("enabled", Value::Bool(true)) => {}
            ("enabled", _) => dangers.push("disables _source".to_owned()),
            ("includes" | "excludes", Value::Array(list)) if list.is_empty() => {}
            ("includes" | "excludes", _) => dangers.push("filters _source".to_owned()),
            ("mode", Value::String(mode)) if mode == "stored" => {}
            _ => dangers.push(format!("sets _source.{option}")),
        }
    }
    let enabled = mapping("enabled");
    if is_true(&mapping("_routing")["required"]) && !is_true(&mappings["_routing"]["required"]) {
        dangers.push("requires routing".to_owned());
    }
    if !enabled.is_null() && !is_true(enabled) {
        dangers.push("disables the mapping".to_owned());
    }
    if mapping("dynamic") == "strict" && mappings.get("dynamic").is_none() {
        dangers.push("rejects documents with other fields (dynamic: strict)".to_owned());
    }
    let runtime = mapping("runtime").as_object().into_iter().flat_map(Map::keys);
    let hidden = list("field", "fields", runtime.filter(|name| fields.contains(name)));
    dangers.extend(hidden.map(|hidden| format!("hides {hidden} behind a runtime field")));
    for (name, value) in &effect.body.settings {
        let shown = unquoted(value);
        let is_low = |least: u64| shown.parse::<u64>().is_ok_and(|limit| limit < least);
        let too_low = LIMITS.iter().any(|(limit, least)| limit == name && is_low(*least));
        let differs = REQUIRED
            .iter()
            .any(|(required, value)| required == name && *value != shown);
        let unknown_field =
            name == "sort.field" && !one_or_many(value).iter().all(|field| fields.contains(&unquoted(field)));
        if too_low || differs || unknown_field || name == "routing_path" {
            dangers.push(format!("sets index.{name} to {shown}"));
        }
    }
    dangers
}

/// Describes all other effects of templates.
fn additions(target: &TargetIndex, effect: &TemplateEffect) -> Vec<String> {
    let mappings = &target.body["mappings"];
    let settings = effect.body.settings.keys();
    let settings: Vec<String> = settings.map(|name| format!("index.{name}")).collect();
    let properties = effect.body.mappings.get("properties").and_then(Value::as_object);
    let fields = properties.into_iter().flat_map(Map::keys);
    let fields = fields.filter(|name| mappings["properties"].get(name).is_none());
    let options = effect.body.mappings.keys();
    let options = options.filter(|name| *name != "properties" && mappings.get(name).is_none());
    let additions = [
        (!settings.is_empty()).then(|| format!("sets {}", settings.join(", "))),
        list("field", "fields", fields).map(|fields| format!("maps {fields}")),
        list("option", "options", options).map(|options| format!("sets {options} of the mapping")),
    ];
    additions.into_iter().flatten().collect()
}

/// A noun followed by names; `None` without names.
fn list<'a>(one: &str, many: &str, names: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let noun = if names.len() == 1 { one } else { many };
    (!names.is_empty()).then(|| format!("{noun} {}", names.join(", ")))
}

fn is_true(value: &Value) -> bool {
    *value == true || value == "true"
}
