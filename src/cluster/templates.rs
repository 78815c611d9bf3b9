//! What the index templates of the cluster would add to a new index.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::request::{Path, Request};

/// What a new index of some name gets besides the body of the request that creates it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateEffect {
    /// The template, or the legacy templates, the strongest last.
    pub names: Vec<String>,
    /// The template creates data streams: no index of that name can be created.
    pub data_stream: bool,
    /// Settings by dotted name, without `index.`; values as Elasticsearch prints them.
    pub settings: Map<String, Value>,
    /// Mappings.
    pub mappings: Map<String, Value>,
    /// Aliases.
    pub aliases: Map<String, Value>,
}

/// The body of a template.
#[derive(Clone, Debug, Default, Deserialize)]
struct Body {
    #[serde(default)]
    settings: Map<String, Value>,
    #[serde(default)]
    mappings: Map<String, Value>,
    #[serde(default)]
    aliases: Map<String, Value>,
}

#[derive(Deserialize)]
struct Composable {
    name: String,
    index_template: Index,
}

#[derive(Deserialize)]
struct Index {
    #[serde(default)]
    index_patterns: Vec<String>,
    #[serde(default)]
    priority: i64,
    data_stream: Option<Value>,
    #[serde(default)]
    composed_of: Vec<String>,
    template: Option<Body>,
}

#[derive(Deserialize)]
struct Legacy {
    #[serde(default)]
    order: i64,
    #[serde(default)]
    index_patterns: Vec<String>,
    #[serde(flatten)]
    body: Body,
}

#[derive(Default, Deserialize)]
struct Composables {
    #[serde(default)]
    index_templates: Vec<Composable>,
}

#[derive(Default, Deserialize)]
struct Components {
    #[serde(default)]
    component_templates: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    component_template: ComponentBody,
}

#[derive(Deserialize)]
struct ComponentBody {
    template: Body,
}

#[derive(Deserialize)]
struct Simulated {
    template: Option<Body>,
}

impl Cluster {
    /// What templates add to a new index of this name; `None` where no template matches. A composable template hides
    /// the legacy ones. [`Error::Forbidden`] where the user may not read templates.
    pub async fn template_effect(&self, index: &str) -> Result<Option<TemplateEffect>> {
        let listing = Request::get(Path::of(["_index_template"])).query(
            "filter_path",
            "index_templates.name,index_templates.index_template.index_patterns,\
             index_templates.index_template.priority,index_templates.index_template.data_stream",
        );
        let composables: Composables = self.http.json(listing).await?;
        let strongest = composables
            .index_templates
            .into_iter()
            .filter(|template| matches_any(&template.index_template.index_patterns, index))
            .max_by_key(|template| template.index_template.priority);
        let Some(template) = strongest else {
            return self.legacy_effect(index).await;
        };
        let simulation = Request::post(Path::of(["_index_template", "_simulate_index", index]));
        let body = match self.http.json::<Simulated>(simulation).await {
            // Simulating takes the privilege to change templates, reading them does not.
            Err(Error::Forbidden { .. }) => self.composed(&template.name).await?,
            simulated => simulated?.template.unwrap_or_default(),
        };
        let stamped = body.mappings.contains_key("_data_stream_timestamp");
        Ok(Some(TemplateEffect {
            data_stream: template.index_template.data_stream.is_some() || stamped,
            ..TemplateEffect::of(vec![template.name], vec![body])
        }))
    }

    /// The components of a template and its own part, in the order in which Elasticsearch applies them.
    async fn composed(&self, name: &str) -> Result<Body> {
        let found: Composables = self
            .http
            .json(Request::get(Path::of(["_index_template", name])))
            .await?;
        let Some(template) = found.index_templates.into_iter().next() else {
            return Ok(Body::default());
        };
        let found: Components = self.http.json(Request::get(Path::of(["_component_template"]))).await?;
        let part = |name: &String| {
            let component = found
                .component_templates
                .iter()
                .find(|component| component.name == *name);
            component.map(|component| component.component_template.template.clone())
        };
        let mut parts: Vec<Body> = template.index_template.composed_of.iter().filter_map(part).collect();
        parts.extend(template.index_template.template);
        Ok(merged(parts))
    }

