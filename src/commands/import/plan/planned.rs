//! What an import will do.

use serde::Serialize;

use super::existing::{CalendarPlan, Existing, FilterPlan};
use crate::archive::{CheckedArchive, Part};
use crate::cluster::{Reindex, SearchRange};
use crate::commands::import::options::ImportOptions;
use crate::error::{Conflict, Error, Result};
use crate::job::{DatafeedId, IndexName, JobId, PortableJob, ReindexMark, Renamer, SnapshotId, TargetIndex};

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
    /// Input indices that Elasticsearch fills with documents of another cluster.
    pub(crate) reindexed: Vec<ReindexPlan>,
    pub(crate) existing: Existing,
    /// The groups of the job.
    pub(crate) groups: Vec<String>,
    pub(crate) counts: DocumentCounts,
    /// Whether existing objects may be deleted (`--replace`).
    pub(crate) replace: bool,
    /// Whether the job is opened, and its datafeed started, after the import.
    pub(crate) open: bool,
    pub(crate) start_datafeed: bool,
    pub(crate) notes: Vec<String>,
    pub(crate) conflicts: Vec<Conflict>,
}

/// An input index to create.
#[derive(Debug)]
pub(crate) struct TargetPlan {
    pub(crate) index: TargetIndex,
    /// Whether an index that an earlier import created for this job is deleted first.
    pub(crate) replaces: bool,
}

/// An input index that Elasticsearch fills with documents of another cluster.
#[derive(Debug)]
pub(crate) struct ReindexPlan {
    pub(crate) index: TargetIndex,
    pub(crate) request: Reindex,
    /// The number of documents on the other cluster.
    pub(crate) documents: u64,
    /// Consecutive ranges of time, each of which is copied by a task.
    pub(crate) ranges: Vec<SearchRange>,
    /// Identifies what is copied: the job, the mapping, the indices, the query, the fields, and the other cluster.
    pub(crate) hash: String,
    /// The mark of the index, if an earlier import created it.
    pub(crate) mark: Option<ReindexMark>,
    /// Another index of an earlier import of this job has the name. It is deleted first.
    pub(crate) replaces: bool,
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

impl Plan {
    /// The ID of the job on the cluster.
    pub(crate) fn job(&self) -> &JobId {
        &self.renamer.to
    }

    /// The names of the input indices.
    pub(crate) fn input_indices(&self) -> impl Iterator<Item = &IndexName> {
        let created = self.targets.iter().map(|target| &target.index.name);
        created.chain(self.reindexed.iter().map(|inputs| &inputs.index.name))
    }

    /// The ID of the datafeed, if one is created.
    pub(crate) fn datafeed(&self) -> Option<&DatafeedId> {
        self.portable.datafeed.as_ref().map(|(id, _)| id)
    }

    /// Fails with all conflicts, if there are any.
    pub(crate) fn refuse_conflicts(&self) -> Result<()> {
        match self.conflicts.is_empty() {
            true => Ok(()),
            false => Err(Error::Conflicts(self.conflicts.clone())),
        }
    }
}

impl DocumentCounts {
    /// The number of all documents.
    pub(crate) fn total(&self) -> u64 {
        let state = self.model_state + self.categorizer_state;
        state + self.annotations + self.notifications + self.categories + self.results + self.inputs
    }

    /// The number of documents of a part.
    pub(crate) fn of(&self, part: Part) -> u64 {
        match part {
            Part::State => self.model_state + self.categorizer_state,
            Part::Annotations => self.annotations,
            Part::Notifications => self.notifications,
            Part::Categories => self.categories,
            Part::Results => self.results,
            Part::Inputs => self.inputs,
        }
    }

    pub(super) fn new(options: &ImportOptions, archive: &CheckedArchive) -> Self {
        let contents = &archive.contents;
        let unless = |skipped: bool, part: Part| if skipped { 0 } else { contents.count(part) };
        Self {
            model_state: contents.state.model_documents,
            categorizer_state: contents.state.categorizer_documents,
            annotations: unless(options.skip.annotations, Part::Annotations),
            notifications: unless(options.skip.notifications, Part::Notifications),
            categories: contents.count(Part::Categories),
            results: unless(options.skip.results, Part::Results),
            inputs: unless(options.skips_inputs(), Part::Inputs),
        }
    }
}
