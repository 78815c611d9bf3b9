//! Reverts to a snapshot, with the order of operations and the bugs of each version.

use serde_json::{Value, json};

use super::calendars::normalized_time;
use super::docs::{Docs, encode};
use super::fields::REVERT;
use super::indices::{STATE_WRITE, create_annotations_index, create_state_index, notify, read_alias, write_alias};
use super::options::MlOptions;
use super::reply::{Reply, ok, status};
use super::snapshots::{find, no_snapshot, snapshot_json};
use super::stats::{with_size_defaults, zero_counts};
use super::store::{Job, JobState};
use super::{MlApi, Request, now};
use crate::support::cluster::Answer;

impl MlApi {
    pub(super) async fn revert(
        &self,
        job: &str,
        id: &str,
        options: &MlOptions,
        request: &Request<'_>,
        docs: &Docs,
    ) -> Reply {
        let deletes = delete_intervening_results(options, request)?;
        let version = &options.version;
        create_state_index(docs).await?;
        let kept = self.job(job)?;
        if version.since(7, 14) {
            create_annotations_index(docs, version).await;
        }
        if kept.state != JobState::Closed {
            return Err(status(
                409,
                "Can only revert to a model snapshot when the job is closed.",
            ));
        }
        if version.since(7, 14) {
            self.block(job, &kept)?;
        }
        let empty = id == "empty" && version.since(7, 11);
        let snapshot = if empty {
            empty_snapshot(job, version.writes_min_version())
        } else {
            find(docs, job, id).await.ok_or_else(|| no_snapshot(job, id))?.source
        };
        if deletes {
            self.delete_later_results(job, &snapshot, options, docs).await;
            self.rewind_counts(job, &snapshot, docs).await?;
        }
        self.apply(job, id, &snapshot, options, docs).await?;
        let snapshot_name = snapshot["description"].as_str().unwrap_or(id).to_owned();
        notify(
            docs,
            version,
            job,
            &format!("Job model snapshot reverted to '{snapshot_name}'"),
        )
        .await;
        ok(json!({"model": snapshot_json(&snapshot)}))
    }

    /// From 7.14, a job is blocked while it is reverted. A job that a failed revert left blocked may be reverted again.
    fn block(&self, job: &str, kept: &Job) -> Result<(), Answer> {
        let reason = kept.config["blocked"]["reason"].as_str();
        if let Some(reason) = reason.filter(|reason| *reason != "revert") {
            return Err(status(
                409,
                format!("cannot revert job [{job}] while it is blocked with [{reason}]"),
            ));
        }
        let task = self.store().next();
        let blocked = json!({"reason": "revert", "task_id": format!("JwtHi3W5RjeNo0QVeH6naA:{task}")});
        self.change_job(job, |job| job.config["blocked"] = blocked);
        Ok(())
    }

    async fn apply(
        &self,
        job: &str,
        id: &str,
        snapshot: &Value,
        options: &MlOptions,
        docs: &Docs,
    ) -> Result<(), Answer> {
        if snapshot["model_size_stats"].is_object() {
            let mut stats = with_size_defaults(&snapshot["model_size_stats"]);
            let at = now();
            stats["log_time"] = json!(at);
            let id = format!("{job}_model_size_stats_{at}");
            store(docs, &write_alias(job), &id, &stats).await?;
        }
        if snapshot["quantiles"].is_object() {
            let id = format!("{job}_quantiles");
            store(docs, STATE_WRITE, &id, &snapshot["quantiles"]).await?;
        }
        self.change_job(job, |job| {
            job.config["model_snapshot_id"] = json!(id);
            if options.version.since(7, 14) {
                job.config["model_snapshot_min_version"] = snapshot["min_version"].clone();
            }
            if let Some(fields) = job.config.as_object_mut() {
                fields.shift_remove("blocked");
            }
        });
        Ok(())
    }

    async fn delete_later_results(&self, job: &str, snapshot: &Value, options: &MlOptions, docs: &Docs) {
        let version = &options.version;
        let mut filter = vec![if version.since(8, 1) {
            json!({"terms": {"result_type": ["record", "bucket", "bucket_influencer", "influencer", "model_plot"]}})
        } else {
            json!({"exists": {"field": "result_type"}})
        }];
        let after = normalized_time(&snapshot["latest_result_time_stamp"]).as_i64();
        let later = after.map(|after| json!({"range": {"timestamp": {"gt": after}}}));
        filter.extend(later.clone());
        if version.reverts_delete_results_of_all_jobs() {
            for index in docs.alias(&read_alias(job)).await {
                docs.delete_by_query(&index, json!({"bool": {"filter": filter}})).await;
            }
        } else {
            docs.delete_by_query(&read_alias(job), json!({"bool": {"filter": filter}}))
                .await;
        }
        let mut filter = vec![
            json!({"term": {"job_id": job}}),
            json!({"term": {"create_username": "_xpack"}}),
            json!({"terms": {"event": ["delayed_data", "model_change"]}}),
        ];
        filter.extend(later);
        docs.delete_by_query(".ml-annotations-read", json!({"bool": {"filter": filter}}))
            .await;
    }

    /// As in Elasticsearch, the change is only visible after a refresh.
    async fn rewind_counts(&self, job: &str, snapshot: &Value, docs: &Docs) -> Result<(), Answer> {
        let mut counts = self.data_counts(job, docs).await.unwrap_or_else(|_| zero_counts(job));
        counts["latest_record_timestamp"] = normalized_time(&snapshot["latest_record_time_stamp"]);
        let path = format!(
            "/{}/_doc/{}",
            encode(&write_alias(job)),
            encode(&format!("{job}_data_counts"))
        );
        docs.send("PUT", &path, "", Some(counts)).await;
        Ok(())
    }
}

/// Stores what a revert writes. If that fails, the revert fails.
async fn store(docs: &Docs, index: &str, id: &str, document: &Value) -> Result<(), Answer> {
    let path = format!("/{}/_doc/{}", encode(index), encode(id));
    let (status, response) = docs.send("PUT", &path, "refresh=true", Some(document.clone())).await;
    match status {
        200..300 => Ok(()),
        _ => Err(Answer::json(status, &response)),
    }
}

/// Returns the snapshot `empty`.
fn empty_snapshot(job: &str, min_version: &str) -> Value {
    json!({"job_id": job, "min_version": min_version, "timestamp": 1, "description": "empty snapshot",
        "snapshot_id": "empty", "snapshot_doc_count": 0, "retain": false,
        "model_size_stats": {"job_id": job, "result_type": "model_size_stats", "model_bytes": 0, "log_time": now()}})
}

/// Read from the body, or from the query if there is no body.
fn delete_intervening_results(options: &MlOptions, request: &Request<'_>) -> Result<bool, Answer> {
    request.check_params(&["delete_intervening_results", "timeout", "master_timeout"])?;
    if request.body.is_empty() {
        return Ok(request.flag("delete_intervening_results"));
    }
    let body = request.json()?;
    let known: super::fields::Fields = &[
        ("job_id", (0, 0)),
        ("snapshot_id", (0, 0)),
        ("delete_intervening_results", (0, 0)),
        ("force", (7, 11)),
    ];
    super::config::check_fields(&body, known, &options.version, &[], REVERT, request.body)?;
    Ok(body["delete_intervening_results"] == true)
}
