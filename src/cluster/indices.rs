//! Indices: definitions, aliases, settings, operations, and what index templates add to a new index.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result};
use crate::job::{IndexName, InputMappings, flat_settings, matches_wildcard};

/// The most memory in bytes for a response and the definitions parsed from it.
const MAX_BYTES: usize = 46 << 20;

/// The writes since the primary shards of an index were assigned to their nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Operations {
    /// Documents written; each write of the same document counts.
    #[serde(rename = "index_total")]
    pub indexed: u64,
    /// Deletions, including those of missing documents.
    #[serde(rename = "delete_total")]
    pub deleted: u64,
}

/// What templates add to a new index of a given name.
#[derive(Debug)]
pub struct TemplateEffect {
    /// The template, or the legacy templates in ascending order.
    pub names: Vec<String>,
    /// Whether the template creates data streams, which prevents an index of that name.
    pub data_stream: bool,
    /// The combined contents.
    pub body: TemplateBody,
}

/// The contents that a template adds to an index.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct TemplateBody {
    /// Settings. In a [`TemplateEffect`], with dotted names without `index.`, and values as returned by Elasticsearch.
    pub settings: Map<String, Value>,
    /// Mappings.
    pub mappings: Map<String, Value>,
    /// Aliases.
    pub aliases: Map<String, Value>,
}

/// A template of any kind. In a legacy template, the contents are not in an object of their own.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct Template {
    // Not `Vec<String>`: a cluster can have many patterns, and this takes a third less memory.
    index_patterns: Box<[Box<str>]>,
    #[serde(alias = "order")]
    priority: i64,
    data_stream: Option<Value>,
    composed_of: Vec<String>,
    template: Option<TemplateBody>,
    #[serde(flatten)]
    legacy: TemplateBody,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Templates {
    #[serde(alias = "component_templates")]
    index_templates: Vec<NamedTemplate>,
}

#[derive(Deserialize)]
struct NamedTemplate {
    name: String,
    #[serde(alias = "component_template")]
    index_template: Template,
}

impl Cluster {
    /// `GET /<expression>` for a few indices, including hidden ones: concrete index name to `{aliases, mappings, settings}`.
    /// Empty if no index matches.
    pub async fn index_definitions(&self, expression: &[String]) -> Result<Map<String, Value>> {
        let request = Request::get(Path::indices(expression)).allow_missing();
        Ok(self.http.json_if_found(request).await?.unwrap_or_default())
    }

    /// The names of all indices that are not hidden; none if the user may not list them.
    pub async fn index_names(&self) -> Result<Vec<String>> {
        let request = Request::get(Path::of(["_cat", "indices"])).query("format", "json");
        let listed: Value = match self.http.json(request.query("h", "index")).await {
            Err(error) if error.status().is_some() => Value::Null,
            listed => listed?,
        };
        let names = listed.as_array().into_iter().flatten();
        let names = names.filter_map(|listed| listed["index"].as_str());
        Ok(names.map(str::to_owned).collect())
    }

    /// The definitions of any number of indices, without aliases.
    pub async fn input_mappings(&self, expression: &[String]) -> Result<InputMappings> {
        let request = Request::get(Path::indices(expression)).allow_missing();
        let request = request.returns(BodyLimit::Large).accept_404();
        let response = self.http.send(&request).await?;
        match response.status {
            404 => Ok(InputMappings::default()),
            _ => parse_definitions(&response.body, &response.what),
        }
    }

    /// `GET /<expression>/_settings/index.uuid`: concrete index name to `{settings}`.
    pub async fn index_uuids(&self, expression: &[String]) -> Result<Map<String, Value>> {
        let path = Path::indices(expression).then(["_settings", "index.uuid"]);
        let request = Request::get(path).allow_missing();
        Ok(self.http.json_if_found(request).await?.unwrap_or_default())
    }

    /// The write index of this alias; `None` if the alias does not exist or has no write index.
    pub async fn write_index(&self, alias: &str) -> Result<Option<String>> {
        let request = Request::get(Path::of(["_alias", alias])).query("expand_wildcards", "all");
        let indices: Map<String, Value> = self.http.json_if_found(request).await?.unwrap_or_default();
        let writes = |index: &Value| index["aliases"][alias]["is_write_index"].as_bool();
        let mut others = indices.iter().filter(|(_, index)| writes(index).is_none());
        let chosen = indices.iter().find(|(_, index)| writes(index) == Some(true));
        let chosen = chosen.or_else(|| others.next().filter(|_| others.next().is_none()));
        Ok(chosen.map(|(name, _)| name.clone()))
    }

    /// `PUT /<index>` with settings and mappings, without retries. For an existing index, the error is [`Error::Refused`] with
    /// the kind `resource_already_exists_exception`.
    pub async fn create_index(&self, index: &str, body: &Value) -> Result<()> {
        let request = Request::put(concrete(index)?).json(body);
        self.http.execute(request.without_retry()).await
    }

    /// `PUT /<index>/_settings`.
    pub async fn update_settings(&self, index: &str, settings: &Value) -> Result<()> {
        let path = concrete(index)?.then(["_settings"]);
        self.http.execute(Request::put(path).json(settings)).await
    }

