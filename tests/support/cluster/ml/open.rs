//! Opens a job: performs the checks, then reads the state as autodetect does.

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::docs::Docs;
use super::indices::{STATE, create_state_index, notify, read_alias};
use super::options::MlOptions;
use super::reply::{Reply, error, not_found, ok, status};
use super::store::{JobState, Restored};
use super::{MlApi, now};
use crate::support::cluster::Answer;

impl MlApi {
    pub(super) async fn open_job(&self, id: &str, options: &MlOptions, docs: &Docs) -> Reply {
        let job = self.job(id)?;
        if let Some(reason) = job.config["blocked"]["reason"].as_str() {
            return Err(status(
                409,
                format!("Cannot open job [{id}] because it is executing [{reason}]"),
            ));
        }
        if job.state == JobState::Opened {
            return Err(status(
                409,
                format!("Cannot open job [{id}] because it has already been opened"),
            ));
        }
        let snapshot = self.active_snapshot(id, &job.config, docs).await;
        check_min_version(id, snapshot.as_ref(), options)?;
        if options.version.since(8, 6) {
            self.check_filters(&job.config)?;
        }
        match self.restore(id, snapshot.as_ref(), docs).await {
            Ok(restored) => {
                notify(docs, &options.version, id, "Opening job on node [node-1]").await;
                self.change_job(id, |job| {
                    job.state = JobState::Opened;
                    job.restored = Some(restored);
                });
                ok(json!({"opened": true, "node": "JwtHi3W5RjeNo0QVeH6naA"}))
            }
            Err(why) => {
                notify(docs, &options.version, id, &format!("Failed to open: {why}")).await;
                self.change_job(id, |job| job.state = JobState::Failed);
                Err(error(
                    500,
                    "status_exception",
                    "Unexpected job state [failed] while waiting for job to be opened",
                ))
            }
        }
    }

    pub(super) async fn close_job(&self, id: &str, docs: &Docs) -> Reply {
        let ids = self.expand_jobs(id, true)?;
        for id in &ids {
            let was = self.job(id)?.state;
            self.change_job(id, |job| {
                if was == JobState::Opened {
                    job.config["finished_time"] = json!(now());
                }
                job.state = JobState::Closed;
            });
            for datafeed in self
                .store()
                .datafeeds
                .values_mut()
                .filter(|feed| feed.config["job_id"] == *id)
            {
                datafeed.started = false;
            }
            if was == JobState::Opened {
                notify(docs, &self.version(), id, "Job is closing").await;
            }
        }
        ok(json!({"closed": true}))
    }

    async fn active_snapshot(&self, id: &str, config: &Value, docs: &Docs) -> Option<Value> {
        let snapshot = config["model_snapshot_id"]
            .as_str()
            .filter(|snapshot| *snapshot != "empty")?;
        docs.by_id(&read_alias(id), &format!("{id}_model_snapshot_{snapshot}"))
            .await
            .map(|hit| hit.source)
    }

    fn check_filters(&self, config: &Value) -> Result<(), Answer> {
        for filter in filters_of(config) {
            if !self.store().filters.contains_key(&filter) {
                return Err(not_found(format!("Unable to find filter [{filter}]")));
            }
        }
        Ok(())
    }

    async fn restore(&self, id: &str, snapshot: Option<&Value>, docs: &Docs) -> Result<Restored, String> {
        let reason = |answer: Answer| String::from_utf8_lossy(&answer.body).into_owned();
        create_state_index(docs).await.map_err(reason)?;
        let counts = self.data_counts(id, docs).await.map_err(reason)?;
        let mut restored = Restored {
            latest_record_timestamp: counts["latest_record_timestamp"].as_i64(),
            ..Restored::default()
        };
        let Some(snapshot) = snapshot else { return Ok(restored) };
        let names = super::delete::state_ids(id, snapshot);
        let mut model = Vec::new();
        for name in &names {
            let found = docs
                .by_id(STATE, name)
                .await
                .ok_or_else(|| format!("no document {name}"))?;
            model.push(found.source);
        }
        decode(&model).map_err(|why| format!("model state: {why}"))?;
        restored.model_docs = model.len() as u64;
        let mut categorizer = Vec::new();
        while let Some(found) = docs
            .by_id(STATE, &format!("{id}_categorizer_state#{}", categorizer.len() + 1))
            .await
        {
            categorizer.push(found.source);
        }
        if !categorizer.is_empty() {
            decode(&categorizer).map_err(|why| format!("categorizer state: {why}"))?;
        }
        restored.categorizer_docs = categorizer.len() as u64;
        restored.quantiles = docs.by_id(STATE, &format!("{id}_quantiles")).await.is_some();
        Ok(restored)
    }
}

/// Returns the filters that the rules of a job use.
pub fn filters_of(config: &Value) -> Vec<String> {
    let detectors = config["analysis_config"]["detectors"].as_array().into_iter().flatten();
    let rules = detectors.flat_map(|detector| detector["custom_rules"].as_array().into_iter().flatten());
    let scopes = rules.flat_map(|rule| rule["scope"].as_object().into_iter().flatten());
    scopes
        .filter_map(|(_, scope)| scope["filter_id"].as_str().map(str::to_owned))
        .collect()
}

fn check_min_version(id: &str, snapshot: Option<&Value>, options: &MlOptions) -> Result<(), Answer> {
    let (Some(snapshot), Some((oldest, named))) = (snapshot, options.version.oldest_openable_snapshot()) else {
        return Ok(());
    };
    let written = snapshot["min_version"].as_str().unwrap_or("6.3.0");
    let mut parts = written.split(['.', '-']).filter_map(|part| part.parse::<u32>().ok());
    let mut next = || parts.next().unwrap_or_default();
    if (next(), next(), next()) < oldest {
        let snapshot = snapshot["snapshot_id"].as_str().unwrap_or_default();
        return Err(status(
            400,
            format!(
                "[{id}] job model snapshot [{snapshot}] has min version before [{named}], please revert to a newer \
                 model snapshot or reset the job"
            ),
        ));
    }
    Ok(())
}

/// Reads state documents as autodetect does: `compressed` before `eos`, `eos` only in the last one, and all pieces
/// forming the base64 text of one gzip member.
fn decode(documents: &[Value]) -> Result<(), String> {
    let mut text = String::new();
    for (number, document) in documents.iter().enumerate() {
        let fields: Vec<&str> = document
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str())
            .collect();
        let last = number + 1 == documents.len();
        match (fields.as_slice(), last) {
            (["compressed", "eos"], true) | (["compressed"], false) => {}
            _ => return Err(format!("document {} has fields {fields:?}", number + 1)),
        }
        for piece in document["compressed"].as_array().into_iter().flatten() {
            text += piece.as_str().ok_or("a piece is not a string")?;
        }
    }
    let packed = STANDARD.decode(text).map_err(|why| why.to_string())?;
    let mut reader = flate2::bufread::GzDecoder::new(packed.as_slice());
    let mut plain = Vec::new();
    reader.read_to_end(&mut plain).map_err(|why| why.to_string())?;
    let rest = reader.into_inner();
    if !rest.is_empty() {
        return Err(format!("{} bytes after the gzip member", rest.len()));
    }
    Ok(())
}
