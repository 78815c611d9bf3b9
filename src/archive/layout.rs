//! Names of entries, both ways: ours, and what the Python scripts look for by substring.

use crate::job::{JobId, SnapshotId};

/// What an entry holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    /// `ml-anomalies-snapshot_doc_<safe>.json`
    Snapshot,
    /// `<safe>_config.json`
    Config,
    /// `<safe>_snapshot_docs.ndjson`
    State,
    /// `<safe>_annotations.ndjson`
    Annotations,
    /// `<safe>_notifications.ndjson`
    Notifications,
    /// `<safe>_input_<n>.ndjson`, or the older `<safe>_input.ndjson` (number 0)
    Inputs { number: u64 },
    /// `<safe>_input_mapping.json`
    InputMapping,
    /// `<safe>_data_counts.json`
    DataCounts,
    /// `<safe>_categories.ndjson`
    Categories,
    /// `<safe>_filters.json`
    Filters,
    /// `<safe>_calendars.json`
    Calendars,
    /// `esml_manifest.json`
    Manifest,
}

/// The parts that hold documents, one or many a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Model and categorizer state.
    State,
    /// Annotations.
    Annotations,
    /// Notifications.
    Notifications,
    /// Category definitions.
    Categories,
    /// Inputs.
    Inputs,
}

/// The name of one of our entries.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryName(String);

impl EntryName {
    /// The name of an entry of this job.
    pub fn of(kind: EntryKind, job: &JobId, snapshot: &SnapshotId) -> Self {
        todo!()
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl EntryKind {
    /// What a path in any archive, ours or theirs, is taken for; `None` for unknown entries.
    pub fn of_path(path: &str) -> Option<Self> {
        todo!()
    }

    /// The part of documents that it belongs to.
    pub fn part(self) -> Option<Part> {
        todo!()
    }
}
