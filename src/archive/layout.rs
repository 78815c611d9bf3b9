//! The entries of an archive: their names (ours, and those that the Python scripts search for by substring), their
//! limits, and the manifest, which lists the entries so that a reader can check that the archive is complete. Readers
//! refuse what exceeds the limits, so writers do not write it.
//!
//! The scripts' importer uses the first path, in tar order, that contains `ml-anomalies-snapshot_doc`, `_config.json`
//! or `_snapshot_docs.ndjson`, and every path that matches `<safe>_input_\d+.ndjson`. The safe form of a job ID has no
//! dots, so it cannot add `_config.json` or `_snapshot_docs.ndjson` to the name of another entry. Two cases remain. A
//! job ID that contains `ml-anomalies-snapshot_doc` is part of every name, so the snapshot entry must be the first one.
//! A snapshot whose ID ends like the name of another entry is written with dashes (see [`EntryName::of`]); the IDs that
//! Elasticsearch generates consist of digits.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::job::{JobId, SnapshotId};

const SNAPSHOT_PREFIX: &str = "ml-anomalies-snapshot_doc_";
pub(super) const MANIFEST: &str = "esml_manifest.json";

/// The endings of entry names after the safe job ID.
pub(crate) const ENDINGS: [(&str, EntryKind); 11] = [
    ("_config.json", EntryKind::Config),
    ("_snapshot_docs.ndjson", EntryKind::State),
    ("_annotations.ndjson", EntryKind::Annotations),
    ("_notifications.ndjson", EntryKind::Notifications),
    ("_input_1.ndjson", EntryKind::Inputs { number: 1 }),
    ("_input_mapping.json", EntryKind::InputMapping),
    ("_data_counts.json", EntryKind::DataCounts),
    ("_categories.ndjson", EntryKind::Categories),
    ("_results_1.ndjson", EntryKind::Results { number: 1 }),
    ("_filters.json", EntryKind::Filters),
    ("_calendars.json", EntryKind::Calendars),
];

/// The maximum number of entries in an archive, including the manifest: enough for a billion input documents. A reader
/// stores a line about each entry.
pub const MAX_ENTRIES: usize = 100_000;
/// The maximum size of all decompressed entries in bytes. It is far above the size of real archives and stops
/// decompression bombs.
pub(super) const MAX_BYTES: u64 = 1 << 40;
/// The maximum number of documents in an entry of input documents or results.
pub const PART_DOCUMENTS: u64 = 10_000;
/// The approximate size of such an entry in bytes. Several entries are in memory while they are compressed, together
/// with the pages of all readers.
const PART_BYTES: u64 = 3 << 20;
/// The maximum number of state documents of both kinds. It limits the memory for documents that are out of order, and
/// is far above the number in real snapshots.
pub(super) const MAX_STATE_DOCUMENTS: usize = 100_000;
/// The maximum number of source indices.
pub const MAX_INDICES: usize = 10_000;
/// The maximum size of an action line in bytes: an ID of 512 bytes and an index name of 255, each possibly escaped as
/// `\u0000`, and some reserve.
pub(super) const MAX_ACTION: u64 = 16 << 10;
/// The size of a tar block in bytes.
pub(super) const BLOCK: usize = 512;

/// The content of an entry.
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
    Inputs {
        /// The number, starting with 1.
        number: u64,
    },
    /// `<safe>_input_mapping.json`
    InputMapping,
    /// `<safe>_data_counts.json`
    DataCounts,
    /// `<safe>_categories.ndjson`
    Categories,
    /// `<safe>_results_<n>.ndjson`
    Results {
        /// The number, starting with 1.
        number: u64,
    },
    /// `<safe>_filters.json`
    Filters,
    /// `<safe>_calendars.json`
    Calendars,
    /// `esml_manifest.json`
    Manifest,
}

/// The parts of an archive that consist of documents.
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
    /// Results.
    Results,
    /// Input documents.
    Inputs,
}

/// The name of an entry that esml-state writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    pub(super) kind: EntryKind,
    name: String,
}

