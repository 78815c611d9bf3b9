//! Writes archives. Entries are built on any number of threads and appended to a file that only appears when it is
//! complete.
//!
//! `tar` creates the headers and `flate2` the gzip members. They are combined here, since `tar::Builder` writes one
//! stream, whereas here each header and each content is a separate member, compressed on different threads.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use memchr::memchr2;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use tempfile::{SpooledData, SpooledTempFile};
use time::OffsetDateTime;

use super::error::{Error, Result};
use super::layout::{
    BLOCK, EntryKind, EntryName, EntrySummary, MAX_ACTION, MAX_BYTES, MAX_ENTRIES, Manifest, max_document, max_text,
};
use super::read::Archive;
use crate::json::append_quoted;
use crate::util::atomic_file::{AtomicFile, FileError};
use crate::util::format::hex;

/// Compressed bytes that are kept in memory before they are moved to an unlinked temporary file.
const IN_MEMORY: usize = 4 << 20;
/// Bytes that are hashed and compressed together, since both are slow for single lines.
const BUFFER: usize = 128 << 10;

/// An entry that is being written, in bounded memory. It is independent of the writer and `Send`, so that entries can
/// be built in parallel.
pub struct EntryBuilder {
    name: EntryName,
    gzip: GzEncoder<SpooledTempFile>,
    hash: Sha256,
    buffer: Vec<u8>,
    /// The number of documents so far.
    pub(crate) documents: u64,
    /// The number of uncompressed bytes so far.
    pub(crate) bytes: u64,
}

/// A complete entry that can be appended.
#[derive(Debug)]
pub struct SealedEntry {
    /// The summary for the manifest.
    pub summary: EntrySummary,
    /// One gzip member: the content, padded with zeros to the end of its last tar block.
    member: SpooledTempFile,
}

impl EntryBuilder {
    /// Starts an entry. `level` is the gzip level, 0 (stored) to 9.
    pub fn new(name: EntryName, level: u32) -> Self {
        Self {
            name,
            gzip: GzEncoder::new(SpooledTempFile::new(IN_MEMORY), Compression::new(level.min(9))),
            hash: Sha256::new(),
            buffer: Vec::with_capacity(BUFFER),
            documents: 0,
            bytes: 0,
        }
    }

    pub(crate) fn kind(&self) -> EntryKind {
        self.name.kind
    }

    /// Writes a complete JSON text (one document).
    ///
    /// # Errors
    /// The temporary file cannot be written, or [`Error::TooLarge`]. The same applies to the other methods that write.
    pub fn json(&mut self, text: &[u8]) -> Result<()> {
        self.name.refuse_too_large(text.len() as u64)?;
        self.documents += 1;
        self.put(text)
    }

    /// Writes a document on a line. Line breaks between its tokens become spaces.
    ///
    /// # Errors
    /// The same as for [`json`](Self::json).
    pub fn line(&mut self, source: &[u8]) -> Result<()> {
        self.documents += 1;
        if let Some(part) = self.name.kind.part() {
            let lines = if part.has_actions() { 2 } else { 1 };
            self.refuse_too_long(self.documents * lines, source.len(), max_document(part))?;
        }
        // Nearly all documents are on one line, and this search is faster than `split`.
        if memchr2(b'\n', b'\r', source).is_none() {
            self.put(source)?;
            return self.put(b"\n");
        }
        // JSON strings do not contain raw line breaks, so each one is between tokens.
        for (n, piece) in source.split(|byte| matches!(byte, b'\n' | b'\r')).enumerate() {
            if n > 0 {
                self.put(b" ")?;
            }
            self.put(piece)?;
        }
        self.put(b"\n")
    }

