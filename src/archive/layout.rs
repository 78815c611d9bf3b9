//! The entries of an archive: their names, ours and those that the Python scripts look for by substring, and how much
//! each may hold; and the manifest, which lists what was written, so that a reader can check that it is complete. A reader
//! refuses what is beyond these bounds, so a writer does not write it.
//!
//! Their importer takes the first path, in tar order, that contains `ml-anomalies-snapshot_doc`, `_config.json`
//! or `_snapshot_docs.ndjson`, and every path that matches `<safe>_input_\d+.ndjson`. The safe form of a job id has no
//! dots, so no job id can put `_config.json` or `_snapshot_docs.ndjson` into another entry's name. What remains: a job
//! whose id contains `ml-anomalies-snapshot_doc` has it in every name, hence the snapshot entry must be the first of an
//! archive; and a snapshot whose id ends like another entry's name (Elasticsearch makes ids of digits, so none does by
//! itself) is named with dashes, see [`EntryName::of`].

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::job::{JobId, SnapshotId};

const SNAPSHOT_PREFIX: &str = "ml-anomalies-snapshot_doc_";
const MANIFEST: &str = "esml_manifest.json";

/// Entries whose names are the safe job id and an ending.
pub(crate) const ENDINGS: [(&str, EntryKind); 9] = [
    ("_config.json", EntryKind::Config),
    ("_snapshot_docs.ndjson", EntryKind::State),
    ("_annotations.ndjson", EntryKind::Annotations),
    ("_notifications.ndjson", EntryKind::Notifications),
    ("_input_mapping.json", EntryKind::InputMapping),
    ("_data_counts.json", EntryKind::DataCounts),
    ("_categories.ndjson", EntryKind::Categories),
    ("_filters.json", EntryKind::Filters),
    ("_calendars.json", EntryKind::Calendars),
];

/// Entries of one archive, the manifest included: what an archive holds beside its inputs, and a thousand million inputs.
/// A reader keeps a line about each.
pub const MAX_ENTRIES: usize = 100_000;
/// Decompressed bytes of one archive: far more than so many entries have, and a file that repeats itself ends there.
pub(super) const MAX_BYTES: u64 = 1 << 40;
/// Documents of an entry of inputs, at most (archive contract).
pub const PART_DOCUMENTS: u64 = 10_000;
/// Its bytes, about: a few entries are in memory at once while they are compressed, beside the pages of all readers.
const PART_BYTES: u64 = 3 << 20;
/// State documents of both kinds: a bound on the memory for those that come before their turn, far above what a snapshot
/// has.
pub(super) const MAX_STATE_DOCUMENTS: usize = 100_000;
/// Source indices of inputs that are told apart.
pub const MAX_INDICES: usize = 10_000;
/// Bytes of an action line: 512 of an ID and 255 of an index name, each perhaps written as `\u0000`, with room.
pub(super) const MAX_ACTION: u64 = 16 << 10;
/// Bytes of a block of a tar.
pub(super) const BLOCK: usize = 512;

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
    Inputs {
        /// From 1.
        number: u64,
    },
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryName {
    pub(super) kind: EntryKind,
    name: String,
}

impl EntryName {
    /// The name of an entry of this job.
    ///
    /// A snapshot id that would make the snapshot's entry look like another one gets its underscores replaced and a
    /// dash behind it: the name is for finding the entry, the id is read from the document.
    pub fn of(kind: EntryKind, job: &JobId, snapshot: &SnapshotId) -> Self {
        let safe = job.safe();
        let name = match kind {
            EntryKind::Snapshot => snapshot_name(&safe, snapshot),
            EntryKind::Manifest => return Self::manifest(),
            EntryKind::Inputs { number: 0 } => format!("{safe}_input.ndjson"),
            EntryKind::Inputs { number } => format!("{safe}_input_{number}.ndjson"),
            other => {
                let ending = ENDINGS.iter().find(|(_, kind)| *kind == other);
                format!("{safe}{}", ending.map_or("", |(ending, _)| ending))
            }
        };
        Self { kind, name }
    }

    /// The manifest's, the same for every job.
    pub(super) fn manifest() -> Self {
        let (kind, name) = (EntryKind::Manifest, MANIFEST.to_owned());
        Self { kind, name }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.name
    }
}

impl EntryKind {
    /// What a path in any archive, ours or theirs, is taken for; `None` for unknown entries.
    pub fn of_path(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        if name == MANIFEST {
            return Some(Self::Manifest);
        }
        let ending = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        if let Some((ending, kind)) = ending {
            return (name.len() > ending.len()).then_some(*kind);
        }
        if let Some(number) = name.strip_suffix(".ndjson").and_then(input_number) {
            return Some(Self::Inputs { number });
        }
        let rest = name.strip_prefix(SNAPSHOT_PREFIX)?.strip_suffix(".json")?;
        (!rest.is_empty()).then_some(Self::Snapshot)
    }

    /// The part of documents that it belongs to.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::State => Some(Part::State),
            Self::Annotations => Some(Part::Annotations),
            Self::Notifications => Some(Part::Notifications),
            Self::Categories => Some(Part::Categories),
            Self::Inputs { .. } => Some(Part::Inputs),
            _ => None,
        }
    }
}

impl Part {
    /// Whether each document comes with an action line before it.
    pub(super) fn has_actions(self) -> bool {
        matches!(self, Self::State | Self::Inputs | Self::Categories)
    }
}

/// Bounds on what an archive may decompress to (archive contract, rule 6).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of one entry (`--max-entry-size`).
    pub entry: u64,
    /// Bytes of all entries together.
    pub total: u64,
    /// Bytes of decoded model state.
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

