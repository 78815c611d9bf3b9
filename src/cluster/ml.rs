//! The machine learning API: anomaly detection jobs and their model snapshots, and what is configured apart from a job,
//! which is datafeeds, filters and calendars with their events.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::limits::bounded;
use crate::cluster::http::{BodyLimit, Error, Path, Request, Result, parse_json};
use crate::cluster::search::documents::index_age;
use crate::cluster::search::response::Hit;
use crate::job::{Calendar, CalendarId, DatafeedId, FilterId, JobId, SnapshotId, remove_event_ids};
use crate::util::timestamp::EpochMillis;

const DELETION_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Deleting a job with many results takes the cluster minutes.
const MAX_DELETION_WAIT: Duration = Duration::from_secs(600);
/// The path of all jobs.
const JOBS: [&str; 2] = ["_ml", "anomaly_detectors"];
/// Snapshots of one request.
const SNAPSHOT_PAGE: usize = 500;
/// Filters, calendars or events of one request.
const PAGE: usize = 1000;

/// One line of a list of jobs.
#[derive(Clone, Debug, Deserialize)]
pub struct JobSummary {
    /// Its ID, as the cluster returns it.
    #[serde(rename = "job_id")]
    pub id: String,
    /// Its groups.
    #[serde(default)]
    pub groups: Vec<String>,
    /// `model_snapshot_id` of the configuration, if any.
    #[serde(rename = "model_snapshot_id")]
    pub latest_snapshot: Option<String>,
    /// `opened`, `closed`, …, where its statistics were requested too.
    #[serde(skip)]
    pub state: String,
}

/// The used part of a job's statistics.
#[derive(Clone, Debug, Deserialize)]
pub struct JobStats {
    job_id: String,
    /// `closed`, `opened`, `opening`, `closing`, `failed`.
    pub state: String,
    /// What it has read.
    #[serde(default)]
    pub data_counts: DataCounts,
}

/// The used part of a job's data counts.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct DataCounts {
    /// The time of the latest record.
    pub latest_record_timestamp: Option<EpochMillis>,
}

/// What the listing contains of a snapshot.
#[derive(Clone, Debug, Deserialize)]
pub struct SnapshotSummary {
    /// Its ID.
    #[serde(rename = "snapshot_id")]
    pub id: SnapshotId,
    /// When it was created.
    pub timestamp: EpochMillis,
    /// Its description.
    #[serde(default)]
    pub description: String,
    /// How many model state documents belong to it.
    #[serde(rename = "snapshot_doc_count", default)]
    pub state_documents: u64,
}

/// The ID stays text: only calendars that are exported must have a valid one.
#[derive(Deserialize)]
struct ListedCalendar {
    calendar_id: String,
    description: Option<String>,
    #[serde(default)]
    job_ids: Vec<String>,
}

impl ListedCalendar {
    fn applies_to(&self, job: &JobId, groups: &[String]) -> bool {
        let applies = |id: &String| id == "_all" || id == job.as_str() || groups.contains(id);
        self.job_ids.iter().any(applies)
    }
}