    /// `PUT /<index>/_mapping` with `_meta`, which replaces the previous one.
    pub async fn update_meta(&self, index: &str, meta: &Value) -> Result<()> {
        let path = concrete(index)?.then(["_mapping"]);
        self.http
            .execute(Request::put(path).json(&json!({ "_meta": meta })))
            .await
    }

    /// Gives a hidden alias to an index, and removes those that match a pattern from it, in one step.
    pub async fn replace_alias(&self, index: &str, removed: &str, alias: &str) -> Result<()> {
        let remove = json!({ "remove": { "index": index, "alias": removed } });
        let add = json!({ "add": { "index": index, "alias": alias, "is_hidden": true } });
        let request = Request::post(Path::of(["_aliases"])).json(&json!({ "actions": [remove, add] }));
        self.http.execute(request).await
    }

    /// Removes an alias from an index. Status 404 if the index does not have this alias.
    pub async fn remove_alias(&self, index: &str, alias: &str) -> Result<()> {
        let actions = json!({ "actions": [{ "remove": { "index": index, "alias": alias } }] });
        let request = Request::post(Path::of(["_aliases"])).json(&actions);
        self.http.execute(request).await
    }

    /// `POST /<indices>/_refresh`.
    pub async fn refresh(&self, indices: &[impl AsRef<str>]) -> Result<()> {
        let request = Request::post(Path::indices(indices).then(["_refresh"]));
        self.http.execute(request.allow_missing()).await
    }

    /// `DELETE /<index>`; true if it existed. The name must be concrete.
    pub async fn delete_index(&self, index: &str) -> Result<bool> {
        self.http.delete(Request::delete(concrete(index)?)).await
    }

    /// `GET /<index>/_stats/indexing`; `None` if the cluster does not return statistics of all shards.
    pub async fn operations(&self, index: &str) -> Result<Option<Operations>> {
        let request = Request::get(concrete(index)?.then(["_stats", "indexing"]))
            .returns(BodyLimit::Status)
            .query("filter_path", "_shards.failed,_all.primaries.indexing");
        let stats: Value = match self.http.json(request).await {
            Err(error) if error.status().is_some() => return Ok(None),
            stats => stats?,
        };
        let invalid = |error| Error::invalid_json("GET /_stats/indexing", &error);
        let failed = u64::deserialize(&stats["_shards"]["failed"]).map_err(invalid)?;
        let operations = Operations::deserialize(&stats["_all"]["primaries"]["indexing"]).map_err(invalid)?;
        Ok((failed == 0).then_some(operations))
    }

    /// What templates add to a new index of this name; `None` if no template matches. A composable template overrides legacy
    /// templates. [`Error::Forbidden`] if the user may not read templates.
    pub async fn template_effect(&self, index: &str) -> Result<Option<TemplateEffect>> {
        let listing = Request::get(Path::of(["_index_template"])).query(
            "filter_path",
            "index_templates.name,index_templates.index_template.index_patterns,\
             index_templates.index_template.priority,index_templates.index_template.data_stream",
        );
        let Templates { mut index_templates } = self.http.json(listing).await?;
        index_templates.retain(|template| template.index_template.matches(index));
        index_templates.sort_by_key(|template| template.index_template.priority);
        let Some(NamedTemplate { name, index_template }) = index_templates.pop() else {
            return self.legacy_effect(index).await;
        };
        // Simulating the index would require the privilege to change templates, unlike reading them.
        let parts = self.template_parts(&name).await?;
        let data_stream = index_template.data_stream.is_some();
        Ok(Some(TemplateEffect::of(vec![name], data_stream, parts)))
    }

    /// The component templates of a template and its own contents, in the order in which Elasticsearch applies them.
    async fn template_parts(&self, name: &str) -> Result<Vec<TemplateBody>> {
        let request = Request::get(Path::of(["_index_template", name]));
        let mut found: Templates = self.http.json(request).await?;
        let Some(NamedTemplate { index_template, .. }) = found.index_templates.pop() else {
            return Ok(Vec::new());
        };
        let mut parts = Vec::new();
        for component in &index_template.composed_of {
            let request = Request::get(Path::of(["_component_template", component]));
            let found: Templates = self.http.json_if_found(request).await?.unwrap_or_default();
            let found = found.index_templates.into_iter();
            parts.extend(found.filter_map(|named| named.index_template.template));
        }
        parts.extend(index_template.template);
        Ok(parts)
    }

    async fn legacy_effect(&self, index: &str) -> Result<Option<TemplateEffect>> {
        let all = self.http.json_if_supported(Request::get(Path::of(["_template"])));
        let all: BTreeMap<String, Template> = all.await?.unwrap_or_default();
        let mut matching: Vec<(String, Template)> = all.into_iter().collect();
        matching.retain(|(_, template)| template.matches(index));
        matching.sort_by_key(|(_, template)| template.priority);
        let bodies = matching.into_iter().map(|(name, template)| (name, template.legacy));
        let (names, parts): (Vec<String>, _) = bodies.unzip();
        Ok((!names.is_empty()).then(|| TemplateEffect::of(names, false, parts)))
    }
}