/// Bytes that a document of a part may have.
pub(super) fn max_document(part: Part) -> u64 {
    match part {
        // What Elasticsearch takes in one request unless told otherwise. State documents have some 17 million.
        Part::State | Part::Inputs => 100 << 20,
        Part::Annotations | Part::Notifications | Part::Categories => 4 << 20,
    }
}

/// Bytes that an entry of one JSON text may have.
pub(super) fn max_text(kind: EntryKind) -> u64 {
    match kind {
        // Quantiles grow with the number of partitions, the manifest with the number of entries. Configuration and
        // calendars are parsed whole, which takes many times their bytes.
        EntryKind::Snapshot => 64 << 20,
        EntryKind::Manifest => 32 << 20,
        EntryKind::Config | EntryKind::Calendars => 4 << 20,
        _ => 16 << 20,
    }
}

/// Whether an entry of inputs takes no further document of so many bytes. It takes a first one of any size.
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

fn input_number(stem: &str) -> Option<u64> {
    let (job, digits) = match stem.strip_suffix("_input") {
        Some(job) => (job, "0"),
        None => stem.rsplit_once("_input_")?,
    };
    let plain = !job.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// The only version there is.
pub const FORMAT_VERSION: u32 = 1;

/// Bytes of options, or of an analyzer: both are taken apart, which takes many times their bytes.
const MAX_NESTED: usize = 64 << 10;

/// The manifest, version 1.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Manifest {
    /// 1.
    pub format_version: u32,
    /// Version of esml-state.
    pub tool_version: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// Where it came from.
    pub source: ManifestSource,
    /// Which job.
    pub job_id: String,
    /// Which snapshot.
    pub snapshot_id: String,
    /// Remote clusters whose input documents are missing, or some of them (`--allow-partial`).
    #[serde(default, deserialize_with = "small", skip_serializing_if = "BTreeSet::is_empty")]
    pub incomplete_clusters: BTreeSet<String>,
    /// The options that shaped it, as the command line names them.
    #[serde(deserialize_with = "small")]
    pub options: serde_json::Map<String, Value>,
    /// All entries before this one, in order.
    pub entries: Vec<EntrySummary>,
}

/// The cluster that the job came from.
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

/// An entry, as the manifest lists it or as it was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntrySummary {
    /// Its path in the tar.
    pub name: String,
    /// What one that was read is taken for.
    #[serde(skip)]
    pub kind: Option<EntryKind>,
    /// Documents (action lines do not count; a JSON entry is one).
    pub documents: u64,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// SHA-256 of those bytes, lower-case hexadecimal.
    pub sha256: String,
    /// The compressed offset of its header, where that begins a gzip member.
    #[serde(skip)]
    pub(crate) start: Option<u64>,
}

/// A value that must be small.
fn small<'de, T: DeserializeOwned, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    let text = Box::<RawValue>::deserialize(deserializer)?;
    if text.get().len() > MAX_NESTED {
        let why = format!("options or an analyzer of more than {MAX_NESTED} bytes");
        return Err(D::Error::custom(why));
    }
    serde_json::from_str(text.get()).map_err(D::Error::custom)
}

/// The query of the datafeed in an archive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArchivedQuery {
    /// The job's own.
    #[default]
    Original,
    /// The job's own, but the input documents are missing fields that it reads. They match it all the same.
    #[serde(rename = "original-without-fields")]
    WithoutFields,
    /// `match_all` replaces it: only the archived input documents are those that the job reads.
    Replaced,
}

/// The option that records it, unless it is the job's own.
const DATAFEED_QUERY: &str = "datafeed-query";

impl Manifest {
    /// Records what became of the datafeed's query.
    pub fn set_datafeed_query(&mut self, query: ArchivedQuery) {
        match query {
            ArchivedQuery::Original => drop(self.options.shift_remove(DATAFEED_QUERY)),
            changed => drop(self.options.insert(DATAFEED_QUERY.to_owned(), json!(changed))),
        }
    }

    /// What became of the datafeed's query.
    pub fn datafeed_query(&self) -> ArchivedQuery {
        let name = self.options.get(DATAFEED_QUERY);
        let query = name.and_then(|name| ArchivedQuery::deserialize(name).ok());
        query.unwrap_or_default()
    }

    /// As it is in the archive: indented, for people look into it.
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
        kinds.extend([
            EntryKind::Inputs { number: 1 },
            EntryKind::Inputs { number: 12 },
            EntryKind::Manifest,
        ]);
        kinds
    }

    /// Their `<safe>_input_\d+.ndjson`, the dot taken as any character.
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
    fn nasty_ids_are_not_taken_for_other_entries() {
        let jobs = [
            "a_config.json.b",
            "x_input_1.ndjson",
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
            "notes.txt",
            "a_input_99999999999999999999999.ndjson",
        ] {
            assert_eq!(EntryKind::of_path(unknown), None, "{unknown}");
        }
    }

    proptest! {
        #[test]
        fn no_entry_is_taken_for_another(
            job in "(ml-anomalies-snapshot_doc|[a-z0-9]{1,3})((_config|_input_1|_snapshot_docs|[.]json|[.]ndjson|[a-z0-9_.-]{1,3}){0,3}[a-z0-9])?",
            snapshot in "[0-9]{10}|(_config|_input_1|_filters|[.]ndjson|[.]json|[A-Za-z0-9_-]{1,4}){1,3}",
        ) {
            prop_assume!(job.len() <= 64);
            holds(&job, &snapshot);
        }
    }
}
