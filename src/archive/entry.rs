//! One entry on its way into the archive: compressed and hashed as it is filled.

use std::fmt;
use std::io::{self, Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use crate::archive::{EntryName, Error, ManifestEntry, Result};
use crate::hex::hex;

/// Compressed bytes kept in memory before they go to a file.
const IN_MEMORY: usize = 4 << 20;
const BLOCK: u64 = 512;
/// Bytes that wait to be hashed and compressed together: both are slow on a line at a time.
const WAITING: usize = 128 << 10;

/// An entry being filled. Memory is bounded: past a few MiB the compressed bytes go to an unlinked
/// temporary file. Independent of the writer and `Send`, so that entries can be built on several cores.
pub struct EntryBuilder {
    name: EntryName,
    gzip: GzEncoder<SpooledTempFile>,
    hash: Sha256,
    waiting: Vec<u8>,
    documents: u64,
    bytes: u64,
}

/// A finished entry, ready to be appended.
#[derive(Debug)]
pub struct SealedEntry {
    pub(super) summary: ManifestEntry,
    /// One gzip member: the content and what fills its last tar block.
    pub(super) member: SpooledTempFile,
}

#[derive(serde::Serialize)]
struct Action<'a> {
    index: ActionTarget<'a>,
}

#[derive(serde::Serialize)]
struct ActionTarget<'a> {
    #[serde(rename = "_index", skip_serializing_if = "Option::is_none")]
    index: Option<&'a str>,
    #[serde(rename = "_id")]
    id: &'a str,
}

impl EntryBuilder {
    /// Starts an entry; `level` 0..=9, 0 stores.
    pub fn new(name: EntryName, level: u32) -> Self {
        let gzip = GzEncoder::new(SpooledTempFile::new(IN_MEMORY), Compression::new(level.min(9)));
        Self {
            name,
            gzip,
            hash: Sha256::new(),
            waiting: Vec::with_capacity(WAITING),
            documents: 0,
            bytes: 0,
        }
    }

    /// A whole JSON text (one document).
    ///
    /// # Errors
    /// The temporary file cannot be written; so for all that writes here.
    pub fn json(&mut self, text: &[u8]) -> Result<()> {
        self.documents += 1;
        self.put(text)
    }

    /// A document on a line of its own; raw line breaks between its tokens become spaces.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn line(&mut self, source: &[u8]) -> Result<()> {
        self.documents += 1;
        // A raw line break cannot stand inside a JSON string, so every one is between tokens.
        for (n, piece) in source.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if n > 0 {
                self.put(b" ")?;
            }
            self.put(piece)?;
        }
        self.put(b"\n")
    }

    /// An action line `{"index":{"_index":…,"_id":…}}` (`_index` left out where `None`), then the document's.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn action_and_line(&mut self, index: Option<&str>, id: &str, source: &[u8]) -> Result<()> {
        let action = Action {
            index: ActionTarget { index, id },
        };
        let before = self.waiting.len();
        serde_json::to_writer(&mut self.waiting, &action).map_err(|cause| temporary_failed(cause.into()))?;
        self.bytes += (self.waiting.len() - before) as u64;
        self.put(b"\n")?;
        self.line(source)
    }

    /// Documents so far.
    pub fn documents(&self) -> u64 {
        self.documents
    }

    /// Uncompressed bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Closes the gzip member.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn seal(mut self) -> Result<SealedEntry> {
        self.compress_waiting()?;
        let filling = usize::try_from((BLOCK - self.bytes % BLOCK) % BLOCK).unwrap_or(0);
        let finished = self
            .gzip
            .write_all(&[0; BLOCK as usize][..filling])
            .and_then(|()| self.gzip.finish())
            .and_then(|mut member| member.seek(SeekFrom::Start(0)).map(|_| member));
        let sha256 = hex(&self.hash.finalize());
        let summary = ManifestEntry {
            name: self.name.as_str().to_owned(),
            documents: self.documents,
            bytes: self.bytes,
            sha256,
        };
        match finished {
            Ok(member) => Ok(SealedEntry { summary, member }),
            Err(cause) => Err(temporary_failed(cause)),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.waiting.len() + bytes.len() > WAITING {
            self.compress_waiting()?;
        }
        if bytes.len() < WAITING {
            self.waiting.extend_from_slice(bytes);
            return Ok(());
        }
        self.hash.update(bytes);
        self.gzip.write_all(bytes).map_err(temporary_failed)
    }

    fn compress_waiting(&mut self) -> Result<()> {
        self.hash.update(&self.waiting);
        self.gzip.write_all(&self.waiting).map_err(temporary_failed)?;
        self.waiting.clear();
        Ok(())
    }
}

impl fmt::Debug for EntryBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryBuilder")
            .field("name", &self.name)
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

impl SealedEntry {
    /// Documents.
    pub fn documents(&self) -> u64 {
        self.summary.documents
    }
    /// Uncompressed bytes.
    pub fn bytes(&self) -> u64 {
        self.summary.bytes
    }
}

/// A failure of the unlinked temporary file, named by the folder that it was in.
pub(super) fn temporary_failed(cause: io::Error) -> Error {
    Error::Io {
        path: std::env::temp_dir(),
        cause,
    }
}
