//! Entries to a file that appears whole or not at all.

use std::fmt;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use tar::{EntryType, Header};
use tempfile::SpooledData;
use time::OffsetDateTime;

use crate::archive::{
    Archive, EntryBuilder, EntryName, Error, MOST_ENTRIES, Manifest, ManifestEntry, Result, SealedEntry,
};
use crate::partial::Partial;

/// What a name field of a tar header takes.
const NAME_FIELD: usize = 100;
/// What its size field takes as octal digits.
const SIZE_FIELD: u64 = 1 << 33;

/// Where the archive goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// Written beside as `<path>.partial` (mode 0600 on unix), synced, renamed.
    File {
        /// The finished archive.
        path: PathBuf,
        /// Whether an existing one may be replaced.
        overwrite: bool,
    },
    /// Standard output.
    Stdout,
}

/// An archive being written. Dropped unfinished, it removes its partial file.
pub struct ArchiveWriter {
    sink: Box<dyn Write + Send>,
    partial: Option<Partial>,
    /// An unlinked file, in the place of a partial one.
    temporary: Option<File>,
    level: Compression,
    created: u64,
    bytes: u64,
    entries: Vec<ManifestEntry>,
}

/// A whole archive that has no name yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Unnamed {
    finished: Finished,
    partial: Option<Partial>,
    temporary: Option<File>,
}

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
    ///
    /// # Errors
    /// [`Error::Exists`], or what the file system says.
    pub fn create(target: &Target, level: u32) -> Result<Self> {
        let (sink, partial): (Box<dyn Write + Send>, _) = match target {
            Target::Stdout => (Box::new(io::stdout()), None),
            Target::File { path, overwrite } => {
                let partial = Partial::create(path, *overwrite)?;
                let file = partial.file().try_clone();
                let file = file.map_err(|cause| io_error(partial.path(), cause))?;
                (Box::new(file), Some(partial))
            }
        };
        Ok(Self::to(sink, partial, None, level))
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

    fn to(sink: Box<dyn Write + Send>, partial: Option<Partial>, temporary: Option<File>, level: u32) -> Self {
        Self {
            sink,
            partial,
            temporary,
            level: Compression::new(level.min(9)),
            created: u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0),
            bytes: 0,
            entries: Vec::new(),
        }
    }

    /// Appends an entry: header and content, each a gzip member of its own.
    ///
    /// The snapshot's entry must be the first (see the notes on names in the layout's documentation).
    ///
    /// # Errors
    /// The target cannot be written; or [`Error::Full`].
    pub fn append(&mut self, entry: SealedEntry) -> Result<()> {
        if self.entries.len() >= MOST_ENTRIES {
            return Err(Error::Full { most: MOST_ENTRIES });
        }
        let headers = headers(&entry.summary, self.created).map_err(|cause| self.failed(cause))?;
        self.member(&headers)?;
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
        let copied = copied.map_err(|cause| self.failed(cause))?;
        self.bytes += copied;
        self.entries.push(entry.summary);
        Ok(())
    }

    /// Writes the manifest (its `entries` are filled in here), the end of the tar, syncs and renames.
    ///
    /// # Errors
    /// The target cannot be written, or appeared meanwhile.
    pub fn finish(self, manifest: Manifest) -> Result<Finished> {
        self.close(manifest)?.publish()
    }

    /// The same, but it does not get its name yet: it can be read first.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn close(mut self, mut manifest: Manifest) -> Result<Unnamed> {
        let entries = self.entries.clone();
        manifest.entries.clone_from(&entries);
        let mut entry = EntryBuilder::new(EntryName::manifest(), self.level.level());
        entry.json(&manifest.to_json().map_err(|cause| self.failed(cause))?)?;
        self.append(entry.seal()?)?;
        self.member(&[0; 1024])?;
        self.sink.flush().map_err(|cause| self.failed(cause))?;
        // Windows does not rename a file that is open for writing elsewhere.
        self.sink = Box::new(io::sink());
        Ok(Unnamed {
            finished: Finished {
                bytes: self.bytes,
                entries,
            },
            partial: self.partial.take(),
            temporary: self.temporary.take(),
        })
    }

    fn member(&mut self, content: &[u8]) -> Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), self.level);
        let member = gzip
            .write_all(content)
            .and_then(|()| gzip.finish())
            .map_err(|cause| self.failed(cause))?;
        self.sink.write_all(&member).map_err(|cause| self.failed(cause))?;
        self.bytes += member.len() as u64;
        Ok(())
    }

    fn failed(&self, cause: io::Error) -> Error {
        io_error(
            self.partial
                .as_ref()
                .map_or(Path::new("standard output"), Partial::path),
            cause,
        )
    }
}

