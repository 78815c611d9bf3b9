//! Text chunks to bytes: base64 carried across chunks, one gzip member, bounded.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzDecoder;

use crate::state::Error;

/// Base64 characters decoded at a time; a multiple of four.
const STEP: usize = 4096;

/// Why a chunk cannot be decoded, the document's id not known yet.
#[derive(Debug)]
pub(super) enum Fault {
    Undecodable(String),
    TooLarge(u64),
    Sink(io::Error),
}

pub(super) struct Decode<W: Write> {
    gzip: GzDecoder<Bounded<W>>,
    /// Characters that wait for the rest of their group of four.
    carried: Vec<u8>,
    padded: bool,
    limit: u64,
}

/// A sink that refuses to take more than it was told. What it says itself is kept apart from what is wrong with
/// the state.
struct Bounded<W> {
    sink: W,
    taken: u64,
    limit: u64,
    failed: Option<io::Error>,
}

impl<W: Write> Decode<W> {
    pub(super) fn new(sink: W, limit: u64) -> Self {
        let gzip = GzDecoder::new(Bounded {
            sink,
            taken: 0,
            limit,
            failed: None,
        });
        Self {
            gzip,
            carried: Vec::with_capacity(4),
            padded: false,
            limit,
        }
    }

    pub(super) fn chunk(&mut self, text: &str) -> Result<(), Fault> {
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
    fn groups(&mut self, groups: &[u8]) -> Result<(), Fault> {
        if self.padded {
            return Err(Fault::Undecodable("more base64 follows its padding".to_owned()));
        }
        self.padded = groups.ends_with(b"=");
        let mut bytes = [0; STEP / 4 * 3];
        let n = STANDARD
            .decode_slice(groups, &mut bytes)
            .map_err(|cause| Fault::Undecodable(format!("not base64: {cause}")))?;
        let mut rest = &bytes[..n];
        while !rest.is_empty() {
            let n = match self.gzip.write(rest) {
                Ok(n) => n,
                Err(cause) => return Err(self.fault(&cause)),
            };
            if n == 0 {
                return Err(Fault::Undecodable(
                    "bytes follow the end of the compressed state".to_owned(),
                ));
            }
            rest = &rest[n..];
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<(u64, W), Fault> {
        if !self.carried.is_empty() {
            return Err(Fault::Undecodable(
                "the base64 text ends inside a group of four".to_owned(),
            ));
        }
        if let Err(cause) = self.gzip.try_finish() {
            return Err(self.fault(&cause));
        }
        let limit = self.limit;
        let bounded = self.gzip.finish().map_err(|cause| fault(&cause, limit))?;
        Ok((bounded.taken, bounded.sink))
    }

    fn fault(&mut self, cause: &io::Error) -> Fault {
        match self.gzip.get_mut().failed.take() {
            Some(cause) => Fault::Sink(cause),
            None => fault(cause, self.limit),
        }
    }
}

fn fault(cause: &io::Error, limit: u64) -> Fault {
    match cause.kind() {
        io::ErrorKind::FileTooLarge => Fault::TooLarge(limit),
        io::ErrorKind::UnexpectedEof => Fault::Undecodable("the compressed state is cut short".to_owned()),
        _ => Fault::Undecodable(format!("the compressed state is damaged: {cause}")),
    }
}

impl Fault {
    pub(super) fn of(self, id: &str) -> Error {
        let id = id.to_owned();
        match self {
            Self::Undecodable(why) => Error::Undecodable { id, why },
            Self::TooLarge(limit) => Error::TooLarge { id, limit },
            Self::Sink(cause) => Error::of_sink(&id, cause),
        }
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
