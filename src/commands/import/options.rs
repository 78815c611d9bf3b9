//! What `import` can be asked.

use std::path::PathBuf;

use crate::archive::Limits;
use crate::cluster::{BulkOptions, ConnectOptions};
use crate::job::{IndexName, IndexPattern, JobId};

/// What `import` was asked.
#[derive(Clone, Debug)]
pub struct ImportOptions {
    /// The cluster.
    pub connect: ConnectOptions,
    /// The file.
    pub archive: PathBuf,
    /// `--job-id`: must be the archive's.
    pub job: Option<JobId>,
    /// `--as`.
    pub rename: Option<JobId>,
    /// `--replace`.
    pub replace: bool,
    /// `--input-index`.
    pub input_index: Option<IndexName>,
    /// `--datafeed-index`.
    pub datafeed_indices: Vec<IndexPattern>,
    /// `--skip-*`.
    pub skip: Skip,
    /// `--model-memory-limit`, as typed (checked to be a size).
    pub model_memory_limit: Option<String>,
    /// `--bulk-size`, `--bulk-concurrency`.
    pub bulk: BulkOptions,
    /// `--max-entry-size` and the other bounds.
    pub limits: Limits,
    /// Write nothing.
    pub dry_run: bool,
    /// The question is answered.
    pub yes: bool,
    /// The result as one JSON document.
    pub json: bool,
}

/// Parts to leave out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skip {
    /// `--skip-inputs`
    pub inputs: bool,
    /// `--skip-annotations`
    pub annotations: bool,
    /// `--skip-notifications`
    pub notifications: bool,
    /// `--skip-datafeed`
    pub datafeed: bool,
    /// `--skip-filters`
    pub filters: bool,
    /// `--skip-calendars`
    pub calendars: bool,
}
