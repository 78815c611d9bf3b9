//! The ML API of the stand-in: jobs, datafeeds, snapshots, filters, calendars, license and security of one version.
//! Configurations are stored here; documents are accessed by ordinary requests.

mod calendars;
mod config;
mod datafeeds;
mod defaults;
mod delete;
mod docs;
mod fields;
mod filters;
mod guard;
mod indices;
mod info;
mod jobs;
mod listing;
mod maintenance;
mod open;
mod options;
mod reply;
mod revert;
pub mod security;
mod serve;
mod snapshots;
mod stats;
mod store;
mod templates;
mod version;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tokio::sync::OnceCell;

pub use options::{License, MlOptions};
pub use security::User;
pub use store::{JobState, PausedDeletion, Restored};
pub use version::{Deployment, MlVersion};

use self::docs::Docs;
use self::reply::{Reply, error, no_handler, status};
use self::store::Store;
use super::{Answer, Api, Call, Documents};

/// The ML API of a stand-in cluster.
#[derive(Clone)]
pub struct MlApi {
    options: Arc<Mutex<MlOptions>>,
    store: Arc<Mutex<Store>>,
    templates: Arc<OnceCell<()>>,
}

/// A parsed request.
struct Request<'a> {
    method: &'a str,
    segments: Vec<String>,
    uri: String,
    query: &'a [(String, String)],
    body: &'a [u8],
}

impl Request<'_> {
    /// Returns a query parameter.
    fn param(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns a query parameter that is true if it has no value.
    fn flag(&self, name: &str) -> bool {
        matches!(self.param(name), Some("true" | ""))
    }

    /// Parses the body as an object; empty if there is no body.
    fn json(&self) -> Result<Value, Answer> {
        if self.body.is_empty() {
            return Ok(Value::Object(serde_json::Map::new()));
        }
        match serde_json::from_slice::<Value>(self.body) {
            Ok(value) if value.is_object() => Ok(value),
            Ok(_) => Err(error(400, "x_content_parse_exception", "[1:1] Expected START_OBJECT")),
            Err(why) => Err(error(400, "json_parse_exception", why.to_string())),
        }
    }

    /// Refuses parameters that the version does not support.
    fn check_params(&self, known: &[&str]) -> Result<(), Answer> {
        let common = ["pretty", "human", "error_trace", "filter_path", "format"];
        for (key, _) in self.query {
            if !known.contains(&key.as_str()) && !common.contains(&key.as_str()) {
                let path = self.uri.split('?').next().unwrap_or_default();
                return Err(reply::illegal(format!(
                    "request [{path}] contains unrecognized parameter: [{key}]"
                )));
            }
        }
        Ok(())
    }
}

/// The current time in epoch milliseconds.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as i64
}

impl MlApi {
    /// Creates a cluster where ML was never used.
    pub fn new(options: MlOptions) -> Self {
        Self {
            options: Arc::new(Mutex::new(options)),
            store: Arc::new(Mutex::new(Store::default())),
            templates: Arc::new(OnceCell::new()),
        }
    }

    /// Returns an independent copy of the configurations.
    pub fn fork(&self) -> Self {
        Self {
            options: Arc::new(Mutex::new(self.options())),
            store: Arc::new(Mutex::new(self.store().clone())),
            templates: Arc::new(OnceCell::clone(&self.templates)),
        }
    }

    /// Creates a healthy cluster with this version.
    pub fn of(version: MlVersion) -> Self {
        Self::new(MlOptions::new(version))
    }

    /// Changes the options while the cluster runs.
    pub fn change(&self, change: impl FnOnce(&mut MlOptions)) {
        change(&mut self.options.lock().unwrap());
    }

    /// Pauses the next deletion of a job after its documents are deleted.
    pub fn pause_next_deletion(&self) -> PausedDeletion {
        let held = PausedDeletion::new();
        self.store().paused_deletion = Some(held.clone());
        held
    }

    /// Returns what the job restored when it was last opened.
    pub fn last_restored(&self, job: &str) -> Option<Restored> {
        self.store().jobs.get(job).and_then(|job| job.restored.clone())
    }

    /// Returns the state of the job; `None` if it does not exist.
    pub fn job_state(&self, job: &str) -> Option<JobState> {
        self.store().jobs.get(job).map(|job| job.state)
    }

    /// Returns the stored configuration of the job, without the datafeed.
    pub fn job_config(&self, job: &str) -> Option<Value> {
        self.store().jobs.get(job).map(|job| job.config.clone())
    }

    /// Returns the IDs of all jobs, sorted.
    pub fn job_ids(&self) -> Vec<String> {
        self.store().jobs.keys().cloned().collect()
    }

    /// Returns the IDs of all datafeeds, sorted.
    pub fn datafeed_ids(&self) -> Vec<String> {
        self.store().datafeeds.keys().cloned().collect()
    }

    /// Returns all configurations, for comparisons: jobs, datafeeds, filters, and calendars with events.
    pub fn configurations(&self) -> Value {
        let store = self.store();
        let jobs: Vec<&Value> = store.jobs.values().map(|job| &job.config).collect();
        let datafeeds: Vec<&Value> = store.datafeeds.values().map(|datafeed| &datafeed.config).collect();
        let filters: Vec<&Value> = store.filters.values().collect();
        let calendars: Vec<Value> = store
            .calendars
            .iter()
            .map(|(id, calendar)| {
                serde_json::json!({"calendar_id": id, "description": calendar.description,
                    "job_ids": calendar.job_ids, "events": calendar.events})
            })
            .collect();
        serde_json::json!({"jobs": jobs, "datafeeds": datafeeds, "filters": filters, "calendars": calendars})
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap()
    }

