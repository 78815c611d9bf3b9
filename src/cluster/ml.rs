//! The machine learning API: anomaly detection jobs and their model snapshots, datafeeds, filters, and calendars with their
//! events.

use std::collections::HashMap;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::limits::bounded;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result, parse_json};
use crate::cluster::search::documents::index_age;
use crate::cluster::search::query::{MAX_PAGE, Search, SearchRange};
use crate::cluster::search::response::Hit;
use crate::job::{Calendar, CalendarId, DatafeedId, FilterId, JobId, SnapshotId, remove_event_ids};
use crate::util::timestamp::{EpochMillis, date_field};

const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Deleting a job with many results, or opening one with a large model, may take minutes.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// The path of all jobs.
const JOBS: [&str; 2] = ["_ml", "anomaly_detectors"];
/// Snapshots per request.
const SNAPSHOT_PAGE: usize = 500;
/// Filters, calendars or events per request.
const PAGE: usize = 1000;

/// An entry in a list of jobs.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct JobSummary {
    /// The ID as returned by the cluster.
    #[serde(rename = "job_id")]
    pub id: String,
    /// `closed`, `opened`, `opening`, `closing`, `failed`. This and what follows only in [`Cluster::jobs`].
    #[serde(skip_deserializing)]
    pub state: String,
    /// The snapshot that the job uses; `empty` if it was reverted to an empty model.
    #[serde(rename(deserialize = "model_snapshot_id"))]
    snapshot_id: Option<SnapshotId>,
    /// When that snapshot was created, if its document was found.
    #[serde(skip_deserializing)]
    snapshot_created: Option<EpochMillis>,
    /// The number of documents that the job has processed.
    #[serde(skip_deserializing)]
    processed_documents: Option<Number>,
    /// The memory of the model in bytes.
    #[serde(skip_deserializing)]
    model_bytes: Option<Number>,
    /// The groups of the job.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// The used part of a job's statistics.
#[derive(Clone, Debug, Deserialize)]
pub struct JobStats {
    job_id: String,
    /// `closed`, `opened`, `opening`, `closing`, `failed`.
    pub state: String,
    /// The counts of the data that the job has processed.
    #[serde(default)]
    pub data_counts: DataCounts,
    #[serde(default, rename = "model_size_stats", deserialize_with = "model_bytes")]
    model_bytes: Option<Number>,
}

/// The used part of a job's data counts.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DataCounts {
    /// The time of the latest record.
    pub latest_record_timestamp: Option<EpochMillis>,
    processed_record_count: Option<Number>,
}

/// The used part of a listed snapshot.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SnapshotSummary {
    /// The snapshot ID.
    #[serde(rename = "snapshot_id")]
    pub id: SnapshotId,
    /// The time at which it was created.
    #[serde(rename(serialize = "created"))]
    pub timestamp: EpochMillis,
    /// The time of the latest record in the model.
    #[serde(rename(deserialize = "latest_record_time_stamp"))]
    pub latest_record: Option<EpochMillis>,
    /// The time of the latest result of the model.
    #[serde(rename(deserialize = "latest_result_time_stamp"), skip_serializing)]
    pub latest_result: Option<EpochMillis>,
    /// The number of its model state documents.
    #[serde(rename(deserialize = "snapshot_doc_count"), default)]
    pub state_documents: u64,
    /// The memory of the model in bytes.
    #[serde(rename(deserialize = "model_size_stats"), default, deserialize_with = "model_bytes")]
    pub model_bytes: Option<Number>,
    /// Whether the job uses it. The caller sets it.
    #[serde(skip_deserializing)]
    pub in_use: bool,
    /// Whether it is kept when older snapshots are deleted.
    #[serde(default)]
    pub retain: bool,
    /// The description.
    #[serde(default)]
    pub description: String,
}

/// The `model_bytes` of model size statistics.
fn model_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Number>, D::Error> {
    #[derive(Deserialize)]
    struct Stats {
        model_bytes: Option<Number>,
    }
    Ok(Option::<Stats>::deserialize(deserializer)?.and_then(|stats| stats.model_bytes))
}

