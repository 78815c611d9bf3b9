//! The computations of the tool and their data, which are the same for measuring time and for counting instructions.

use std::io::Read;
use std::path::PathBuf;

use bytes::Bytes;
use esml_state::archive::{self, EntryBuilder, EntryKind, EntryName, Limits};
use esml_state::cluster::Page;
use esml_state::job::{JobId, SnapshotId};
use esml_state::state::ChunkDecoder;
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// The number of documents in a page and in an entry of an archive.
pub const DOCUMENTS: usize = 10_000;
const INDEX: &str = "weblogs-2024.01";
const INPUTS: &str = "web-latency_input_1.ndjson";
const STATE: &str = "web-latency_snapshot_docs.ndjson";

/// The data, created from an archive that never changes.
pub struct TestData {
    /// The response of a search.
    page: Bytes,
    /// IDs and documents.
    inputs: Vec<Line>,
    state: Vec<Line>,
    /// A complete archive with these input documents.
    archive: Vec<u8>,
}

struct Line {
    id: String,
    source: String,
}

/// An archive that Elastic's scripts wrote. Changes of this tool do not affect it.
pub fn archive() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/from-python/complete.tar.gz")
}

impl TestData {
    pub fn load() -> Self {
        let file = std::fs::read(archive()).expect("the archive");
        let mut entries = entries(&file);
        let place = |name: &str| entries.iter().position(|(known, _)| known == name).expect("an entry");
        let (inputs_at, state_at) = (place(INPUTS), place(STATE));
        let few = lines(&entries[inputs_at].1);
        let inputs: Vec<Line> = (0..DOCUMENTS)
            .zip(few.iter().cycle())
            .map(|(number, line)| Line {
                id: format!("i{number:09}"),
                source: line.source.clone(),
            })
            .collect();
        let state = lines(&entries[state_at].1);
        entries[inputs_at].1 = inputs
            .iter()
            .map(|Line { id, source }| format!("{{\"index\":{{\"_index\":\"{INDEX}\",\"_id\":\"{id}\"}}}}\n{source}\n"))
            .collect();
        Self {
            page: page(&inputs),
            inputs,
            state,
            archive: pack(&entries),
        }
    }

    /// Splits a page into documents; returns their number.
    pub fn cut(&self) -> usize {
        Page::parse(&self.page, "a search").expect("a page").hits.len()
    }

    pub fn page_bytes(&self) -> usize {
        self.page.len()
    }

    /// Creates an entry of the input documents, hashed and compressed. Returns its uncompressed size in bytes.
    pub fn compress(&self, level: u32) -> u64 {
        let job: JobId = "web-latency".parse().expect("an id");
        let snapshot: SnapshotId = "1795432817".parse().expect("an id");
        let name = EntryName::of(EntryKind::Inputs { number: 1 }, &job, &snapshot);
        let mut entry = EntryBuilder::new(name, level);
        for line in &self.inputs {
            entry
                .action_and_line(Some(INDEX), &line.id, line.source.as_bytes())
                .expect("memory");
        }
        entry.seal().expect("memory").summary.bytes
    }

    /// Decodes the state; returns the decoded size.
    pub fn decode(&self) -> u64 {
        let mut decoder = ChunkDecoder::new(std::io::sink(), u64::MAX);
        for line in &self.state {
            decoder.document(&line.id, line.source.as_bytes()).expect("state");
        }
        decoder.finish().expect("state").0
    }

    pub fn state_bytes(&self) -> usize {
        self.state.iter().map(|line| line.source.len()).sum()
    }

    /// Checks the archive; returns the number of its entries.
    pub fn check(&self) -> usize {
        let contents = archive::check(&self.archive[..], Limits::default(), &mut (), &|_| {}).expect("memory");
        assert!(contents.importable(), "{:?}", contents.findings);
        contents.entries.len()
    }

    /// Returns the uncompressed size of the archive in bytes.
    pub fn archive_bytes(&self) -> usize {
        let mut bytes = Vec::new();
        MultiGzDecoder::new(&self.archive[..])
            .read_to_end(&mut bytes)
            .expect("memory")
    }
}

fn entries(archive: &[u8]) -> Vec<(String, String)> {
    let mut tar = tar::Archive::new(MultiGzDecoder::new(archive));
    let entries = tar.entries().expect("a tar").map(|entry| {
        let mut entry = entry.expect("an entry");
        let name = entry.path().expect("a path").to_string_lossy().into_owned();
        let mut text = String::new();
        entry.read_to_string(&mut text).expect("text");
        (name, text)
    });
    entries.collect()
}

fn pack(entries: &[(String, String)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::new(5)));
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        tar.append_data(&mut header, name, text.as_bytes()).expect("memory");
    }
    let gzip = tar.into_inner().expect("memory");
    gzip.finish().expect("memory")
}

/// Returns documents with the IDs of their action lines.
fn lines(text: &str) -> Vec<Line> {
    let mut lines = text.lines();
    let mut documents = Vec::new();
    while let (Some(action), Some(source)) = (lines.next(), lines.next()) {
        let action: Value = serde_json::from_str(action).expect("an action line");
        documents.push(Line {
            id: action["index"]["_id"].as_str().expect("an id").to_owned(),
            source: source.to_owned(),
        });
    }
    documents
}

/// Returns the response of a search with a point in time, with the members that the tool requests.
fn page(inputs: &[Line]) -> Bytes {
    let hits: Vec<String> = inputs
        .iter()
        .enumerate()
        .map(|(number, Line { id, source })| {
            format!(
                r#"{{"_index":"{INDEX}","_id":"{id}","_source":{source},"sort":[{},{number}]}}"#,
                1_704_067_200_000_u64 + number as u64 * 1009
            )
        })
        .collect();
    let hits = hits.join(",");
    Bytes::from(format!(
        r#"{{"pit_id":"p","timed_out":false,"_shards":{{"total":2,"failed":0}},"hits":{{"hits":[{hits}]}}}}"#
    ))
}