/// The members of a response that lists something.
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
    /// All jobs with state and latest snapshot.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>> {
        let mut jobs: Vec<JobSummary> = self.items(get_large(Path::of(JOBS))).await?;
        let stats: Vec<JobStats> = self.items(get_large(Path::of(JOBS).then(["_stats"]))).await?;
        let states = stats.into_iter().map(|job| (job.job_id, job.state));
        let mut states: HashMap<String, String> = states.collect();
        for job in &mut jobs {
            job.state = states.remove(&job.id).unwrap_or_default();
        }
        Ok(jobs)
    }

    /// The job object of `GET _ml/anomaly_detectors/<job>`, as received; `None` where it is unknown. Asked for the name of
    /// a group, the cluster returns all jobs of the group.
    pub async fn job(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let jobs = self.items_if_found(get_large(job_path(job))).await?;
        first_of_job(jobs, "GET _ml/anomaly_detectors", job)
    }

    /// The job's statistics; `None` where it is unknown.
    pub async fn job_stats(&self, job: &JobId) -> Result<Option<JobStats>> {
        let stats: Vec<JobStats> = self.items_if_found(get_large(job_path(job).then(["_stats"]))).await?;
        Ok(stats.into_iter().find(|stats| stats.job_id == job.as_str()))
    }

    /// `PUT _ml/anomaly_detectors/<job>`; never repeated: after [`Error::outcome_unknown`] read back. Returns the job as the
    /// cluster stores it.
    pub async fn create_job(&self, job: &JobId, body: &RawValue) -> Result<Value> {
        let created: Map<String, Value> = self.http.json(creation(job_path(job), body)).await?;
        Ok(created.into())
    }

    /// `POST _ml/anomaly_detectors/_validate`: refuses with status 400 what [`create_job`](Self::create_job) would refuse
    /// about the configuration itself, and writes nothing.
    pub async fn validate_job(&self, body: String) -> Result<()> {
        let path = Path::of(JOBS).then(["_validate"]);
        self.http.execute(Request::post(path).raw(body)).await
    }

    /// Every job with its groups and nothing else: no job may have the name of a group.
    pub async fn job_groups(&self) -> Result<Vec<JobSummary>> {
        #[derive(Deserialize)]
        struct Answer {
            // Omitted where there is no job.
            #[serde(default)]
            jobs: Vec<JobSummary>,
        }
        let request = Request::get(Path::of(JOBS)).query("filter_path", "jobs.job_id,jobs.groups");
        Ok(self.http.json::<Answer>(request).await?.jobs)
    }

    /// `DELETE _ml/anomaly_detectors/<job>`, waiting for completion; true where it existed.
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

    /// The cluster continues to delete when the response is lost or late: polls until it is over.
    async fn is_gone(&self, job: &JobId) -> Result<bool> {
        #[derive(Deserialize)]
        struct Listed {
            job_id: String,
            // Before 7.14.
            #[serde(default)]
            deleting: bool,
            blocked: Option<Blocked>,
        }
        #[derive(Deserialize)]
        struct Blocked {
            reason: String,
        }
        let (clock, began) = (self.clock(), self.clock().now());
        while clock.now().saturating_sub(began) < MAX_DELETION_WAIT {
            let jobs: Vec<Listed> = self.items_if_found(get_large(job_path(job))).await?;
            let Some(there) = jobs.into_iter().find(|listed| listed.job_id == job.as_str()) else {
                return Ok(true);
            };
            if !there.deleting && there.blocked.is_none_or(|blocked| blocked.reason != "delete") {
                break;
            }
            clock.pause(DELETION_POLL_INTERVAL).await;
        }
        Ok(false)
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

    /// The stored snapshot document, quantiles included, looked for through the job's alias
    /// `.ml-anomalies-<job>` and then in `.ml-anomalies-*`; `None` where it is not found.
    pub async fn snapshot_document(&self, job: &JobId, snapshot: &SnapshotId) -> Result<Option<Hit>> {
        let id = job.snapshot_document_id(snapshot);
        match self.copy_in_use(job, &job.results_alias(), &id).await? {
            Some(hit) => Ok(Some(hit)),
            None => self.copy_in_use(job, ".ml-anomalies-*", &id).await,
        }
    }

    /// The data counts document of the job; `None` where there is none.
    pub async fn data_counts_document(&self, job: &JobId) -> Result<Option<Hit>> {
        let id = job.data_counts_document_id();
        self.copy_in_use(job, &job.results_alias(), &id).await
    }

    /// Of copies of a document in several indices the one in the index that is written to, otherwise in the newest.
    async fn copy_in_use(&self, job: &JobId, indices: &str, id: &str) -> Result<Option<Hit>> {
        let mut copies = self.documents(&[indices], &[id.to_owned()]).await?;
        if copies.len() > 1
            && let Some(written) = self.write_index(&job.results_write_alias()).await?
            && copies.iter().any(|copy| *copy.index == *written)
        {
            copies.retain(|copy| *copy.index == *written);
        }
        copies.sort_by(|one, other| index_age(&one.index).cmp(&index_age(&other.index)));
        Ok(copies.pop())
    }

    /// Reverts to the snapshot `empty`, for what it does first: it creates the state index and its alias. A 404 response
    /// (before 7.11) is not an error.
    pub async fn revert_to_empty(&self, job: &JobId) -> Result<()> {
        let request = Request::post(snapshots_path(job).then(["empty", "_revert"]));
        self.http.execute(request.accept_404()).await
    }

    /// Reverts to the snapshot; never with `delete_intervening_results`.
    pub async fn revert(&self, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
        let path = snapshots_path(job).then([snapshot.as_str(), "_revert"]);
        self.http.execute(Request::post(path)).await
    }
}

