//! Datafeeds.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::body::Size;
use crate::cluster::page::bounded;
use crate::cluster::request::unintelligible;
use crate::cluster::{Cluster, Path, Request, Result};
use crate::job::{DatafeedId, JobId};

/// Whether a datafeed runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatafeedState {
    /// It does not.
    Stopped,
    /// In the cluster's word (`started`, `starting`, `stopping`).
    Other(String),
}

#[derive(Deserialize)]
struct Listing {
    #[serde(deserialize_with = "bounded")]
    datafeeds: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct Owner {
    job_id: String,
}

#[derive(Deserialize)]
struct StatsListing {
    datafeeds: Vec<Stats>,
}

#[derive(Deserialize)]
struct Stats {
    state: String,
}

fn path(id: &DatafeedId) -> Path {
    Path::of(["_ml", "datafeeds", id.as_str()])
}

impl Cluster {
    /// The datafeed object of this job as received, wherever it hides (`_ml/datafeeds` is listed
    /// and searched for `job_id`); `None` where there is none.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn datafeed_of(&self, job: &JobId) -> Result<Option<Box<RawValue>>> {
        let request = Request::get(Path::of(["_ml", "datafeeds"])).returns(Size::Large);
        let what = request.what();
        for datafeed in self.send(request).await?.parse::<Listing>(&what)?.datafeeds {
            let owner: Owner = serde_json::from_str(datafeed.get()).map_err(|error| unintelligible(&what, &error))?;
            if owner.job_id == job.as_str() {
                return Ok(Some(datafeed));
            }
        }
        Ok(None)
    }

    /// The datafeed of this id as received; `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn datafeed(&self, id: &DatafeedId) -> Result<Option<Box<RawValue>>> {
        let request = Request::get(path(id));
        let what = request.what();
        match self.send_if_there(request).await? {
            Some(response) => Ok(response.parse::<Listing>(&what)?.datafeeds.into_iter().next()),
            None => Ok(None),
        }
    }

    /// Whether it runs; `None` where it is unknown.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn datafeed_state(&self, id: &DatafeedId) -> Result<Option<DatafeedState>> {
        let request = Request::get(path(id).then(["_stats"]));
        let what = request.what();
        let Some(response) = self.send_if_there(request).await? else {
            return Ok(None);
        };
        let stats = response.parse::<StatsListing>(&what)?.datafeeds.into_iter().next();
        Ok(stats.map(|stats| match stats.state.as_str() {
            "stopped" => DatafeedState::Stopped,
            _ => DatafeedState::Other(stats.state),
        }))
    }

    /// `PUT _ml/datafeeds/<id>`; never repeated. Answers with the datafeed as the cluster keeps it.
    ///
    /// # Errors
    /// Any of a request; after [`Error::outcome_unknown`](crate::cluster::Error::outcome_unknown) read back.
    pub async fn create_datafeed(&self, id: &DatafeedId, body: &RawValue) -> Result<Value> {
        let request = Request::put(path(id)).raw(body.get().to_owned()).once();
        let what = request.what();
        self.send(request).await?.parse(&what)
    }

    /// `DELETE _ml/datafeeds/<id>`; true where it was there.
    ///
    /// # Errors
    /// Any of a request.
    pub async fn delete_datafeed(&self, id: &DatafeedId) -> Result<bool> {
        self.delete_or_gone(Request::delete(path(id))).await
    }
}
