//! A job to an archive.

use crate::archive::Target;
use crate::cluster::ml::SnapshotChoice;
use crate::cluster::{ConnectOptions, Pagination};
use crate::error::Result;
use crate::instant::EpochMillis;
use crate::job::JobId;
use crate::terminal::Terminal;

/// What `export` was asked.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// The cluster.
    pub connect: ConnectOptions,
    /// `None`: choose from a list.
    pub job: Option<JobId>,
    /// Which snapshot.
    pub snapshot: SnapshotChoice,
    /// `--annotations-after-date`, `--after-date`: lower bound of annotations and notifications.
    pub annotations_after: Option<EpochMillis>,
    /// `--before-date`: upper bound of annotations and notifications.
    pub annotations_before: Option<EpochMillis>,
    /// `--include-inputs` with its range.
    pub inputs: Option<InputOptions>,
    /// Where to; `None` means `<safe job id>_state.tar.gz` here.
    pub output: Option<Target>,
    /// `--overwrite`, for the default target too.
    pub overwrite: bool,
    /// 0..=9.
    pub compression_level: u32,
    /// Readers at once.
    pub slices: usize,
    /// Documents a page.
    pub page_size: usize,
    /// How to page.
    pub pagination: Pagination,
    /// Write nothing.
    pub dry_run: bool,
    /// The personal-data question is answered.
    pub yes: bool,
    /// The result as one JSON document.
    pub json: bool,
}

/// Which inputs.
#[derive(Clone, Debug, Default)]
pub struct InputOptions {
    /// Inclusive.
    pub after: Option<EpochMillis>,
    /// Exclusive.
    pub before: Option<EpochMillis>,
    /// `--all-fields`.
    pub all_fields: bool,
    /// `--input-field`, besides those the job needs.
    pub fields: Vec<String>,
}

/// Runs the export and prints its result.
pub async fn run(options: ExportOptions, terminal: &Terminal) -> Result<()> {
    todo!()
}
