//! Deletes a job. Like Elasticsearch, some of its documents remain.

use serde_json::{Value, json};

use super::docs::{Docs, encode};
use super::indices::{STATE, read_alias, write_alias};
use super::options::MlOptions;
use super::reply::{Reply, acknowledged, ok, status};
use super::store::JobState;
use super::{MlApi, Request};
use crate::support::cluster::Answer;

impl MlApi {
    pub(super) async fn delete_job(&self, id: &str, options: &MlOptions, request: &Request<'_>, docs: &Docs) -> Reply {
        let mut known = vec!["force", "wait_for_completion", "timeout", "master_timeout"];
        if options.version.since(8, 7) {
            known.push("delete_user_annotations");
        }
        request.check_params(&known)?;
        let job = self.job(id)?;
        let force = request.flag("force");
        let datafeed = self
            .store()
            .datafeed_of(id)
            .map(|(feed, config)| (feed.clone(), config.started));
        if let Some((feed, started)) = datafeed {
            self.delete_its_datafeed(id, &feed, started && !force, options)?;
        }
        if job.state == JobState::Opened && !force {
            return Err(status(
                409,
                format!("Cannot delete job [{id}] because the job is opened"),
            ));
        }
        self.remove_job(id, docs).await;
        if request.flag("delete_user_annotations") {
            docs.delete_by_query(".ml-annotations-read", json!({"term": {"job_id": id}}))
                .await;
        }
        if request.param("wait_for_completion") == Some("false") {
            let task = self.store().next();
            return ok(json!({"task": format!("JwtHi3W5RjeNo0QVeH6naA:{task}")}));
        }
        acknowledged()
    }

    fn delete_its_datafeed(&self, id: &str, feed: &str, runs: bool, options: &MlOptions) -> Result<(), Answer> {
        if !options.version.since(7, 15) {
            return Err(status(
                409,
                format!("Cannot delete job [{id}] because datafeed [{feed}] refers to it"),
            ));
        }
        if runs {
            return Err(status(
                409,
                format!("failed to delete job [{id}] as its datafeed [{feed}] could not be deleted"),
            ));
        }
        self.store().datafeeds.remove(feed);
        Ok(())
    }

    /// Deletes the configuration and every document that the cluster associates with the job. Notifications,
    /// annotations of users, and state that no snapshot document refers to remain. Configuration and aliases are
    /// deleted last, so documents written in the meantime remain.
    pub(super) async fn remove_job(&self, id: &str, docs: &Docs) {
        let held = self.store().paused_deletion.take();
        let (member, value) = match self.version().since(7, 14) {
            true => ("blocked", json!({"reason": "delete"})),
            false => ("deleting", json!(true)),
        };
        self.change_job(id, |job| job.config[member] = value);
        let alias = read_alias(id);
        let snapshots = docs
            .search(
                &alias,
                json!({"bool": {"filter": [{"exists": {"field": "snapshot_doc_count"}},
                {"term": {"job_id": id}}]}}),
            )
            .await;
        let mut ids = vec![format!("{id}_quantiles")];
        for snapshot in &snapshots {
            ids.extend(state_ids(id, &snapshot.source));
        }
        for part in ids.chunks(1_000) {
            docs.delete_by_query(STATE, json!({"ids": {"values": part}})).await;
        }
        let mut number = 1;
        while let Some(found) = docs.by_id(STATE, &format!("{id}_categorizer_state#{number}")).await {
            docs.delete(&[found]).await;
            number += 1;
        }
        docs.delete_by_query(
            ".ml-annotations-read",
            json!({"bool": {"filter": [{"term": {"job_id": id}}, {"term": {"create_username": "_xpack"}}]}}),
        )
        .await;
        let indices = self.remove_results(id, docs).await;
        if let Some(held) = held {
            held.wait().await;
        }
        for index in indices {
            for alias in [read_alias(id), write_alias(id)] {
                let remove = json!({"actions": [{"remove": {"index": index, "alias": alias}}]});
                docs.send("POST", "/_aliases", "", Some(remove)).await;
            }
        }
        let mut store = self.store();
        store.jobs.remove(id);
        for calendar in store.calendars.values_mut() {
            calendar.job_ids.retain(|name| name != id);
        }
    }

    /// Returns the remaining indices, whose aliases must be removed.
    async fn remove_results(&self, id: &str, docs: &Docs) -> Vec<String> {
        let (alone, shared) = {
            let store = self.store();
            let name = |job: &Value| job["results_index_name"].as_str().unwrap_or("shared").to_owned();
            let Some(mine) = store.jobs.get(id).map(|job| name(&job.config)) else {
                return Vec::new();
            };
            let others = store
                .jobs
                .iter()
                .filter(|(other, job)| *other != id && name(&job.config) == mine)
                .count();
            (others == 0, mine.starts_with("shared"))
        };
        let mut left = Vec::new();
        for index in docs.alias(&read_alias(id)).await {
            if alone && !shared {
                docs.send("DELETE", &format!("/{}", encode(&index)), "", None).await;
                continue;
            }
            docs.delete_by_query(&index, json!({"term": {"job_id": id}})).await;
            left.push(index);
        }
        left
    }
}

/// Returns the IDs of the model state documents of a snapshot document.
pub fn state_ids(job: &str, snapshot: &Value) -> Vec<String> {
    let id = snapshot["snapshot_id"].as_str().unwrap_or_default();
    let count = snapshot["snapshot_doc_count"].as_u64().unwrap_or_default();
    (1..=count)
        .map(|number| format!("{job}_model_state_{id}#{number}"))
        .collect()
}