/// The used part of a datafeed's statistics.
#[derive(Deserialize)]
struct DatafeedStats {
    state: String,
    /// Not reported by versions before 7.13.
    running_state: Option<RunningState>,
}

#[derive(Deserialize)]
struct RunningState {
    real_time_configured: bool,
}

/// A response with a list of items.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Listing<T> {
    #[serde(
        alias = "jobs",
        alias = "model_snapshots",
        alias = "datafeeds",
        alias = "filters",
        alias = "calendars",
        alias = "events",
        deserialize_with = "bounded"
    )]
    items: Vec<T>,
}

/// The path of one job, or of the jobs of a group.
fn job_path(job: &JobId) -> Path {
    Path::of(JOBS).then([job.as_str()])
}

fn snapshots_path(job: &JobId) -> Path {
    job_path(job).then(["model_snapshots"])
}

fn datafeed_path(id: &DatafeedId) -> Path {
    Path::of(["_ml", "datafeeds", id.as_str()])
}

fn filter_path(id: &FilterId) -> Path {
    Path::of(["_ml", "filters", id.as_str()])
}

fn calendar_path(id: &CalendarId) -> Path {
    Path::of(["_ml", "calendars", id.as_str()])
}

/// Jobs.
impl Cluster {
    /// All jobs, sorted by ID, with their statistics and the times of their snapshots, in three requests. The cluster lists
    /// at most 10,000 jobs.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>> {
        let mut jobs: Vec<JobSummary> = self.all_jobs(&[], "job_id,groups,model_snapshot_id").await?;
        let members = "job_id,state,data_counts,model_size_stats";
        let stats: Vec<JobStats> = self.all_jobs(&["_stats"], members).await?;
        let stats = stats.into_iter().map(|stats| (stats.job_id.clone(), stats));
        let mut stats: HashMap<String, JobStats> = stats.collect();
        let mut created = self.snapshot_times(&jobs).await?;
        for job in &mut jobs {
            job.snapshot_created = created.remove(&job.id);
            if let Some(stats) = stats.remove(&job.id) {
                job.state = stats.state;
                job.processed_documents = stats.data_counts.processed_record_count;
                job.model_bytes = stats.model_bytes;
            }
        }
        jobs.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(jobs)
    }

    /// When the snapshots that these jobs use were created, by job ID.
    async fn snapshot_times(&self, jobs: &[JobSummary]) -> Result<HashMap<String, EpochMillis>> {
        #[derive(Deserialize)]
        struct Stored {
            job_id: String,
            #[serde(deserialize_with = "date_field")]
            timestamp: Option<EpochMillis>,
        }
        let document = |job: &JobSummary| {
            let id: JobId = job.id.parse().ok()?;
            Some(id.snapshot_document_id(job.snapshot_id.as_ref()?))
        };
        let ids: Vec<String> = jobs.iter().filter_map(document).collect();
        let search = Search::lenient([".ml-anomalies-*"], json!({ "ids": { "values": ids } }));
        let mut body = search.body(SearchRange::default(), MAX_PAGE);
        body["_source"] = json!(["job_id", "timestamp"]);
        let request = search.request("_search").json(&body).returns(BodyLimit::Large);
        let hits = self.page(&search, request).await?.hits;
        let time = |hit: &Hit| {
            // A time that cannot be read is not shown.
            let Stored { job_id, timestamp } = serde_json::from_slice(&hit.source).ok()?;
            Some((job_id, timestamp?))
        };
        Ok(hits.iter().filter_map(time).collect())
    }

    /// The list of all jobs, or of their statistics, with only these members.
    async fn all_jobs<T: DeserializeOwned>(&self, of: &[&str], members: &str) -> Result<Vec<T>> {
        #[derive(Deserialize)]
        #[serde(bound = "T: Deserialize<'de>")]
        struct Answer<T> {
            // Absent if there are no jobs.
            #[serde(default = "Vec::new", deserialize_with = "bounded")]
            jobs: Vec<T>,
        }
        let path = Path::of(JOBS).then(of.iter().copied());
        let request = get_large(path).query("filter_path", format!("jobs.{}", members.replace(',', ",jobs.")));
        Ok(self.http.json::<Answer<T>>(request).await?.jobs)
    }

    /// The job object of `GET /_ml/anomaly_detectors/<job>`, as received; `None` if the job does not exist. For the name of a
    /// group, the cluster returns all jobs of the group, which are ignored.
    pub async fn job(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let jobs = self.items_if_found(get_large(job_path(job))).await?;
        first_of_job(jobs, "GET /_ml/anomaly_detectors", job)
    }

    /// The statistics of the job; `None` if it does not exist.
    pub async fn job_stats(&self, job: &JobId) -> Result<Option<JobStats>> {
        let stats: Vec<JobStats> = self.items_if_found(get_large(job_path(job).then(["_stats"]))).await?;
        Ok(stats.into_iter().find(|stats| stats.job_id == job.as_str()))
    }

    /// `PUT /_ml/anomaly_detectors/<job>`, without retries: after [`Error::outcome_unknown`], check whether the job exists.
    /// Returns the job as stored by the cluster.
    pub async fn create_job(&self, job: &JobId, body: &RawValue) -> Result<Value> {
        let created: Map<String, Value> = self.http.json(creation(job_path(job), body)).await?;
        Ok(created.into())
    }

    /// `POST /_ml/anomaly_detectors/_validate`, which writes nothing. Status 400 if [`create_job`](Self::create_job) would
    /// reject the configuration.
    pub async fn validate_job(&self, body: String) -> Result<()> {
        let path = Path::of(JOBS).then(["_validate"]);
        self.http.execute(Request::post(path).raw(body)).await
    }

    /// All jobs with only their groups: a job must not have the name of a group.
    pub async fn job_groups(&self) -> Result<Vec<JobSummary>> {
        self.all_jobs(&[], "job_id,groups").await
    }

    /// `DELETE /_ml/anomaly_detectors/<job>`, waiting for completion; true if it existed.
    pub async fn delete_job(&self, job: &JobId) -> Result<bool> {
        let mut backoff = self.backoff();
        loop {
            let error = match self.http.delete(Request::delete(job_path(job)).without_retry()).await {
                Err(error) if error.outcome_unknown() || error.is_transient() => error,
                answer => return answer,
            };
            if self.is_gone(job).await? {
                return Ok(true);
            }
            if !backoff.retry(&error).await {
                return Err(error);
            }
        }
    }

    /// Polls until the deletion is complete: the cluster continues it if the response is lost or late.
    async fn is_gone(&self, job: &JobId) -> Result<bool> {
        #[derive(Deserialize)]
        struct Listed {
            job_id: String,
            // Used by versions before 7.14.
            #[serde(default)]
            deleting: bool,
            blocked: Option<Blocked>,
        }
        #[derive(Deserialize)]
        struct Blocked {
            reason: String,
        }
        let is_deleted = |job: Listed| job.deleting || job.blocked.is_some_and(|blocked| blocked.reason == "delete");
        let state = async || {
            let jobs: Vec<Listed> = self.items_if_found(get_large(job_path(job))).await?;
            let found = jobs.into_iter().find(|listed| listed.job_id == job.as_str());
            Ok(found.map(|found| if is_deleted(found) { "deleting" } else { "kept" }.to_owned()))
        };
        Ok(self.settled("deleting", state).await?.is_none())
    }

    /// All snapshots of the job, latest first.
    pub async fn snapshots(&self, job: &JobId) -> Result<Vec<SnapshotSummary>> {
        let page = |from| {
            let page = json!({ "from": from, "size": SNAPSHOT_PAGE });
            let body = json!({ "page": page, "sort": "timestamp", "desc": true });
            Request::post(snapshots_path(job)).json(&body)
        };
        self.all_pages(SNAPSHOT_PAGE, page).await
    }

    /// The stored snapshot document with its quantiles, from the job's alias `.ml-anomalies-<job>` or from
    /// `.ml-anomalies-*`; `None` if it is not found.
    pub async fn snapshot_document(&self, job: &JobId, snapshot: &SnapshotId) -> Result<Option<Hit>> {
        let id = job.snapshot_document_id(snapshot);
        match self.copy_in_use(job, &job.results_alias(), &id).await? {
            Some(hit) => Ok(Some(hit)),
            None => self.copy_in_use(job, ".ml-anomalies-*", &id).await,
        }
    }

    /// The data counts document of the job; `None` if it does not exist.
    pub async fn data_counts_document(&self, job: &JobId) -> Result<Option<Hit>> {
        let id = job.data_counts_document_id();
        self.copy_in_use(job, &job.results_alias(), &id).await
    }

    /// The copy of a document in the current write index, or else in the newest index that has one.
    async fn copy_in_use(&self, job: &JobId, indices: &str, id: &str) -> Result<Option<Hit>> {
        let mut copies = self.documents(&[indices], &[id.to_owned()]).await?;
        if copies.len() > 1
            && let Some(written) = self.write_index(&job.results_write_alias()).await?
            && copies.iter().any(|copy| *copy.index == *written)
        {
            copies.retain(|copy| *copy.index == *written);
        }
        let newest = copies
            .into_iter()
            .max_by(|one, other| index_age(&one.index).cmp(&index_age(&other.index)));
        Ok(newest)
    }

    /// `POST /_ml/anomaly_detectors/<job>/_open`, and waits until the job is open. A job that is already open remains open.
    pub async fn open_job(&self, job: &JobId) -> Result<()> {
        let request = || Request::post(job_path(job).then(["_open"]));
        let state = async || self.job_state(job).await;
        self.bring_to_state(["closing", "opening", "opened"], request, state)
            .await
    }

    /// Sends a request that changes a state, and waits until the state is reached. An opposite change is completed first. If
    /// the response is lost, the state shows whether the request was executed.
    async fn bring_to_state(
        &self,
        [opposite, transition, goal]: [&str; 3],
        request: impl Fn() -> Request,
        state: impl AsyncFn() -> Result<Option<String>>,
    ) -> Result<()> {
        if self.settled(opposite, &state).await?.is_some_and(|state| state == goal) {
            return Ok(());
        }
        let mut backoff = self.backoff();
        loop {
            let answer = self.http.execute(request().without_retry()).await;
            let reached = self.settled(transition, &state).await?.unwrap_or_default();
            match answer {
                _ if reached == goal => return Ok(()),
                Err(error) if (error.outcome_unknown() || error.is_transient()) && backoff.retry(&error).await => {}
                Err(error) => return Err(error),
                Ok(()) => {
                    let why = format!("the state is `{reached}` instead of `{goal}`");
                    return Err(Error::unexpected(request().what(), why));
                }
            }
        }
    }

    /// Reverts to the snapshot `empty`, which creates the state index and its alias. Versions before 7.11 do so too, but
    /// return 404, which is not an error.
    pub async fn revert_to_empty(&self, job: &JobId) -> Result<()> {
        let request = Request::post(snapshots_path(job).then(["empty", "_revert"]));
        self.http.execute(request.accept_404()).await
    }

    /// Reverts to the snapshot, without `delete_intervening_results`.
    pub async fn revert(&self, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
        let path = snapshots_path(job).then([snapshot.as_str(), "_revert"]);
        self.http.execute(Request::post(path)).await
    }

    /// `POST /_ml/anomaly_detectors/<job>/_close`, and waits until the job is closed, which writes a snapshot. A job that is
    /// already closed remains closed.
    pub async fn close_job(&self, job: &JobId) -> Result<()> {
        let request = || Request::post(job_path(job).then(["_close"]));
        let state = async || self.job_state(job).await;
        self.bring_to_state(["opening", "closing", "closed"], request, state)
            .await
    }

    async fn job_state(&self, job: &JobId) -> Result<Option<String>> {
        Ok(self.job_stats(job).await?.map(|stats| stats.state))
    }

    /// The state when it is no longer this one, or after a limit.
    async fn settled(
        &self,
        transition: &str,
        state: impl AsyncFn() -> Result<Option<String>>,
    ) -> Result<Option<String>> {
        let (clock, began) = (self.clock(), self.clock().now());
        loop {
            let current = state().await?;
            if current.as_deref() != Some(transition) || clock.now().saturating_sub(began) >= MAX_WAIT {
                return Ok(current);
            }
            clock.pause(POLL_INTERVAL).await;
        }
    }
}

