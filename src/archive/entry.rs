//! One entry on its way into the archive: compressed and hashed as it is filled.

use std::fmt;
use std::io::{self, Seek, SeekFrom};

use flate2::Compression;
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use super::density::Member;
use super::limits::{LONGEST_ACTION, largest_text, longest_document};
use super::lines::has_actions;
use crate::archive::{EntryKind, EntryName, Error, ManifestEntry, Result};
use crate::util::hex::hex;

/// Compressed bytes kept in memory before they go to a file.
const IN_MEMORY: usize = 4 << 20;
const BLOCK: u64 = 512;
/// Bytes that wait to be hashed and compressed together: both are slow on a line at a time.
const WAITING: usize = 128 << 10;

/// An entry being filled. Memory is bounded: past a few MiB the compressed bytes go to an unlinked
/// temporary file. Independent of the writer and `Send`, so that entries can be built on several cores.
pub struct EntryBuilder {
    name: EntryName,
    kind: Option<EntryKind>,
    member: Member<SpooledTempFile>,
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
    /// How far it is ahead of the ratio at its densest place.
    pub(super) ahead: i64,
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
        Self {
            kind: EntryKind::of_path(name.as_str()),
            name,
            member: Member::new(SpooledTempFile::new(IN_MEMORY), Compression::new(level.min(9))),
            hash: Sha256::new(),
            waiting: Vec::with_capacity(WAITING),
            documents: 0,
            bytes: 0,
        }
    }

    /// A whole JSON text (one document).
    ///
    /// # Errors
    /// The temporary file cannot be written, and [`Error::TooLarge`]; so for all that writes here.
    pub fn json(&mut self, text: &[u8]) -> Result<()> {
        self.name.refuse_too_large(text.len() as u64)?;
        self.documents += 1;
        self.put(text)
    }

    /// A document on a line of its own; raw line breaks between its tokens become spaces.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn line(&mut self, source: &[u8]) -> Result<()> {
        self.documents += 1;
        if let Some(part) = self.kind.and_then(EntryKind::part) {
            let lines = if has_actions(part) { 2 } else { 1 };
            self.refuse_too_long(self.documents * lines, source.len(), longest_document(part))?;
        }
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
        let length = self.waiting.len() - before;
        self.refuse_too_long(self.documents * 2 + 1, length, LONGEST_ACTION)?;
        self.bytes += length as u64;
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
        let filling = (self.bytes.next_multiple_of(BLOCK) - self.bytes) as usize;
        let finished = self
            .member
            .put(&[0; BLOCK as usize][..filling])
            .and_then(|()| self.member.finish())
            .and_then(|(mut member, ahead)| member.seek(SeekFrom::Start(0)).map(|_| (member, ahead)));
        let sha256 = hex(&self.hash.finalize());
        let summary = ManifestEntry {
            name: self.name.as_str().to_owned(),
            documents: self.documents,
            bytes: self.bytes,
            sha256,
        };
        match finished {
            Ok((member, ahead)) => Ok(SealedEntry { summary, member, ahead }),
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
        let mut pieces = bytes.chunks(WAITING);
        pieces
            .try_for_each(|piece| self.member.put(piece))
            .map_err(temporary_failed)
    }

    fn compress_waiting(&mut self) -> Result<()> {
        self.hash.update(&self.waiting);
        self.member.put(&self.waiting).map_err(temporary_failed)?;
        self.waiting.clear();
        Ok(())
    }

    fn refuse_too_long(&self, line: u64, bytes: usize, most: u64) -> Result<()> {
        if bytes as u64 <= most {
            return Ok(());
        }
        Err(Error::TooLarge {
            place: format!("{}, line {line}", self.name.as_str()),
            kind: self.kind,
            bytes: bytes as u64,
            most,
        })
    }
}

impl EntryName {
    /// Refuses a text that no reader takes in this entry, before it is gathered whole.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn refuse_too_large(&self, bytes: u64) -> Result<()> {
        let kind = EntryKind::of_path(self.as_str());
        match kind.map(largest_text) {
            Some(most) if bytes > most => Err(Error::TooLarge {
                place: self.as_str().to_owned(),
                kind,
                bytes,
                most,
            }),
            _ => Ok(()),
        }
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
    /// The same with what fills its last tar block.
    pub(super) fn blocks(&self) -> u64 {
        self.summary.bytes.next_multiple_of(BLOCK)
    }
}

/// A failure of the unlinked temporary file, named by the folder that it was in.
pub(super) fn temporary_failed(cause: io::Error) -> Error {
    Error::Io {
        path: std::env::temp_dir(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(kind: EntryKind) -> EntryBuilder {
        EntryBuilder::new(EntryName::of(kind, &"a".parse().unwrap(), &"1".parse().unwrap()), 0)
    }

    /// The text as far as it may go, and one byte more.
    fn longest_and_longer(bytes: u64) -> [Vec<u8>; 2] {
        [0, 1].map(|more| vec![b' '; usize::try_from(bytes + more).unwrap()])
    }

    #[test]
    fn what_no_reader_takes_is_not_written() {
        for kind in [EntryKind::Config, EntryKind::InputMapping, EntryKind::Snapshot] {
            let [longest, longer] = longest_and_longer(largest_text(kind));
            entry(kind).json(&longest).unwrap();
            let error = entry(kind).json(&longer).unwrap_err();
            let told = format!(
                "would have {} bytes, and no import takes more than {}",
                longer.len(),
                longest.len()
            );
            assert!(error.to_string().contains(&told), "{error}");
            assert!(!error.is_damage() && error.hint().is_some());
        }
        let [longest, longer] = longest_and_longer(4 << 20);
        let mut annotations = entry(EntryKind::Annotations);
        annotations.line(&longest).unwrap();
        let error = annotations.line(&longer).unwrap_err();
        assert!(
            error.to_string().starts_with("a_annotations.ndjson, line 2 would have"),
            "{error}"
        );
        let mut categories = entry(EntryKind::Categories);
        categories.action_and_line(None, "1", &longest).unwrap();
        let error = categories.action_and_line(None, "2", &longer).unwrap_err();
        assert!(
            error.to_string().starts_with("a_categories.ndjson, line 4 would have"),
            "{error}"
        );
        assert!(categories.action_and_line(None, &"x".repeat(17 << 10), b"{}").is_err());
    }
}