    /// Writes an action line `{"index":{"_index":…,"_id":…}}`, without `_index` if it is `None`, followed by the
    /// document.
    ///
    /// # Errors
    /// The same as for [`json`](Self::json).
    pub fn action_and_line(&mut self, index: Option<&str>, id: &str, source: &[u8]) -> Result<()> {
        let before = self.buffer.len();
        self.buffer.extend_from_slice(br#"{"index":{"#);
        if let Some(index) = index {
            self.buffer.extend_from_slice(br#""_index":"#);
            append_quoted(&mut self.buffer, index);
            self.buffer.push(b',');
        }
        self.buffer.extend_from_slice(br#""_id":"#);
        append_quoted(&mut self.buffer, id);
        self.buffer.extend_from_slice(b"}}");
        let length = self.buffer.len() - before;
        self.refuse_too_long(self.documents * 2 + 1, length, MAX_ACTION)?;
        self.bytes += length as u64;
        self.put(b"\n")?;
        self.line(source)
    }

    /// Closes the gzip member.
    ///
    /// # Errors
    /// The same as for [`json`](Self::json).
    pub fn seal(mut self) -> Result<SealedEntry> {
        self.compress_buffer()?;
        let padding = self.bytes.next_multiple_of(BLOCK as u64) - self.bytes;
        let padded = self.gzip.write_all(&[0; BLOCK][..padding as usize]);
        let sealed = padded.and_then(|()| self.gzip.finish());
        let mut member = sealed.map_err(Error::temporary)?;
        member.rewind().map_err(Error::temporary)?;
        let summary = EntrySummary {
            name: self.name.as_str().to_owned(),
            kind: Some(self.name.kind),
            documents: self.documents,
            bytes: self.bytes,
            sha256: hex(&self.hash.finalize()),
            start: None,
        };
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
        let written = pieces.try_for_each(|piece| self.gzip.write_all(piece));
        written.map_err(Error::temporary)
    }

    fn compress_buffer(&mut self) -> Result<()> {
        self.hash.update(&self.buffer);
        self.gzip.write_all(&self.buffer).map_err(Error::temporary)?;
        self.buffer.clear();
        Ok(())
    }

    fn refuse_too_long(&self, line: u64, bytes: usize, max: u64) -> Result<()> {
        let place = format_args!("{}, line {line}", self.name.as_str());
        Error::refuse_above(max, place, self.name.kind, bytes as u64)
    }
}

impl EntryName {
    /// Refuses a text that is too large for this entry before it is collected.
    ///
    /// # Errors
    /// [`Error::TooLarge`].
    pub fn refuse_too_large(&self, bytes: u64) -> Result<()> {
        Error::refuse_above(max_text(self.kind), self.as_str(), self.kind, bytes)
    }
}

/// The maximum size of a name in a tar header in bytes.
const MAX_NAME: usize = 100;
/// The first size that does not fit into a tar header as octal digits.
const LARGE: u64 = 1 << 33;

/// The destination of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A file. It is written as a temporary file next to it (mode 0600 on Unix), synced, then renamed.
    File {
        /// The path of the finished archive.
        path: PathBuf,
        /// Whether an existing file may be replaced.
        overwrite: bool,
    },
    /// Standard output.
    Stdout,
}

impl Target {
    /// Returns the target for a path; `-` is standard output.
    pub fn new(path: &Path, overwrite: bool) -> Self {
        if path.as_os_str() == "-" {
            return Self::Stdout;
        }
        let path = path.to_owned();
        Self::File { path, overwrite }
    }

    /// Refuses a target that must not be replaced (an existing file without `overwrite`, and anything except a regular
    /// file), or that cannot be created. The file is created and removed again.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn check(&self) -> Result<()> {
        match self {
            Self::File { path, overwrite } => Ok(AtomicFile::create(path, *overwrite).map(drop)?),
            Self::Stdout => Ok(()),
        }
    }
}

/// The destination while an archive is written.
#[derive(Debug)]
enum Sink {
    Stdout,
    File(AtomicFile),
    /// An unlinked file, which is copied to standard output when it is published.
    Unlinked(File),
}

/// An archive that is being written. If it is dropped, the temporary file is removed.
#[derive(Debug)]
pub struct ArchiveWriter {
    sink: Sink,
    level: Compression,
    /// Seconds since 1970.
    created: u64,
    /// The number of decompressed bytes so far.
    bytes: u64,
    summary: ArchiveSummary,
}

/// A complete archive that is not published yet. If it is dropped, it is removed.
#[derive(Debug)]
pub struct UnpublishedArchive {
    sink: Sink,
    /// What it contains.
    pub(crate) summary: ArchiveSummary,
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct ArchiveSummary {
    /// The compressed size in bytes.
    pub bytes: u64,
    /// All entries except the manifest.
    pub entries: Vec<EntrySummary>,
}

impl ArchiveWriter {
    /// Creates the temporary file. An existing target is refused without `overwrite`.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn create(target: &Target, level: u32) -> Result<Self> {
        let sink = match target {
            Target::Stdout => Sink::Stdout,
            Target::File { path, overwrite } => Sink::File(AtomicFile::create(path, *overwrite)?),
        };
        Ok(Self::new(sink, level))
    }

