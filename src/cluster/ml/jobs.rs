//! Anomaly detection jobs.

use std::collections::HashMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::cluster::body::Size;
use crate::cluster::page::bounded;
use crate::cluster::request::unintelligible;
use crate::cluster::{Cluster, Path, Request, Result};
use crate::job::JobId;

/// One line of a list of jobs.
#[derive(Clone, Debug)]
pub struct JobSummary {
    /// Its id, as the cluster gives it.
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
    /// Neither open nor on its way.
    Closed,
    /// Anything else, in the cluster's word (`opened`, `opening`, `closing`, `failed`).
    Other(String),
}

/// The part of `_stats` that matters here.
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

/// Between two looks whether a job is gone.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Deleting a job with many results takes the cluster minutes.
const LONGEST_DELETION: Duration = Duration::from_secs(600);

fn path(job: &JobId) -> Path {
    Path::of(["_ml", "anomaly_detectors", job.as_str()])
}

/// Asked for the name of a group, the cluster answers with all jobs of the group.
fn of_id(jobs: Vec<Box<RawValue>>, id: &JobId, what: &str) -> Result<Option<Box<RawValue>>> {
    for job in jobs {
        let head: Configuration = serde_json::from_str(job.get()).map_err(|error| unintelligible(what, &error))?;
        if head.job_id == id.as_str() {
            return Ok(Some(job));
        }
    }
    Ok(None)
}

/// Whether the cluster is at deleting it: `blocked` since 7.14, `deleting` before.
fn is_going(job: &RawValue) -> Result<bool> {
    #[derive(Deserialize)]
    struct Going {
        #[serde(default)]
        deleting: bool,
        blocked: Option<Blocked>,
    }
    #[derive(Deserialize)]
    struct Blocked {
        reason: String,
    }
    let going: Going = serde_json::from_str(job.get()).map_err(|error| unintelligible("GET job", &error))?;
    Ok(going.deleting || going.blocked.is_some_and(|blocked| blocked.reason == "delete"))
}

impl Cluster {
    /// All jobs with state and latest snapshot.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>> {
        let listing = Request::get(Path::of(["_ml", "anomaly_detectors"])).returns(Size::Large);
        let what = listing.what();
        let jobs = self.send(listing).await?.parse::<Listing<Configuration>>(&what)?.jobs;
        let stats = Request::get(Path::of(["_ml", "anomaly_detectors", "_stats"])).returns(Size::Large);
        let what = stats.what();
        let stats = self.send(stats).await?.parse::<Listing<Stats>>(&what)?.jobs;
        let mut states: HashMap<String, String> = stats.into_iter().map(|job| (job.job_id, job.state)).collect();
        let summary = |job: Configuration| JobSummary {
            state: states.remove(&job.job_id).unwrap_or_default(),
            id: job.job_id,
            groups: job.groups,
            latest_snapshot: job.model_snapshot_id,
        };
        Ok(jobs.into_iter().map(summary).collect())
    }

    /// The job object of `GET _ml/anomaly_detectors/<job>`, as received; `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn job(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let request = Request::get(path(job)).returns(Size::Large);
        let what = request.what();
        match self.send_if_there(request).await? {
            Some(response) => of_id(response.parse::<Listing<Box<RawValue>>>(&what)?.jobs, job, &what),
            None => Ok(None),
        }
    }

    /// The job's stats; `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn job_stats(&self, job: &JobId) -> Result<Option<JobStats>> {
        let request = Request::get(path(job).then(["_stats"])).returns(Size::Large);
        let what = request.what();
        let Some(response) = self.send_if_there(request).await? else {
            return Ok(None);
        };
        let stats = response.parse::<Listing<Stats>>(&what)?.jobs;
        let stats = stats.into_iter().find(|stats| stats.job_id == job.as_str());
        Ok(stats.map(|stats| JobStats {
            latest_record_timestamp: stats.data_counts.latest_record_timestamp,
            state: match stats.state.as_str() {
                "closed" => JobState::Closed,
                _ => JobState::Other(stats.state),
            },
        }))
    }

    /// `PUT _ml/anomaly_detectors/<job>`; never repeated. Answers with the job's `create_time` in epoch milliseconds.
    ///
    /// # Errors
    /// Any of a request; after [`Error::outcome_unknown`](crate::cluster::Error::outcome_unknown) read back.
    pub async fn create_job(&self, job: &JobId, body: &RawValue) -> Result<Option<i64>> {
        let request = Request::put(path(job)).raw(body.get().to_owned()).once();
        let what = request.what();
        let answer = self.send(request).await?;
        Ok(answer
            .parse::<Map<String, Value>>(&what)?
            .get("create_time")
            .and_then(Value::as_i64))
    }

    /// `POST _ml/anomaly_detectors/_validate`: refuses what [`create_job`](Self::create_job) would refuse about the
    /// configuration itself, and writes nothing.
    ///
    /// # Errors
    /// Any of a request; a configuration that is not accepted is status 400.
    pub async fn validate_job(&self, body: String) -> Result<()> {
        self.perform(Request::post(Path::of(["_ml", "anomaly_detectors", "_validate"])).raw(body))
            .await
    }

    /// Every job with its groups: no job may have the name of a group.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn job_groups(&self) -> Result<Vec<JobGroups>> {
        #[derive(Deserialize)]
        struct Answer {
            // Left out where there is no job.
            #[serde(default)]
            jobs: Vec<JobGroups>,
        }
        let request =
            Request::get(Path::of(["_ml", "anomaly_detectors"])).query("filter_path", "jobs.job_id,jobs.groups");
        let what = request.what();
        Ok(self.send(request).await?.parse::<Answer>(&what)?.jobs)
    }

    /// `DELETE _ml/anomaly_detectors/<job>`, waiting for completion; true where it was there.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn delete_job(&self, job: &JobId) -> Result<bool> {
        let mut tries = self.tries();
        loop {
            let error = match self.delete_or_gone(Request::delete(path(job)).once()).await {
                Err(error) if error.outcome_unknown() || error.is_passing() => error,
                answer => return answer,
            };
            if self.is_gone(job).await? {
                return Ok(true);
            }
            if !error.is_passing() || !tries.again(&error).await {
                return Err(error);
            }
        }
    }

    /// Deleting goes on in the cluster when the answer is lost or late: looks until it is over.
    async fn is_gone(&self, job: &JobId) -> Result<bool> {
        let (clock, began) = (self.clock(), self.clock().now());
        while clock.now().saturating_sub(began) < LONGEST_DELETION {
            match self.job(job).await? {
                None => return Ok(true),
                Some(there) if !is_going(&there)? => break,
                Some(_) => clock.pause(LOOK_AGAIN).await,
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_of_a_group_are_not_the_job_of_that_name() {
        let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).expect("valid");
        let jobs = vec![raw(r#"{"job_id":"a","groups":["web"]}"#), raw(r#"{"job_id":"b"}"#)];
        let found = |id: &str| of_id(jobs.clone(), &id.parse().expect("valid"), "").expect("jobs");
        assert!(found("web").is_none());
        assert!(found("b").is_some_and(|job| job.get().contains("\"b\"")));
    }
}
