//! What index templates of the cluster would do to the indices of the input documents.

use serde_json::{Map, Value};

use super::planner::Planner;
use crate::cluster::{self, TemplateEffect};
use crate::error::Result;
use crate::job::{TargetIndex, flat_settings};

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
            let template = list("template", "templates", &effect.names).unwrap_or_default();
            let own = IndexBody::of(target);
            let dangers = own.dangers(&effect).join(", ");
            let additions = own.additions(&effect).join("; it ");
            if !dangers.is_empty() {
                self.conflict(
                    format!("index {name} cannot hold the input documents: index {template} {dangers}"),
                    HINT,
                );
            } else if !additions.is_empty() {
                self.note(format!("index {template} applies to index {name}: it {additions}"));
            }
        }
        Ok(())
    }
}

/// What the request that creates the index sets itself, which overrides templates.
struct IndexBody<'a> {
    settings: Map<String, Value>,
    mappings: &'a Value,
    fields: &'a [String],
}

impl<'a> IndexBody<'a> {
    fn of(target: &'a TargetIndex) -> Self {
        Self {
            settings: target.body["settings"]
                .as_object()
                .map(flat_settings)
                .unwrap_or_default(),
            mappings: &target.body["mappings"],
            fields: &target.fields,
        }
    }

    fn dangers(&self, effect: &TemplateEffect) -> Vec<String> {
        let mut dangers = Vec::new();
        if effect.data_stream {
            dangers.push("creates data streams only".to_owned());
        }
        let aliases = list("alias", "aliases", effect.body.aliases.keys());
        dangers.extend(aliases.map(|aliases| format!("adds it to {aliases}")));
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
        let others = [
            (
                is_true(&mapping("_routing")["required"]) && !is_true(&self.mappings["_routing"]["required"]),
                "requires routing",
            ),
            (!enabled.is_null() && !is_true(enabled), "disables the mapping"),
            (
                mapping("dynamic") == "strict" && self.mappings.get("dynamic").is_none(),
                "rejects documents with other fields (dynamic: strict)",
            ),
        ];
        dangers.extend(
            others
                .into_iter()
                .filter(|(is_set, _)| *is_set)
                .map(|(_, danger)| danger.to_owned()),
        );
        let runtime = mapping("runtime").as_object().into_iter().flat_map(Map::keys);
        let hidden = list("field", "fields", runtime.filter(|name| self.fields.contains(name)));
        dangers.extend(hidden.map(|hidden| format!("hides {hidden} by a runtime field")));
        let settings = effect.body.settings.iter();
        for (name, value) in settings.filter(|(name, _)| !self.settings.contains_key(*name)) {
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

    /// What else the index gets, in words.
    fn additions(&self, effect: &TemplateEffect) -> Vec<String> {
        let settings = effect
            .body
            .settings
            .keys()
            .filter(|name| !self.settings.contains_key(*name));
        let settings: Vec<String> = settings.map(|name| format!("index.{name}")).collect();
        let properties = effect.body.mappings.get("properties").and_then(Value::as_object);
        let fields = properties.into_iter().flat_map(Map::keys);
        let fields = fields.filter(|name| self.mappings["properties"].get(name).is_none());
        let options = effect.body.mappings.keys();
        let options = options.filter(|name| *name != "properties" && self.mappings.get(name).is_none());
        let additions = [
            (!settings.is_empty()).then(|| format!("sets {}", settings.join(", "))),
            list("field", "fields", fields).map(|fields| format!("maps {fields}")),
            list("option", "options", options).map(|options| format!("sets {options} of the mapping")),
        ];
        additions.into_iter().flatten().collect()
    }
}

/// Names after their noun; `None` where there are none.
fn list<'a>(one: &str, many: &str, names: impl IntoIterator<Item = &'a String>) -> Option<String> {
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let noun = if names.len() == 1 { one } else { many };
    (!names.is_empty()).then(|| format!("{noun} {}", names.join(", ")))
}

fn is_true(value: &Value) -> bool {
    *value == true || value == "true"
}

fn sorts_by(value: &Value) -> impl Iterator<Item = String> {
    let names = match value {
        Value::Array(names) => names.as_slice(),
        name => std::slice::from_ref(name),
    };
    names.iter().map(text)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