impl Unnamed {
    /// What it holds.
    pub fn finished(&self) -> &Finished {
        &self.finished
    }

    /// The archive, to be read; none of one that went to standard output at once.
    ///
    /// # Errors
    /// The file system says no.
    pub fn archive(&self) -> Result<Option<Archive>> {
        if let Some(partial) = &self.partial {
            return Archive::open(partial.path()).map(Some);
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
    pub fn publish(self) -> Result<Finished> {
        if let Some(mut file) = self.temporary {
            file.seek(SeekFrom::Start(0)).map_err(super::entry::temporary_failed)?;
            let mut out = io::stdout().lock();
            let copied = io::copy(&mut file, &mut out).and_then(|_| out.flush());
            copied.map_err(|cause| io_error(Path::new("standard output"), cause))?;
        }
        if let Some(partial) = self.partial {
            partial.publish()?;
        }
        Ok(self.finished)
    }
}

impl fmt::Debug for ArchiveWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("bytes", &self.bytes)
            .finish_non_exhaustive()
    }
}

/// The header block of an entry, with a pax header before it for what does not fit.
fn headers(entry: &ManifestEntry, created: u64) -> io::Result<Vec<u8>> {
    let mut records = Vec::new();
    if entry.name.len() > NAME_FIELD {
        records.extend(pax_record("path", &entry.name));
    }
    if entry.bytes >= SIZE_FIELD {
        records.extend(pax_record("size", &entry.bytes.to_string()));
    }
    let mut blocks = Vec::new();
    if !records.is_empty() {
        blocks.extend_from_slice(header("pax", records.len() as u64, EntryType::XHeader, created)?.as_bytes());
        blocks.append(&mut records);
        blocks.resize(blocks.len().next_multiple_of(512), 0);
    }
    let short = entry.name.get(..NAME_FIELD).unwrap_or(&entry.name);
    blocks.extend_from_slice(header(short, entry.bytes, EntryType::Regular, created)?.as_bytes());
    Ok(blocks)
}

fn header(name: &str, size: u64, kind: EntryType, created: u64) -> io::Result<Header> {
    let mut header = Header::new_ustar();
    header.set_path(name)?;
    header.set_size(size);
    header.set_entry_type(kind);
    header.set_mode(0o600);
    header.set_mtime(created);
    header.set_uid(0);
    header.set_gid(0);
    header.set_cksum();
    Ok(header)
}

/// `<length> <key>=<value>\n`, the length counting its own digits.
fn pax_record(key: &str, value: &str) -> Vec<u8> {
    let rest = format!(" {key}={value}\n");
    let mut length = rest.len();
    while length != rest.len() + length.to_string().len() {
        length = rest.len() + length.to_string().len();
    }
    format!("{length}{rest}").into_bytes()
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

    #[test]
    fn sizes_beyond_the_octal_field_are_kept() {
        for bytes in [0, SIZE_FIELD - 1, SIZE_FIELD, 9 << 30] {
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
            assert_eq!(blocks.len(), if bytes < SIZE_FIELD { 512 } else { 3 * 512 });
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
        writer.entries = vec![entry().summary; MOST_ENTRIES - 1];
        writer.append(entry()).unwrap();
        let full = writer.append(entry()).unwrap_err();
        assert!(matches!(full, Error::Full { most: MOST_ENTRIES }), "{full}");
    }

    #[test]
    fn a_pax_record_counts_its_own_length() {
        for length in [1, 3, 90, 91, 92, 93, 94, 989, 990, 991] {
            let record = pax_record("path", &"x".repeat(length));
            let text = String::from_utf8(record).unwrap();
            assert_eq!(text.split(' ').next().unwrap().parse::<usize>().unwrap(), text.len());
        }
    }
}
