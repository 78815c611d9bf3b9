//! An archive file, which stays open from its check to its import, and the entries of its tar file.
//!
//! `tar` parses headers and extensions. Its `Archive` reads extensions of any size into memory, accepts a tar file
//! without an end, and does not report compressed offsets, so the entries are iterated here.

use std::fs::File;
use std::io::{self, BufRead, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, Header, PaxExtensions};

use super::inflate::{MemberStream, is_blank, require_blank};
use crate::archive::error::{Error, ReadError, Result};
use crate::archive::layout::{BLOCK, EntryKind, EntrySummary, FORMAT_VERSION, MANIFEST, Manifest, max_text};
use crate::json::check_members;
use crate::util::format::hex;
use crate::util::spool::FileCursor;

/// The maximum size of a pax header or a long name in bytes.
const MAX_EXTENSION: u64 = 64 << 10;
/// The maximum number of extension headers before an entry.
const MAX_EXTENSIONS: usize = 4;
/// The maximum number of names in the message about an entry that was not found. A hostile archive may have any number
/// of entries.
const MAX_NAMES: usize = 1000;

/// The first bytes of a gzip member of `flate2`, which has no name and no time.
const MEMBER: [u8; 8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
/// The number of members from the header of the manifest to the end.
const LAST_MEMBERS: usize = 3;
/// Bytes that are searched together.
const PIECE: u64 = 64 << 10;
/// Reserve for the tar header, the end of the tar file, and the overhead of stored content.
const RESERVE: u64 = 64 << 10;

/// An open archive file. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Archive {
    file: Arc<File>,
    /// Used in messages.
    pub(in crate::archive) path: Arc<Path>,
}

/// The entries of an archive in order, as bytes.
pub struct Entries<'a> {
    path: Arc<Path>,
    tar: TarReader<'a>,
}

/// The entries of an archive that was checked, read again.
pub(in crate::archive) struct CheckedEntries {
    archive: Archive,
    entries: Vec<EntrySummary>,
    pub(in crate::archive) tar: TarReader<'static>,
    /// The number of the next entry in `tar`.
    next: usize,
}

/// A tar file that is read sequentially. Reading returns and hashes the content of the entry that `next` returned.
pub(in crate::archive) struct TarReader<'a> {
    stream: MemberStream<'a>,
    remaining: u64,
    padding: u64,
}

impl Archive {
    /// Opens a file.
    ///
    /// # Errors
    /// [`Error::File`], also for a directory.
    pub fn open(path: &Path) -> Result<Self> {
        let failed = |cause| Error::read(path, cause);
        // Checked before opening, since opening a named pipe waits for its writer.
        let cause = match std::fs::metadata(path).map_err(failed)? {
            found if found.is_file() => return Ok(Self::of_file(File::open(path).map_err(failed)?, path)),
            found if found.is_dir() => io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"),
            _ => io::Error::other("not a regular file (an archive is read more than once)"),
        };
        Err(failed(cause))
    }

