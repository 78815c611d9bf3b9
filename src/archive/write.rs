//! Entries to a file that appears whole or not at all.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use tempfile::{SpooledData, SpooledTempFile};
use time::OffsetDateTime;

use super::density::{Density, packed};
use super::headers::headers;
use crate::archive::{
    Archive, EntryBuilder, EntryName, Error, MAX_ENTRIES, Manifest, ManifestEntry, Result, SealedEntry,
};
use crate::util::atomic_file::{AtomicFile, check_target};

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
    /// [`Error::Exists`], [`Error::NotAFile`]
    pub fn check(&self) -> Result<()> {
        match self {
            Self::File { path, overwrite } => Ok(check_target(path, *overwrite)?),
            Self::Stdout => Ok(()),
        }
    }
}

/// An archive being written. Dropped unfinished, it removes its temporary file.
pub struct ArchiveWriter {
    sink: Box<dyn Write + Send>,
    file: Option<AtomicFile>,
    /// An unlinked file, used instead of a named one.
    temporary: Option<File>,
    level: Compression,
    created: u64,
    written: Density,
    entries: Vec<ManifestEntry>,
}

/// A whole archive that has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct UnpublishedArchive {
    /// What it holds.
    pub(crate) summary: ArchiveSummary,
    file: Option<AtomicFile>,
    temporary: Option<File>,
}

/// A finished archive.
#[derive(Clone, Debug)]
pub struct ArchiveSummary {
    /// Compressed bytes.
    pub bytes: u64,
    /// What it holds, the manifest itself excluded.
    pub entries: Vec<ManifestEntry>,
}

impl ArchiveWriter {
    /// Creates the temporary file; an existing target is refused without `overwrite`.
    ///
    /// # Errors
    /// [`Error::Exists`], or what the file system says.
    pub fn create(target: &Target, level: u32) -> Result<Self> {
        let (sink, file): (Box<dyn Write + Send>, _) = match target {
            Target::Stdout => (Box::new(io::stdout()), None),
            Target::File { path, overwrite } => {
                let file = AtomicFile::create(path, *overwrite)?;
                let sink = file.file().try_clone();
                let sink = sink.map_err(|cause| io_error(path, cause))?;
                (Box::new(sink), Some(file))
            }
        };
        Ok(Self::to(sink, file, None, level))
    }

    /// Writes to an unlinked temporary file: an archive that is read once more and then gone, or that is seen to be
    /// right before it goes to standard output.
    ///
    /// # Errors
    /// The file system says no.
    pub fn temporary(level: u32) -> Result<Self> {
        let file = tempfile::tempfile().map_err(super::entry::temporary_failed)?;
        let sink = file.try_clone().map_err(super::entry::temporary_failed)?;
        Ok(Self::to(Box::new(sink), None, Some(file), level))
    }

    fn to(sink: Box<dyn Write + Send>, file: Option<AtomicFile>, temporary: Option<File>, level: u32) -> Self {
        Self {
            sink,
            file,
            temporary,
            level: Compression::new(level.min(9)),
            // A clock before 1970 is wrong anyway, and gzip and tar know no earlier time.
            created: u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0),
            written: Density::default(),
            entries: Vec::new(),
        }
    }

    /// Appends an entry: header and content, each a gzip member of its own.
    ///
    /// The snapshot's entry must be the first (see the notes on names in the layout's documentation).
    ///
    /// # Errors
    /// The target cannot be written; or [`Error::TooManyEntries`].
    pub fn append(&mut self, entry: SealedEntry) -> Result<()> {
        if self.entries.len() >= MAX_ENTRIES {
            return Err(Error::TooManyEntries);
        }
        let headers = headers(&entry.summary, self.created).map_err(|cause| self.failed(cause))?;
        self.member(&headers)?;
        let blocks = entry.blocks();
        if self.written.forbids(blocks, entry.ahead) {
            self.loosen(entry.member)?;
        } else {
            let copied = match entry.member.into_inner() {
                SpooledData::InMemory(member) => {
                    let member = member.into_inner();
                    self.sink.write_all(&member).map(|()| member.len() as u64)
                }
                SpooledData::OnDisk(mut file) => {
                    file.seek(SeekFrom::Start(0)).map_err(super::entry::temporary_failed)?;
                    io::copy(&mut file, &mut self.sink)
                }
            };
            self.written.compressed += copied.map_err(|cause| self.failed(cause))?;
            self.written.inflated += blocks;
        }
        self.entries.push(entry.summary);
        Ok(())
    }

    /// Writes the manifest (its `entries` are filled in here), the end of the tar, syncs and renames.
    ///
    /// # Errors
    /// The target cannot be written, or appeared meanwhile.
    pub fn finish(self, manifest: Manifest) -> Result<ArchiveSummary> {
        self.close(manifest)?.publish()
    }

    /// The same, but it does not get its name yet: it can be read first.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn close(mut self, mut manifest: Manifest) -> Result<UnpublishedArchive> {
        let entries = self.entries.clone();
        manifest.entries.clone_from(&entries);
        let mut entry = EntryBuilder::new(EntryName::manifest(), self.level.level());
        entry.json(&manifest.to_json().map_err(|cause| self.failed(cause))?)?;
        self.append(entry.seal()?)?;
        self.member(&[0; 1024])?;
        self.sink.flush().map_err(|cause| self.failed(cause))?;
        // Windows does not rename a file that is open for writing elsewhere.
        self.sink = Box::new(io::sink());
        Ok(UnpublishedArchive {
            summary: ArchiveSummary {
                bytes: self.written.compressed,
                entries,
            },
            file: self.file.take(),
            temporary: self.temporary.take(),
        })
    }

    fn member(&mut self, content: &[u8]) -> Result<()> {
        let member = packed(content, self.level).map_err(|cause| self.failed(cause))?;
        self.sink.write_all(&member).map_err(|cause| self.failed(cause))?;
        self.written.compressed += member.len() as u64;
        self.written.inflated += content.len() as u64;
        Ok(())
    }

    /// Writes an entry's content that is denser than a reader takes.
    fn loosen(&mut self, member: SpooledTempFile) -> Result<()> {
        let (mut written, level) = (self.written, self.level);
        let unread = super::entry::temporary_failed;
        written.loosen(member, level, unread, |piece| {
            let put = self.sink.write_all(piece);
            put.map_err(|cause| self.failed(cause))
        })?;
        self.written = written;
        Ok(())
    }

    fn failed(&self, cause: io::Error) -> Error {
        io_error(
            self.file
                .as_ref()
                .map_or(Path::new("standard output"), AtomicFile::target),
            cause,
        )
    }
}

