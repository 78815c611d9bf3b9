//! The indices and aliases that ML creates.

use serde_json::{Value, json};

use super::docs::{Docs, encode};
use super::reply::error;
use super::version::MlVersion;
use super::{MlApi, now, templates};
use crate::support::cluster::Answer;

/// All state indices.
pub const STATE: &str = ".ml-state*,.reindexed-v7-ml-state*,.reindexed-v8-ml-state*";
/// The alias for writing state.
pub const STATE_WRITE: &str = ".ml-state-write";

/// Returns the alias for reading results of a job.
pub fn read_alias(job: &str) -> String {
    format!(".ml-anomalies-{job}")
}

/// Returns the alias for writing results of a job.
pub fn write_alias(job: &str) -> String {
    format!(".ml-anomalies-.write-{job}")
}

impl MlApi {
    /// Returns the results index for a `results_index_name`.
    pub fn results_index(&self, results_index_name: &str) -> String {
        let options = self.options();
        let suffix = options
            .results_suffix
            .unwrap_or_else(|| options.version.results_suffix().to_owned());
        format!(".ml-anomalies-{results_index_name}{suffix}")
    }
}

/// Creates a hidden index with aliases, or adds the aliases to an existing one.
pub async fn create_index(docs: &Docs, index: &str, mappings: Value, aliases: Value) {
    let body = json!({"settings": templates::settings(), "mappings": mappings, "aliases": aliases});
    let (status, _) = docs.send("PUT", &format!("/{}", encode(index)), "", Some(body)).await;
    if status == 200 {
        return;
    }
    for (alias, details) in aliases.as_object().into_iter().flatten() {
        let mut add = json!({"index": index, "alias": alias});
        super::reply::merge(&mut add, details);
        let body = json!({"actions": [{"add": add}]});
        let (status, response) = docs.send("POST", "/_aliases", "", Some(body)).await;
        assert_eq!(status, 200, "alias {alias} on {index}: {response}");
    }
}

/// Creates a results index of a job with its two aliases.
pub async fn create_results_index(docs: &Docs, index: &str, job: &str) {
    let aliases = json!({
        read_alias(job): {"filter": {"term": {"job_id": {"value": job, "boost": 1.0}}}, "is_hidden": true},
        write_alias(job): {"is_hidden": true},
    });
    create_index(docs, index, templates::results(), aliases).await;
}

/// Creates the annotations index with its two aliases.
pub async fn create_annotations_index(docs: &Docs, version: &MlVersion) {
    if docs.alias(".ml-annotations-write").await.is_empty() {
        let hidden = json!({"is_hidden": true});
        let aliases = json!({".ml-annotations-read": hidden, ".ml-annotations-write": hidden});
        create_index(docs, version.annotations_index(), templates::annotations(), aliases).await;
    }
}

/// Creates the state index with its alias. An index with the name of the alias is an error.
pub async fn create_state_index(docs: &Docs) -> Result<(), Answer> {
    if !docs.alias(STATE_WRITE).await.is_empty() {
        return Ok(());
    }
    if docs.index_exists(STATE_WRITE).await {
        return Err(error(
            400,
            "invalid_alias_name_exception",
            format!("Invalid alias name [{STATE_WRITE}], an index exists with the same name as the alias"),
        ));
    }
    create_index(
        docs,
        ".ml-state-000001",
        templates::state(),
        json!({STATE_WRITE: {"is_hidden": true}}),
    )
    .await;
    Ok(())
}

/// Creates the notifications index if it does not exist, and returns its name for writes.
pub async fn create_notifications_index(docs: &Docs, version: &MlVersion) -> String {
    let index = version.notifications_index();
    let alias = ".ml-notifications-write";
    let there = docs.index_exists(index).await;
    if version.has_notifications_alias() {
        if docs.alias(alias).await.is_empty() {
            create_index(
                docs,
                index,
                templates::notifications(),
                json!({alias: {"is_hidden": true}}),
            )
            .await;
        }
        return alias.to_owned();
    }
    if !there {
        create_index(docs, index, templates::notifications(), json!({})).await;
    }
    index.to_owned()
}

/// Writes a notification about a job, as ML does. It is visible after the next refresh.
pub async fn notify(docs: &Docs, version: &MlVersion, job: &str, message: &str) {
    let index = create_notifications_index(docs, version).await;
    let body = json!({"job_id": job, "message": message, "level": "info", "timestamp": now(), "node_name": "node-1",
        "job_type": "anomaly_detector"});
    let (status, response) = docs
        .send("POST", &format!("/{}/_doc", encode(&index)), "", Some(body))
        .await;
    assert!(status < 300, "notification: {response}");
}
