//! What a whole pass through an archive found.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::archive::{EntryKind, Manifest, Part};
use crate::job::{Calendar, FilterId, InputMappings, JobConfig, JobId, Snapshot, SnapshotId};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing (an unknown entry, no categorizer state in their archive).
    Warning,
    /// The archive cannot be imported.
    Fatal,
}

/// Something that is not as the archive contract says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// Entry, and line where known; empty for the archive as a whole.
    pub place: String,
    /// What is wrong, and why it matters.
    pub what: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntrySummary {
    /// Its path in the tar.
    pub name: String,
    /// What it is taken for.
    pub kind: Option<EntryKind>,
    /// Documents (action lines do not count; a JSON entry is one).
    pub documents: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// What is known of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSummary {
    /// `#1..n` of the model.
    pub model_documents: u64,
    /// `#1..m` of the categorizer.
    pub categorizer_documents: u64,
    /// Decoded bytes of the model state.
    pub model_bytes: u64,
    /// Decoded bytes of the categorizer state.
    pub categorizer_bytes: u64,
}

/// The result of a whole pass. What an importable archive must have is `Option` here because inspect
/// shows broken ones too.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// Ours only.
    pub manifest: Option<Manifest>,
    /// The job's configuration.
    pub config: Option<JobConfig>,
    /// The stored snapshot document.
    pub snapshot: Option<Box<RawValue>>,
    /// The id of that snapshot (from the document).
    pub snapshot_id: Option<SnapshotId>,
    /// The data counts document.
    pub data_counts: Option<Box<RawValue>>,
    /// The filters entry: an array of filters.
    pub filters: Option<Box<RawValue>>,
    /// The calendars entry: an array of calendars with events.
    pub calendars: Option<Box<RawValue>>,
    /// The input mapping entry.
    pub input_mapping: Option<Box<RawValue>>,
    /// The same entries as an import uses them.
    pub parsed: Parsed,
    /// All entries, in tar order.
    pub entries: Vec<EntrySummary>,
    /// State.
    pub state: StateSummary,
    /// Documents of each part.
    pub documents: BTreeMap<Part, u64>,
    /// Inputs by source index.
    pub input_indices: BTreeMap<String, u64>,
    /// Two input documents of one source index have the same ID, as documents of different routing may.
    pub repeated_inputs: bool,
    /// What is not as it should be.
    pub findings: Vec<Finding>,
}

/// Entries in the types in which an import uses them: an import parses nothing that the check did not parse.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The snapshot document.
    pub snapshot: Option<Snapshot>,
    /// The filters, each with its ID.
    pub filters: Vec<(FilterId, Box<RawValue>)>,
    /// The calendars with their events.
    pub calendars: Vec<Calendar>,
    /// The mappings of the input documents.
    pub mappings: InputMappings,
    /// The job that the data counts belong to.
    pub(super) counted_job: Option<String>,
}

impl Contents {
    /// No fatal finding.
    pub fn importable(&self) -> bool {
        !self.findings.iter().any(|finding| finding.severity == Severity::Fatal)
    }

    /// The id in the configuration.
    pub fn job_id(&self) -> Option<&JobId> {
        self.config.as_ref().map(JobConfig::id)
    }

    /// Documents of a part.
    pub fn count(&self, part: Part) -> u64 {
        self.documents.get(&part).copied().unwrap_or(0)
    }
}