impl UnpublishedArchive {
    /// The archive, to be read; none of one that went to standard output at once.
    ///
    /// # Errors
    /// The file system says no.
    pub fn archive(&self) -> Result<Option<Archive>> {
        if let Some(file) = &self.file {
            return Archive::open(file.temporary_path()).map(Some);
        }
        let file = self.temporary.as_ref().map(File::try_clone).transpose();
        let file = file.map_err(super::entry::temporary_failed)?;
        file.map(|file| Archive::of_file(file, std::env::temp_dir()))
            .transpose()
    }

    /// Gives it its name; a temporary one goes to standard output.
    ///
    /// # Errors
    /// The target cannot be written, or appeared meanwhile.
    pub fn publish(self) -> Result<ArchiveSummary> {
        if let Some(mut file) = self.temporary {
            file.seek(SeekFrom::Start(0)).map_err(super::entry::temporary_failed)?;
            let mut out = io::stdout().lock();
            let copied = io::copy(&mut file, &mut out).and_then(|_| out.flush());
            copied.map_err(|cause| io_error(Path::new("standard output"), cause))?;
        }
        if let Some(file) = self.file {
            file.publish()?;
        }
        Ok(self.summary)
    }
}

impl fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("written", &self.written)
            .finish_non_exhaustive()
    }
}

fn io_error(path: &Path, cause: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        cause,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use crate::archive::{EntryKind, Limits, Part};
    use crate::job::{JobId, SnapshotId};

    #[test]
    fn an_archive_that_repeats_itself_is_taken_for_one_of_ours() {
        let (job, snapshot): (JobId, SnapshotId) = ("a".parse().unwrap(), "1".parse().unwrap());
        let document = format!(r#"{{"a":"{}"}}"#, " ".repeat(64 << 10));
        for (parts, documents) in [(1, 1200), (24, 50)] {
            let mut writer = ArchiveWriter::temporary(6).unwrap();
            for number in 1..=parts {
                let mut entry = EntryBuilder::new(EntryName::of(EntryKind::Inputs { number }, &job, &snapshot), 6);
                for id in 0..documents {
                    entry
                        .action_and_line(Some("i"), &id.to_string(), document.as_bytes())
                        .unwrap();
                }
                writer.append(entry.seal().unwrap()).unwrap();
            }
            let manifest = serde_json::json!({
                "format_version": 1, "tool_version": "", "created": "", "job_id": "a", "snapshot_id": "1",
                "source": {"cluster_version": "", "cluster_name": "", "cluster_uuid": ""}, "options": {}, "entries": [],
            });
            let unnamed = writer.close(serde_json::from_value(manifest).unwrap()).unwrap();
            let archive = unnamed.archive().unwrap().unwrap();
            let contents = archive.check(Limits::default(), &mut (), &|_| {}).unwrap();
            assert_eq!(
                contents.count(Part::Inputs),
                parts * documents,
                "{:?}",
                contents.findings
            );
            assert!(archive.len() < 3 << 20, "{} bytes", archive.len());
        }
    }

    #[test]
    fn no_archive_has_more_entries_than_a_reader_takes() {
        let entry = || {
            let mut entry = EntryBuilder::new(EntryName::manifest(), 0);
            entry.json(b"{}").unwrap();
            entry.seal().unwrap()
        };
        let mut writer = ArchiveWriter::to(Box::new(io::sink()), None, None, 0);
        writer.entries = vec![entry().summary; MAX_ENTRIES - 1];
        writer.append(entry()).unwrap();
        let full = writer.append(entry()).unwrap_err();
        assert!(matches!(full, Error::TooManyEntries), "{full}");
    }
}
