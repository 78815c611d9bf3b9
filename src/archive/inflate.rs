//! Concatenated gzip members as one stream, with a bound on what they inflate to.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

use super::fault::{Damage, ReaderFailed};
use super::limits::RATIO_FROM;

/// What every gzip member begins with.
const MAGIC: [u8; 2] = [0x1f, 0x8b];
const SOURCE_BUFFER: usize = 128 << 10;
const BUFFER: usize = 256 << 10;

/// The compressed bytes, counted exactly: a decoder takes no byte behind its member.
pub(super) struct Source<'a, R> {
    reader: R,
    buffer: Box<[u8]>,
    position: usize,
    filled: usize,
    consumed: u64,
    progress: &'a dyn Fn(u64),
}

/// Inflated bytes, and where members begin.
pub(super) trait Inflated: BufRead {
    /// The compressed offset of the member that begins with the next byte, if one does.
    fn member_start(&mut self) -> io::Result<Option<u64>>;
}

/// Inflated bytes of one member.
#[derive(Default)]
pub(super) struct Block {
    pub(super) bytes: Box<[u8]>,
    /// How many of them there are; none at the end.
    pub(super) filled: usize,
    /// The compressed offset of the member whose first bytes these are.
    pub(super) member: Option<u64>,
}

/// Inflated bytes; each filling of the buffer comes from one member.
pub(super) struct Inflate<'a, R: Read> {
    state: State<'a, R>,
    buffer: Box<[u8]>,
    position: usize,
    filled: usize,
    /// Where the member begins whose first bytes the buffer begins with.
    member: Option<u64>,
    inflated: u64,
    ratio: u64,
}

enum State<'a, R: Read> {
    Between(Source<'a, R>),
    Inside(Box<GzDecoder<Source<'a, R>>>),
    /// At the end, or after an error.
    Over,
}

impl<'a, R: Read> Source<'a, R> {
    /// `begin` is the reader's place in the file.
    pub(super) fn new(reader: R, begin: u64, progress: &'a dyn Fn(u64)) -> Self {
        let buffer = vec![0; SOURCE_BUFFER].into_boxed_slice();
        Self {
            reader,
            buffer,
            position: 0,
            filled: 0,
            consumed: begin,
            progress,
        }
    }
}

impl<R: Read> BufRead for Source<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.position == self.filled {
            match self.reader.read(&mut self.buffer) {
                Ok(n) => {
                    (self.position, self.filled) = (0, n);
                    (self.progress)(n as u64);
                    break;
                }
                Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
                Err(cause) => return Err(io::Error::other(ReaderFailed(cause))),
            }
        }
        Ok(&self.buffer[self.position..self.filled])
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.filled - self.position);
        self.position += n;
        self.consumed += n as u64;
    }
}

impl<R: Read> Read for Source<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, to)
    }
}

impl<'a, R: Read> Inflate<'a, R> {
    pub(super) fn new(source: Source<'a, R>, ratio: u64) -> Self {
        Self {
            state: State::Between(source),
            buffer: room(),
            position: 0,
            filled: 0,
            member: None,
            inflated: 0,
            ratio,
        }
    }

    /// The next block whole, in exchange for a buffer, which may have no room yet.
    pub(super) fn block(&mut self, spare: Box<[u8]>) -> io::Result<Block> {
        self.fill()?;
        let spare = if spare.is_empty() { room() } else { spare };
        Ok(Block {
            bytes: std::mem::replace(&mut self.buffer, spare),
            filled: std::mem::take(&mut self.filled),
            member: self.member,
        })
    }

    fn fill(&mut self) -> io::Result<()> {
        (self.position, self.filled, self.member) = (0, 0, None);
        loop {
            match std::mem::replace(&mut self.state, State::Over) {
                State::Over => return Ok(()),
                State::Between(mut source) => {
                    if source.fill_buf()?.is_empty() {
                        return Ok(());
                    }
                    let begin = source.consumed;
                    if source.fill_buf()?.first() == Some(&0) {
                        return only_zeros(&mut source);
                    }
                    let first = source.fill_buf()?;
                    if begin == 0 && !first.iter().zip(MAGIC).all(|(byte, magic)| *byte == magic) {
                        return Err(Damage::error("not a gzip file, so not an esml-state archive"));
                    }
                    self.state = State::Inside(Box::new(GzDecoder::new(source)));
                    self.member = Some(begin);
                }
                State::Inside(mut decoder) => {
                    let n = decoder.read(&mut self.buffer)?;
                    if n == 0 {
                        self.state = State::Between(decoder.into_inner());
                        self.member = None;
                        continue;
                    }
                    let compressed = decoder.get_ref().consumed;
                    self.state = State::Inside(decoder);
                    self.inflated += n as u64;
                    if self.inflated > RATIO_FROM && self.inflated / self.ratio.max(1) > compressed {
                        let ratio = self.ratio;
                        return Err(Damage::error(format!(
                            "inflates to more than {ratio} times its size: it looks made to exhaust a disk or memory"
                        )));
                    }
                    self.filled = n;
                    return Ok(());
                }
            }
        }
    }
}

/// Zeros behind the last member are what tapes and block devices leave; gzip ignores them too.
fn only_zeros<R: Read>(source: &mut Source<'_, R>) -> io::Result<()> {
    loop {
        let bytes = source.fill_buf()?;
        if bytes.is_empty() {
            return Ok(());
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Err(Damage::error("something that is not gzip follows the compressed data"));
        }
        let n = bytes.len();
        source.consume(n);
    }
}

fn room() -> Box<[u8]> {
    vec![0; BUFFER].into_boxed_slice()
}

impl<R: Read> Inflated for Inflate<'_, R> {
    fn member_start(&mut self) -> io::Result<Option<u64>> {
        self.fill_buf()?;
        Ok(if self.position == 0 { self.member } else { None })
    }
}

impl<R: Read> BufRead for Inflate<'_, R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.position == self.filled {
            self.fill()?;
        }
        Ok(&self.buffer[self.position..self.filled])
    }

    fn consume(&mut self, n: usize) {
        self.position += n.min(self.filled - self.position);
    }
}

impl<R: Read> Read for Inflate<'_, R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        read_buffered(self, to)
    }
}

pub(super) fn read_buffered(from: &mut impl BufRead, to: &mut [u8]) -> io::Result<usize> {
    let bytes = from.fill_buf()?;
    let n = bytes.len().min(to.len());
    to[..n].copy_from_slice(&bytes[..n]);
    from.consume(n);
    Ok(n)
}
