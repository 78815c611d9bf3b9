//! What inspect found, as data: the `--json` document, and what the page is made of.
//!
//! `docs/inspect-json.md` describes every member for users.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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
    /// The parts that the archive has an entry of, or could have.
    pub parts: Vec<PartFacts>,
    /// The inputs in detail; `None` without any.
    pub inputs: Option<InputFacts>,
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
    /// Why the command fails, where it does.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// The file and who wrote it.
#[derive(Clone, Debug, Serialize)]
pub struct ArchiveFacts {
    /// Path as given, `-` for standard input.
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

/// The job's configuration in short.
#[derive(Clone, Debug, Serialize)]
pub struct JobFacts {
    /// `job_id`.
    pub id: String,
    /// `description`.
    pub description: Option<String>,
    /// `groups`.
    pub groups: Vec<String>,
    /// `job_version`.
    pub job_version: Option<String>,
    /// `bucket_span` as written.
    pub bucket_span: Option<String>,
    /// The time field.
    pub time_field: String,
    /// Detectors in order.
    pub detectors: Vec<DetectorFacts>,
    /// Influencers.
    pub influencers: Vec<String>,
    /// `categorization_field_name`.
    pub categorization_field: Option<String>,
    /// `summary_count_field_name`.
    pub summary_count_field: Option<String>,
    /// `model_memory_limit` in bytes.
    pub model_memory_limit: Option<u64>,
}

/// A detector.
#[derive(Clone, Debug, Serialize)]
pub struct DetectorFacts {
    /// Its description.
    pub description: String,
    /// Its function.
    pub function: String,
    /// The fields it reads.
    pub fields: Vec<String>,
}

/// The datafeed in short.
#[derive(Clone, Debug, Serialize)]
pub struct DatafeedFacts {
    /// `datafeed_id`.
    pub id: String,
    /// Its index patterns.
    pub indices: Vec<String>,
    /// Whether it has a query other than `match_all`.
    pub query: bool,
    /// Whether it has runtime mappings.
    pub runtime_mappings: bool,
    /// Whether it has script fields.
    pub script_fields: bool,
    /// Whether it aggregates.
    pub aggregations: bool,
    /// Whether it reads a remote cluster (`name:index`).
    pub remote: bool,
}

/// The model snapshot in short.
#[derive(Clone, Debug, Serialize)]
pub struct SnapshotFacts {
    /// `snapshot_id`.
    pub id: String,
    /// `timestamp`, RFC 3339.
    pub created: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `min_version`: the oldest version that reads it.
    pub min_version: Option<String>,
    /// `snapshot_doc_count`: model state documents it consists of.
    pub state_documents: Option<u64>,
    /// `model_size_stats.model_bytes`.
    pub model_bytes: Option<u64>,
    /// `model_size_stats.memory_status`.
    pub memory_status: Option<String>,
    /// `latest_record_time_stamp`, RFC 3339.
    pub latest_record: Option<String>,
    /// `latest_result_time_stamp`, RFC 3339.
    pub latest_result: Option<String>,
}

/// The learned state.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct StateFacts {
    /// Documents of the model.
    pub model_documents: u64,
    /// Bytes of the model, decoded.
    pub model_bytes: u64,
    /// Documents of the categorizer.
    pub categorizer_documents: u64,
    /// Bytes of the categorizer, decoded.
    pub categorizer_bytes: u64,
}

/// A part of the archive.
#[derive(Clone, Debug, Serialize)]
pub struct PartFacts {
    /// `state`, `categories`, `annotations`, `notifications`, `inputs`.
    pub part: &'static str,
    /// Entries it is spread over.
    pub entries: u64,
    /// Documents.
    pub documents: u64,
    /// Bytes, uncompressed, action lines included.
    pub bytes: u64,
    /// First moment, RFC 3339.
    pub first: Option<String>,
    /// Last moment, RFC 3339.
    pub last: Option<String>,
    /// Documents whose moment could not be read.
    pub undated: u64,
}

/// The inputs in detail.
#[derive(Clone, Debug, Serialize)]
pub struct InputFacts {
    /// Documents by source index.
    pub indices: BTreeMap<String, u64>,
    /// Whether their mapping came along.
    pub mapping: bool,
    /// Over time; `None` where no moment could be read.
    pub histogram: Option<HistogramFacts>,
}

/// Counts over time.
#[derive(Clone, Debug, Serialize)]
pub struct HistogramFacts {
    /// Where the first column begins, RFC 3339.
    pub from: String,
    /// Width of a column in milliseconds.
    pub column_millis: u64,
    /// Documents in each.
    pub counts: Vec<u64>,
}

/// A calendar.
#[derive(Clone, Debug, Serialize)]
pub struct CalendarFacts {
    /// `calendar_id`.
    pub id: String,
    /// Its events.
    pub events: u64,
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

/// An entry.
#[derive(Clone, Debug, Serialize)]
pub struct EntryFacts {
    /// Its path in the archive.
    pub name: String,
    /// Documents.
    pub documents: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
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