/// Datafeeds, filters and calendars.
impl Cluster {
    /// The datafeed object of this job as received; `None` if it has none.
    pub async fn datafeed_of(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let datafeeds = self.items(get_large(Path::of(["_ml", "datafeeds"]))).await?;
        first_of_job(datafeeds, "GET /_ml/datafeeds", job)
    }

    /// The datafeed with this ID as received; `None` if it does not exist.
    pub async fn datafeed(&self, id: &DatafeedId) -> Result<Option<Box<RawValue>>> {
        self.first_item(datafeed_path(id)).await
    }

    /// `stopped`, `started`, `starting` or `stopping`; `None` if the datafeed does not exist.
    pub async fn datafeed_state(&self, id: &DatafeedId) -> Result<Option<String>> {
        Ok(self.datafeed_stats(id).await?.map(|stats| stats.state))
    }

    async fn datafeed_stats(&self, id: &DatafeedId) -> Result<Option<DatafeedStats>> {
        self.first_item(datafeed_path(id).then(["_stats"])).await
    }

    /// `PUT /_ml/datafeeds/<id>`, without retries: after [`Error::outcome_unknown`], check whether the datafeed exists.
    /// Returns the datafeed as stored by the cluster.
    pub async fn create_datafeed(&self, id: &DatafeedId, body: &RawValue) -> Result<Value> {
        self.http.json(creation(datafeed_path(id), body)).await
    }

