//! The state that the steps of planning share.

use crate::archive::CheckedArchive;
use crate::cluster::Cluster;
use crate::commands::import::options::ImportOptions;
use crate::error::Conflict;
use crate::job::JobId;

/// What the steps of planning need and report.
pub(super) struct Planner<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) options: &'a ImportOptions,
    pub(super) archive: &'a CheckedArchive,
    /// The ID of the job on the cluster.
    pub(super) job: &'a JobId,
    pub(super) notes: Vec<String>,
    pub(super) conflicts: Vec<Conflict>,
}

impl Planner<'_> {
    pub(super) fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    pub(super) fn conflict(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let (message, hint) = (message.into(), hint.into());
        self.conflicts.push(Conflict { message, hint });
    }
}
