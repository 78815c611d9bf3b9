//! Finds the manifest from the end of an archive, without decompressing the rest.
//!
//! An archive of [`ArchiveWriter`](crate::archive::ArchiveWriter) ends with three gzip members: the tar header of the
//! manifest, its content, and the end of the tar file.

use std::io::{self, Read};

use flate2::bufread::MultiGzDecoder;
use tar::{EntryType, Header};

use super::entries::Archive;
use super::inflate::is_blank;
use crate::archive::error::{Error, Result};
use crate::archive::layout::{BLOCK, EntryKind, FORMAT_VERSION, MANIFEST, Manifest, max_text};
use crate::json::check_members;

/// The first bytes of a gzip member of `flate2`, which has no name and no time.
const MEMBER: [u8; 8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0];
/// The number of members from the header of the manifest to the end.
const LAST_MEMBERS: usize = 3;
/// Bytes that are searched together.
const PIECE: u64 = 64 << 10;
/// Reserve for the tar header, the end of the tar file, and the overhead of stored content.
const RESERVE: u64 = 64 << 10;

impl Archive {
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
