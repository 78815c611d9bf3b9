//! Decompresses the members of a gzip file as one stream, with the offset of each member, where reading can start
//! again.
//!
//! `flate2` decodes a member. Its `MultiGzDecoder` does not report the offsets of members, and treats the zeros that
//! tapes and block devices append as damage.

use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{channel, sync_channel};
use std::thread;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

use crate::archive::error::{Error, NOT_AN_ARCHIVE, ReadError};

/// The first bytes of every gzip member.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const COMPRESSED_BUFFER: usize = 128 << 10;
const BLOCK: usize = 256 << 10;
/// The maximum number of decompressed blocks that are read ahead.
const READ_AHEAD: usize = 3;

/// Receives the number of bytes of each read. A check reports compressed bytes, so that their total is the size of the file.
pub type Progress<'a> = &'a (dyn Fn(u64) + Sync);

/// Decompressed bytes, block by block.
pub(in crate::archive) struct MemberStream<'a> {
    /// Receives the previous block, whose buffer is reused, and returns the next one.
    next: Box<dyn FnMut(Block) -> io::Result<Block> + Send + 'a>,
    block: Block,
    position: usize,
    ended: bool,
    /// The hash of the bytes since it was begun, up to a position in the block: complete blocks are hashed faster than
    /// lines.
    hash: Option<Sha256>,
    hashed: usize,
}

/// Decompressed bytes of one member; empty at the end.
#[derive(Default)]
struct Block {
    buffer: Vec<u8>,
    filled: usize,
    /// The compressed offset of the member that begins with these bytes.
    member: Option<u64>,
}

/// The decoder is between two members or inside one. It does not read beyond the end of its member.
enum Decoder<'p, R: Read> {
    Between(BufReader<Source<'p, R>>),
    Inside(Box<GzDecoder<BufReader<Source<'p, R>>>>),
    /// At the end, or after an error.
    Ended,
}

/// Counts and reports the bytes that it reads. Its errors are marked, so that they are not mistaken for errors of the
/// decoder.
struct Source<'p, R> {
    reader: R,
    offset: u64,
    path: PathBuf,
    progress: Progress<'p>,
}

impl<'a> MemberStream<'a> {
    /// Decompresses `reader` from `offset`; `path` is used in messages.
    pub(super) fn new(reader: impl Read + Send + 'a, offset: u64, path: &Path) -> Self {
        let mut decoder = Decoder::new(reader, offset, path, &|_| {});
        Self::of(move |used| decoder.block(used))
    }

    fn of(next: impl FnMut(Block) -> io::Result<Block> + Send + 'a) -> Self {
        Self {
            next: Box::new(next),
            block: Block::default(),
            position: 0,
            ended: false,
            hash: None,
            hashed: 0,
        }
    }

    /// Begins to hash with the next byte.
    pub(super) fn begin_hash(&mut self) {
        (self.hash, self.hashed) = (Some(Sha256::new()), self.position);
    }

    /// Ends the hash and returns the SHA-256 of the bytes read since it was begun; empty if it was not begun.
    pub(super) fn end_hash(&mut self) -> Vec<u8> {
        self.hash_read();
        self.hash.take().map_or(Vec::new(), |hash| hash.finalize().to_vec())
    }

    fn hash_read(&mut self) {
        if let Some(hash) = &mut self.hash {
            hash.update(&self.block.buffer[self.hashed..self.position]);
        }
        self.hashed = self.position;
    }

    /// Returns the compressed offset of the member that begins with the next byte, if one does.
    pub(super) fn member_start(&mut self) -> io::Result<Option<u64>> {
        self.fill_buf()?;
        Ok(self.block.member.filter(|_| self.position == 0))
    }
}

fn is_last(block: &io::Result<Block>) -> bool {
    block.as_ref().map_or(true, |block| block.filled == 0)
}

