//! Valid archives, to be changed.

use std::sync::OnceLock;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::import_safety::archive_of;
use crate::support::archive::{TarMember, blocks, gzip, members};
use crate::support::fixtures::Fixture;

pub const JOB: &str = "log-categories";
pub const CONFIG: &str = "_config.json";
pub const SNAPSHOT: &str = "snapshot_doc_";
pub const STATE: &str = "_snapshot_docs.ndjson";
pub const INPUTS: &str = "_input_1.ndjson";
pub const CATEGORIES: &str = "_categories.ndjson";
pub const RESULTS: &str = "_results_1.ndjson";
pub const ANNOTATIONS: &str = "_annotations.ndjson";
pub const NOTIFICATIONS: &str = "_notifications.ndjson";
const MANIFEST: &str = "esml_manifest.json";

/// The entries of an archive. Each change returns the changed entries.
#[derive(Clone)]
pub struct Entries(pub Vec<TarMember>);

/// Returns the entries as written by an export, with their manifest.
pub fn exported() -> Entries {
    Entries(members(&archive_of(JOB)))
}

/// Returns the line of a result, preceded by its action line.
pub fn result(id: &str, source: &str) -> String {
    format!("{{\"index\":{{\"_id\":\"{id}\"}}}}\n{source}\n")
}

/// Returns the entries without a manifest, with a small model state in three documents.
pub fn valid() -> Entries {
    static VALID: OnceLock<Entries> = OnceLock::new();
    VALID.get_or_init(split).clone()
}

fn split() -> Entries {
    let all = exported().without(MANIFEST);
    let mut lines: Vec<String> = all.text(STATE).lines().map(str::to_owned).collect();
    let small = Fixture::load(JOB).with_small_state().state;
    let model: Value = serde_json::from_str(&small[0].source).unwrap();
    let joined = model["compressed"][0].as_str().unwrap();
    // Base64 is decoded in groups of four characters.
    let (one, rest) = joined.split_at(joined.len() / 3 / 4 * 4);
    let (two, three) = rest.split_at(rest.len() / 2 / 4 * 4);
    let id = |number: usize| lines[0].replace("#1\"", &format!("#{number}\""));
    let mut split = vec![
        id(1),
        format!("{{\"compressed\":[\"{one}\"]}}"),
        id(2),
        format!("{{\"compressed\":[\"{two}\"]}}"),
        id(3),
        format!("{{\"compressed\":[\"{three}\"],\"eos\":true}}"),
    ];
    split.extend(lines.drain(2..));
    let results: String = Fixture::load(JOB)
        .with_results(2)
        .results
        .iter()
        .map(|stored| result(&stored.id, &stored.source))
        .collect();
    all.set(STATE, split.join("\n") + "\n")
        .set(RESULTS, results)
        .json(SNAPSHOT, |snapshot| snapshot["snapshot_doc_count"] = 3.into())
}

impl Entries {
    pub fn text(&self, part: &str) -> String {
        let found = self.0.iter().find(|member| member.name.contains(part));
        String::from_utf8(found.expect(part).content.clone()).unwrap()
    }

    /// Replaces the content of an entry, or adds the entry.
    pub fn set(mut self, part: &str, content: impl Into<Vec<u8>>) -> Self {
        match self.0.iter_mut().find(|member| member.name.contains(part)) {
            Some(member) => member.content = content.into(),
            None => self.0.push(TarMember::file(&format!("{JOB}{part}"), content)),
        }
        self
    }

    pub fn without(mut self, part: &str) -> Self {
        self.0.retain(|member| !member.name.contains(part));
        self
    }

    pub fn with_entry(mut self, name: &str, kind: tar::EntryType) -> Self {
        self.0.push(TarMember {
            kind,
            ..TarMember::file(name, "{}")
        });
        self
    }

    /// Appends bytes to an entry.
    pub fn append(self, part: &str, bytes: &[u8]) -> Self {
        let content = [self.text(part).as_bytes(), bytes].concat();
        self.set(part, content)
    }

    #[track_caller]
    pub fn replaced(self, part: &str, from: &str, to: &str) -> Self {
        let content = self.text(part);
        assert!(content.contains(from), "{part} does not contain {from}");
        self.set(part, content.replacen(from, to, 1))
    }

    /// Changes an entry with a single JSON text.
    pub fn json(self, part: &str, change: impl FnOnce(&mut Value)) -> Self {
        let mut value = serde_json::from_str(&self.text(part)).unwrap();
        change(&mut value);
        self.set(part, value.to_string())
    }

    /// Changes the lines of an entry. In the state, lines 0 and 1 are action and document of `#1`, lines 6 and 7 those
    /// of the categorizer.
    pub fn lines(self, part: &str, change: impl FnOnce(&mut Vec<String>)) -> Self {
        let mut lines = self.text(part).lines().map(str::to_owned).collect();
        change(&mut lines);
        self.set(part, lines.join("\n") + "\n")
    }

    /// Changes the manifest, or creates one.
    pub fn manifest(self, change: impl FnOnce(&mut Value)) -> Self {
        let all = match self.0.iter().any(|member| member.name == MANIFEST) {
            true => self,
            false => {
                let mut value: Value = serde_json::from_str(&exported().text(MANIFEST)).unwrap();
                value["entries"] = self.0.iter().map(manifest_entry).collect();
                let mut all = self;
                all.0.push(TarMember::file(MANIFEST, value.to_string()));
                all
            }
        };
        all.json(MANIFEST, change)
    }

    pub fn pack(&self) -> Vec<u8> {
        gzip(&self.blocks())
    }

    pub fn blocks(&self) -> Vec<u8> {
        blocks(&self.0)
    }
}

fn manifest_entry(member: &TarMember) -> Value {
    let lines = member.content.iter().filter(|byte| **byte == b'\n').count();
    let pairs = [STATE, "_input_", CATEGORIES, "_results_"];
    let documents = match member.name.ends_with(".ndjson") {
        false => 1,
        true if pairs.iter().any(|part| member.name.contains(part)) => lines / 2,
        true => lines,
    };
    let digest = Sha256::digest(&member.content);
    let sha256: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    json!({"name": member.name, "documents": documents, "bytes": member.content.len(), "sha256": sha256})
}
