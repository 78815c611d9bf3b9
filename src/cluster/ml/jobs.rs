//! Anomaly detection jobs and their model snapshots.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::limits::{BodyLimit, bounded};
use crate::cluster::http::request::{Path, Request};
use crate::cluster::search::documents::is_newer_index;
use crate::cluster::search::response::Hit;
use crate::job::{JobId, SnapshotId};
use crate::util::timestamp::EpochMillis;

const DELETION_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Deleting a job with many results takes the cluster minutes.
const MAX_DELETION_WAIT: Duration = Duration::from_secs(600);

/// One line of a list of jobs.
#[derive(Clone, Debug)]
pub struct JobSummary {
    /// Its ID, as the cluster returns it.
    pub id: String,
    /// Its groups.
    pub groups: Vec<String>,
    /// `opened`, `closed`, …
    pub state: String,
    /// `model_snapshot_id` of the configuration, if any.
    pub latest_snapshot: Option<String>,
}

/// A job and the groups that it belongs to.
#[derive(Clone, Debug, Deserialize)]
pub struct JobGroups {
    /// Its ID.
    pub job_id: String,
    /// Its groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A job's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Neither open nor opening, closing or failed.
    Closed,
    /// Anything else, in Elasticsearch's word (`opened`, `opening`, `closing`, `failed`).
    Other(String),
}

/// The used part of a job's statistics.
#[derive(Clone, Debug)]
pub struct JobStats {
    /// The state.
    pub state: JobState,
    /// `data_counts.latest_record_timestamp` in epoch milliseconds.
    pub latest_record_timestamp: Option<i64>,
}

#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Listing<T> {
    #[serde(deserialize_with = "bounded")]
    jobs: Vec<T>,
}

#[derive(Deserialize)]
struct Configuration {
    job_id: String,
    #[serde(default)]
    groups: Vec<String>,
    model_snapshot_id: Option<String>,
}

#[derive(Deserialize)]
struct Stats {
    job_id: String,
    state: String,
    #[serde(default)]
    data_counts: DataCounts,
}

#[derive(Deserialize, Default)]
struct DataCounts {
    latest_record_timestamp: Option<i64>,
}

fn path(job: &JobId) -> Path {
    Path::of(["_ml", "anomaly_detectors", job.as_str()])
}

/// Of all jobs, or of those that have the ID as the name of their group.
fn listing(path: Path) -> Request {
    Request::get(path).returns(BodyLimit::Large)
}

