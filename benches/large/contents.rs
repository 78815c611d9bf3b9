//! Reads the contents of archives for comparisons, using only the tar and gzip libraries.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The contents that must be the same in both archives of a job.
const COMPARED: [&str; 6] = [
    SNAPSHOT,
    "snapshot_docs",
    "annotations",
    INPUTS,
    "filters",
    "categories",
];
const SNAPSHOT: &str = "snapshot_doc";
const INPUTS: &str = "inputs";

/// The number of lines and the sum of their hashes, by kind of entry.
pub struct Contents {
    kinds: BTreeMap<&'static str, LineDigest>,
    entries: usize,
    bytes: u64,
    compressed: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct LineDigest {
    count: u64,
    /// Each hash is weighted by its position, since the order matters.
    sum: u128,
}

/// Reads an archive. In the archive of a clone, the ID of the clone is replaced by that of the job.
pub fn of(archive: &Path, clone: Option<(&str, &str)>) -> Contents {
    let file = std::fs::File::open(archive).expect("the archive");
    let compressed = file.metadata().expect("its size").len();
    let mut tar = tar::Archive::new(MultiGzDecoder::new(BufReader::new(file)));
    let mut contents = Contents {
        kinds: BTreeMap::new(),
        entries: 0,
        bytes: 0,
        compressed,
    };
    for entry in tar.entries().expect("a tar") {
        let entry = entry.expect("an entry");
        contents.entries += 1;
        contents.bytes += entry.size();
        let name = entry.path().expect("a path").display().to_string();
        if let Some(kind) = kind(&name) {
            let lines = contents.kinds.entry(kind).or_default();
            let entry = BufReader::with_capacity(1 << 20, entry);
            match (kind, clone) {
                // The index of input documents differs, and they do not contain the job ID.
                (INPUTS, _) => lines.read(entry, |number, line| match number % 2 {
                    0 => id(&line),
                    _ => line,
                }),
                (_, Some((id, job))) => lines.read(entry, |_, line| renamed(&line, id, job)),
                (_, None) => lines.read(entry, |_, line| line),
            }
        }
    }
    contents
}

fn kind(name: &str) -> Option<&'static str> {
    let name = name.rsplit_once('.').map_or(name, |(name, _)| name);
    let named = |kind: &&str| match *kind {
        SNAPSHOT => name.starts_with("ml-anomalies-snapshot_doc"),
        INPUTS => name.contains("_input_") && !name.ends_with("_mapping"),
        kind => name.ends_with(&format!("_{kind}")),
    };
    COMPARED.into_iter().find(named)
}

/// Returns the ID in an action line.
fn id(line: &[u8]) -> Vec<u8> {
    let action: Value = serde_json::from_slice(line).expect("an action line");
    action["index"]["_id"].to_string().into_bytes()
}

fn renamed(line: &[u8], id: &str, job: &str) -> Vec<u8> {
    let (mut text, mut rest) = (Vec::with_capacity(line.len()), line);
    while let Some(at) = rest.windows(id.len()).position(|window| window == id.as_bytes()) {
        text.extend_from_slice(&rest[..at]);
        text.extend_from_slice(job.as_bytes());
        rest = &rest[at + id.len()..];
    }
    text.extend_from_slice(rest);
    text
}

impl LineDigest {
    /// Lines are counted from 0 in each entry.
    fn read(&mut self, mut entry: impl BufRead, rewrite: impl Fn(u64, Vec<u8>) -> Vec<u8>) {
        let mut line = Vec::new();
        let mut number = 0;
        while entry.read_until(b'\n', &mut line).expect("the entry") > 0 {
            let hash = Sha256::digest(rewrite(number, std::mem::take(&mut line)));
            let hash: [u8; 16] = hash[..16].try_into().expect("16 bytes");
            number += 1;
            self.count += 1;
            let place = u128::from(self.count * 2 + 1);
            self.sum = self.sum.wrapping_add(u128::from_be_bytes(hash).wrapping_mul(place));
        }
    }
}

impl Contents {
    /// Fails if the contents differ.
    #[track_caller]
    pub fn assert_same(&self, other: &Self) {
        assert_eq!(self.kinds, other.kinds, "the contents of the archives differ");
    }
}

impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes, compressed) = (self.entries, self.bytes, self.compressed);
        write!(
            f,
            "{entries} entries, {bytes} bytes, {compressed} compressed; compared:"
        )?;
        for (kind, lines) in &self.kinds {
            write!(f, " {} lines of {kind}", lines.count)?;
        }
        Ok(())
    }
}
