//! Model snapshots.

use crate::cluster::{Cluster, Hit, Result};
use crate::instant::EpochMillis;
use crate::job::{JobId, SnapshotId};

/// Which snapshot is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotChoice {
    /// The latest.
    Latest,
    /// The latest created before this moment.
    Before(EpochMillis),
    /// This one.
    Id(SnapshotId),
}

/// What the listing says of a snapshot.
#[derive(Clone, Debug)]
pub struct SnapshotSummary {
    /// Its id.
    pub id: SnapshotId,
    /// When it was made.
    pub timestamp: EpochMillis,
    /// Its description.
    pub description: String,
    /// How many model state documents belong to it.
    pub state_documents: u64,
}

impl Cluster {
    /// All snapshots of the job, latest first (paged: the API gives 100 at a time).
    pub async fn snapshots(&self, job: &JobId) -> Result<Vec<SnapshotSummary>> {
        todo!()
    }

    /// The snapshot that is meant; `None` where there is none such.
    pub async fn find_snapshot(&self, job: &JobId, choice: &SnapshotChoice) -> Result<Option<SnapshotSummary>> {
        todo!()
    }

    /// The stored snapshot document, quantiles included, looked for through the job's alias
    /// `.ml-anomalies-<job>` and then in `.ml-anomalies-*`; `None` where it is not found.
    pub async fn snapshot_document(&self, job: &JobId, snapshot: &SnapshotId) -> Result<Option<Hit>> {
        todo!()
    }

    /// Reverts to the snapshot `empty`, for what it does first: the state index and its alias come
    /// to be. A 404 answer (before 7.11) is not an error.
    pub async fn revert_to_empty(&self, job: &JobId) -> Result<()> {
        todo!()
    }

    /// Reverts to the snapshot; never with `delete_intervening_results`.
    pub async fn revert(&self, job: &JobId, snapshot: &SnapshotId) -> Result<()> {
        todo!()
    }
}
