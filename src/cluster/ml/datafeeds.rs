//! Datafeeds.

use serde_json::value::RawValue;

use crate::cluster::{Cluster, Result};
use crate::job::{DatafeedId, JobId};

/// Whether a datafeed runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatafeedState {
    /// It does not.
    Stopped,
    /// In the cluster's word (`started`, `starting`, `stopping`).
    Other(String),
}

impl Cluster {
    /// The datafeed object of this job as received, wherever it hides (`_ml/datafeeds` is listed
    /// and searched for `job_id`); `None` where there is none.
    pub async fn datafeed_of(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        todo!()
    }

    /// The datafeed of this id as received; `None` where it is unknown.
    pub async fn datafeed(&self, id: &DatafeedId) -> Result<Option<Box<RawValue>>> {
        todo!()
    }

    /// Whether it runs; `None` where it is unknown.
    pub async fn datafeed_state(&self, id: &DatafeedId) -> Result<Option<DatafeedState>> {
        todo!()
    }

    /// `PUT _ml/datafeeds/<id>`; never repeated.
    pub async fn create_datafeed(&self, id: &DatafeedId, body: &RawValue) -> Result<()> {
        todo!()
    }

    /// `DELETE _ml/datafeeds/<id>`; true where it was there.
    pub async fn delete_datafeed(&self, id: &DatafeedId) -> Result<bool> {
        todo!()
    }
}