    fn options(&self) -> MlOptions {
        self.options.lock().unwrap().clone()
    }

    fn version(&self) -> MlVersion {
        self.options.lock().unwrap().version.clone()
    }

    async fn answer(&self, call: Call, documents: Arc<dyn Documents>) -> Option<Answer> {
        let options = self.options();
        let docs = Docs(documents);
        let user = match self.authenticate(&options, &call) {
            Ok(user) => user,
            Err(answer) => return Some(answer),
        };
        let segments: Vec<String> = call
            .path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let first = segments.first().cloned().unwrap_or_default();
        let mine = matches!(first.as_str(), "" | "_ml" | "_license" | "_xpack" | "_security");
        if options.version.deployment != Deployment::OpenSearch && options.ml {
            self.templates
                .get_or_init(|| templates::create_templates(&docs, &options.version))
                .await;
        }
        if !mine {
            return match user {
                Some(user) => guard::authorize_documents(&user, call, &segments, &docs).await,
                None => None,
            };
        }
        let query: Vec<String> = call
            .query
            .iter()
            .map(|(key, value)| {
                if value.is_empty() {
                    key.clone()
                } else {
                    format!("{key}={value}")
                }
            })
            .collect();
        let uri = if query.is_empty() {
            call.path.clone()
        } else {
            format!("{}?{}", call.path, query.join("&"))
        };
        let request = Request {
            method: &call.method,
            segments,
            uri,
            query: &call.query,
            body: &call.body,
        };
        let reply = match first.as_str() {
            "_ml" => self.ml(&options, &request, &docs, user.as_ref()).await,
            _ => self.cluster_info(&options, &request, user.as_ref()),
        };
        Some(reply.unwrap_or_else(|refusal| refusal))
    }

    /// Handles `_ml`: checks privileges and state, then calls the handler.
    async fn ml(&self, options: &MlOptions, request: &Request<'_>, docs: &Docs, user: Option<&User>) -> Reply {
        let unknown = || no_handler(request.method, &request.uri);
        if !options.ml || options.version.deployment == Deployment::OpenSearch {
            return Err(unknown());
        }
        let segments: Vec<&str> = request.segments.iter().skip(1).map(String::as_str).collect();
        let method = if request.method == "HEAD" {
            "GET"
        } else {
            request.method
        };
        let action = fields::action(method, &segments).ok_or_else(unknown)?;
        if options.version.deployment == Deployment::Serverless && fields::absent_in_serverless(&segments) {
            return Err(info::not_available(request));
        }
        if let Some(user) = user {
            user.may_do(action)?;
        }
        if self.store().upgrade_mode && fields::refused_in_upgrade_mode(action) {
            return Err(status(
                429,
                format!("Cannot perform {action} action while upgrade mode is enabled"),
            ));
        }
        if !options.license.allows_ml() && fields::needs_license(action) {
            return Err(info::unlicensed());
        }
        match (method, segments.as_slice()) {
            ("GET", ["info"]) => self.ml_info(options),
            ("POST", ["set_upgrade_mode"]) => self.set_upgrade_mode(request),
            (_, ["anomaly_detectors", rest @ ..]) => self.detectors(method, rest, options, request, docs, user).await,
            (_, ["datafeeds", rest @ ..]) => self.datafeeds(method, rest, options, request, docs, user).await,
            (_, ["filters", rest @ ..]) => self.filters(method, rest, request, options),
            (_, ["calendars", rest @ ..]) => self.calendars(method, rest, request, options),
            _ => Err(unknown()),
        }
    }

    async fn detectors(
        &self,
        method: &str,
        rest: &[&str],
        options: &MlOptions,
        request: &Request<'_>,
        docs: &Docs,
        user: Option<&User>,
    ) -> Reply {
        match (method, rest) {
            ("GET", []) => self.get_jobs("_all", options, request),
            ("GET", ["_stats"]) => self.job_stats("_all", request, docs).await,
            ("GET", [job]) => self.get_jobs(job, options, request),
            ("POST", ["_validate"]) => self.validate_job(options, request),
            ("PUT", [job]) => self.put_job(job, options, request, docs, user).await,
            ("DELETE", [job]) => self.delete_job(job, options, request, docs).await,
            ("GET", [job, "_stats"]) => self.job_stats(job, request, docs).await,
            ("POST", [job, "_open"]) => self.open_job(job, options, docs).await,
            ("POST", [job, "_close"]) => self.close_job(job, docs).await,
            ("POST", [job, "_update"]) => self.update_job(job, options, request),
            ("GET" | "POST", [job, "model_snapshots"]) => self.list_snapshots(job, None, request, docs).await,
            ("GET" | "POST", [job, "model_snapshots", id]) => self.list_snapshots(job, Some(id), request, docs).await,
            ("DELETE", [job, "model_snapshots", id]) => self.delete_snapshot(job, id, docs).await,
            ("POST", [job, "model_snapshots", id, "_revert"]) => self.revert(job, id, options, request, docs).await,
            ("POST", [job, "model_snapshots", id, "_update"]) => self.update_snapshot(job, id, request, docs).await,
            _ => Err(no_handler(request.method, &request.uri)),
        }
    }
}

impl Api for MlApi {
    fn call(
        &self,
        call: Call,
        documents: Arc<dyn Documents>,
    ) -> Pin<Box<dyn Future<Output = Option<Answer>> + Send + '_>> {
        Box::pin(async move {
            let head = call.method == "HEAD";
            let mut answer = self.answer(call, documents).await?;
            if head {
                answer.body = bytes::Bytes::new();
            }
            Some(answer)
        })
    }
}
