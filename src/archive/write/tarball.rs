//! Entries to a file that appears complete or not at all.
//!
//! `tar` makes the headers, `flate2` the gzip members. They are put together here since `tar::Builder` writes one stream,
//! and here each header and each content is a member of its own, compressed on another thread.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{Builder, EntryType, Header};
use tempfile::SpooledData;
use time::OffsetDateTime;

use super::entry::{EntryBuilder, SealedEntry};
use crate::archive::error::{Error, Result};
use crate::archive::layout::{BLOCK, EntryKind, EntryName, MAX_BYTES, MAX_ENTRIES};
use crate::archive::manifest::{Manifest, ManifestEntry};
use crate::archive::read::Archive;
use crate::util::atomic_file::{AtomicFile, check_target};

/// Bytes of a name that a tar header has room for.
const MAX_NAME: usize = 100;
/// What the size field of a tar header cannot hold as octal digits.
const LARGE: u64 = 1 << 33;

/// Where the archive goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A temporary file beside it (mode 0600 on Unix), synced, then renamed.
    File {
        /// The finished archive.
        path: PathBuf,
        /// Whether an existing one may be replaced.
        overwrite: bool,
    },
    /// Standard output.
    Stdout,
}

impl Target {
    /// The file `path`, or standard output for `-`.
    pub fn new(path: &Path, overwrite: bool) -> Self {
        match path.to_str() {
            Some("-") => Self::Stdout,
            _ => Self::File {
                path: path.to_owned(),
                overwrite,
            },
        }
    }

    /// Refuses what may not be replaced: an existing file without `overwrite`, and whatever is not a regular file.
    ///
    /// # Errors
    /// [`Error::Publish`]
    pub fn check(&self) -> Result<()> {
        match self {
            Self::File { path, overwrite } => Ok(check_target(path, *overwrite)?),
            Self::Stdout => Ok(()),
        }
    }
}

/// What an archive is written to.
#[derive(Debug)]
enum Sink {
    Stdout,
    File(AtomicFile),
    /// Without a name; it goes to standard output once it is published.
    Unlinked(File),
}

/// An archive being written. Dropped unfinished, it removes its temporary file.
#[derive(Debug)]
pub struct ArchiveWriter {
    sink: Sink,
    level: Compression,
    /// Seconds since 1970.
    created: u64,
    /// Decompressed bytes so far.
    bytes: u64,
    summary: ArchiveSummary,
}

/// A complete archive that has no name yet. Dropped, it is removed.
#[derive(Debug)]
pub struct UnpublishedArchive {
    sink: Sink,
    /// What it holds.
    pub(crate) summary: ArchiveSummary,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct ArchiveSummary {
    /// Compressed bytes.
    pub bytes: u64,
    /// All entries, the manifest itself excluded.
    pub entries: Vec<ManifestEntry>,
}

impl ArchiveWriter {
    /// Creates the temporary file; an existing target is refused without `overwrite`.
    ///
    /// # Errors
    /// [`Error::Publish`]
    pub fn create(target: &Target, level: u32) -> Result<Self> {
        let sink = match target {
            Target::Stdout => Sink::Stdout,
            Target::File { path, overwrite } => Sink::File(AtomicFile::create(path, *overwrite)?),
        };
        Ok(Self::new(sink, level))
    }

    /// Writes to an unlinked temporary file: an archive that is read again and then removed, or that is checked before it
    /// goes to standard output.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn temporary(level: u32) -> Result<Self> {
        let file = tempfile::tempfile().map_err(Error::temporary)?;
        Ok(Self::new(Sink::Unlinked(file), level))
    }

    fn new(sink: Sink, level: u32) -> Self {
        Self {
            sink,
            level: Compression::new(level.min(9)),
            // A clock before 1970 is wrong anyway, and gzip and tar know no earlier time.
            created: u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0),
            bytes: 0,
            summary: ArchiveSummary::default(),
        }
    }

    /// Appends an entry: header and content, each a gzip member of its own.
    ///
    /// The snapshot's entry must be the first (see the notes on names in the layout's documentation).
    ///
    /// # Errors
    /// The target cannot be written; [`Error::TooManyEntries`], and [`Error::TooLarge`] for the archive as a whole.
    pub fn append(&mut self, entry: SealedEntry) -> Result<()> {
        if self.summary.entries.len() >= MAX_ENTRIES {
            return Err(Error::TooManyEntries);
        }
        self.bytes += entry.summary.bytes;
        if self.bytes > MAX_BYTES {
            let kind = EntryKind::Inputs { number: 0 };
            return Err(Error::too_large("the archive", kind, self.bytes, MAX_BYTES));
        }
        let headers = headers(&entry.summary, self.created).map_err(|cause| self.sink.failed(cause))?;
        self.member(&headers)?;
        let copied = match entry.member.into_inner() {
            SpooledData::InMemory(member) => {
                let member = member.into_inner();
                self.sink.writer().write_all(&member).map(|()| member.len() as u64)
            }
            SpooledData::OnDisk(mut file) => {
                file.seek(SeekFrom::Start(0)).map_err(Error::temporary)?;
                io::copy(&mut file, &mut self.sink.writer())
            }
        };
        self.summary.bytes += copied.map_err(|cause| self.sink.failed(cause))?;
        self.summary.entries.push(entry.summary);
        Ok(())
    }

    /// Writes the manifest (its `entries` are filled in here) and the end of the tar. The archive can be read then, and
    /// has no name yet.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn close(mut self, mut manifest: Manifest) -> Result<UnpublishedArchive> {
        let entries = self.summary.entries.clone();
        manifest.entries.clone_from(&entries);
        let mut entry = EntryBuilder::new(EntryName::manifest(), self.level.level());
        entry.json(&manifest.to_json().map_err(|cause| self.sink.failed(cause))?)?;
        self.append(entry.seal()?)?;
        self.member(&[0; 2 * BLOCK])?;
        self.sink.writer().flush().map_err(|cause| self.sink.failed(cause))?;
        self.summary.entries = entries;
        Ok(UnpublishedArchive {
            sink: self.sink,
            summary: self.summary,
        })
    }

    fn member(&mut self, content: &[u8]) -> Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), self.level);
        let packed = gzip.write_all(content).and_then(|()| gzip.finish());
        let written = packed.and_then(|member| self.sink.writer().write_all(&member).map(|()| member.len() as u64));
        self.summary.bytes += written.map_err(|cause| self.sink.failed(cause))?;
        Ok(())
    }
}

