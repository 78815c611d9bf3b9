//! Jobs: put, get, update.

use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::docs::Docs;
use super::indices::{STATE, create_annotations_index, create_results_index, notify, read_alias};
use super::options::MlOptions;
use super::reply::{Reply, acknowledged, error, exists, illegal, merge, not_found, ok, status};
use super::store::Job;
use super::{MlApi, Request, User, config, defaults, listing, now};
use crate::support::cluster::Answer;

/// The 404 response for a job.
pub fn no_job(id: &str) -> Answer {
    not_found(format!("No known job with id '{id}'"))
}

fn id_is_used(id: &str) -> Answer {
    exists(format!(
        "The job cannot be created with the Id '{id}'. The Id is already used."
    ))
}

impl MlApi {
    /// Returns the job, or 404.
    pub(super) fn job(&self, id: &str) -> Result<Job, Answer> {
        self.store().jobs.get(id).cloned().ok_or_else(|| no_job(id))
    }

    /// Changes an existing job.
    pub(super) fn change_job(&self, id: &str, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.store().jobs.get_mut(id) {
            change(job);
        }
    }

    /// Returns the IDs that an expression matches. Groups count as names.
    pub(super) fn expand_jobs(&self, expression: &str, allow_no_match: bool) -> Result<Vec<String>, Answer> {
        let names: Vec<(String, Vec<String>)> = self
            .store()
            .jobs
            .iter()
            .map(|(id, job)| {
                let groups = job.config["groups"].as_array().into_iter().flatten();
                (
                    id.clone(),
                    groups.filter_map(Value::as_str).map(str::to_owned).collect(),
                )
            })
            .collect();
        listing::expand(expression, &names, allow_no_match, no_job)
    }

    pub(super) fn get_jobs(&self, expression: &str, options: &MlOptions, request: &Request<'_>) -> Reply {
        let version = &options.version;
        let mut known = vec!["allow_no_match"];
        if version.since(7, 11) {
            known.push("exclude_generated");
        }
        if !version.since(8, 0) {
            known.push("allow_no_jobs");
        }
        request.check_params(&known)?;
        let ids = self.expand_jobs(expression, request.param("allow_no_match") != Some("false"))?;
        let by_name = ids.len() == 1 && ids[0] == expression;
        let bare = request.flag("exclude_generated");
        let with_datafeed = version.since(7, 15) && !bare && (by_name || !options.listing_omits_datafeeds);
        let store = self.store();
        let jobs: Vec<Value> = ids
            .iter()
            .map(|id| {
                let mut shown = store.jobs[id].config.clone();
                if bare {
                    without_generated(&mut shown);
                }
                if let Some((_, datafeed)) = store.datafeed_of(id).filter(|_| with_datafeed) {
                    shown["datafeed_config"] = datafeed.config.clone();
                }
                shown
            })
            .collect();
        ok(json!({"count": jobs.len(), "jobs": jobs}))
    }

    pub(super) async fn put_job(
        &self,
        id: &str,
        options: &MlOptions,
        request: &Request<'_>,
        docs: &Docs,
        user: Option<&User>,
    ) -> Reply {
        let given = request.json()?;
        if request.body.is_empty() {
            return Err(error(400, "parse_exception", "request body is required"));
        }
        config::check_job(&given, id, options, request.body)?;
        self.check_job_name(id, &given)?;
        let mut kept = defaults::complete(&given, id, options, now())?;
        self.check_leftovers(id, &kept, docs).await?;
        if let Some(inner) = given["datafeed_config"]["job_id"].as_str().filter(|inner| *inner != id) {
            return Err(illegal(format!(
                "datafeed job_id [{inner}] does not match the job's id [{id}]"
            )));
        }
        let index = self.results_index(kept["results_index_name"].as_str().unwrap_or("shared"));
        create_results_index(docs, &index, id).await;
        self.create_annotations_after_delay(options, docs).await;
        self.insert_job(id, &kept)?;
        notify(docs, &options.version, id, "Job created").await;
        if let Some(mut datafeed) = given.get("datafeed_config").cloned() {
            let feed_id = datafeed["datafeed_id"].as_str().unwrap_or(id).to_owned();
            datafeed["job_id"] = json!(id);
            match self.add_datafeed(&feed_id, &datafeed, options, user) {
                Ok(shown) => kept["datafeed_config"] = shown,
                Err(refusal) => {
                    self.remove_job(id, docs).await;
                    return Err(refusal);
                }
            }
        }
        ok(kept)
    }

