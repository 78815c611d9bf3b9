//! Reads the contents of an archive independently of the program.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::support::archive::{entries, entry};

/// A document with its index and ID, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ArchivedDocument {
    pub index: String,
    pub id: String,
    pub source: String,
}

/// The parts of an archive. Texts are unchanged.
#[derive(Clone, Debug)]
pub struct ArchiveContents {
    pub config: Value,
    pub snapshot: String,
    /// In the order of the archive.
    pub state: Vec<ArchivedDocument>,
    pub data_counts: Option<String>,
    pub annotations: Vec<String>,
    pub notifications: Vec<String>,
    /// By ID.
    pub categories: BTreeMap<String, String>,
    pub filters: Value,
    pub calendars: Value,
    pub mapping: Map<String, Value>,
    /// In the order of the archive.
    pub inputs: Vec<ArchivedDocument>,
    pub manifest: Value,
    /// All entries by name.
    pub entries: BTreeMap<String, String>,
}

impl ArchiveContents {
    pub fn read(path: &Path) -> Self {
        let entries = entries(path);
        let optional = |ending: &str| {
            let mut found = entries.iter().filter(|(name, _)| name.ends_with(ending));
            found.next().map(|(_, text)| text.clone())
        };
        let lines = |ending| -> Vec<String> {
            let text = optional(ending).unwrap_or_default();
            text.lines().map(str::to_owned).collect()
        };
        let snapshot = entries
            .iter()
            .find(|(name, _)| name.starts_with("ml-anomalies-snapshot_doc_"));
        Self {
            config: json_of(entry(&entries, "_config.json")),
            snapshot: snapshot.expect("a snapshot document").1.clone(),
            state: pairs(entry(&entries, "_snapshot_docs.ndjson")),
            data_counts: optional("_data_counts.json").map(|text| text.trim_end().to_owned()),
            annotations: lines("_annotations.ndjson"),
            notifications: lines("_notifications.ndjson"),
            categories: pairs(&optional("_categories.ndjson").unwrap_or_default())
                .into_iter()
                .map(|category| (category.id, category.source))
                .collect(),
            filters: json_of(entry(&entries, "_filters.json")),
            calendars: json_of(entry(&entries, "_calendars.json")),
            mapping: optional("_input_mapping.json")
                .map(|text| serde_json::from_str(&text).expect("mappings"))
                .unwrap_or_default(),
            inputs: inputs(&entries),
            manifest: json_of(entry(&entries, "esml_manifest.json")),
            entries,
        }
    }

    pub fn job(&self) -> &str {
        self.config["job_id"].as_str().expect("a job id")
    }

    /// Returns the time of the latest record in the snapshot.
    pub fn latest_record(&self) -> Option<i64> {
        json_of(&self.snapshot)["latest_record_time_stamp"].as_i64()
    }

    /// Returns the ID of the snapshot.
    pub fn snapshot_id(&self) -> String {
        json_of(&self.snapshot)["snapshot_id"]
            .as_str()
            .expect("an id")
            .to_owned()
    }

    /// Returns the state documents whose ID contains the word.
    pub fn state_of(&self, kind: &str) -> Vec<&str> {
        let state = self.state.iter().filter(|document| document.id.contains(kind));
        state.map(|document| document.source.as_str()).collect()
    }
}

/// Parses a JSON text.
pub fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|why| panic!("{why}: {text}"))
}

/// Decodes state as autodetect does: the pieces are the base64 text of one gzip member.
pub fn decode_state(documents: &[&str]) -> Vec<u8> {
    let mut text = String::new();
    for document in documents {
        let document = json_of(document);
        let pieces = document["compressed"].as_array().expect("pieces");
        text.extend(pieces.iter().map(|piece| piece.as_str().expect("a piece")));
    }
    let packed = STANDARD.decode(text).expect("base64");
    let mut plain = Vec::new();
    let mut gzip = flate2::read::GzDecoder::new(packed.as_slice());
    gzip.read_to_end(&mut plain).expect("gzip");
    plain
}

/// Parses alternating action lines and documents.
fn pairs(text: &str) -> Vec<ArchivedDocument> {
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines.len() % 2,
        0,
        "a document without action line or the other way round"
    );
    let of = |pair: &[&str]| {
        let action = json_of(pair[0]);
        let at = &action["index"];
        ArchivedDocument {
            index: at["_index"].as_str().unwrap_or_default().to_owned(),
            id: at["_id"].as_str().expect("an id").to_owned(),
            source: pair[1].to_owned(),
        }
    };
    lines.chunks(2).map(of).collect()
}

fn inputs(entries: &BTreeMap<String, String>) -> Vec<ArchivedDocument> {
    let mut parts: Vec<(usize, &String)> = entries
        .iter()
        .filter_map(|(name, text)| Some((input_number(name)?, text)))
        .collect();
    parts.sort_unstable();
    let numbers: Vec<usize> = parts.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=parts.len()).collect::<Vec<_>>(), "numbered from 1");
    parts.into_iter().flat_map(|(_, text)| pairs(text)).collect()
}

fn input_number(name: &str) -> Option<usize> {
    let (_, number) = name.strip_suffix(".ndjson")?.rsplit_once("_input_")?;
    number.parse().ok()
}