    /// `POST /_ml/datafeeds/<id>/_start`, and waits until the datafeed is started: at a time, or where its job stopped. A
    /// datafeed that is already started remains started.
    pub async fn start_datafeed(&self, id: &DatafeedId, at: Option<EpochMillis>) -> Result<()> {
        let state = async || self.datafeed_state(id).await;
        let request = || {
            let request = Request::post(datafeed_path(id).then(["_start"]));
            match at {
                Some(at) => request.query("start", at.to_string()),
                None => request,
            }
        };
        self.bring_to_state(["stopping", "starting", "started"], request, state)
            .await
    }

    /// `POST /_ml/datafeeds/<id>/_stop`, and waits until the datafeed is stopped. A datafeed that is already stopped remains
    /// stopped.
    pub async fn stop_datafeed(&self, id: &DatafeedId) -> Result<()> {
        let state = async || self.datafeed_state(id).await;
        let request = || Request::post(datafeed_path(id).then(["_stop"]));
        self.bring_to_state(["starting", "stopping", "stopped"], request, state)
            .await
    }

    /// Whether the datafeed was started with an end, and stops there. Versions before 7.13 do not report it.
    pub async fn datafeed_has_end(&self, id: &DatafeedId) -> Result<bool> {
        let running = self.datafeed_stats(id).await?.and_then(|stats| stats.running_state);
        Ok(running.is_some_and(|running| !running.real_time_configured))
    }