impl EntryName {
    /// Returns the name of an entry of this job.
    ///
    /// If a snapshot ID would make the snapshot's entry look like another one, its underscores are replaced and a dash
    /// is appended. The name is only used to find the entry; the ID is read from the document.
    pub fn of(kind: EntryKind, job: &JobId, snapshot: &SnapshotId) -> Self {
        let safe = job.safe();
        let name = match kind {
            EntryKind::Snapshot => snapshot_name(&safe, snapshot),
            EntryKind::Manifest => return Self::manifest(),
            EntryKind::Inputs { number: 0 } => format!("{safe}_input.ndjson"),
            EntryKind::Inputs { number } => format!("{safe}_input_{number}.ndjson"),
            EntryKind::Results { number } => format!("{safe}_results_{number}.ndjson"),
            other => {
                let ending = ENDINGS.iter().find(|(_, kind)| *kind == other);
                format!("{safe}{}", ending.map_or("", |(ending, _)| ending))
            }
        };
        Self { kind, name }
    }

    /// Returns the name of the manifest, which does not depend on the job.
    pub(super) fn manifest() -> Self {
        let (kind, name) = (EntryKind::Manifest, MANIFEST.to_owned());
        Self { kind, name }
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl EntryKind {
    /// Returns the kind of entry with this path, in an archive of any tool; `None` for unknown entries.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == MANIFEST {
            return Some(Self::Manifest);
        }
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        if let Some((ending, kind)) = ending {
            return (name.len() > ending.len()).then_some(*kind);
        }
        if let Some(numbered) = name.strip_suffix(".ndjson").and_then(numbered) {
            return Some(numbered);
        }
        let rest = name.strip_prefix(SNAPSHOT_PREFIX)?.strip_suffix(".json")?;
        (!rest.is_empty()).then_some(Self::Snapshot)
    }

    /// Returns the part that the entry belongs to.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::State => Some(Part::State),
            Self::Annotations => Some(Part::Annotations),
            Self::Notifications => Some(Part::Notifications),
            Self::Categories => Some(Part::Categories),
            Self::Results { .. } => Some(Part::Results),
            Self::Inputs { .. } => Some(Part::Inputs),
            _ => None,
        }
    }

    /// Returns the number of an entry whose part may have several; 0 for `<safe>_input.ndjson`.
    pub fn number(self) -> Option<u64> {
        match self {
            Self::Inputs { number } | Self::Results { number } => Some(number),
            _ => None,
        }
    }

    /// Returns the entry after this one in its part; `None` if the part has only one entry.
    pub fn next(self) -> Option<Self> {
        match self {
            Self::Inputs { number } => Some(Self::Inputs { number: number + 1 }),
            Self::Results { number } => Some(Self::Results { number: number + 1 }),
            _ => None,
        }
    }
}

impl Part {
    /// Whether each document is preceded by an action line.
    pub(super) fn has_actions(self) -> bool {
        matches!(self, Self::State | Self::Inputs | Self::Categories | Self::Results)
    }
}

/// Limits for the decompressed size of an archive.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The maximum size of an entry in bytes (`--max-entry-size`).
    pub entry: u64,
    /// The maximum size of all entries in bytes.
    pub total: u64,
    /// The maximum size of the decoded model state in bytes.
    pub state: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            entry: 10 << 30,
            total: MAX_BYTES,
            state: 64 << 30,
        }
    }
}

/// Returns the maximum size of a document in bytes.
pub(super) fn max_document(part: Part) -> u64 {
    match part {
        // Elasticsearch's default limit for a request. State documents have about 17 million bytes.
        Part::State | Part::Inputs => 100 << 20,
        Part::Annotations | Part::Notifications | Part::Categories | Part::Results => 4 << 20,
    }
}

/// Returns the maximum size of an entry with a single JSON text in bytes.
pub(super) fn max_text(kind: EntryKind) -> u64 {
    match kind {
        // Quantiles grow with the number of partitions, the manifest with the number of entries. Configuration and
        // calendars are parsed completely, which uses many times their size in memory.
        EntryKind::Snapshot => 64 << 20,
        EntryKind::Manifest => 32 << 20,
        EntryKind::Config | EntryKind::Calendars => 4 << 20,
        _ => 16 << 20,
    }
}

/// Whether an entry of input documents or results is full, so that a document of this size starts a new one. An empty entry
/// accepts a document of any size.
pub fn is_full(documents: u64, bytes: u64, coming: usize) -> bool {
    documents > 0 && (documents == PART_DOCUMENTS || bytes + coming as u64 > PART_BYTES)
}

fn snapshot_name(safe_job: &str, snapshot: &SnapshotId) -> String {
    let id = snapshot.as_str().replace('.', "_");
    let name = format!("{SNAPSHOT_PREFIX}{safe_job}_model_snapshot_{id}.json");
    if EntryKind::of_path(&name) == Some(EntryKind::Snapshot) && !id.contains("ndjson") {
        return name;
    }
    let id = id.replace('_', "-");
    format!("{SNAPSHOT_PREFIX}{safe_job}_model_snapshot_{id}-.json")
}