/// Runs `work` on the decompressed content of `reader`, while a separate thread decompresses some blocks ahead.
///
/// # Errors
/// The thread cannot be started.
pub(in crate::archive) fn read_ahead<T>(
    reader: impl Read + Send,
    path: &Path,
    progress: Progress<'_>,
    work: impl FnOnce(MemberStream<'_>) -> T,
) -> io::Result<T> {
    let (filled, blocks) = sync_channel(READ_AHEAD);
    let (used, spares) = channel();
    let mut decoder = Decoder::new(reader, 0, path, progress);
    let decode = move || {
        loop {
            let block = decoder.block(spares.try_recv().unwrap_or_default());
            let last = is_last(&block);
            if filled.send(block).is_err() || last {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let inflate = thread::Builder::new().name("inflate".to_owned());
        inflate.spawn_scoped(scope, decode)?;
        Ok(work(MemberStream::of(move |block| {
            let died = || io::Error::other("the decompression thread stopped before the end");
            // If the thread has ended, the block is not needed.
            let _ = used.send(block);
            blocks.recv().unwrap_or_else(|_| Err(died()))
        })))
    })
}

impl<'p, R: Read> Decoder<'p, R> {
    fn new(reader: R, offset: u64, path: &Path, progress: Progress<'p>) -> Self {
        let source = Source {
            reader,
            offset,
            path: path.to_owned(),
            progress,
        };
        Self::Between(BufReader::with_capacity(COMPRESSED_BUFFER, source))
    }

    fn block(&mut self, used: Block) -> io::Result<Block> {
        let (mut buffer, mut member) = (used.buffer, None);
        if buffer.is_empty() {
            buffer = vec![0; BLOCK];
        }
        loop {
            match std::mem::replace(self, Self::Ended) {
                Self::Ended => return Ok(Block::default()),
                Self::Between(mut source) => {
                    let start = source.get_ref().offset - source.buffer().len() as u64;
                    let next = source.fill_buf()?;
                    match next.first() {
                        None if start == 0 => return Err(ReadError::corrupt("the file is empty").into()),
                        None => return Ok(Block::default()),
                        Some(0) => {
                            require_blank(&mut source, "unexpected data after the compressed data")?;
                            return Ok(Block::default());
                        }
                        Some(_) if start == 0 && next.iter().zip(MAGIC).any(|(byte, magic)| *byte != magic) => {
                            return Err(ReadError::corrupt(NOT_AN_ARCHIVE).into());
                        }
                        Some(_) => {}
                    }
                    member = Some(start);
                    *self = Self::Inside(Box::new(GzDecoder::new(source)));
                }
                Self::Inside(mut decoder) => match decoder.read(&mut buffer)? {
                    0 => {
                        member = None;
                        *self = Self::Between(decoder.into_inner());
                    }
                    filled => {
                        *self = Self::Inside(decoder);
                        return Ok(Block { buffer, filled, member });
                    }
                },
            }
        }
    }
}

pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Reads to the end and refuses anything except zeros.
pub(super) fn require_blank(reader: &mut impl BufRead, otherwise: &str) -> Result<(), ReadError> {
    loop {
        let bytes = reader.fill_buf()?;
        let n = bytes.len();
        if n == 0 {
            return Ok(());
        }
        if !is_blank(bytes) {
            return Err(ReadError::corrupt(otherwise));
        }
        reader.consume(n);
    }
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(to) {
                Ok(n) => {
                    self.offset += n as u64;
                    (self.progress)(n as u64);
                    return Ok(n);
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(ReadError::Failed(Error::read(&self.path, cause)).into()),
            }
        }
    }
}

impl BufRead for MemberStream<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.block.filled && !self.ended {
            self.hash_read();
            (self.position, self.hashed) = (0, 0);
            let block = (self.next)(std::mem::take(&mut self.block));
            self.ended = is_last(&block);
            self.block = block?;
        }
        Ok(&self.block.buffer[self.position..self.block.filled])
    }

    fn consume(&mut self, n: usize) {
        self.position = self.block.filled.min(self.position + n);
    }
}

impl Read for MemberStream<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let n = self.fill_buf()?.read(to)?;
        self.consume(n);
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// Returns compressed members, their contents, and their offsets.
    fn members() -> (Vec<u8>, Vec<u8>, Vec<u64>) {
        let (mut compressed, mut plain, mut starts) = (Vec::new(), Vec::new(), Vec::new());
        for number in 1..40_usize {
            let content: Vec<u8> = (0..number * 9_973).map(|n| (n * number % 251) as u8).collect();
            starts.push(compressed.len() as u64);
            let mut gzip = GzEncoder::new(&mut compressed, Compression::fast());
            gzip.write_all(&content).unwrap();
            gzip.finish().unwrap();
            plain.extend(content);
        }
        (compressed, plain, starts)
    }

    #[test]
    fn read_ahead_yields_the_bytes_and_the_start_of_each_member() {
        let (compressed, plain, starts) = members();
        let (mut seen, mut found) = (Vec::new(), Vec::new());
        read_ahead(&compressed[..], Path::new(""), &|_| {}, |mut ahead| {
            loop {
                found.extend(ahead.member_start().unwrap());
                let bytes = ahead.fill_buf().unwrap();
                if bytes.is_empty() {
                    break;
                }
                seen.extend_from_slice(bytes);
                let n = bytes.len();
                ahead.consume(n);
            }
        })
        .unwrap();
        assert!(seen == plain);
        assert_eq!(found, starts);
    }

    #[test]
    fn damage_is_reported_once_after_the_preceding_bytes() {
        let (mut compressed, plain, _) = members();
        compressed.truncate(compressed.len() - 5);
        let mut seen = Vec::new();
        read_ahead(&compressed[..], Path::new(""), &|_| {}, |mut ahead| {
            let error = ahead.read_to_end(&mut seen).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(ahead.fill_buf().unwrap().is_empty());
        })
        .unwrap();
        assert!(plain.starts_with(&seen) && seen.len() > plain.len() / 2);
    }

    #[test]
    fn dropping_the_reader_ends_its_thread() {
        let endless = std::iter::repeat_with(|| members().0)
            .take(3)
            .flatten()
            .collect::<Vec<u8>>();
        let first = read_ahead(&endless[..], Path::new(""), &|_| {}, |mut ahead| {
            ahead.fill_buf().unwrap()[0]
        });
        assert_eq!(first.unwrap(), 0);
    }
}