    /// `DELETE /_ml/datafeeds/<id>`; true if it existed.
    pub async fn delete_datafeed(&self, id: &DatafeedId) -> Result<bool> {
        self.http.delete(Request::delete(datafeed_path(id))).await
    }

    /// The filter object as received (`filter_id`, `description`, `items`); `None` if it does not exist.
    pub async fn filter(&self, id: &FilterId) -> Result<Option<Box<RawValue>>> {
        self.first_item(filter_path(id)).await
    }

    /// Whether the list of all `filters` or `calendars` contains this ID.
    pub async fn lists(&self, kind: &str, id: &str) -> Result<bool> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(alias = "filter_id", alias = "calendar_id")]
            id: String,
        }
        let all: Vec<Listed> = self.all_items(Path::of(["_ml", kind])).await?;
        Ok(all.iter().any(|listed| listed.id == id))
    }

    /// `PUT /_ml/filters/<id>`, without retries: after [`Error::outcome_unknown`], check whether the filter exists.
    pub async fn create_filter(&self, id: &FilterId, body: &RawValue) -> Result<()> {
        self.http.execute(creation(filter_path(id), body)).await
    }

    /// `DELETE /_ml/filters/<id>`; true if it existed.
    pub async fn delete_filter(&self, id: &FilterId) -> Result<bool> {
        self.http.delete(Request::delete(filter_path(id))).await
    }

    /// The calendars that apply to the job: those that contain the job, one of its groups, or `_all`.
    pub async fn calendars_of(&self, job: &JobId, groups: &[String]) -> Result<Vec<Calendar>> {
        let mut calendars: Vec<Calendar> = self.all_items(Path::of(["_ml", "calendars"])).await?;
        calendars.retain(|calendar| calendar.applies_to(job, groups));
        for calendar in &mut calendars {
            self.add_events_to(calendar).await?;
        }
        Ok(calendars)
    }

    /// The calendar with this ID and its events; `None` if it does not exist.
    pub async fn calendar(&self, id: &CalendarId) -> Result<Option<Calendar>> {
        let mut calendar = self.first_item(calendar_path(id)).await?;
        if let Some(calendar) = &mut calendar {
            self.add_events_to(calendar).await?;
        }
        Ok(calendar)
    }

    /// `PUT /_ml/calendars/<id>` without jobs, without retries: after [`Error::outcome_unknown`], check whether it exists.
    pub async fn create_calendar(&self, id: &CalendarId, description: Option<&str>) -> Result<()> {
        let mut body = json!({ "job_ids": [] });
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        let request = Request::put(calendar_path(id)).json(&body);
        self.http.execute(request.without_retry()).await
    }

    /// `DELETE /_ml/calendars/<id>`; true if it existed.
    pub async fn delete_calendar(&self, id: &CalendarId) -> Result<bool> {
        self.http.delete(Request::delete(calendar_path(id))).await
    }

    /// `POST /_ml/calendars/<id>/events` with at least one event, without retries: after [`Error::outcome_unknown`], check
    /// which events exist.
    pub async fn add_events(&self, id: &CalendarId, events: &[Map<String, Value>]) -> Result<()> {
        let request = Request::post(calendar_path(id).then(["events"])).json(&json!({ "events": events }));
        self.http.execute(request.without_retry()).await
    }

    /// The events of the calendar with their IDs; empty if the calendar does not exist.
    pub async fn events(&self, id: &CalendarId) -> Result<Vec<(String, Map<String, Value>)>> {
        let events = match self.listed_events(id).await {
            Err(error) if error.status() == Some(404) => Vec::new(),
            events => events?,
        };
        let with_id = |mut event: Map<String, Value>| {
            let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
            remove_event_ids(&mut event);
            Some((id?, event))
        };
        Ok(events.into_iter().filter_map(with_id).collect())
    }

    /// `DELETE /_ml/calendars/<id>/events/<event>`; true if it existed.
    pub async fn delete_event(&self, id: &CalendarId, event: &str) -> Result<bool> {
        let path = calendar_path(id).then(["events", event]);
        self.http.delete(Request::delete(path)).await
    }

    /// `PUT /_ml/calendars/<id>/jobs/<job>`.
    pub async fn add_job_to_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        let path = calendar_path(id).then(["jobs", job.as_str()]);
        self.http.execute(Request::put(path)).await
    }

    /// `DELETE /_ml/calendars/<id>/jobs/<job>`; true if it was a member. Otherwise Elasticsearch returns 400.
    pub async fn remove_job_from_calendar(&self, id: &CalendarId, job: &JobId) -> Result<bool> {
        let path = calendar_path(id).then(["jobs", job.as_str()]);
        match self.http.delete(Request::delete(path)).await {
            Err(error) if error.status() == Some(400) => match self.calendar(id).await? {
                Some(there) if there.has(job) => Err(error),
                _ => Ok(false),
            },
            answer => answer,
        }
    }

    /// Adds the events to a calendar as the cluster lists it.
    async fn add_events_to(&self, calendar: &mut Calendar) -> Result<()> {
        calendar.events = self.listed_events(&calendar.calendar_id).await?;
        calendar.events.iter_mut().for_each(remove_event_ids);
        Ok(())
    }

    async fn listed_events(&self, id: &CalendarId) -> Result<Vec<Map<String, Value>>> {
        self.all_items(calendar_path(id).then(["events"])).await
    }

    /// All items of a response.
    async fn items<T: DeserializeOwned>(&self, request: Request) -> Result<Vec<T>> {
        Ok(self.http.json::<Listing<T>>(request).await?.items)
    }

    /// All items of a response; empty for status 404.
    async fn items_if_found<T: DeserializeOwned>(&self, request: Request) -> Result<Vec<T>> {
        let listing = self.http.json_if_found::<Listing<T>>(request).await?;
        Ok(listing.map_or_else(Vec::new, |listing| listing.items))
    }

    /// The only item of a response; `None` for status 404.
    async fn first_item<T: DeserializeOwned>(&self, path: Path) -> Result<Option<T>> {
        Ok(self.items_if_found(Request::get(path)).await?.into_iter().next())
    }

    async fn all_items<T: DeserializeOwned>(&self, path: Path) -> Result<Vec<T>> {
        let page = |from: usize| {
            let request = Request::get(path.clone()).query("from", from.to_string());
            request.query("size", PAGE.to_string())
        };
        self.all_pages(PAGE, page).await
    }

    /// All items, with at most `size` items per request.
    async fn all_pages<T: DeserializeOwned>(&self, size: usize, page: impl Fn(usize) -> Request) -> Result<Vec<T>> {
        let mut all = Vec::new();
        loop {
            let items = self.items(page(all.len())).await?;
            let last = items.len() < size;
            all.extend(items);
            if last {
                return Ok(all);
            }
        }
    }
}