impl Cluster {
    /// All jobs with state and latest snapshot.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>> {
        let all = Path::of(["_ml", "anomaly_detectors"]);
        let jobs: Listing<Configuration> = self.http.json(listing(all.clone())).await?;
        let stats: Listing<Stats> = self.http.json(listing(all.then(["_stats"]))).await?;
        let states = stats.jobs.into_iter().map(|job| (job.job_id, job.state));
        let mut states: HashMap<String, String> = states.collect();
        let summary = |job: Configuration| JobSummary {
            state: states.remove(&job.job_id).unwrap_or_default(),
            id: job.job_id,
            groups: job.groups,
            latest_snapshot: job.model_snapshot_id,
        };
        Ok(jobs.jobs.into_iter().map(summary).collect())
    }

    /// The job object of `GET _ml/anomaly_detectors/<job>`, as received; `None` where it is unknown.
    pub async fn job(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        match self
            .http
            .json_if_found::<Listing<Box<RawValue>>>(listing(path(job)))
            .await?
        {
            Some(listing) => find(listing.jobs, job),
            None => Ok(None),
        }
    }

    /// The job's statistics; `None` where it is unknown.
    pub async fn job_stats(&self, job: &JobId) -> Result<Option<JobStats>> {
        let stats = self
            .http
            .json_if_found::<Listing<Stats>>(listing(path(job).then(["_stats"])));
        let stats = stats.await?.into_iter().flat_map(|listing| listing.jobs);
        let stats = stats.into_iter().find(|stats| stats.job_id == job.as_str());
        Ok(stats.map(|stats| JobStats {
            latest_record_timestamp: stats.data_counts.latest_record_timestamp,
            state: match stats.state.as_str() {
                "closed" => JobState::Closed,
                _ => JobState::Other(stats.state),
            },
        }))
    }

    /// `PUT _ml/anomaly_detectors/<job>`; never repeated: after [`Error::outcome_unknown`] read back. Returns the job's
    /// `create_time` in epoch milliseconds.
    pub async fn create_job(&self, job: &JobId, body: &RawValue) -> Result<Option<i64>> {
        let request = Request::put(path(job)).raw(body.get().to_owned()).once();
        let created: Map<String, Value> = self.http.json(request).await?;
        Ok(created.get("create_time").and_then(Value::as_i64))
    }

    /// `POST _ml/anomaly_detectors/_validate`: refuses with status 400 what [`create_job`](Self::create_job) would refuse
    /// about the configuration itself, and writes nothing.
    pub async fn validate_job(&self, body: String) -> Result<()> {
        let path = Path::of(["_ml", "anomaly_detectors", "_validate"]);
        self.http.execute(Request::post(path).raw(body)).await
    }

    /// Every job with its groups: no job may have the name of a group.
    pub async fn job_groups(&self) -> Result<Vec<JobGroups>> {
        #[derive(Deserialize)]
        struct Answer {
            // Omitted where there is no job.
            #[serde(default)]
            jobs: Vec<JobGroups>,
        }
        let request = Request::get(Path::of(["_ml", "anomaly_detectors"]));
        let answer = self.http.json(request.query("filter_path", "jobs.job_id,jobs.groups"));
        answer.await.map(|answer: Answer| answer.jobs)
    }

    /// `DELETE _ml/anomaly_detectors/<job>`, waiting for completion; true where it existed.
    pub async fn delete_job(&self, job: &JobId) -> Result<bool> {
        let mut backoff = self.backoff();
        loop {
            let error = match self.http.delete(Request::delete(path(job)).once()).await {
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
        let (clock, began) = (self.clock(), self.clock().now());
        while clock.now().saturating_sub(began) < MAX_DELETION_WAIT {
            match self.job(job).await? {
                None => return Ok(true),
                Some(there) if !is_being_deleted(&there)? => break,
                Some(_) => clock.pause(DELETION_POLL_INTERVAL).await,
            }
        }
        Ok(false)
    }
}

/// The job of this ID: asked for the name of a group, the cluster returns all jobs of the group.
fn find(jobs: Vec<Box<RawValue>>, id: &JobId) -> Result<Option<Box<RawValue>>> {
    for job in jobs {
        if parse::<Configuration>(&job)?.job_id == id.as_str() {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// `blocked` since 7.14, `deleting` before.
fn is_being_deleted(job: &RawValue) -> Result<bool> {
    #[derive(Deserialize)]
    struct Job {
        #[serde(default)]
        deleting: bool,
        blocked: Option<Blocked>,
    }
    #[derive(Deserialize)]
    struct Blocked {
        reason: String,
    }
    let job: Job = parse(job)?;
    Ok(job.deleting || job.blocked.is_some_and(|blocked| blocked.reason == "delete"))
}

fn parse<'a, T: Deserialize<'a>>(job: &'a RawValue) -> Result<T> {
    serde_json::from_str(job.get()).map_err(|error| Error::invalid_json("GET _ml/anomaly_detectors", &error))
}

/// Snapshots of one request.
const SNAPSHOT_PAGE: usize = 500;

/// Which snapshot is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotChoice {
    /// The one that the job uses.
    Used,
    /// The latest created before this moment.
    Before(EpochMillis),
    /// This one.
    Id(SnapshotId),
}

/// What the listing contains of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotSummary {
    /// Its ID.
    pub id: SnapshotId,
    /// When it was created.
    pub timestamp: EpochMillis,
    /// Its description.
    pub description: String,
    /// How many model state documents belong to it.
    pub state_documents: u64,
}

#[derive(Deserialize)]
struct SnapshotListing {
    model_snapshots: Vec<ListedSnapshot>,
}

#[derive(Deserialize)]
struct ListedSnapshot {
    snapshot_id: String,
    timestamp: EpochMillis,
    #[serde(default)]
    description: String,
    #[serde(default)]
    snapshot_doc_count: u64,
}

impl ListedSnapshot {
    fn summary(self) -> Result<SnapshotSummary> {
        let id = self.snapshot_id.parse();
        let invalid = |error: crate::job::Error| Error::unexpected("model snapshots", error.to_string());
        Ok(SnapshotSummary {
            id: id.map_err(invalid)?,
            timestamp: self.timestamp,
            description: self.description,
            state_documents: self.snapshot_doc_count,
        })
    }
}

impl SnapshotChoice {
    /// Whether this snapshot is meant, of a job that uses `used`.
    pub fn means(&self, snapshot: &SnapshotSummary, used: Option<&SnapshotId>) -> bool {
        match self {
            Self::Used => Some(&snapshot.id) == used,
            Self::Before(moment) => snapshot.timestamp < *moment,
            Self::Id(id) => snapshot.id == *id,
        }
    }
}

fn snapshots_path(job: &JobId) -> Path {
    Path::of(["_ml", "anomaly_detectors", job.as_str(), "model_snapshots"])
}

impl Cluster {
    /// All snapshots of the job, latest first.
    pub async fn snapshots(&self, job: &JobId) -> Result<Vec<SnapshotSummary>> {
        let mut all = Vec::new();
        loop {
            let page =
                json!({ "page": { "from": all.len(), "size": SNAPSHOT_PAGE }, "sort": "timestamp", "desc": true });
            let listing: SnapshotListing = self.http.json(Request::post(snapshots_path(job)).json(&page)).await?;
            let last = listing.model_snapshots.len() < SNAPSHOT_PAGE;
            for snapshot in listing.model_snapshots {
                all.push(snapshot.summary()?);
            }
            if last {
                return Ok(all);
            }
        }
    }

    /// The stored snapshot document, quantiles included, looked for through the job's alias
    /// `.ml-anomalies-<job>` and then in `.ml-anomalies-*`; `None` where it is not found.
    pub async fn snapshot_document(&self, job: &JobId, snapshot: &SnapshotId) -> Result<Option<Hit>> {
        let ids = [job.snapshot_document_id(snapshot)];
        let alias = job.results_alias();
        for indices in [alias.as_str(), ".ml-anomalies-*"] {
            let copies = self.documents(&[indices], &ids).await?;
            if let Some(hit) = self.copy_in_use(copies, &job.results_write_alias()).await? {
                return Ok(Some(hit));
            }
        }
        Ok(None)
    }

    /// The data counts document of the job; `None` where there is none.
    pub async fn data_counts_document(&self, job: &JobId) -> Result<Option<Hit>> {
        let ids = [job.data_counts_document_id()];
        let copies = self.documents(&[&job.results_alias()], &ids).await?;
        self.copy_in_use(copies, &job.results_write_alias()).await
    }

    /// Of copies of a document in several indices the one in the index that is written to, otherwise in the newest.
    async fn copy_in_use(&self, mut copies: Vec<Hit>, write_alias: &str) -> Result<Option<Hit>> {
        if copies.len() > 1
            && let Some(written) = self.write_index(write_alias).await?
            && copies.iter().any(|copy| *copy.index == *written)
        {
            copies.retain(|copy| *copy.index == *written);
        }
        let newest = copies.into_iter().reduce(|one, other| {
            if is_newer_index(&other.index, &one.index) {
                other
            } else {
                one
            }
        });
        Ok(newest)
    }

    /// Reverts to the snapshot `empty`, for what it does first: it creates the state index and its alias. A 404 response
    /// (before 7.11) is not an error.
    pub async fn revert_to_empty(&self, job: &JobId) -> Result<()> {
        let request = Request::post(snapshots_path(job).then(["empty", "_revert"]));
        self.http.execute(request.allow_status(&[404])).await
    }

    /// Reverts to the snapshot; never with `delete_intervening_results`.
    pub async fn revert(&self, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
        let path = snapshots_path(job).then([snapshot.as_str(), "_revert"]);
        self.http.execute(Request::post(path)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn jobs_of_a_group_are_not_the_job_of_that_name() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).expect("valid");
        let jobs = vec![raw(r#"{"job_id":"a","groups":["web"]}"#), raw(r#"{"job_id":"b"}"#)];
        let found = |id: &str| find(jobs.clone(), &id.parse().expect("valid")).expect("jobs");
        assert!(found("web").is_none());
        assert!(found("b").is_some_and(|job| job.get().contains("\"b\"")));
    }

    #[test]
    fn choices_tell_snapshots_apart() {
        let listing: SnapshotListing = serde_json::from_str(
            r#"{"count":1,"model_snapshots":[{"job_id":"j1","timestamp":1704153600000,"description":"snapshot 2",
                "snapshot_id":"2","snapshot_doc_count":1,"retain":false}]}"#,
        )
        .unwrap();
        let snapshot = listing.model_snapshots.into_iter().next().unwrap().summary().unwrap();
        assert_eq!((snapshot.id.as_str(), snapshot.state_documents), ("2", 1));
        let means = |choice: SnapshotChoice, used: Option<&str>| {
            choice.means(&snapshot, used.map(|used| used.parse().unwrap()).as_ref())
        };
        assert!(means(SnapshotChoice::Used, Some("2")));
        assert!(!means(SnapshotChoice::Used, Some("1")));
        assert!(!means(SnapshotChoice::Used, None));
        assert!(!means(
            SnapshotChoice::Before(EpochMillis(1_704_153_600_000)),
            Some("2")
        ));
        assert!(means(SnapshotChoice::Before(EpochMillis(1_704_153_600_001)), Some("1")));
        assert!(!means(SnapshotChoice::Id("1".parse().unwrap()), Some("2")));
    }
}