impl Template {
    fn matches(&self, index: &str) -> bool {
        let mut patterns = self.index_patterns.iter();
        patterns.any(|pattern| matches_wildcard(pattern, index))
    }
}

impl TemplateEffect {
    /// Combines the parts; later ones take precedence.
    fn of(names: Vec<String>, data_stream: bool, parts: Vec<TemplateBody>) -> Self {
        let mut body = TemplateBody::default();
        for part in parts {
            body.settings.extend(flat_settings(&part.settings));
            merge(&mut body.mappings, part.mappings);
            body.aliases.extend(part.aliases);
        }
        Self {
            names,
            data_stream,
            body,
        }
    }
}

fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(value)) => merge(inner, value),
            (_, value) => drop(into.insert(name, value)),
        }
    }
}

/// The path of a single index or alias. Wildcards and other expressions are errors.
fn concrete(name: &str) -> Result<Path> {
    // Only an alias may have uppercase letters.
    let parsed = name.to_ascii_lowercase().parse::<IndexName>();
    parsed.map_err(|error| Error::Options(error.to_string()))?;
    Ok(Path::of([name]))
}

/// Parses the definitions of indices.
fn parse_definitions(body: &[u8], what: &str) -> Result<InputMappings> {
    let text = std::str::from_utf8(body).map_err(|_| Error::unexpected(what, "not UTF-8"))?;
    match InputMappings::parse_within(text, MAX_BYTES.saturating_sub(body.len())) {
        Ok(Some(mappings)) => Ok(mappings),
        Ok(None) => Err(BodyLimit::Large.exceeded(what)),
        Err(error) => Err(Error::invalid_json(what, &error)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::cluster::tests::cluster;

    #[test]
    fn only_one_index_is_named() {
        for bad in ["*", "_all", "a,b", "a*", "", "-a", ".."] {
            assert!(concrete(bad).is_err(), "{bad}");
        }
        assert!(concrete(".ml-state-000001").is_ok());
    }

    async fn operations(status: u16, answer: &str) -> Result<Option<Operations>> {
        let (cluster, _, _) = cluster("9.2.0", vec![(status, "", answer.to_owned())]).await;
        cluster.operations("copy").await
    }

    #[tokio::test]
    async fn operation_counts_require_all_shards() {
        let answer = r#"{"_shards":{"failed":0},"_all":{"primaries":{"indexing":{"index_total":3,"index_time_in_millis":7,"delete_total":2}}}}"#;
        let of_all_shards = Operations { indexed: 3, deleted: 2 };
        assert_eq!(operations(200, answer).await.unwrap(), Some(of_all_shards));
        assert_eq!(
            operations(200, &answer.replace(r#""failed":0"#, r#""failed":1"#))
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            operations(
                403,
                r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#
            )
            .await
            .unwrap(),
            None
        );
        assert!(operations(200, r#"{"_shards":{"failed":0}}"#).await.is_err());
    }

    #[test]
    fn definitions_that_need_too_much_memory_or_are_not_objects_are_refused() {
        let dense = format!(r#"{{"a":{{"settings":[{}0]}}}}"#, "0,".repeat(1 << 20));
        let refused = parse_definitions(dense.as_bytes(), "");
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
        for broken in ["[]", "{", r#"{"a":1}"#, "{} {}"] {
            let error = parse_definitions(broken.as_bytes(), "").unwrap_err();
            assert!(matches!(error, Error::UnexpectedResponse { .. }), "{broken}");
        }
    }

    #[tokio::test]
    async fn template_is_assembled_from_its_components() {
        let answers = [
            (
                200,
                json!({"index_templates": [
                    {"name": "weak", "index_template": {"index_patterns": ["*"], "priority": 1}},
                    {"name": "t", "index_template": {"index_patterns": ["x", "w*"], "priority": 5}},
                ]})
                .to_string(),
            ),
            (
                200,
                json!({"index_templates": [{"name": "t", "index_template": {"index_patterns": ["w*"],
                "composed_of": ["a", "b"], "template": {"settings": {"index": {"codec": "x"}}}}}]})
                .to_string(),
            ),
            (
                200,
                json!({"component_templates": [
                    {"name": "a", "component_template": {"template": {"settings": {"index": {"hidden": "false"}},
                        "aliases": {"all": {}}}}},
                ]})
                .to_string(),
            ),
            (
                200,
                json!({"component_templates": [
                    {"name": "b", "component_template": {"template": {"settings": {"index.hidden": "true"}}}},
                ]})
                .to_string(),
            ),
        ];
        let answers = answers.into_iter().map(|(status, body)| (status, "", body)).collect();
        let (cluster, _, _) = cluster("9.2.0", answers).await;
        let effect = cluster.template_effect("web-input").await.unwrap().unwrap();
        assert_eq!(effect.names, ["t"]);
        assert_eq!(
            Value::Object(effect.body.settings),
            json!({"hidden": "true", "codec": "x"})
        );
        assert!(effect.body.aliases.contains_key("all") && !effect.data_stream);
    }
}
