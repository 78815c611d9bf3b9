//! What a pass through an archive found.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::archive::error::{Error, Result};
use crate::archive::layout::{EntryKind, Part};
use crate::archive::manifest::{EntrySummary, Manifest};
use crate::archive::read::{Archive, DocumentStream, StateIds};
use crate::job::{Calendar, FilterId, InputMappings, JobConfig, JobId, Snapshot, SnapshotId};
use crate::util::control_chars::is_control;

/// Findings that are listed; more say nothing new.
const MAX_FINDINGS: usize = 200;
/// Characters of a place or a text.
const MAX_CHARS: usize = 1000;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing (an unknown entry, no categorizer state in their archive).
    Warning,
    /// The archive cannot be imported.
    Fatal,
}

/// The rules of the check, by the entry that they are about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rule {
    /// Gzip, tar, sizes, names of entries.
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
    /// The rule about entries of a kind.
    pub fn of(kind: EntryKind) -> Self {
        match kind {
            EntryKind::Config => Self::Config,
            EntryKind::Snapshot => Self::Snapshot,
            EntryKind::State => Self::State,
            EntryKind::Manifest => Self::Manifest,
            _ => Self::OtherEntry,
        }
    }

    /// The rule about the entry of a name.
    pub(super) fn of_path(path: &str) -> Self {
        EntryKind::of_path(path).map_or(Self::File, Self::of)
    }
}

/// Something that is not as the archive contract says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// The rule that is broken.
    #[serde(skip)]
    pub rule: Rule,
    /// The entry is not there to its end.
    #[serde(skip)]
    pub incomplete: bool,
    /// Entry, and line where known; empty for the archive as a whole.
    pub place: String,
    /// What is wrong, and why it matters.
    pub what: String,
}

/// Findings, bounded in number and safe to print.
#[derive(Debug, Default)]
pub(super) struct Findings {
    list: Vec<Finding>,
    left_out: u64,
    /// What is being checked.
    rule: Rule,
}

/// What is known of the state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct StateSummary {
    /// `#1..n` of the model.
    pub model_documents: u64,
    /// Decoded bytes of the model state.
    pub model_bytes: u64,
    /// `#1..m` of the categorizer.
    pub categorizer_documents: u64,
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
    /// The ID of that snapshot (from the document).
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
    pub(crate) parsed: ParsedEntries,
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
pub(crate) struct ParsedEntries {
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) filters: Vec<(FilterId, Box<RawValue>)>,
    pub(crate) calendars: Vec<Calendar>,
    pub(crate) mappings: InputMappings,
    /// The job that the data counts belong to.
    pub(super) counted_job: Option<String>,
}

/// An archive in which no finding is fatal, the only one that can be imported, with what an import needs of it.
#[derive(Debug)]
pub struct CheckedArchive {
    archive: Archive,
    /// All that was found.
    pub contents: Contents,
    /// The job.
    pub config: JobConfig,
    /// The stored snapshot document.
    pub snapshot_document: Box<RawValue>,
    /// The same, parsed.
    pub snapshot: Snapshot,
    /// The filters, each with its ID.
    pub filters: Vec<(FilterId, Box<RawValue>)>,
    /// The calendars with their events.
    pub calendars: Vec<Calendar>,
    /// The mappings of the input documents.
    pub mappings: InputMappings,
}

impl Contents {
    /// No fatal finding.
    pub fn importable(&self) -> bool {
        self.fatal().is_none()
    }

    /// The first fatal finding.
    pub fn fatal(&self) -> Option<&Finding> {
        let mut findings = self.findings.iter();
        findings.find(|finding| finding.is_fatal())
    }

    /// Whether the job categorizes, and the categorizer's state is not there.
    pub fn is_missing_categorizer(&self) -> bool {
        let field = self.config.as_ref().and_then(JobConfig::categorization_field);
        field.is_some() && self.state.categorizer_documents == 0
    }

    /// The ID in the configuration.
    pub fn job_id(&self) -> Option<&JobId> {
        self.config.as_ref().map(JobConfig::id)
    }

