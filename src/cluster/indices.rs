//! Indices, aliases, mappings, settings.

use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster::body::Size;
use crate::cluster::search::leniently;
use crate::cluster::{Cluster, Error, IndexMappings, Path, Request, Result, mappings};
use crate::job::IndexName;

impl Cluster {
    /// `GET /<expression>` for a few indices: concrete index name to `{aliases, mappings, settings}`; hidden ones
    /// too; empty where nothing matches.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn index_definitions(&self, expression: &[String]) -> Result<Map<String, Value>> {
        self.map_or_empty(leniently(Request::get(Path::indices(expression))))
            .await
    }

    /// The same for any number of indices, without aliases.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn input_mappings(&self, expression: &[String]) -> Result<IndexMappings> {
        let request = leniently(Request::get(Path::indices(expression)));
        let request = request.returns(Size::Large).allow_status(&[404]);
        let what = request.what();
        let response = self.send(request).await?;
        match response.status {
            404 => Ok(IndexMappings::default()),
            _ => mappings::parse(&response.body, &what),
        }
    }

    /// `GET /<expression>/_settings/index.uuid`: concrete index name to `{settings}`; as [`Cluster::index_definitions`].
    ///
    /// # Errors
    /// Any of a request.
    pub async fn index_uuids(&self, expression: &[String]) -> Result<Map<String, Value>> {
        let path = Path::indices(expression).then(["_settings", "index.uuid"]);
        self.map_or_empty(leniently(Request::get(path))).await
    }

    /// The concrete indices behind an alias; empty where there is no such alias.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn alias_targets(&self, alias: &str) -> Result<Vec<String>> {
        let request = Request::get(Path::of(["_alias", alias])).query("expand_wildcards", "all");
        Ok(self
            .map_or_empty(request)
            .await?
            .into_iter()
            .map(|(index, _)| index)
            .collect())
    }

    /// The index that a write through this alias goes to; `None` where there is no such alias or it has no write index.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn write_index(&self, alias: &str) -> Result<Option<String>> {
        let request = Request::get(Path::of(["_alias", alias])).query("expand_wildcards", "all");
        let mut indices = self.map_or_empty(request).await?;
        let writes = |index: &Value| index["aliases"][alias]["is_write_index"].as_bool();
        let chosen = indices.iter().find(|(_, index)| writes(index) == Some(true));
        if let Some((index, _)) = chosen {
            return Ok(Some(index.clone()));
        }
        indices.retain(|_, index| writes(index) != Some(false));
        Ok(match indices.len() {
            1 => indices.keys().next().cloned(),
            _ => None,
        })
    }

    /// `PUT /<index>` with settings and mappings; never repeated.
    ///
    /// # Errors
    /// Any of a request; an index that exists is [`Error::Refused`] of kind `resource_already_exists_exception`.
    pub async fn create_index(&self, index: &str, body: &RawValue) -> Result<()> {
        let request = Request::put(concrete(index)?).raw(body.get().to_owned()).once();
        self.perform(request).await
    }

    /// `PUT /<index>/_settings`.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn update_settings(&self, index: &str, settings: &Value) -> Result<()> {
        self.perform(Request::put(concrete(index)?.then(["_settings"])).json(settings))
            .await
    }

    /// Removes an alias from an index.
    ///
    /// # Errors
    /// Any of a request; an index without this alias is 404.
    pub async fn remove_alias(&self, index: &str, alias: &str) -> Result<()> {
        let actions = json!({ "actions": [{ "remove": { "index": index, "alias": alias } }] });
        self.perform(Request::post(Path::of(["_aliases"])).json(&actions)).await
    }

    /// `POST /<indices>/_refresh`, leniently.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn refresh(&self, indices: &[&str]) -> Result<()> {
        self.perform(leniently(Request::post(Path::indices(indices).then(["_refresh"]))))
            .await
    }

    /// `DELETE /<index>`; true where it was there. The name must be concrete.
    ///
    /// # Errors
    /// Any of a request, and a name that could mean more than one index.
    pub async fn delete_index(&self, index: &str) -> Result<bool> {
        self.delete_or_gone(Request::delete(concrete(index)?)).await
    }

    /// The answer's object; empty where it is 404.
    async fn map_or_empty(&self, request: Request) -> Result<Map<String, Value>> {
        let request = request.allow_status(&[404]);
        let what = request.what();
        let response = self.send(request).await?;
        if response.status == 404 {
            Ok(Map::new())
        } else {
            response.parse(&what)
        }
    }

    /// Sends a deletion; false where there was nothing. A 404 after an attempt whose response was lost is the result of
    /// that attempt.
    pub(in crate::cluster) async fn delete_or_gone(&self, request: Request) -> Result<bool> {
        let what = request.what();
        let mut failed = None;
        let answer = self
            .link()
            .send_and_note(&request.allow_status(&[404]), &mut failed)
            .await?;
        answer.parse::<Map<String, Value>>(&what)?;
        Ok(answer.status != 404 || failed.is_some_and(|error| error.outcome_unknown()))
    }
}

/// The path of one index, no alias pattern and no expression.
pub(in crate::cluster) fn concrete(index: &str) -> Result<Path> {
    match index.parse::<IndexName>() {
        Ok(name) => Ok(Path::of([name.as_str()])),
        Err(error) => Err(Error::Options(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_index_is_named() {
        for bad in ["*", "_all", "a,b", "a*", "", "-a", ".."] {
            assert!(concrete(bad).is_err(), "{bad}");
        }
        assert!(concrete(".ml-state-000001").is_ok());
    }
}