    /// Returns the paths of the archives in a directory (`*.tar.gz`), sorted, at least one. Hidden files are left out, as by a
    /// shell.
    ///
    /// # Errors
    /// [`Error::File`], or [`Error::NoArchives`].
    pub fn paths_in(directory: &Path) -> Result<Vec<PathBuf>> {
        let is_archive = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.ends_with(".tar.gz") && !name.starts_with('.')
        };
        let found = std::fs::read_dir(directory).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            paths.collect::<io::Result<Vec<PathBuf>>>()
        });
        let mut paths = found.map_err(|cause| Error::read(directory, cause))?;
        paths.retain(is_archive);
        paths.sort_unstable();
        match paths.is_empty() {
            true => Err(Error::NoArchives(directory.to_owned())),
            false => Ok(paths),
        }
    }

    /// Wraps an open file; `path` is used in messages.
    pub(in crate::archive) fn of_file(file: File, path: &Path) -> Self {
        let (file, path) = (Arc::new(file), path.into());
        Self { file, path }
    }

    /// Changes the path for messages.
    pub fn named(self, path: &Path) -> Self {
        let path = path.into();
        Self { path, ..self }
    }

    /// Returns the compressed size in bytes.
    #[allow(clippy::len_without_is_empty, reason = "an empty file is not an archive")]
    pub fn len(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    /// Returns all entries from the beginning.
    pub fn entries(&self) -> Entries<'static> {
        let (path, tar) = (Arc::clone(&self.path), self.tar(0));
        Entries { path, tar }
    }

    /// Returns the path that messages use.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the manifest, which is read from the end of the file and is compared with nothing else. `None` if the file
    /// does not end as the archives of esml-state do.
    ///
    /// # Errors
    /// [`Error::File`]
    pub fn manifest(&self) -> Result<Option<Manifest>> {
        let tail = self.tail().map_err(|cause| Error::read(&self.path, cause))?;
        let manifest = tail.and_then(|tail| manifest_of(&tail));
        Ok(manifest.filter(|manifest| manifest.format_version == FORMAT_VERSION))
    }

    /// Returns the last members, compressed. `None` if they are larger than those of any archive.
    fn tail(&self) -> io::Result<Option<Vec<u8>>> {
        let (mut end, mut members) = (self.len(), 0);
        let first = end.saturating_sub(max_text(EntryKind::Manifest) + RESERVE);
        while end > first {
            let start = end.saturating_sub(PIECE).max(first);
            // The bytes of the next piece, with which a member that begins in this one can continue.
            let piece = self.bytes(start, end - start + MEMBER.len() as u64 - 1)?;
            for (at, bytes) in piece.windows(MEMBER.len()).enumerate().rev() {
                members += usize::from(bytes == MEMBER);
                if members == LAST_MEMBERS {
                    return self.bytes(start + at as u64, self.len()).map(Some);
                }
            }
            end = start;
        }
        Ok(None)
    }

    fn bytes(&self, offset: u64, max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.cursor(offset).take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Returns the tar file from a compressed offset, which must be the header of an entry and the start of a gzip
    /// member.
    pub(in crate::archive) fn tar(&self, offset: u64) -> TarReader<'static> {
        TarReader::new(MemberStream::new(self.cursor(offset), offset, &self.path))
    }

    pub(in crate::archive) fn cursor(&self, offset: u64) -> FileCursor<Arc<File>> {
        let file = Arc::clone(&self.file);
        FileCursor { file, offset }
    }
}

impl CheckedEntries {
    pub(in crate::archive) fn new(archive: Archive, entries: Vec<EntrySummary>) -> Self {
        Self {
            tar: archive.tar(0),
            archive,
            entries,
            next: 0,
        }
    }

    /// Opens the next entry of a wanted kind and returns that kind; `None` if there is none.
    pub(in crate::archive) fn open(
        &mut self,
        wanted: impl Fn(EntryKind) -> bool,
    ) -> Result<Option<EntryKind>, ReadError> {
        let mut left = self.entries[self.next..].iter();
        let Some(skipped) = left.position(|entry| entry.kind.is_some_and(&wanted)) else {
            return Ok(None);
        };
        let wanted = self.next + skipped;
        if let Some(start) = self.entries[wanted].start.filter(|_| skipped > 0) {
            (self.tar, self.next) = (self.archive.tar(start), wanted);
        }
        for checked in &self.entries[self.next..=wanted] {
            let same = |(_, entry): (_, EntrySummary)| entry.name == checked.name && entry.bytes == checked.bytes;
            if !self.tar.next()?.is_some_and(same) {
                return Err(changed());
            }
        }
        self.next = wanted + 1;
        Ok(self.entries[wanted].kind)
    }

    /// Checks that the opened entry ends here and has the same bytes as before.
    pub(in crate::archive) fn close(&mut self) -> Result<(), ReadError> {
        let ended = self.tar.fill_buf()?.is_empty();
        match ended && self.tar.sha256() == self.entries[self.next - 1].sha256 {
            true => Ok(()),
            false => Err(changed()),
        }
    }
}

/// The error for content that changed since it was checked.
pub(in crate::archive) fn changed() -> ReadError {
    ReadError::corrupt("different from the content that was checked")
}

impl<'a> Entries<'a> {
    /// Returns the entries of an archive that may be read from a pipe.
    pub fn of(reader: impl Read + Send + 'a) -> Self {
        let path = Arc::from(Path::new("-"));
        let tar = TarReader::new(MemberStream::new(reader, 0, &path));
        Self { path, tar }
    }

    /// Copies the first entry with this name to `to` and stops. If there is none, returns the existing names.
    ///
    /// # Errors
    /// [`Error::Damaged`] before the end of the entry, or [`Error::File`] from the archive or from `to`.
    pub fn show(mut self, name: &str, to: &mut dyn Write) -> Result<Option<Vec<String>>> {
        let mut names = Vec::new();
        while let Some(entry) = self.next_entry()? {
            if entry == name {
                let mut piece = Vec::new();
                while self.read(&mut piece)? {
                    to.write_all(&piece).map_err(Error::stdout)?;
                }
                return Ok(None);
            }
            if names.len() < MAX_NAMES {
                names.push(entry);
            }
        }
        Ok(Some(names))
    }