impl UnpublishedArchive {
    /// The archive, to be read; `None` where it went to standard output at once.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn archive(&self) -> Result<Option<Archive>> {
        match &self.sink {
            Sink::Stdout => Ok(None),
            Sink::File(file) => Archive::open(file.temporary_path()).map(Some),
            Sink::Unlinked(file) => {
                let file = file.try_clone().map_err(Error::temporary)?;
                Archive::of_file(file, std::env::temp_dir()).map(Some)
            }
        }
    }

    /// Gives it its name; one without a name goes to standard output.
    ///
    /// # Errors
    /// The target cannot be written, or has appeared since.
    pub fn publish(self) -> Result<ArchiveSummary> {
        match self.sink {
            Sink::Stdout => {}
            Sink::File(file) => file.publish()?,
            Sink::Unlinked(mut file) => {
                file.seek(SeekFrom::Start(0)).map_err(Error::temporary)?;
                let mut out = io::stdout().lock();
                let copied = io::copy(&mut file, &mut out).and_then(|_| out.flush());
                copied.map_err(Error::stdout)?;
            }
        }
        Ok(self.summary)
    }
}

impl Sink {
    fn writer(&self) -> Box<dyn Write + '_> {
        match self {
            Self::Stdout => Box::new(io::stdout()),
            Self::File(file) => Box::new(file.file()),
            Self::Unlinked(file) => Box::new(file),
        }
    }

    fn failed(&self, cause: io::Error) -> Error {
        match self {
            Self::File(file) => Error::io(file.target(), cause),
            Self::Stdout => Error::stdout(cause),
            Self::Unlinked(_) => Error::temporary(cause),
        }
    }
}

/// The header block of an entry, with a pax header before it for what does not fit.
fn headers(entry: &ManifestEntry, created: u64) -> io::Result<Vec<u8>> {
    let size = entry.bytes.to_string();
    let long = (entry.name.len() > MAX_NAME).then_some(("path", entry.name.as_bytes()));
    let large = (entry.bytes >= LARGE).then_some(("size", size.as_bytes()));
    let mut blocks = Builder::new(Vec::new());
    blocks.append_pax_extensions(long.into_iter().chain(large))?;
    let mut header = Header::new_ustar();
    header.set_path(entry.name.get(..MAX_NAME).unwrap_or(&entry.name))?;
    header.set_size(entry.bytes);
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o600);
    header.set_mtime(created);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    blocks.append(&header, io::empty())?;
    // Not `into_inner`, which would end the tar.
    Ok(blocks.get_ref().clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn sizes_beyond_the_octal_field_are_kept() {
        for bytes in [0, LARGE - 1, LARGE, 9 << 30] {
            let entry = ManifestEntry {
                name: "n".to_owned(),
                documents: 1,
                bytes,
                sha256: String::new(),
            };
            let blocks = headers(&entry, 0).unwrap();
            let mut archive = tar::Archive::new(&blocks[..]);
            let read = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(read.size(), bytes);
            assert_eq!(blocks.len(), if bytes < LARGE { 512 } else { 3 * 512 });
        }
    }

    #[test]
    fn no_archive_has_more_entries_or_bytes_than_a_reader_takes() {
        let entry = || {
            let mut entry = EntryBuilder::new(EntryName::manifest(), 0);
            entry.json(b"{}").unwrap();
            entry.seal().unwrap()
        };
        let mut writer = ArchiveWriter::temporary(0).unwrap();
        writer.summary.entries = vec![entry().summary; MAX_ENTRIES - 1];
        writer.append(entry()).unwrap();
        let full = writer.append(entry()).unwrap_err();
        assert!(matches!(full, Error::TooManyEntries), "{full}");
        let mut writer = ArchiveWriter::temporary(0).unwrap();
        let mut large = entry();
        large.summary.bytes = MAX_BYTES;
        writer.append(large).unwrap();
        let full = writer.append(entry()).unwrap_err();
        assert!(matches!(full, Error::TooLarge { max: MAX_BYTES, .. }), "{full}");
    }
}