/// A GET request whose response may be large, with an item for each job or datafeed of the cluster.
fn get_large(path: Path) -> Request {
    Request::get(path).returns(BodyLimit::Large)
}

/// A request that creates something, without retries.
fn creation(path: Path, body: &RawValue) -> Request {
    Request::put(path).raw(body.get().to_owned()).without_retry()
}

/// The first of these objects with the ID of this job.
fn first_of_job(objects: Vec<Box<RawValue>>, what: &str, job: &JobId) -> Result<Option<Box<RawValue>>> {
    #[derive(Deserialize)]
    struct JobOf {
        job_id: String,
    }
    for object in objects {
        let JobOf { job_id } = parse_json(object.get().as_bytes(), what)?;
        if job_id == job.as_str() {
            return Ok(Some(object));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn group_name_does_not_select_a_job() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).expect("valid");
        let jobs = vec![raw(r#"{"job_id":"a","groups":["web"]}"#), raw(r#"{"job_id":"b"}"#)];
        let found = |id: &str| first_of_job(jobs.clone(), "", &id.parse().expect("valid")).expect("jobs");
        assert!(found("web").is_none());
        assert!(found("b").is_some_and(|job| job.get().contains("\"b\"")));
    }

    #[test]
    fn listed_snapshot_has_its_number_of_state_documents() {
        let listing: Listing<SnapshotSummary> = serde_json::from_str(
            r#"{"count":1,"model_snapshots":[{"job_id":"j1","timestamp":1704153600000,"description":"snapshot 2",
                "snapshot_id":"2","snapshot_doc_count":1,"retain":false}]}"#,
        )
        .unwrap();
        let snapshot = listing.items.into_iter().next().unwrap();
        assert_eq!((snapshot.id.as_str(), snapshot.state_documents), ("2", 1));
    }

    #[test]
    fn a_calendar_applies_by_job_group_or_all() {
        let job: JobId = "j1".parse().unwrap();
        let groups = ["web".to_owned()];
        let applies = |ids: Value| {
            let listed: Calendar = serde_json::from_value(json!({ "calendar_id": "c1", "job_ids": ids })).unwrap();
            listed.applies_to(&job, &groups)
        };
        assert!(applies(json!(["x", "j1"])) && applies(json!(["web"])) && applies(json!(["_all"])));
        assert!(!applies(json!(["j10", "webs"])) && !applies(json!([])));
    }

    #[test]
    fn calendar_events_keep_unknown_members() {
        let event = json!({ "description": "e", "skip_result": true, "calendar_id": "c1", "event_id": "x" });
        let Value::Object(mut event) = event else {
            panic!("an object")
        };
        remove_event_ids(&mut event);
        assert_eq!(Value::Object(event), json!({ "description": "e", "skip_result": true }));
    }
}
