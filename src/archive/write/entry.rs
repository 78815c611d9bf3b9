//! One entry on its way into the archive: compressed and hashed as it is filled.

use std::io::{Seek, SeekFrom, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use tempfile::SpooledTempFile;

use crate::archive::error::{Error, Result};
use crate::archive::layout::{BLOCK, EntryName, MAX_ACTION, max_document, max_text};
use crate::archive::manifest::ManifestEntry;
use crate::util::hex::hex;

/// Compressed bytes kept in memory before they go to an unlinked temporary file.
const IN_MEMORY: usize = 4 << 20;
/// Bytes that are hashed and compressed together: both are slow on a line at a time.
const BUFFER: usize = 128 << 10;

/// An entry being filled, in bounded memory. Independent of the writer and `Send`, so that entries can be built on several
/// cores.
pub struct EntryBuilder {
    name: EntryName,
    gzip: GzEncoder<SpooledTempFile>,
    hash: Sha256,
    buffer: Vec<u8>,
    /// Documents so far.
    pub(crate) documents: u64,
    /// Uncompressed bytes so far.
    pub(crate) bytes: u64,
}

/// A finished entry, ready to be appended.
#[derive(Debug)]
pub struct SealedEntry {
    /// As the manifest lists it.
    pub summary: ManifestEntry,
    /// One gzip member: the content, and zeros up to the end of its last tar block.
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
    /// Starts an entry; `level` is one of gzip's, 0 (stored) to 9.
    pub fn new(name: EntryName, level: u32) -> Self {
        let file = SpooledTempFile::new(IN_MEMORY);
        Self {
            name,
            gzip: GzEncoder::new(file, Compression::new(level.min(9))),
            hash: Sha256::new(),
            buffer: Vec::with_capacity(BUFFER),
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
        if let Some(part) = self.name.kind.part() {
            let lines = if part.has_actions() { 2 } else { 1 };
            self.refuse_too_long(self.documents * lines, source.len(), max_document(part))?;
        }
        // JSON allows no raw line break inside a string, so every one is between tokens.
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
        let before = self.buffer.len();
        serde_json::to_writer(&mut self.buffer, &action).map_err(|cause| Error::temporary(cause.into()))?;
        let length = self.buffer.len() - before;
        self.refuse_too_long(self.documents * 2 + 1, length, MAX_ACTION)?;
        self.bytes += length as u64;
        self.put(b"\n")?;
        self.line(source)
    }

    /// Closes the gzip member.
    ///
    /// # Errors
    /// As [`json`](Self::json).
    pub fn seal(mut self) -> Result<SealedEntry> {
        self.compress_buffer()?;
        let padding = self.bytes.next_multiple_of(BLOCK as u64) - self.bytes;
        let sealed = self
            .gzip
            .write_all(&[0; BLOCK][..padding as usize])
            .and_then(|()| self.gzip.finish())
            .and_then(|mut member| member.seek(SeekFrom::Start(0)).map(|_| member));
        let summary = ManifestEntry {
            name: self.name.as_str().to_owned(),
            documents: self.documents,
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
        };
        let member = sealed.map_err(Error::temporary)?;
        Ok(SealedEntry { summary, member })
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.bytes += bytes.len() as u64;
        if self.buffer.len() + bytes.len() > BUFFER {
            self.compress_buffer()?;
        }
        if bytes.len() < BUFFER {
            self.buffer.extend_from_slice(bytes);
            return Ok(());
        }
        self.hash.update(bytes);
        let mut pieces = bytes.chunks(BUFFER);
        pieces
            .try_for_each(|piece| self.gzip.write_all(piece))
            .map_err(Error::temporary)
    }

    fn compress_buffer(&mut self) -> Result<()> {
        self.hash.update(&self.buffer);
        self.gzip.write_all(&self.buffer).map_err(Error::temporary)?;
        self.buffer.clear();
        Ok(())
    }

    fn refuse_too_long(&self, line: u64, bytes: usize, max: u64) -> Result<()> {
        if bytes as u64 <= max {
            return Ok(());
        }
        let place = format!("{}, line {line}", self.name.as_str());
        Err(Error::too_large(place, self.name.kind, bytes as u64, max))
    }
}

impl EntryName {
    /// Refuses a text that no import takes in this entry, before it is collected.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn refuse_too_large(&self, bytes: u64) -> Result<()> {
        let max = max_text(self.kind);
        match bytes <= max {
            true => Ok(()),
            false => Err(Error::too_large(self.as_str(), self.kind, bytes, max)),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::archive::layout::EntryKind;

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
            let [longest, longer] = longest_and_longer(max_text(kind));
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
