//! Entries to a file that appears whole or not at all.

use std::path::PathBuf;

use crate::archive::{Manifest, ManifestEntry, Result, SealedEntry};

/// Where the archive goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Written beside as `<path>.partial` (mode 0600 on unix), synced, renamed.
    File { path: PathBuf, overwrite: bool },
    /// Standard output.
    Stdout,
}

/// An archive being written. Dropped unfinished, it removes its partial file.
#[derive(Debug)]
pub struct ArchiveWriter {}

/// A finished archive.
#[derive(Clone, Debug)]
pub struct Finished {
    /// Compressed bytes.
    pub bytes: u64,
    /// What it holds, the manifest itself excluded.
    pub entries: Vec<ManifestEntry>,
}

impl ArchiveWriter {
    /// Creates the partial file; an existing target is refused without `overwrite`.
    pub fn create(target: &Target, level: u32) -> Result<Self> {
        todo!()
    }

    /// Appends an entry: header and content, each a gzip member of its own.
    pub fn append(&mut self, entry: SealedEntry) -> Result<()> {
        todo!()
    }

    /// Writes the manifest (its `entries` are filled in here), the end of the tar, syncs and renames.
    pub fn finish(self, manifest: Manifest) -> Result<Finished> {
        todo!()
    }
}
