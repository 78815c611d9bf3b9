//! State documents to decoded state and back, streamed: strings in order ↔ one base64 text ↔ one gzip member.

mod decode;
mod document;
mod encode;

use std::fmt;
use std::io::Write;

use crate::state::Error;
use decode::Decode;
pub use encode::ChunkEncoder;

/// How much state may decompress to.
#[derive(Clone, Copy, Debug)]
pub struct StateLimits {
    /// Bytes.
    pub decoded: u64,
}

/// Decodes the documents of one kind, given in numeric order, into a sink; memory is flat.
pub struct ChunkDecoder<W: Write> {
    decode: Decode<W>,
    last_id: String,
    eos: bool,
}

impl<W: Write> ChunkDecoder<W> {
    /// Starts a decoder.
    pub fn new(sink: W, limits: StateLimits) -> Self {
        Self {
            decode: Decode::new(sink, limits.decoded),
            last_id: String::new(),
            eos: false,
        }
    }

    /// Decodes one document's source; `id` is for messages. Returns whether it carries `eos: true`;
    /// a document after `eos` is an error.
    ///
    /// # Errors
    /// Any of [`Error`] but `ForeignId`; the decoder is of no use afterwards.
    pub fn document(&mut self, id: &str, source: &[u8]) -> Result<bool, Error> {
        if self.eos {
            return Err(malformed(id, "it follows the document that carries `eos`"));
        }
        id.clone_into(&mut self.last_id);
        self.eos = document::read(id, source, &mut self.decode)?;
        Ok(self.eos)
    }

    /// The end: `eos` must have come, base64 and gzip must be complete. Returns decoded bytes and the sink.
    ///
    /// # Errors
    /// As [`document`](Self::document).
    pub fn finish(self) -> Result<(u64, W), Error> {
        if !self.eos {
            return Err(malformed(
                &self.last_id,
                "the last document of the state lacks `eos`: the state is cut short",
            ));
        }
        self.decode.finish().map_err(|fault| fault.of(&self.last_id))
    }
}

/// Decodes a text that is not cut into chunks, as quantiles are; `id` is for messages.
pub(super) fn decode_text<W: Write>(id: &str, text: &str, limits: StateLimits, sink: W) -> Result<W, Error> {
    let mut decode = Decode::new(sink, limits.decoded);
    decode.chunk(text).map_err(|fault| fault.of(id))?;
    let (_, sink) = decode.finish().map_err(|fault| fault.of(id))?;
    Ok(sink)
}

impl<W: Write> fmt::Debug for ChunkDecoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkDecoder")
            .field("last_id", &self.last_id)
            .field("eos", &self.eos)
            .finish_non_exhaustive()
    }
}

fn malformed(id: &str, why: &str) -> Error {
    Error::Malformed {
        id: id.to_owned(),
        why: why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
