//! Indices, aliases, mappings, settings.

use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::{Cluster, Result};

impl Cluster {
    /// `GET /<expression>`: concrete index name to `{aliases, mappings, settings}`; hidden ones
    /// too; empty where nothing matches.
    pub async fn index_definitions(&self, expression: &[String]) -> Result<serde_json::Map<String, Value>> {
        todo!()
    }

    /// The concrete indices behind an alias; empty where there is no such alias.
    pub async fn alias_targets(&self, alias: &str) -> Result<Vec<String>> {
        todo!()
    }

    /// `PUT /<index>` with settings and mappings.
    pub async fn create_index(&self, index: &str, body: &RawValue) -> Result<()> {
        todo!()
    }

    /// `PUT /<index>/_settings`.
    pub async fn update_settings(&self, index: &str, settings: &Value) -> Result<()> {
        todo!()
    }

    /// `POST /<indices>/_refresh`, leniently.
    pub async fn refresh(&self, indices: &[&str]) -> Result<()> {
        todo!()
    }

    /// `DELETE /<index>`; true where it was there. The name must be concrete.
    pub async fn delete_index(&self, index: &str) -> Result<bool> {
        todo!()
    }
}