/// Parses the name of a numbered entry without `.ndjson`.
fn numbered(stem: &str) -> Option<EntryKind> {
    let (begin, digits) = match stem.strip_suffix("_input") {
        Some(_) => (stem, "0"),
        None => stem.rsplit_once('_')?,
    };
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|_| plain)?;
    let (job, part) = begin.rsplit_once('_')?;
    match part {
        _ if job.is_empty() => None,
        "input" => Some(EntryKind::Inputs { number }),
        "results" => Some(EntryKind::Results { number }),
        _ => None,
    }
}

/// The only format version.
pub const FORMAT_VERSION: u32 = 1;

/// The maximum size of options or an analyzer in bytes. Parsing them uses many times their size in memory.
const MAX_NESTED: usize = 64 << 10;

/// The manifest, version 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// Always 1.
    pub format_version: u32,
    /// The version of esml-state.
    pub tool_version: String,
    /// The creation time, RFC 3339 in UTC.
    pub created: String,
    /// The source cluster.
    pub source: ManifestSource,
    /// The ID of the job.
    pub job_id: String,
    /// The ID of the snapshot.
    pub snapshot_id: String,
    /// A hash of everything that determines the content (`export --skip-unchanged`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Remote clusters whose input documents are missing or incomplete (`--allow-partial`).
    #[serde(default, deserialize_with = "small", skip_serializing_if = "BTreeSet::is_empty")]
    pub incomplete_clusters: BTreeSet<String>,
    /// The options that affect the content, named as on the command line.
    #[serde(deserialize_with = "small")]
    pub options: serde_json::Map<String, Value>,
    /// All entries before this one, in order.
    pub entries: Vec<EntrySummary>,
}

/// The source cluster.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ManifestSource {
    /// `version.number`.
    pub cluster_version: String,
    /// `cluster_name`.
    pub cluster_name: String,
    /// `cluster_uuid`.
    pub cluster_uuid: String,
    /// `_ml/info` `defaults.anomaly_detectors.categorization_analyzer`.
    #[serde(default, deserialize_with = "small", skip_serializing_if = "Option::is_none")]
    pub default_categorization_analyzer: Option<Value>,
}

/// An entry as listed in the manifest or as read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySummary {
    /// The path in the tar file.
    pub name: String,
    /// The kind of an entry that was read.
    #[serde(skip)]
    pub kind: Option<EntryKind>,
    /// The number of documents. Action lines do not count; an entry with a single JSON text has one document.
    pub documents: u64,
    /// The uncompressed size in bytes.
    pub bytes: u64,
    /// The SHA-256 of those bytes in lowercase hexadecimal digits.
    pub sha256: String,
    /// The compressed offset of the entry's header, if a gzip member begins there.
    #[serde(skip)]
    pub(crate) start: Option<u64>,
}

/// Deserializes a value that must be small.
fn small<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    if text.get().len() > MAX_NESTED {
        let why = format!("options or an analyzer of more than {MAX_NESTED} bytes");
        return Err(D::Error::custom(why));
    }
    serde_json::from_str(text.get()).map_err(D::Error::custom)
}

/// The datafeed's query in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchivedQuery {
    /// The original query.
    #[default]
    Original,
    /// The original query, but the input documents do not contain all fields that it reads. All of them match it.
    #[serde(rename = "original-without-fields")]
    WithoutFields,
    /// `match_all` replaces it: only the input documents in the archive are those that the job reads.
    Replaced,
}

/// The option that records the query, unless it is the original one.
const DATAFEED_QUERY: &str = "datafeed-query";

impl Manifest {
    /// Records what happened to the datafeed's query.
    pub fn set_datafeed_query(&mut self, query: ArchivedQuery) {
        match query {
            ArchivedQuery::Original => drop(self.options.shift_remove(DATAFEED_QUERY)),
            changed => drop(self.options.insert(DATAFEED_QUERY.to_owned(), json!(changed))),
        }
    }

    /// Returns whether values were replaced by tokens.
    pub fn is_pseudonymized(&self) -> bool {
        let replaced = self.options.get("pseudonymize") == Some(&Value::Bool(true));
        replaced || self.datafeed_query() != ArchivedQuery::Original
    }

