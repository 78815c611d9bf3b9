//! The result of reading an archive.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::archive::error::{COPY_AGAIN, EXPORT_AGAIN, Error, NOT_AN_ARCHIVE, OTHER_FILE};
use crate::archive::layout::{EntryKind, EntrySummary, Manifest, Part};
use crate::archive::read::{Archive, BatchBuilder, DocumentStream, Documents};
use crate::job::{Calendar, DataCounts, Filter, InputMappings, JobConfig, JobId, Snapshot, SnapshotId};
use crate::state::{StateDocId, StateKind};
use crate::util::format::{escape, truncated};

/// The maximum number of findings that are listed.
const MAX_FINDINGS: usize = 200;
/// The maximum number of characters of a place or a text.
const MAX_CHARS: usize = 1000;

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The archive can be imported (for example, an unknown entry).
    Warning,
    /// The archive cannot be imported.
    Fatal,
}

/// The rules of the check, by the entry that they apply to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Gzip, tar, sizes and names of entries.
    #[default]
    File,
    /// The job's configuration.
    Config,
    /// The snapshot document.
    Snapshot,
    /// State documents.
    State,
    /// Any other entry.
    OtherEntry,
    /// The manifest.
    Manifest,
}

impl Rule {
    /// Returns the rule for a kind of entry.
    pub fn of(kind: Option<EntryKind>) -> Self {
        match kind {
            None => Self::File,
            Some(EntryKind::Config) => Self::Config,
            Some(EntryKind::Snapshot) => Self::Snapshot,
            Some(EntryKind::State) => Self::State,
            Some(EntryKind::Manifest) => Self::Manifest,
            Some(_) => Self::OtherEntry,
        }
    }
}

/// The location of what is being checked, with its rule.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    rule: Rule,
    /// Empty for the archive as a whole.
    entry: Arc<str>,
    /// The line, starting with 1; 0 for the entry as a whole.
    line: u64,
}

impl Place {
    pub(super) fn new(kind: Option<EntryKind>, entry: impl Into<Arc<str>>) -> Self {
        let (rule, entry) = (Rule::of(kind), entry.into());
        Self { rule, entry, line: 0 }
    }

    pub(super) fn line(&self, line: u64) -> Self {
        Self { line, ..self.clone() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.entry),
            line => write!(f, "{}, line {line}", self.entry),
        }
    }
}

/// A violation of the archive format.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The severity.
    pub severity: Severity,
    /// The rule that is violated.
    #[serde(skip)]
    pub rule: Rule,
    /// Whether the entry is incomplete.
    #[serde(skip)]
    pub incomplete: bool,
    /// The entry, and the line if known; empty for the archive as a whole.
    pub place: String,
    /// What is wrong, and the consequence.
    pub what: String,
}

/// Findings, limited in number and safe to print.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
}

/// The state in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateSummary {
    /// The number of model documents, `#1..n`.
    pub model_documents: u64,
    /// The size of the decoded model state in bytes.
    pub model_bytes: u64,
    /// The number of categorizer documents, `#1..m`.
    pub categorizer_documents: u64,
    /// The size of the decoded categorizer state in bytes.
    pub categorizer_bytes: u64,
}

/// The contents of an archive. Parts that an importable archive must have are `Option`, since `inspect` also shows
/// damaged archives.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// The manifest, which only archives of esml-state have.
    pub manifest: Option<Manifest>,
    /// The job's configuration.
    pub config: Option<JobConfig>,
    /// The stored snapshot document.
    pub snapshot: Option<Snapshot>,
    /// The data counts. They are parsed here, since an import must not parse anything that the check did not parse.
    pub data_counts: Option<DataCounts>,
    /// The filters.
    pub filters: Vec<Filter>,
    /// The calendars with their events.
    pub calendars: Vec<Calendar>,
    /// The mappings of the input documents.
    pub mappings: InputMappings,
    /// The text of entries whose parsed form does not contain it: data counts, filters, calendars, input mapping.
    pub texts: BTreeMap<EntryKind, Box<RawValue>>,
    /// All entries, in tar order.
    pub entries: Vec<EntrySummary>,
    /// The state.
    pub state: StateSummary,
    /// The number of input documents by source index.
    pub input_indices: BTreeMap<String, u64>,
    /// Whether two input documents of the same source index have the same ID, which is possible with different routing.
    pub repeated_inputs: bool,
    /// What is wrong with the archive.
    pub findings: Vec<Finding>,
}

/// An archive without fatal findings. Only such an archive can be imported.
#[derive(Debug)]
pub struct CheckedArchive {
    pub(super) archive: Archive,
    /// The contents, except for the snapshot document.
    pub contents: Contents,
    /// The job.
    pub config: JobConfig,
    /// The stored snapshot document.
    pub snapshot: Snapshot,
}

impl StateSummary {
    /// Returns the IDs of all state documents of this job and snapshot, in order.
    pub fn ids(self, job: &JobId, snapshot: &SnapshotId) -> impl Iterator<Item = String> {
        let numbered = |kind, count| (1..=count).map(move |number| StateDocId { kind, number }.format(job, snapshot));
        let model = numbered(StateKind::Model, self.model_documents);
        model.chain(numbered(StateKind::Categorizer, self.categorizer_documents))
    }
}