/// Datafeeds, filters and calendars.
impl Cluster {
    /// The datafeed object of this job as received; `None` where there is none.
    pub async fn datafeed_of(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let datafeeds = self.items(get_large(Path::of(["_ml", "datafeeds"]))).await?;
        first_of_job(datafeeds, "GET /_ml/datafeeds", job)
    }

    /// The datafeed of this ID as received; `None` where it is unknown.
    pub async fn datafeed(&self, id: &DatafeedId) -> Result<Option<Box<RawValue>>> {
        self.first_item(datafeed_path(id)).await
    }

    /// `stopped`, `started`, `starting` or `stopping`; `None` where it is unknown.
    pub async fn datafeed_state(&self, id: &DatafeedId) -> Result<Option<String>> {
        #[derive(Deserialize)]
        struct Stats {
            state: String,
        }
        let stats: Option<Stats> = self.first_item(datafeed_path(id).then(["_stats"])).await?;
        Ok(stats.map(|stats| stats.state))
    }

    /// `PUT _ml/datafeeds/<id>`; never repeated: after [`Error::outcome_unknown`] read back. Returns the datafeed as the
    /// cluster stores it.
    pub async fn create_datafeed(&self, id: &DatafeedId, body: &RawValue) -> Result<Value> {
        self.http.json(creation(datafeed_path(id), body)).await
    }

    /// `DELETE _ml/datafeeds/<id>`; true where it existed.
    pub async fn delete_datafeed(&self, id: &DatafeedId) -> Result<bool> {
        self.http.delete(Request::delete(datafeed_path(id))).await
    }

    /// The filter object as received (`filter_id`, `description`, `items`); `None` where it is unknown.
    pub async fn filter(&self, id: &FilterId) -> Result<Option<Box<RawValue>>> {
        self.first_item(filter_path(id)).await
    }

    /// Whether the list of all `filters` or `calendars` has this one.
    pub async fn lists(&self, kind: &str, id: &str) -> Result<bool> {
        #[derive(Deserialize)]
        struct Listed {
            #[serde(alias = "filter_id", alias = "calendar_id")]
            id: String,
        }
        let all: Vec<Listed> = self.all_items(Path::of(["_ml", kind])).await?;
        Ok(all.iter().any(|listed| listed.id == id))
    }

