//! What inspect found, as data: the `--json` document, and what the page is made of.
//!
//! `docs/inspect-json.md` describes every member for users.

mod job;
mod model;
mod parts;
mod values;

use serde::Serialize;
use serde_json::Value;

pub use job::{DatafeedFacts, DetectorFacts, JobFacts};
pub use model::{
    CategoriesFacts, CategorizationFacts, CategoryFacts, DataCountsFacts, PatternFacts, SeriesFacts, SnapshotFacts,
    StateFacts,
};
pub use parts::{AnnotationFacts, CalendarFacts, EntryFacts, HistogramFacts, InputFacts, PartFacts};
pub use values::{FieldFacts, HashFacts, LooksFacts, UnreadFacts, ValueFacts, ValuesFacts};

/// Version of the document's form; grows when a member changes its meaning or goes.
pub const REPORT_VERSION: u32 = 1;

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// [`REPORT_VERSION`].
    pub version: u32,
    /// The file.
    pub archive: ArchiveFacts,
    /// No fatal finding.
    pub importable: bool,
    /// The job; `None` where its configuration is missing or unreadable.
    pub job: Option<JobFacts>,
    /// Its datafeed, where it has one.
    pub datafeed: Option<DatafeedFacts>,
    /// The snapshot; `None` where its document is missing or unreadable.
    pub snapshot: Option<SnapshotFacts>,
    /// The learned state.
    pub state: StateFacts,
    /// What the job has read; `None` without its data counts.
    pub data_counts: Option<DataCountsFacts>,
    /// What it found in the course of its series, from the annotations it wrote.
    pub patterns: Vec<PatternFacts>,
    /// The categories; `None` without any.
    pub categories: Option<CategoriesFacts>,
    /// The parts that the archive has an entry of, or could have.
    pub parts: Vec<PartFacts>,
    /// The inputs in detail; `None` without any.
    pub inputs: Option<InputFacts>,
    /// Who the annotations are from.
    pub annotations: AnnotationFacts,
    /// Ids of the filters carried.
    pub filters: Vec<String>,
    /// The calendars carried.
    pub calendars: Vec<CalendarFacts>,
    /// What was checked, and whether it held.
    pub checks: Vec<Check>,
    /// What is not as it should be.
    pub findings: Vec<FindingFacts>,
    /// What a job imported from it would lack.
    pub lacks: Vec<Lack>,
    /// Every entry, in the order of the archive.
    pub entries: Vec<EntryFacts>,
    /// The values that it holds, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<ValuesFacts>,
    /// Why the command fails, where it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The file and who wrote it.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveFacts {
    /// The file's name, `-` for standard input.
    pub path: String,
    /// Compressed bytes.
    pub bytes: u64,
    /// From the manifest; `None` for an archive of the Python scripts.
    pub written: Option<Written>,
}

/// What the manifest says of the archive's making.
#[derive(Clone, Debug, Serialize)]
pub struct Written {
    /// RFC 3339.
    pub at: String,
    /// Version of esml-state.
    pub tool_version: String,
    /// Version of Elasticsearch.
    pub cluster_version: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// UUID of the cluster.
    pub cluster_uuid: String,
    /// The options that shaped it.
    pub options: serde_json::Map<String, Value>,
}

/// Something that was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What.
    pub what: String,
    /// Whether it held.
    pub held: bool,
}

/// Something that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FindingFacts {
    /// `warning` or `fatal`.
    pub severity: &'static str,
    /// Entry, and line where known; empty for the archive as a whole.
    pub place: String,
    /// What is wrong.
    pub what: String,
}

/// Something that an imported job would be without.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// A name that stays, such as `inputs`.
    pub what: &'static str,
    /// What follows from it.
    pub consequence: String,
}

/// The failure that the command ends with, in the words of its message on stderr.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The message.
    pub error: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The exit code.
    pub exit: u8,
}
