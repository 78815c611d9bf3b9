//! `esml_manifest.json`: what was written, so that a reader can check that it is complete.

use std::collections::BTreeSet;

use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::layout::EntryKind;

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
