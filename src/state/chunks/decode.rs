//! Text chunks to bytes: base64 carried across chunks, one gzip member, bounded.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzDecoder;

use crate::state::error::Cause;

/// Base64 characters decoded at a time; a multiple of four.
const STEP: usize = 4096;

/// How much state may decompress to.
#[derive(Clone, Copy, Debug)]
pub struct StateLimits {
    /// Bytes.
    pub decoded: u64,
}

/// Decodes a text that is not cut into chunks, as quantiles are; returns the sink.
pub(in crate::state) fn decode_text<W: Write>(text: &str, limits: StateLimits, sink: W) -> Result<W, Cause> {
    let mut decoder = Decoder::new(sink, limits);
    decoder.push(text)?;
    decoder.finish().map(|(_, sink)| sink)
}

pub(super) struct Decoder<W: Write> {
    gzip: GzDecoder<Bounded<W>>,
    /// Characters that wait for the rest of their group of four.
    carried: Vec<u8>,
    padded: bool,
}

/// A sink that refuses to take more than it was told. What it says itself is kept apart from what is wrong with
/// the state.
struct Bounded<W> {
    sink: W,
    taken: u64,
    limit: u64,
    failed: Option<io::Error>,
}

impl<W: Write> Decoder<W> {
    pub(super) fn new(sink: W, limits: StateLimits) -> Self {
        let gzip = GzDecoder::new(Bounded {
            sink,
            taken: 0,
            limit: limits.decoded,
            failed: None,
        });
        Self {
            gzip,
            carried: Vec::with_capacity(4),
            padded: false,
        }
    }

    pub(super) fn push(&mut self, text: &str) -> Result<(), Cause> {
        let mut rest = text.as_bytes();
        if !self.carried.is_empty() {
            let (head, tail) = rest.split_at(rest.len().min(4 - self.carried.len()));
            self.carried.extend_from_slice(head);
            rest = tail;
            if self.carried.len() < 4 {
                return Ok(());
            }
            let group = std::mem::take(&mut self.carried);
            self.groups(&group)?;
        }
        let whole = rest.len() - rest.len() % 4;
        for groups in rest[..whole].chunks(STEP) {
            self.groups(groups)?;
        }
        self.carried.extend_from_slice(&rest[whole..]);
        Ok(())
    }

    /// Whole groups of four characters.
    fn groups(&mut self, groups: &[u8]) -> Result<(), Cause> {
        if self.padded {
            return Err(undecodable("more base64 follows its padding"));
        }
        self.padded = groups.ends_with(b"=");
        let mut bytes = [0; STEP / 4 * 3];
        let n = STANDARD
            .decode_slice(groups, &mut bytes)
            .map_err(|cause| undecodable(&format!("not base64: {cause}")))?;
        let mut rest = &bytes[..n];
        while !rest.is_empty() {
            match self.gzip.write(rest) {
                Ok(0) => return Err(undecodable("bytes follow the end of the compressed state")),
                Ok(n) => rest = &rest[n..],
                Err(cause) => return Err(self.failure(&cause)),
            }
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(u64, W), Cause> {
        if !self.carried.is_empty() {
            return Err(undecodable("the base64 text ends inside a group of four"));
        }
        if let Err(cause) = self.gzip.try_finish() {
            return Err(self.failure(&cause));
        }
        let bounded = self.gzip.finish().map_err(|cause| damaged(&cause))?;
        Ok((bounded.taken, bounded.sink))
    }

    /// Why a write of compressed bytes failed: because of the sink, a bound, or the state.
    fn failure(&mut self, cause: &io::Error) -> Cause {
        let bounded = self.gzip.get_mut();
        match (bounded.failed.take(), cause.kind()) {
            (Some(cause), _) => cause.into(),
            (None, io::ErrorKind::FileTooLarge) => Cause::TooLarge(bounded.limit),
            (None, _) => damaged(cause),
        }
    }
}

fn undecodable(why: &str) -> Cause {
    Cause::Undecodable(why.to_owned())
}

fn damaged(cause: &io::Error) -> Cause {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => undecodable("the compressed state is cut short"),
        _ => undecodable(&format!("the compressed state is damaged: {cause}")),
    }
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.taken.saturating_add(bytes.len() as u64) > self.limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        match self.sink.write(bytes) {
            Ok(n) => {
                self.taken += n as u64;
                Ok(n)
            }
            Err(cause) => {
                let kind = cause.kind();
                self.failed = Some(cause);
                Err(kind.into())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