    /// Documents of a part.
    pub fn count(&self, part: Part) -> u64 {
        self.documents.get(&part).copied().unwrap_or(0)
    }

    /// The name of the entry of this kind, as the place of a finding.
    pub(super) fn place_of(&self, kind: EntryKind) -> String {
        let entry = self.entries.iter().find(|entry| entry.kind == Some(kind));
        entry.map_or_else(String::new, |entry| entry.name.clone())
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
    /// Whether it makes an import impossible.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }

    /// The finding as the error of the archive of this name.
    pub fn to_error(&self, archive: impl std::fmt::Display) -> Error {
        let place = match self.place.as_str() {
            "" => archive.to_string(),
            place => place.to_owned(),
        };
        let why = self.what.clone();
        Error::Damaged { place, why }
    }
}

impl CheckedArchive {
    pub(super) fn new(archive: Archive, mut contents: Contents) -> Result<Self> {
        let name = archive.path().display();
        if let Some(finding) = contents.fatal() {
            return Err(finding.to_error(name));
        }
        let parsed = std::mem::take(&mut contents.parsed);
        let (Some(config), Some(snapshot_document), Some(snapshot)) =
            (contents.config.clone(), contents.snapshot.clone(), parsed.snapshot)
        else {
            return Err(Error::Damaged {
                place: name.to_string(),
                why: "the job's configuration or the snapshot document is missing".to_owned(),
            });
        };
        Ok(Self {
            archive,
            contents,
            config,
            snapshot_document,
            snapshot,
            filters: parsed.filters,
            calendars: parsed.calendars,
            mappings: parsed.mappings,
        })
    }

    /// The ID of the job.
    pub fn job(&self) -> &JobId {
        self.config.id()
    }

    /// The documents of one part, read again. To be called within a Tokio runtime.
    pub fn documents(&self, part: Part) -> DocumentStream {
        let state_ids = StateIds {
            job: self.job().clone(),
            snapshot: self.snapshot.snapshot_id.clone(),
            model_documents: self.contents.state.model_documents,
            categorizer_documents: self.contents.state.categorizer_documents,
        };
        DocumentStream::start(self.archive.clone(), part, self.contents.entries.clone(), state_ids)
    }
}

impl Findings {
    /// What is found from here on breaks this rule.
    pub(super) fn begin(&mut self, rule: Rule) {
        self.rule = rule;
    }

    /// The entry of the last finding is not there to its end.
    pub(super) fn mark_incomplete(&mut self) {
        if let Some(last) = self.list.last_mut() {
            last.incomplete = true;
        }
    }

    pub(super) fn fatal(&mut self, place: &str, what: impl AsRef<str>) {
        self.add(Severity::Fatal, place, what.as_ref());
    }

    pub(super) fn warning(&mut self, place: &str, what: impl AsRef<str>) {
        self.add(Severity::Warning, place, what.as_ref());
    }

    fn add(&mut self, severity: Severity, place: &str, what: &str) {
        // No fatal one is left out because of many warnings.
        let max = match severity {
            Severity::Fatal => MAX_FINDINGS,
            Severity::Warning => MAX_FINDINGS / 2,
        };
        if self.list.len() >= max {
            self.left_out += 1;
            return;
        }
        self.list.push(Finding {
            severity,
            rule: self.rule,
            incomplete: false,
            place: printable(place),
            what: printable(what),
        });
    }

    pub(super) fn into_list(mut self) -> Vec<Finding> {
        if self.left_out > 0 {
            let what = format!("{} further findings are not listed", self.left_out);
            self.list.push(Finding {
                severity: Severity::Warning,
                rule: Rule::File,
                incomplete: false,
                place: String::new(),
                what,
            });
        }
        self.list
    }
}

/// Names are not to be trusted: what would move a cursor or change the direction of writing is escaped.
fn printable(text: &str) -> String {
    let (mut chars, mut safe) = (text.chars(), String::new());
    for c in chars.by_ref().take(MAX_CHARS) {
        match is_control(c) {
            true => safe.extend(c.escape_default()),
            false => safe.push(c),
        }
    }
    if chars.next().is_some() {
        safe.push('…');
    }
    safe
}