    /// Validates the configuration itself. Other jobs, groups and remaining documents are not checked.
    pub(super) fn validate_job(&self, options: &MlOptions, request: &Request<'_>) -> Reply {
        let given = request.json()?;
        let id = given["job_id"].as_str().unwrap_or("ok").to_owned();
        config::check_job(&given, &id, options, request.body)?;
        acknowledged()
    }

    /// Of two simultaneous requests, the second one is refused.
    fn insert_job(&self, id: &str, config: &Value) -> Result<(), Answer> {
        match self.store().jobs.entry(id.to_owned()) {
            Entry::Occupied(_) => Err(id_is_used(id)),
            Entry::Vacant(place) => {
                place.insert(Job {
                    config: config.clone(),
                    ..Job::default()
                });
                Ok(())
            }
        }
    }

    fn check_job_name(&self, id: &str, given: &Value) -> Result<(), Answer> {
        let store = self.store();
        if store.jobs.contains_key(id) {
            return Err(id_is_used(id));
        }
        for (other, job) in &store.jobs {
            let has = |config: &Value, group: &str| {
                config["groups"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .any(|name| name == group)
            };
            if has(&job.config, id) || has(given, other) {
                let group = if has(given, other) { other.as_str() } else { id };
                return Err(exists(format!(
                    "job and group names must be unique but job [{group}] and group [{group}] have the same name"
                )));
            }
        }
        Ok(())
    }

    /// Refuses a job if there are quantiles, the first categorizer document or results of an earlier one. Model state
    /// is not checked.
    async fn check_leftovers(&self, id: &str, kept: &Value, docs: &Docs) -> Result<(), Answer> {
        let ids = [format!("{id}_quantiles"), format!("{id}_categorizer_state#1")];
        let state = docs.ids(STATE, json!({"ids": {"values": ids}})).await.len();
        let name = kept["results_index_name"].as_str().unwrap_or("shared");
        let index = format!(".ml-anomalies-{name},{}", self.results_index(name));
        let results = docs.ids(&index, json!({"term": {"job_id": id}})).await.len();
        if state + results == 0 {
            return Ok(());
        }
        Err(status(
            409,
            format!(
                "[{results}] result and [{state}] state documents exist for a prior job with Id [{id}]. Please create \
                 the job with a different Id"
            ),
        ))
    }

    async fn create_annotations_after_delay(&self, options: &MlOptions, docs: &Docs) {
        let (docs, version, delay) = (docs.clone(), options.version.clone(), options.annotations_delay);
        if delay.is_zero() {
            create_annotations_index(&docs, &version).await;
        } else {
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                create_annotations_index(&docs, &version).await;
            });
        }
    }

    pub(super) fn update_job(&self, id: &str, options: &MlOptions, request: &Request<'_>) -> Reply {
        self.job(id)?;
        let mut change = request.json()?;
        config::check_fields(&change, UPDATABLE, &options.version, &[], "job_update", request.body)?;
        let detectors = change
            .as_object_mut()
            .and_then(|change| change.shift_remove("detectors"));
        let mut store = self.store();
        let job = store.jobs.get_mut(id).ok_or_else(|| no_job(id))?;
        for mut update in detectors
            .iter()
            .flat_map(|list| list.as_array().into_iter().flatten().cloned())
        {
            let at = update["detector_index"].as_u64().unwrap_or_default() as usize;
            if let Some(description) = update
                .as_object_mut()
                .and_then(|update| update.shift_remove("description"))
            {
                update["detector_description"] = description;
            }
            merge(&mut job.config["analysis_config"]["detectors"][at], &update);
        }
        merge(&mut job.config, &change);
        ok(job.config.clone())
    }

    /// Adds a job that was created elsewhere, as `GET` returns it, with or without its datafeed. Keeps all fields,
    /// including `create_time` and `model_snapshot_id`, and creates the indices and aliases of an open job.
    pub async fn insert_trained_job(
        &self,
        job: &Value,
        documents: std::sync::Arc<dyn crate::support::cluster::Documents>,
    ) {
        let docs = Docs(documents);
        let version = self.version();
        let id = job["job_id"].as_str().expect("a job has an id").to_owned();
        super::templates::create_templates(&docs, &version).await;
        let index = self.results_index(job["results_index_name"].as_str().unwrap_or("shared"));
        create_results_index(&docs, &index, &id).await;
        create_annotations_index(&docs, &version).await;
        super::indices::create_notifications_index(&docs, &version).await;
        super::indices::create_state_index(&docs)
            .await
            .expect("the state index can be made");
        let mut config = job.clone();
        let datafeed = config
            .as_object_mut()
            .and_then(|fields| fields.shift_remove("datafeed_config"));
        let mut store = self.store();
        if let Some(config) = datafeed {
            let feed = config["datafeed_id"].as_str().expect("a datafeed has an id").to_owned();
            store
                .datafeeds
                .insert(feed, super::store::Datafeed { config, started: false });
        }
        store.jobs.insert(
            id,
            Job {
                config,
                ..Job::default()
            },
        );
    }

    /// Adds a complete filter.
    pub fn insert_filter(&self, filter: &Value) {
        let id = filter["filter_id"].as_str().expect("a filter has an id").to_owned();
        self.store().filters.insert(id, filter.clone());
    }

    /// Adds a calendar with its `events`, as this version returns them.
    pub fn insert_calendar(&self, calendar: &Value) {
        let id = calendar["calendar_id"]
            .as_str()
            .expect("a calendar has an id")
            .to_owned();
        let options = self.options();
        let mut store = self.store();
        let mut kept = super::store::Calendar {
            job_ids: serde_json::from_value(calendar["job_ids"].clone()).expect("a calendar has jobs"),
            description: calendar["description"].as_str().map(str::to_owned),
            events: Vec::new(),
        };
        for event in calendar["events"].as_array().into_iter().flatten() {
            let mut event = super::calendars::check_event(&id, event, b"", &options).expect("a valid event");
            event["event_id"] = json!(format!("adopted-{}", store.next()));
            kept.events.push(event);
        }
        store.calendars.insert(id, kept);
    }

    /// Returns the alias or index for writing notifications.
    pub fn notifications_target(&self) -> String {
        let version = self.version();
        let alias = version.has_notifications_alias();
        if alias {
            ".ml-notifications-write".to_owned()
        } else {
            version.notifications_index().to_owned()
        }
    }

    /// Returns the results index of a job.
    pub async fn results_index_of(
        &self,
        job: &str,
        documents: std::sync::Arc<dyn crate::support::cluster::Documents>,
    ) -> Vec<String> {
        Docs(documents).alias(&read_alias(job)).await
    }
}

const UPDATABLE: super::fields::Fields = &[
    ("detectors", (0, 0)),
    ("description", (0, 0)),
    ("groups", (0, 0)),
    ("custom_settings", (0, 0)),
    ("model_plot_config", (0, 0)),
    ("analysis_limits", (0, 0)),
    ("renormalization_window_days", (0, 0)),
    ("background_persist_interval", (0, 0)),
    ("model_snapshot_retention_days", (0, 0)),
    ("daily_model_snapshot_retention_after_days", (0, 0)),
    ("results_retention_days", (0, 0)),
    ("allow_lazy_open", (0, 0)),
];

/// Removes the fields that `exclude_generated` excludes.
fn without_generated(job: &mut Value) {
    if let Some(fields) = job.as_object_mut() {
        for name in [
            "job_type",
            "job_version",
            "create_time",
            "finished_time",
            "model_snapshot_id",
            "model_snapshot_min_version",
            "deleting",
        ] {
            fields.shift_remove(name);
        }
        if let Some(custom) = fields.get_mut("custom_settings").and_then(Value::as_object_mut) {
            custom.shift_remove("created_by");
        }
    }
}
