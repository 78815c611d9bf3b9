//! Anomaly detection jobs.

use serde_json::value::RawValue;

use crate::cluster::{Cluster, Result};
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

impl Cluster {
    /// All jobs with state and latest snapshot.
    pub async fn jobs(&self) -> Result<Vec<JobSummary>> {
        todo!()
    }

    /// The job object of `GET _ml/anomaly_detectors/<job>`, as received; `None` where it is unknown.
    pub async fn job(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        todo!()
    }

    /// The job's stats; `None` where it is unknown.
    pub async fn job_stats(&self, job: &JobId) -> Result<Option<JobStats>> {
        todo!()
    }

    /// `PUT _ml/anomaly_detectors/<job>`; never repeated.
    pub async fn create_job(&self, job: &JobId, body: &RawValue) -> Result<()> {
        todo!()
    }

    /// `DELETE _ml/anomaly_detectors/<job>`, waiting for completion; true where it was there.
    pub async fn delete_job(&self, job: &JobId) -> Result<bool> {
        todo!()
    }
}