    async fn legacy_effect(&self, index: &str) -> Result<Option<TemplateEffect>> {
        let all = self
            .http
            .json_if_supported::<BTreeMap<String, Legacy>>(Request::get(Path::of(["_template"])));
        let mut matching: Vec<(String, Legacy)> = all.await?.unwrap_or_default().into_iter().collect();
        matching.retain(|(_, template)| matches_any(&template.index_patterns, index));
        matching.sort_by_key(|(_, template)| template.order);
        if matching.is_empty() {
            return Ok(None);
        }
        let parts = matching.into_iter().map(|(name, template)| (name, template.body));
        let (names, parts) = parts.unzip();
        Ok(Some(TemplateEffect::of(names, parts)))
    }
}

impl TemplateEffect {
    fn of(names: Vec<String>, parts: Vec<Body>) -> Self {
        let body = merged(parts);
        Self {
            names,
            data_stream: false,
            settings: body.settings,
            mappings: body.mappings,
            aliases: body.aliases,
        }
    }
}

/// Later parts win; settings by their dotted names.
fn merged(parts: Vec<Body>) -> Body {
    let mut whole = Body::default();
    for part in parts {
        flatten(&part.settings, "", &mut whole.settings);
        merge(&mut whole.mappings, part.mappings);
        whole.aliases.extend(part.aliases);
    }
    whole
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            (_, value) => drop(into.insert(name, value)),
        }
    }
}

/// Settings by dotted name without `index.`, from any of the forms that Elasticsearch prints and takes.
pub fn flat_settings(settings: &Map<String, Value>) -> Map<String, Value> {
    let mut found = Map::new();
    flatten(settings, "", &mut found);
    found
}

fn flatten(settings: &Map<String, Value>, above: &str, found: &mut Map<String, Value>) {
    for (name, value) in settings {
        let name = format!("{above}{name}");
        match value {
            Value::Object(inner) => flatten(inner, &format!("{name}."), found),
            value => {
                let name = name.strip_prefix("index.").unwrap_or(&name);
                found.insert(name.to_owned(), value.clone());
            }
        }
    }
}

fn matches_any(patterns: &[String], index: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, index))
}

/// Whether a pattern with `*` matches a name, in time linear in their lengths' product.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        if pattern.get(p) == Some(&b'*') {
            star = Some((p, n));
            p += 1;
        } else if pattern.get(p) == Some(&name[n]) {
            p += 1;
            n += 1;
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            p = at + 1;
            n = taken + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;
    use crate::cluster::tests::cluster;

    #[test]
    fn patterns_match_as_elasticsearch_does() {
        for (pattern, name, expected) in [
            ("*", "a-input", true),
            ("logs-*-*", "logs-web-input", true),
            ("logs-*-*", "logs-input", false),
            ("*-input", "web-input", true),
            ("web", "web-input", false),
            ("a*b*c", "aXbYbZc", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[tokio::test]
    async fn a_user_who_may_not_simulate_gets_the_template_from_its_parts() {
        let denied = r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#;
        let answers = [
            (
                200,
                json!({"index_templates": [
                    {"name": "weak", "index_template": {"index_patterns": ["*"], "priority": 1}},
                    {"name": "t", "index_template": {"index_patterns": ["x", "w*"], "priority": 5}},
                ]})
                .to_string(),
            ),
            (403, denied.to_owned()),
            (
                200,
                json!({"index_templates": [{"name": "t", "index_template": {"index_patterns": ["w*"],
                "composed_of": ["a", "b"], "template": {"settings": {"index": {"codec": "x"}}}}}]})
                .to_string(),
            ),
            (
                200,
                json!({"component_templates": [
                    {"name": "b", "component_template": {"template": {"settings": {"index.hidden": "true"}}}},
                    {"name": "a", "component_template": {"template": {"settings": {"index": {"hidden": "false"}},
                        "aliases": {"all": {}}}}},
                ]})
                .to_string(),
            ),
        ];
        let answers = answers.into_iter().map(|(status, body)| (status, "", body)).collect();
        let (cluster, _, _) = cluster("9.2.0", answers).await;
        let effect = cluster.template_effect("web-input").await.unwrap().unwrap();
        assert_eq!(effect.names, ["t"]);
        assert_eq!(Value::Object(effect.settings), json!({"hidden": "true", "codec": "x"}));
        assert!(effect.aliases.contains_key("all") && !effect.data_stream);
    }
}
