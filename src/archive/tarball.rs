//! The entries of a tar, read forwards; what stands between them is bounded.

use std::io::{self, BufRead, Read};

use sha2::{Digest, Sha256};
use tar::{EntryType, Header, PaxExtensions};

use super::fault::{Damage, Fault};
use super::inflate::{Inflated, read_buffered};

const BLOCK: usize = 512;
/// Bytes of a pax header or a long name.
const METADATA: u64 = 64 << 10;
/// Metadata entries before one entry.
const METADATA_ENTRIES: usize = 4;

/// An entry's header, pax and GNU extensions applied.
#[derive(Clone, Debug)]
pub(super) struct TarEntry {
    pub(super) path: String,
    pub(super) kind: EntryType,
    pub(super) bytes: u64,
    /// The compressed offset of its header, where that begins a gzip member.
    pub(super) start: Option<u64>,
}

/// A tar. Reading from it reads the content of the entry that `next` gave, and hashes it.
pub(super) struct Tarball<I> {
    inflate: I,
    remaining: u64,
    padding: u64,
    hash: Sha256,
}

/// What metadata entries said of the next entry.
#[derive(Default)]
struct Extensions {
    path: Option<String>,
    bytes: Option<u64>,
}

impl<I: Inflated> Tarball<I> {
    pub(super) fn new(inflate: I) -> Self {
        Self {
            inflate,
            remaining: 0,
            padding: 0,
            hash: Sha256::new(),
        }
    }

    /// The next entry, what is left of the one before skipped; `None` at a proper end, the rest read too.
    pub(super) fn next(&mut self) -> Result<Option<TarEntry>, Fault> {
        self.skip()?;
        let start = self.inflate.member_start()?;
        let mut extensions = Extensions::default();
        for _ in 0..=METADATA_ENTRIES {
            let Some(header) = self.header()? else { return Ok(None) };
            let bytes = header
                .entry_size()
                .map_err(|cause| damage(&format!("a header is damaged: {cause}")))?;
            let kind = header.entry_type();
            if !is_metadata(kind) {
                let path = extensions.path.unwrap_or_else(|| text(&header.path_bytes()));
                let bytes = extensions.bytes.unwrap_or(bytes);
                self.begin(bytes);
                return Ok(Some(TarEntry {
                    path,
                    kind,
                    bytes,
                    start,
                }));
            }
            self.extend(kind, bytes, &mut extensions)?;
        }
        Err(damage("too many metadata headers before one entry"))
    }

    /// SHA-256 of the content read so far, lower-case hexadecimal; all of it once it was read to its end.
    pub(super) fn sha256(&mut self) -> String {
        crate::util::hex::hex(&self.hash.finalize_reset())
    }

    fn begin(&mut self, bytes: u64) {
        self.remaining = bytes;
        self.padding = (BLOCK as u64 - bytes % BLOCK as u64) % BLOCK as u64;
        self.hash = Sha256::new();
    }

    fn skip(&mut self) -> io::Result<()> {
        // Not hashed: nobody asks for the hash of what was skipped.
        let mut left = self.remaining.saturating_add(self.padding);
        while left > 0 {
            let available = self.inflate.fill_buf()?.len();
            if available == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let n = usize::try_from(left).unwrap_or(usize::MAX).min(available);
            self.inflate.consume(n);
            left -= n as u64;
        }
        (self.remaining, self.padding) = (0, 0);
        Ok(())
    }

    /// `None` where the end marker stands.
    fn header(&mut self) -> Result<Option<Header>, Fault> {
        let mut header = Header::new_old();
        self.inflate.read_exact(header.as_mut_bytes())?;
        if header.as_bytes().iter().all(|byte| *byte == 0) {
            self.end()?;
            return Ok(None);
        }
        let bytes = header.as_bytes();
        let sum: u32 = bytes[..148]
            .iter()
            .chain(&bytes[156..])
            .map(|byte| u32::from(*byte))
            .sum::<u32>()
            + 8 * 32;
        match header.cksum() {
            Ok(written) if written == sum => Ok(Some(header)),
            _ => Err(damage("a tar header's checksum is wrong")),
        }
    }

    /// The second block of the end marker, and nothing but zeros behind it.
    fn end(&mut self) -> Result<(), Fault> {
        let mut block = [0; BLOCK];
        self.inflate.read_exact(&mut block)?;
        if block.iter().any(|byte| *byte != 0) {
            return Err(damage("a lone block of zeros stands between entries"));
        }
        loop {
            let bytes = self.inflate.fill_buf()?;
            if bytes.is_empty() {
                return Ok(());
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Err(damage("something follows the end of the tar"));
            }
            let n = bytes.len();
            self.inflate.consume(n);
        }
    }

    fn extend(&mut self, kind: EntryType, bytes: u64, extensions: &mut Extensions) -> Result<(), Fault> {
        if bytes > METADATA {
            return Err(damage("a metadata header is larger than 64 KiB"));
        }
        self.begin(bytes);
        let mut content = Vec::new();
        self.read_to_end(&mut content)?;
        self.skip()?;
        if kind == EntryType::GNULongName {
            let end = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
            extensions.path = Some(text(&content[..end]));
        } else if kind == EntryType::XHeader {
            for record in PaxExtensions::new(&content) {
                let record = record.map_err(|cause| damage(&format!("a pax header is damaged: {cause}")))?;
                match record.key_bytes() {
                    b"path" => extensions.path = Some(text(record.value_bytes())),
                    b"size" => extensions.bytes = Some(pax_size(record.value_bytes())?),
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

impl<I: Inflated> BufRead for Tarball<I> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.remaining == 0 {
            return Ok(&[]);
        }
        let bytes = self.inflate.fill_buf()?;
        if bytes.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let n = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[..n])
    }

    fn consume(&mut self, n: usize) {
        // The buffer is there: filling it again reads nothing.
        if let Ok(bytes) = self.inflate.fill_buf() {
            self.hash.update(&bytes[..n.min(bytes.len())]);
        }
        self.inflate.consume(n);
        self.remaining = self.remaining.saturating_sub(n as u64);
    }
}

impl<I: Inflated> Read for Tarball<I> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, to)
    }
}

fn is_metadata(kind: EntryType) -> bool {
    kind.is_gnu_longname()
        || kind.is_gnu_longlink()
        || kind.is_pax_local_extensions()
        || kind.is_pax_global_extensions()
}

fn pax_size(value: &[u8]) -> Result<u64, Fault> {
    let size = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    size.ok_or_else(|| damage("a pax header's size is not a number"))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn damage(why: &str) -> Fault {
    Fault::from(Damage::error(why))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::write::GzEncoder;

    use super::*;
    use crate::archive::inflate::{Inflate, Source};

    /// What the first entry is said to have.
    fn bytes_of(blocks: &[u8]) -> u64 {
        let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(blocks).unwrap();
        let gzip = gzip.finish().unwrap();
        let mut tar = Tarball::new(Inflate::new(Source::new(&gzip[..], 0, &|_| {}), 200));
        tar.next().unwrap_or(None).unwrap().bytes
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
    fn sizes_beyond_the_octal_field_are_read_in_either_form() {
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
}