    /// Returns the name of the next entry. The rest of the previous one is skipped.
    ///
    /// # Errors
    /// [`Error::Damaged`], or [`Error::File`] from the file.
    pub fn next_entry(&mut self) -> Result<Option<String>> {
        let entry = self.tar.next().map_err(|error| error.of_archive(&self.path))?;
        Ok(entry.map(|(_, entry)| entry.name))
    }

    /// Reads the next piece of the entry's content; false at its end.
    ///
    /// # Errors
    /// The same as for [`next_entry`](Self::next_entry).
    pub fn read(&mut self, piece: &mut Vec<u8>) -> Result<bool> {
        let bytes = self.tar.fill_buf();
        let bytes = bytes.map_err(|cause| ReadError::from(cause).of_archive(&self.path))?;
        piece.clear();
        piece.extend_from_slice(bytes);
        let n = bytes.len();
        self.tar.consume(n);
        Ok(n > 0)
    }
}

impl<'a> TarReader<'a> {
    pub(in crate::archive) fn new(stream: MemberStream<'a>) -> Self {
        Self {
            stream,
            remaining: 0,
            padding: 0,
        }
    }

    /// Returns type, name and size of the next entry; the rest of the previous one is skipped. `None` at a valid end,
    /// after everything that follows was read.
    pub(in crate::archive) fn next(&mut self) -> Result<Option<(EntryType, EntrySummary)>, ReadError> {
        self.skip()?;
        let start = self.stream.member_start()?;
        let (mut path, mut size) = (None, None);
        let damaged =
            |what: &'static str| move |cause: io::Error| ReadError::corrupt(format!("{what} is damaged: {cause}"));
        for _ in 0..=MAX_EXTENSIONS {
            let Some(header) = self.header()? else { return Ok(None) };
            let bytes = header.entry_size().map_err(damaged("a header"))?;
            self.begin(bytes);
            match header.entry_type() {
                EntryType::GNULongName => {
                    let name = self.extension()?;
                    path = name.split(|byte| *byte == 0).next().map(text);
                }
                EntryType::XHeader => {
                    for record in PaxExtensions::new(&self.extension()?) {
                        let record = record.map_err(damaged("a pax header"))?;
                        match record.key_bytes() {
                            b"path" => path = Some(text(record.value_bytes())),
                            b"size" => size = Some(pax_size(record.value_bytes())?),
                            _ => {}
                        }
                    }
                }
                EntryType::GNULongLink | EntryType::XGlobalHeader => drop(self.extension()?),
                kind => {
                    let bytes = size.unwrap_or(bytes);
                    self.begin(bytes);
                    let entry = EntrySummary {
                        name: path.unwrap_or_else(|| text(&header.path_bytes())),
                        bytes,
                        start,
                        ..EntrySummary::default()
                    };
                    return Ok(Some((kind, entry)));
                }
            }
        }
        Err(ReadError::corrupt("too many metadata headers before one entry"))
    }

    /// Returns the SHA-256 of the content read so far in lowercase hexadecimal digits.
    pub(in crate::archive) fn sha256(&mut self) -> String {
        hex(&self.stream.end_hash())
    }

    fn begin(&mut self, bytes: u64) {
        self.remaining = bytes;
        self.padding = bytes.wrapping_neg() % BLOCK as u64;
        self.stream.begin_hash();
    }

    /// Skips the rest of the entry without hashing it.
    fn skip(&mut self) -> io::Result<()> {
        self.stream.end_hash();
        let left = self.remaining.saturating_add(self.padding);
        if io::copy(&mut self.stream.by_ref().take(left), &mut io::sink())? < left {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        (self.remaining, self.padding) = (0, 0);
        Ok(())
    }

    /// `None` at the end marker.
    fn header(&mut self) -> Result<Option<Header>, ReadError> {
        let mut header = Header::new_old();
        self.stream.read_exact(header.as_mut_bytes())?;
        if is_blank(header.as_bytes()) {
            return self.end().map(|()| None);
        }
        let mut right = header.clone();
        right.set_cksum();
        match (header.cksum(), right.cksum()) {
            (Ok(written), Ok(computed)) if written == computed => Ok(Some(header)),
            _ => Err(ReadError::corrupt("a tar header is damaged: its checksum is wrong")),
        }
    }

    /// Reads the second block of the end marker. Only zeros may follow.
    fn end(&mut self) -> Result<(), ReadError> {
        let mut block = [0; BLOCK];
        self.stream.read_exact(&mut block)?;
        if !is_blank(&block) {
            return Err(ReadError::corrupt("there is a single block of zeros between entries"));
        }
        require_blank(&mut self.stream, "unexpected data after the end of the tar file")
    }

    fn extension(&mut self) -> Result<Vec<u8>, ReadError> {
        if self.remaining > MAX_EXTENSION {
            return Err(ReadError::corrupt("a metadata header is larger than 64 KiB"));
        }
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        self.skip()?;
        Ok(content)
    }
}

impl BufRead for TarReader<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        let bytes = self.stream.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let n = self.remaining.min(bytes.len() as u64);
        Ok(&bytes[..n as usize])
    }

    fn consume(&mut self, n: usize) {
        self.stream.consume(n);
        self.remaining = self.remaining.saturating_sub(n as u64);
    }
}