    /// `PUT _ml/filters/<id>` with description and items; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn create_filter(&self, id: &FilterId, body: &RawValue) -> Result<()> {
        self.http.execute(creation(filter_path(id), body)).await
    }

    /// `DELETE _ml/filters/<id>`; true where it existed.
    pub async fn delete_filter(&self, id: &FilterId) -> Result<bool> {
        self.http.delete(Request::delete(filter_path(id))).await
    }

    /// The calendars that apply to the job: those that name it, one of its groups, or `_all`.
    pub async fn calendars_of(&self, job: &JobId, groups: &[String]) -> Result<Vec<Calendar>> {
        let listed: Vec<ListedCalendar> = self.all_items(Path::of(["_ml", "calendars"])).await?;
        let mut calendars = Vec::new();
        for calendar in listed {
            if calendar.applies_to(job, groups) {
                calendars.push(self.with_events(calendar).await?);
            }
        }
        Ok(calendars)
    }

    /// The calendar of this ID with its events; `None` where it is unknown.
    pub async fn calendar(&self, id: &CalendarId) -> Result<Option<Calendar>> {
        match self.first_item(calendar_path(id)).await? {
            Some(calendar) => self.with_events(calendar).await.map(Some),
            None => Ok(None),
        }
    }

    /// `PUT _ml/calendars/<id>` without jobs; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn create_calendar(&self, id: &CalendarId, description: Option<&str>) -> Result<()> {
        let mut body = json!({ "job_ids": [] });
        if let Some(description) = description {
            body["description"] = json!(description);
        }
        let request = Request::put(calendar_path(id)).json(&body);
        self.http.execute(request.without_retry()).await
    }

    /// `DELETE _ml/calendars/<id>`; true where it existed.
    pub async fn delete_calendar(&self, id: &CalendarId) -> Result<bool> {
        self.http.delete(Request::delete(calendar_path(id))).await
    }

    /// `POST _ml/calendars/<id>/events`, of which the cluster refuses none; never repeated: after [`Error::outcome_unknown`] read back.
    pub async fn add_events(&self, id: &CalendarId, events: &[Map<String, Value>]) -> Result<()> {
        let request = Request::post(calendar_path(id).then(["events"])).json(&json!({ "events": events }));
        self.http.execute(request.without_retry()).await
    }

    /// The calendar's events with their IDs; none where there is no such calendar.
    pub async fn events(&self, id: &CalendarId) -> Result<Vec<(String, Map<String, Value>)>> {
        let events = match self.listed_events(id).await {
            Err(error) if error.status() == Some(404) => Vec::new(),
            events => events?,
        };
        let with_id = |event: Map<String, Value>| {
            let id = event.get("event_id").and_then(Value::as_str).map(str::to_owned);
            Some((id?, portable(event)))
        };
        Ok(events.into_iter().filter_map(with_id).collect())
    }

    /// `DELETE _ml/calendars/<id>/events/<event>`; true where it existed.
    pub async fn delete_event(&self, id: &CalendarId, event: &str) -> Result<bool> {
        let path = calendar_path(id).then(["events", event]);
        self.http.delete(Request::delete(path)).await
    }

    /// `PUT _ml/calendars/<id>/jobs/<job>`.
    pub async fn add_job_to_calendar(&self, id: &CalendarId, job: &JobId) -> Result<()> {
        let path = calendar_path(id).then(["jobs", job.as_str()]);
        self.http.execute(Request::put(path)).await
    }

    /// `DELETE _ml/calendars/<id>/jobs/<job>`; true where it was a member. Elasticsearch answers 400 where it was not.
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

    async fn with_events(&self, calendar: ListedCalendar) -> Result<Calendar> {
        let invalid = |error: crate::job::Error| Error::unexpected("GET /_ml/calendars", error.to_string());
        let calendar_id: CalendarId = calendar.calendar_id.parse().map_err(invalid)?;
        let events = self.listed_events(&calendar_id).await?;
        Ok(Calendar {
            calendar_id,
            description: calendar.description,
            job_ids: calendar.job_ids,
            events: events.into_iter().map(portable).collect(),
        })
    }

    async fn listed_events(&self, id: &CalendarId) -> Result<Vec<Map<String, Value>>> {
        self.all_items(calendar_path(id).then(["events"])).await
    }

    /// The items of a response.
    async fn items<T: DeserializeOwned>(&self, request: Request) -> Result<Vec<T>> {
        Ok(self.http.json::<Listing<T>>(request).await?.items)
    }

    /// The same; none where it is 404.
    async fn items_if_found<T: DeserializeOwned>(&self, request: Request) -> Result<Vec<T>> {
        let listing = self.http.json_if_found::<Listing<T>>(request).await?;
        Ok(listing.map_or_else(Vec::new, |listing| listing.items))
    }

    /// The only item of a response; `None` where it is 404.
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

    /// All items, `size` of them with each request.
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

/// A GET whose response may be large: one item for each job or datafeed of the cluster.
fn get_large(path: Path) -> Request {
    Request::get(path).returns(BodyLimit::Large)
}

/// Never repeated.
fn creation(path: Path, body: &RawValue) -> Request {
    Request::put(path).raw(body.get().to_owned()).without_retry()
}

/// The first of these objects that has this job's ID.
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

/// The event without what the cluster adds and does not accept back.
fn portable(mut event: Map<String, Value>) -> Map<String, Value> {
    remove_event_ids(&mut event);
    event
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn jobs_of_a_group_are_not_the_job_of_that_name() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).expect("valid");
        let jobs = vec![raw(r#"{"job_id":"a","groups":["web"]}"#), raw(r#"{"job_id":"b"}"#)];
        let found = |id: &str| first_of_job(jobs.clone(), "", &id.parse().expect("valid")).expect("jobs");
        assert!(found("web").is_none());
        assert!(found("b").is_some_and(|job| job.get().contains("\"b\"")));
    }

    #[test]
    fn a_listed_snapshot_has_its_number_of_state_documents() {
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
            let listed: ListedCalendar =
                serde_json::from_value(json!({ "calendar_id": "c1", "job_ids": ids })).unwrap();
            listed.applies_to(&job, &groups)
        };
        assert!(applies(json!(["x", "j1"])) && applies(json!(["web"])) && applies(json!(["_all"])));
        assert!(!applies(json!(["j10", "webs"])) && !applies(json!([])));
    }

    #[test]
    fn an_event_keeps_whatever_else_the_cluster_gave() {
        let event = json!({ "description": "e", "skip_result": true, "calendar_id": "c1", "event_id": "x" });
        let Value::Object(event) = event else {
            panic!("an object")
        };
        assert_eq!(
            Value::Object(portable(event)),
            json!({ "description": "e", "skip_result": true })
        );
    }
}
