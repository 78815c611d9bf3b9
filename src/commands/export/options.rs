//! What `export` can be asked.

use std::path::PathBuf;

use crate::archive::Target;
use crate::cluster::ml::SnapshotChoice;
use crate::cluster::{ConnectOptions, Pagination};
use crate::commands::pseudonymize::Tokens;
use crate::job::JobId;
use crate::util::timestamp::EpochMillis;

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
    /// `--pseudonymize`: tokens in the place of values.
    pub tokens: Option<Tokens>,
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
    /// `--allow-partial`: without the documents of remote clusters that do not answer.
    pub allow_partial: bool,
}

impl ExportOptions {
    /// Where the archive of this job goes.
    pub(super) fn target(&self, job: &JobId) -> Target {
        self.output.clone().unwrap_or_else(|| Target::File {
            path: PathBuf::from(format!("{}_state.tar.gz", job.safe())),
            overwrite: self.overwrite,
        })
    }

    /// The options that shaped the archive, as the command line names them.
    pub(super) fn for_manifest(&self) -> serde_json::Map<String, serde_json::Value> {
        let date = |moment: Option<EpochMillis>| moment.map(|moment| moment.to_string());
        let inputs = self.inputs.as_ref();
        let snapshot = match &self.snapshot {
            SnapshotChoice::Used => (None, None),
            SnapshotChoice::Before(moment) => (None, Some(moment.to_string())),
            SnapshotChoice::Id(id) => (Some(id.to_string()), None),
        };
        let mut options = serde_json::Map::new();
        let mut put = |name: &str, value: Option<serde_json::Value>| {
            if let Some(value) = value {
                options.insert(name.to_owned(), value);
            }
        };
        put("snapshot-id", snapshot.0.map(Into::into));
        put("before-date", snapshot.1.map(Into::into));
        put("annotations-after-date", date(self.annotations_after).map(Into::into));
        put("include-inputs", Some(inputs.is_some().into()));
        put(
            "inputs-after-date",
            date(inputs.and_then(|inputs| inputs.after)).map(Into::into),
        );
        put(
            "inputs-before-date",
            date(inputs.and_then(|inputs| inputs.before)).map(Into::into),
        );
        put(
            "allow-partial",
            inputs.filter(|inputs| inputs.allow_partial).map(|_| true.into()),
        );
        put("all-fields", inputs.map(|inputs| inputs.all_fields.into()));
        put(
            "input-field",
            inputs
                .filter(|inputs| !inputs.fields.is_empty())
                .map(|inputs| inputs.fields.clone().into()),
        );
        options
    }
}