    /// Returns what happened to the datafeed's query.
    pub fn datafeed_query(&self) -> ArchivedQuery {
        let name = self.options.get(DATAFEED_QUERY);
        let query = name.and_then(|name| ArchivedQuery::deserialize(name).ok());
        query.unwrap_or_default()
    }

    /// Returns the JSON of the entry, indented so that users can read it.
    pub(super) fn to_json(&self) -> std::io::Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use proptest::prelude::*;

    fn kinds() -> Vec<EntryKind> {
        let mut kinds = vec![EntryKind::Snapshot];
        kinds.extend(ENDINGS.iter().map(|(_, kind)| *kind));
        kinds.extend([EntryKind::Inputs { number: 12 }, EntryKind::Results { number: 12 }]);
        kinds.push(EntryKind::Manifest);
        kinds
    }

    /// Whether a path matches the scripts' `<safe>_input_\d+.ndjson`, where the dot matches any character.
    fn is_their_input(path: &str, safe: &str) -> bool {
        let needle = format!("{safe}_input_");
        path.match_indices(&needle).any(|(at, _)| {
            let rest = &path[at + needle.len()..];
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            digits > 0 && rest.get(digits + 1..).is_some_and(|end| end.starts_with("ndjson"))
        })
    }

    fn holds(job: &str, snapshot: &str) {
        let (job, snapshot): (JobId, SnapshotId) = (job.parse().unwrap(), snapshot.parse().unwrap());
        let names: Vec<_> = kinds()
            .into_iter()
            .map(|kind| (kind, EntryName::of(kind, &job, &snapshot).as_str().to_owned()))
            .collect();
        let first = |needle: &str| {
            names
                .iter()
                .find(|(_, name)| name.contains(needle))
                .map(|(kind, _)| *kind)
                .unwrap()
        };
        assert_eq!(
            first("ml-anomalies-snapshot_doc"),
            EntryKind::Snapshot,
            "{job} {snapshot}"
        );
        assert_eq!(first("_config.json"), EntryKind::Config, "{job} {snapshot}");
        assert_eq!(first("_snapshot_docs.ndjson"), EntryKind::State, "{job} {snapshot}");
        for (kind, name) in &names {
            assert_eq!(EntryKind::of_path(name), Some(*kind), "{name}");
            let input = matches!(kind, EntryKind::Inputs { .. });
            assert_eq!(is_their_input(name, &job.safe()), input, "{name}");
            assert!(!name.contains('/'), "{name}");
        }
    }

    #[test]
    fn unusual_ids_do_not_change_the_kind_of_an_entry() {
        let jobs = [
            "a_config.json.b",
            "x_input_1.ndjson",
            "x_results_1",
            "ml-anomalies-snapshot_doc",
            "a_snapshot_docs.ndjson",
            "d",
        ];
        for job in jobs
            .into_iter()
            .chain(["ml-anomalies-snapshot_doc_x_config.json", "a_input", "a_model_state_b"])
        {
            let snapshots = [
                "1795432817",
                "config",
                "x_config",
                "filters",
                "d_input_1.ndjson",
                "a.data_counts",
            ];
            snapshots.into_iter().for_each(|snapshot| holds(job, snapshot));
        }
    }

    #[test]
    fn entry_names_of_the_python_scripts_are_recognized() {
        assert_eq!(
            EntryKind::of_path("a_input.ndjson"),
            Some(EntryKind::Inputs { number: 0 })
        );
        assert_eq!(
            EntryKind::of_path("./a_input_3.ndjson"),
            Some(EntryKind::Inputs { number: 3 })
        );
        for unknown in [
            "",
            "_config.json",
            "a_input_x.ndjson",
            "a_results.ndjson",
            "a_results_x.ndjson",
            "_results_1.ndjson",
            "notes.txt",
            "a_input_99999999999999999999999.ndjson",
        ] {
            assert_eq!(EntryKind::of_path(unknown), None, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn generated_entry_names_have_one_kind(
            job in "(ml-anomalies-snapshot_doc|[a-z0-9]{1,3})((_config|_input_1|_results_1|_snapshot_docs|[.]json|[.]ndjson|[a-z0-9_.-]{1,3}){0,3}[a-z0-9])?",
            snapshot in "[0-9]{10}|(_config|_input_1|_filters|[.]ndjson|[.]json|[A-Za-z0-9_-]{1,4}){1,3}",
        ) {
            prop_assume!(job.len() <= 64);
            holds(&job, &snapshot);
        }
    }
}