    /// Writes to an unlinked temporary file, for an archive that is read and then removed, or that is checked before it
    /// is copied to standard output.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn temporary(level: u32) -> Result<Self> {
        let file = tempfile::tempfile().map_err(Error::temporary)?;
        Ok(Self::new(Sink::Unlinked(file), level))
    }

    fn new(sink: Sink, level: u32) -> Self {
        Self {
            sink,
            level: Compression::new(level.min(9)),
            // Gzip and tar cannot represent times before 1970.
            created: u64::try_from(OffsetDateTime::now_utc().unix_timestamp()).unwrap_or(0),
            bytes: 0,
            summary: ArchiveSummary::default(),
        }
    }

    /// Appends an entry: its header and its content, each as a separate gzip member.
    ///
    /// The snapshot's entry must be the first one (see the documentation of the layout module).
    ///
    /// # Errors
    /// The target cannot be written; [`Error::TooManyEntries`], or [`Error::TooLarge`] for the archive.
    pub fn append(&mut self, entry: SealedEntry) -> Result<()> {
        if self.summary.entries.len() >= MAX_ENTRIES {
            return Err(Error::TooManyEntries);
        }
        self.bytes += entry.summary.bytes;
        Error::refuse_above(MAX_BYTES, "the archive", EntryKind::Inputs { number: 0 }, self.bytes)?;
        let headers = headers(&entry.summary, self.created).map_err(|cause| self.sink.failed(cause))?;
        self.member(&headers)?;
        match entry.member.into_inner() {
            SpooledData::InMemory(member) => self.copy(&mut member.get_ref().as_slice())?,
            SpooledData::OnDisk(mut file) => self.copy(&mut file)?,
        }
        self.summary.entries.push(entry.summary);
        Ok(())
    }

    /// Writes the manifest, whose `entries` are added here, and the end of the tar file. After this, the archive can be
    /// read, but it is not published.
    ///
    /// # Errors
    /// The target cannot be written.
    pub fn close(mut self, mut manifest: Manifest) -> Result<UnpublishedArchive> {
        manifest.entries.clone_from(&self.summary.entries);
        let mut entry = EntryBuilder::new(EntryName::manifest(), self.level.level());
        entry.json(&manifest.to_json().map_err(|cause| self.sink.failed(cause))?)?;
        self.append(entry.seal()?)?;
        self.member(&[0; 2 * BLOCK])?;
        self.sink.writer().flush().map_err(|cause| self.sink.failed(cause))?;
        self.summary.entries = manifest.entries;
        let Self { sink, summary, .. } = self;
        Ok(UnpublishedArchive { sink, summary })
    }

