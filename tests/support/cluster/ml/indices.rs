//! The indices and aliases that ML makes by itself.

use serde_json::{Value, json};

use super::docs::{Docs, encode};
use super::reply::error;
use super::version::MlVersion;
use super::{MlApi, now, templates};
use crate::support::cluster::Answer;

/// Every state index.
pub const STATE: &str = ".ml-state*,.reindexed-v7-ml-state*,.reindexed-v8-ml-state*";
/// Where state is written.
pub const STATE_WRITE: &str = ".ml-state-write";

/// Where a job's results are read.
pub fn read_alias(job: &str) -> String {
    format!(".ml-anomalies-{job}")
}

/// Where a job's results are written.
pub fn write_alias(job: &str) -> String {
    format!(".ml-anomalies-.write-{job}")
}

impl MlApi {
    /// The index that a job's results go to, by its `results_index_name`.
    pub fn results_index(&self, results_index_name: &str) -> String {
        let options = self.options();
        let suffix = options
            .results_suffix
            .unwrap_or_else(|| options.version.results_suffix().to_owned());
        format!(".ml-anomalies-{results_index_name}{suffix}")
    }
}

/// Makes a hidden index with aliases; one that is there gets the aliases.
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

/// A job's results index with its two aliases.
pub async fn create_results_index(docs: &Docs, index: &str, job: &str) {
    let aliases = json!({
        read_alias(job): {"filter": {"term": {"job_id": {"value": job, "boost": 1.0}}}, "is_hidden": true},
        write_alias(job): {"is_hidden": true},
    });
    create_index(docs, index, templates::results(), aliases).await;
}

/// Annotations with their two aliases.
pub async fn create_annotations_index(docs: &Docs, version: &MlVersion) {
    if docs.alias(".ml-annotations-write").await.is_empty() {
        let hidden = json!({"is_hidden": true});
        let aliases = json!({".ml-annotations-read": hidden, ".ml-annotations-write": hidden});
        create_index(docs, version.annotations_index(), templates::annotations(), aliases).await;
    }
}

/// State with its alias. An index where the alias should be stops everything.
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

/// Where notifications are written; made when missing.
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

/// Says something about a job, as ML does: seen after the next refresh.
pub async fn notify(docs: &Docs, version: &MlVersion, job: &str, message: &str) {
    let index = create_notifications_index(docs, version).await;
    let body = json!({"job_id": job, "message": message, "level": "info", "timestamp": now(), "node_name": "node-1",
        "job_type": "anomaly_detector"});
    let (status, response) = docs
        .send("POST", &format!("/{}/_doc", encode(&index)), "", Some(body))
        .await;
    assert!(status < 300, "notification: {response}");
}
