//! What an import will do.

use serde::Serialize;

use super::existing::{CalendarPlan, Existing, FilterPlan};
use super::planner::TargetPlan;
use crate::error::Conflict;
use crate::job::{PortableJob, Renamer, SnapshotId};

/// What an import will do.
#[derive(Debug)]
pub(crate) struct Plan {
    /// Replaces the job's ID in the archive with the one on the cluster.
    pub(crate) renamer: Renamer,
    /// The same in the archive and on the cluster.
    pub(crate) snapshot_id: SnapshotId,
    /// Job and datafeed as they are created.
    pub(crate) portable: PortableJob,
    pub(crate) filters: Vec<FilterPlan>,
    pub(crate) calendars: Vec<CalendarPlan>,
    pub(crate) targets: Vec<TargetPlan>,
    pub(crate) existing: Existing,
    pub(crate) counts: DocumentCounts,
    /// Whether existing objects may be deleted (`--replace`).
    pub(crate) replace: bool,
    /// Whether the job is opened, and its datafeed started, after the import.
    pub(crate) open: bool,
    pub(crate) start_datafeed: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) conflicts: Vec<Conflict>,
}

/// Numbers of documents to write; 0 for a part that is skipped.
#[derive(Clone, Copy, Debug, Serialize)]
pub(crate) struct DocumentCounts {
    pub(crate) model_state: u64,
    pub(crate) categorizer_state: u64,
    pub(crate) annotations: u64,
    pub(crate) notifications: u64,
    pub(crate) categories: u64,
    pub(crate) results: u64,
    pub(crate) inputs: u64,
}