    /// Compresses a separate gzip member.
    fn member(&mut self, content: &[u8]) -> Result<()> {
        let mut gzip = GzEncoder::new(Vec::new(), self.level);
        let packed = gzip.write_all(content).and_then(|()| gzip.finish());
        let member = packed.map_err(|cause| self.sink.failed(cause))?;
        self.copy(&mut member.as_slice())
    }

    fn copy(&mut self, compressed: &mut impl Read) -> Result<()> {
        let copied = io::copy(compressed, &mut self.sink.writer());
        self.summary.bytes += copied.map_err(|cause| self.sink.failed(cause))?;
        Ok(())
    }
}

impl UnpublishedArchive {
    /// Returns the archive for reading.
    ///
    /// # Errors
    /// [`Error::File`], also if it was written directly to standard output.
    pub fn archive(&self) -> Result<Archive> {
        match &self.sink {
            Sink::Stdout => Err(Error::stdout(io::ErrorKind::NotSeekable.into())),
            Sink::File(file) => Archive::open(file.file.path()),
            Sink::Unlinked(file) => {
                let file = file.try_clone().map_err(Error::temporary)?;
                Ok(Archive::of_file(file, &std::env::temp_dir()))
            }
        }
    }

    /// Publishes the archive under its name, or copies it to standard output.
    ///
    /// # Errors
    /// The target cannot be written, or was created in the meantime.
    pub fn publish(self) -> Result<ArchiveSummary> {
        match self.sink {
            Sink::Stdout => {}
            Sink::File(file) => file.publish()?,
            Sink::Unlinked(mut file) => {
                file.rewind().map_err(Error::temporary)?;
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
            Self::File(file) => Box::new(file.file.as_file()),
            Self::Unlinked(file) => Box::new(file),
        }
    }

    fn failed(&self, cause: io::Error) -> Error {
        match self {
            Self::File(file) => FileError::Write(file.target.clone(), cause).into(),
            Self::Stdout => Error::stdout(cause),
            Self::Unlinked(_) => Error::temporary(cause),
        }
    }
}

/// Returns the header block of an entry, preceded by a pax header for values that do not fit.
fn headers(entry: &EntrySummary, created: u64) -> io::Result<Vec<u8>> {
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
    // `into_inner` would end the tar file.
    Ok(blocks.get_ref().clone())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn entry(kind: EntryKind) -> EntryBuilder {
        EntryBuilder::new(EntryName::of(kind, &"a".parse().unwrap(), &"1".parse().unwrap()), 0)
    }

    /// Returns a text of the maximum length and one that is one byte longer.
    fn longest_and_longer(bytes: u64) -> [Vec<u8>; 2] {
        [0, 1].map(|more| vec![b' '; usize::try_from(bytes + more).unwrap()])
    }

    #[test]
    fn documents_that_readers_refuse_are_not_written() {
        for kind in [EntryKind::Config, EntryKind::InputMapping, EntryKind::Snapshot] {
            let [longest, longer] = longest_and_longer(max_text(kind));
            entry(kind).json(&longest).unwrap();
            let error = entry(kind).json(&longer).unwrap_err();
            let message = format!(
                "would have {} bytes, but the maximum is {}",
                longer.len(),
                longest.len()
            );
            assert!(error.to_string().contains(&message), "{error}");
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

    #[test]
    fn sizes_above_the_octal_limit_are_kept() {
        for bytes in [0, LARGE - 1, LARGE, 9 << 30] {
            let entry = EntrySummary {
                name: "n".to_owned(),
                bytes,
                ..EntrySummary::default()
            };
            let blocks = headers(&entry, 0).unwrap();
            let mut archive = tar::Archive::new(&blocks[..]);
            let read = archive.entries().unwrap().next().unwrap().unwrap();
            assert_eq!(read.size(), bytes);
            assert_eq!(blocks.len(), if bytes < LARGE { 512 } else { 3 * 512 });
        }
    }

    #[test]
    fn writer_enforces_the_limits_of_readers() {
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