impl Contents {
    /// Whether there is no fatal finding.
    pub fn importable(&self) -> bool {
        self.fatal().is_none()
    }

    /// Returns the first fatal finding.
    pub fn fatal(&self) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.is_fatal())
    }

    /// Whether the job categorizes messages.
    pub fn categorizes(&self) -> bool {
        self.config.as_ref().and_then(JobConfig::categorization_field).is_some()
    }

    /// Whether the job categorizes messages but the categorizer state is missing.
    pub fn is_missing_categorizer(&self) -> bool {
        self.categorizes() && self.state.categorizer_documents == 0
    }

    /// Returns the ID in the configuration.
    pub fn job_id(&self) -> Option<&JobId> {
        self.config.as_ref().map(JobConfig::id)
    }

    /// Returns the ID in the snapshot document.
    pub fn snapshot_id(&self) -> Option<&SnapshotId> {
        self.snapshot.as_ref().map(|snapshot| &snapshot.snapshot_id)
    }

    /// Returns the number of documents of a part.
    pub fn count(&self, part: Part) -> u64 {
        let entries = self.entries.iter();
        let of_part = entries.filter(|entry| entry.kind.and_then(EntryKind::part) == Some(part));
        of_part.map(|entry| entry.documents).sum()
    }

    /// Returns the place of the entry of this kind.
    pub(super) fn place_of(&self, kind: EntryKind) -> Place {
        let entry = self.entries.iter().find(|entry| entry.kind == Some(kind));
        Place::new(Some(kind), entry.map_or("", |entry| entry.name.as_str()))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place.as_str() {
            "" => f.write_str(&self.what),
            place => write!(f, "{place}: {}", self.what),
        }
    }
}

impl Finding {
    /// Whether it prevents an import.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// Returns the finding as an error for the archive with this name.
    pub fn to_error(&self, archive: impl fmt::Display) -> Error {
        let hint = match (self.incomplete, self.place.as_str()) {
            (true, _) if self.what == NOT_AN_ARCHIVE => Some(OTHER_FILE),
            (true, _) => Some(COPY_AGAIN),
            (false, "") => Some(EXPORT_AGAIN),
            (false, _) => None,
        };
        match self.place.as_str() {
            "" => Error::damaged(archive, &self.what, hint),
            place => Error::damaged(place, &self.what, hint),
        }
    }
}

impl CheckedArchive {
    /// Returns the ID of the job.
    pub fn job(&self) -> &JobId {
        self.config.id()
    }

    /// Returns the path that messages use.
    pub fn path(&self) -> &Path {
        self.archive.path()
    }

    /// Reads the documents of one part again. Must be called within a Tokio runtime.
    pub fn documents(&self, part: Part) -> DocumentStream {
        self.batches(part, Documents::default())
    }

    /// Reads the documents of one part again and passes them to `builder`. Must be called within a Tokio runtime.
    pub fn batches<T: BatchBuilder>(&self, part: Part, builder: T) -> DocumentStream<T::Batch> {
        let ids = self.contents.state.ids(self.job(), &self.snapshot.snapshot_id);
        let numbers = match part {
            Part::State => ids.zip(0..).collect(),
            _ => HashMap::new(),
        };
        let entries = self.contents.entries.clone();
        DocumentStream::start((self.archive.clone(), entries), part, numbers, builder)
    }
}

impl Findings {
    pub(super) fn fatal(&mut self, place: &Place, what: impl AsRef<str>) {
        self.add(Severity::Fatal, false, place, what.as_ref());
    }

    /// Adds a finding about an incomplete entry.
    pub(super) fn incomplete(&mut self, place: &Place, what: impl AsRef<str>) {
        self.add(Severity::Fatal, true, place, what.as_ref());
    }

    pub(super) fn warning(&mut self, place: &Place, what: impl AsRef<str>) {
        self.add(Severity::Warning, false, place, what.as_ref());
    }

    /// Adds that something belongs to a different job than the configuration.
    pub(super) fn other_job(&mut self, place: &Place, id: &str, job: &JobId) {
        self.fatal(
            place,
            format!("belongs to job `{id}`, but the configuration belongs to `{job}`"),
        );
    }

    fn add(&mut self, severity: Severity, incomplete: bool, place: &Place, what: &str) {
        // A fatal finding must not be dropped because of many warnings.
        let max = match severity {
            Severity::Fatal => MAX_FINDINGS,
            Severity::Warning => MAX_FINDINGS / 2,
        };
        match self.list.len() < max {
            true => self.push(severity, incomplete, place, what),
            false => self.left_out += 1,
        }
    }

    fn push(&mut self, severity: Severity, incomplete: bool, place: &Place, what: &str) {
        self.list.push(Finding {
            severity,
            rule: place.rule,
            incomplete,
            place: printable(&place.to_string()),
            what: printable(what),
        });
    }

    pub(super) fn into_list(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            let what = format!("{} more findings are not listed", self.left_out);
            self.push(Severity::Warning, false, &Place::default(), &what);
        }
        self.list
    }
}

/// Escapes characters that could move the cursor or change the text direction, since names are not trusted.
fn printable(text: &str) -> String {
    let text = truncated(text, MAX_CHARS);
    escape(&text).replace('\n', "\\n").replace('\t', "\\t")
}