impl Read for TarReader<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(to)?;
        self.consume(n);
        Ok(n)
    }
}

/// Reads the manifest and the end of the tar file. Decompresses no more than the header announces.
fn manifest_of(members: &[u8]) -> Option<Manifest> {
    let (mut tar, mut header) = (MultiGzDecoder::new(members), Header::new_old());
    tar.read_exact(header.as_mut_bytes()).ok()?;
    let is_manifest = *header.path_bytes() == *MANIFEST.as_bytes() && header.entry_type() == EntryType::Regular;
    let max = max_text(EntryKind::Manifest);
    let bytes = header.entry_size().ok().filter(|bytes| is_manifest && *bytes <= max)?;
    let length = bytes.next_multiple_of(BLOCK as u64) + 2 * BLOCK as u64;
    let mut content = Vec::new();
    // The decoder compares the checksum of a member when it reads beyond its content.
    tar.take(length + 1).read_to_end(&mut content).ok()?;
    let complete = content.len() as u64 == length;
    let (text, blank) = content.split_at_checked(bytes as usize).filter(|_| complete)?;
    let text = std::str::from_utf8(text).ok().filter(|_| is_blank(blank))?;
    check_members(text).ok()?;
    serde_json::from_str(text).ok()
}

fn pax_size(value: &[u8]) -> Result<u64, ReadError> {
    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    size.ok_or_else(|| ReadError::corrupt("the size in a pax header is not a number"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use flate2::write::GzEncoder;

    use super::*;

    /// Returns the size of the first entry according to its header.
    fn bytes_of(blocks: &[u8]) -> u64 {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(blocks).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut tar = TarReader::new(MemberStream::new(&gzip[..], 0, Path::new("")));
        tar.next().unwrap_or(None).unwrap().1.bytes
    }

    fn header(bytes: u64, kind: EntryType) -> Header {
        let mut header = Header::new_gnu();
        header.set_path("large").unwrap();
        header.set_size(bytes);
        header.set_entry_type(kind);
        header.set_cksum();
        header
    }

    #[test]
    fn sizes_above_the_octal_limit_are_read_in_both_notations() {
        for bytes in [(4 << 30) + 1, (8 << 30) - 1, 8 << 30, 9 << 40] {
            // As GNU tar writes it, in binary from 8 GiB on.
            assert_eq!(bytes_of(header(bytes, EntryType::Regular).as_bytes()), bytes);
            // As a pax header has it.
            let rest = format!(" size={bytes}\n");
            let length = rest.len() + (rest.len() + 2).to_string().len();
            let mut record = format!("{length}{rest}").into_bytes();
            let mut blocks = header(record.len() as u64, EntryType::XHeader).as_bytes().to_vec();
            record.resize(512, 0);
            blocks.append(&mut record);
            blocks.extend_from_slice(header(0, EntryType::Regular).as_bytes());
            assert_eq!(bytes_of(&blocks), bytes);
        }
    }

    fn archive() -> Vec<u8> {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        for (name, content) in [("a.json", "{}"), ("b.ndjson", "[1]\n[2]\n")] {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o600);
            tar.append_data(&mut header, name, content.as_bytes()).unwrap();
        }
        tar.into_inner().unwrap().finish().unwrap()
    }

    #[test]
    fn entry_is_copied_unchanged() {
        let mut to = Vec::new();
        assert_eq!(Entries::of(&archive()[..]).show("b.ndjson", &mut to).unwrap(), None);
        assert_eq!(to, b"[1]\n[2]\n");
    }

    #[test]
    fn error_for_an_unknown_entry_lists_the_existing_ones() {
        let mut to = Vec::new();
        let names = Entries::of(&archive()[..]).show("c", &mut to).unwrap().unwrap();
        assert_eq!(
            (names, to),
            (vec!["a.json".to_owned(), "b.ndjson".to_owned()], Vec::new())
        );
    }

    #[test]
    fn truncated_archive_is_damaged() {
        let archive = archive();
        let error = Entries::of(&archive[..40])
            .show("b.ndjson", &mut Vec::new())
            .unwrap_err();
        assert!(error.is_damage(), "{error}");
    }
}
