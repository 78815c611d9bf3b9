//! State documents to decoded state, streamed: strings in order → one base64 text → one gzip member.

use std::io::Write;

use crate::state::Error;

/// How much state may decompress to.
#[derive(Clone, Copy, Debug)]
pub struct StateLimits {
    /// Bytes.
    pub decoded: u64,
}

/// Decodes the documents of one kind, given in numeric order, into a sink; memory is flat.
#[derive(Debug)]
pub struct ChunkDecoder<W: Write> {
    sink: W,
}

impl<W: Write> ChunkDecoder<W> {
    /// Starts a decoder.
    pub fn new(sink: W, limits: StateLimits) -> Self {
        todo!()
    }

    /// Decodes one document's source; `id` is for messages. Returns whether it carries `eos: true`;
    /// a document after `eos` is an error.
    pub fn document(&mut self, id: &str, source: &[u8]) -> Result<bool, Error> {
        todo!()
    }

    /// The end: `eos` must have come, base64 and gzip must be complete. Returns decoded bytes and the sink.
    pub fn finish(self) -> Result<(u64, W), Error> {
        todo!()
    }
}
