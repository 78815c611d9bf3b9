//! Model snapshots.

use serde::Deserialize;
use serde_json::json;

use crate::cluster::cluster::Cluster;
use crate::cluster::http::error::{Error, Result};
use crate::cluster::http::request::{Path, Request};
use crate::cluster::search::documents::is_newer_index;
use crate::cluster::search::response::Hit;
use crate::job::{JobId, SnapshotId};
use crate::util::timestamp::EpochMillis;

/// Snapshots of one request.
const PAGE: usize = 500;

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
struct Listing {
    model_snapshots: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    snapshot_id: String,
    timestamp: EpochMillis,
    #[serde(default)]
    description: String,
    #[serde(default)]
    snapshot_doc_count: u64,
}

impl Listed {
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

fn path(job: &JobId) -> Path {
    Path::of(["_ml", "anomaly_detectors", job.as_str(), "model_snapshots"])
}

impl Cluster {
    /// All snapshots of the job, latest first.
    pub async fn snapshots(&self, job: &JobId) -> Result<Vec<SnapshotSummary>> {
        let mut all = Vec::new();
        loop {
            let page = json!({ "page": { "from": all.len(), "size": PAGE }, "sort": "timestamp", "desc": true });
            let listing: Listing = self.http.json(Request::post(path(job)).json(&page)).await?;
            let last = listing.model_snapshots.len() < PAGE;
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
        let request = Request::post(path(job).then(["empty", "_revert"]));
        self.http.execute(request.allow_status(&[404])).await
    }

    /// Reverts to the snapshot; never with `delete_intervening_results`.
    pub async fn revert(&self, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
        let path = path(job).then([snapshot.as_str(), "_revert"]);
        self.http.execute(Request::post(path)).await
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn choices_tell_snapshots_apart() {
        let listing: Listing = serde_json::from_str(
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
