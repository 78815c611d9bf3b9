//! One entry on its way into the archive: compressed and hashed as it is filled.

use crate::archive::{EntryName, Result};

/// An entry being filled. Memory is bounded: past a few MiB the compressed bytes go to an unlinked
/// temporary file. Independent of the writer and `Send`, so that entries can be built on several cores.
#[derive(Debug)]
pub struct EntryBuilder {}

/// A finished entry, ready to be appended.
#[derive(Debug)]
pub struct SealedEntry {}

impl EntryBuilder {
    /// Starts an entry; `level` 0..=9, 0 stores.
    pub fn new(name: EntryName, level: u32) -> Self {
        todo!()
    }

    /// A whole JSON text (one document).
    pub fn json(&mut self, text: &[u8]) -> Result<()> {
        todo!()
    }

    /// A document on a line of its own; raw line breaks between its tokens become spaces.
    pub fn line(&mut self, source: &[u8]) -> Result<()> {
        todo!()
    }

    /// An action line `{"index":{"_index":…,"_id":…}}` (`_index` left out where `None`), then the document's.
    pub fn action_and_line(&mut self, index: Option<&str>, id: &str, source: &[u8]) -> Result<()> {
        todo!()
    }

    /// Documents so far.
    pub fn documents(&self) -> u64 {
        todo!()
    }

    /// Uncompressed bytes so far.
    pub fn bytes(&self) -> u64 {
        todo!()
    }

    /// Closes the gzip member.
    pub fn seal(self) -> Result<SealedEntry> {
        todo!()
    }
}

impl SealedEntry {
    /// Documents.
    pub fn documents(&self) -> u64 {
        todo!()
    }
    /// Uncompressed bytes.
    pub fn bytes(&self) -> u64 {
        todo!()
    }
}
