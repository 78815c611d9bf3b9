//! The locations and kinds of values in the decoded state.
//!
//! [`StateRewriter`] reads a decoded state as a stream and passes every text to a [`Visitor`], which can read, replace
//! or drop it. The output is identical to the input, byte for byte, except for the changes of the visitor. Unknown
//! elements are errors, since they might contain values.
//!
//! The form is that of Elastic's ml-cpp, unchanged from 7.9 to 9.5 (state version 34, categorizer 1, quantiles 3). The
//! tables in `form` list every element above the mathematical models. Inside the models, only numbers are accepted.

mod form;
mod rewriter;
mod value;

use std::io::{self, Write};

use base64::{engine::general_purpose::STANDARD, write::EncoderStringWriter};
use flate2::{Compression, write::GzEncoder};

pub use rewriter::{StateRewriter, StateStream};
pub use value::{Change, Detector, ValueKind, ValueLocation, Visitor, scaled};

use crate::state::chunks::{Cause, Error, TextDecoder};

/// Passes the texts of a `quantile_state` to a visitor.
///
/// # Errors
/// The same as for [`rewrite_quantiles`].
pub fn read_quantiles<V: Visitor>(text: &str, max_bytes: u64, visitor: V) -> Result<V, Error> {
    rewrite(text, max_bytes, visitor, io::sink()).map(|(visitor, _)| visitor)
}

/// Returns the text with the changes of the visitor, compressed only if the original was.
///
/// # Errors
/// [`Cause::Damaged`], or [`Cause::Unknown`] for an unknown form.
pub fn rewrite_quantiles<V: Visitor>(text: &str, max_bytes: u64, visitor: V) -> Result<String, Error> {
    if is_plain(text) {
        let (_, plain) = rewrite(text, max_bytes, visitor, Vec::new())?;
        return Ok(String::from_utf8_lossy(&plain).into_owned());
    }
    let gzip = GzEncoder::new(EncoderStringWriter::new(&STANDARD), Compression::default());
    let (_, gzip) = rewrite(text, max_bytes, visitor, gzip)?;
    gzip.finish().map(EncoderStringWriter::into_inner).map_err(of_quantiles)
}

fn of_quantiles(cause: io::Error) -> Error {
    Cause::from(cause).of("quantiles")
}

fn rewrite<V: Visitor, W: Write>(text: &str, max_bytes: u64, visitor: V, out: W) -> Result<(V, W), Error> {
    let rewriter = StateRewriter::new(StateStream::Quantiles, visitor, out);
    let rewritten = decode_quantiles(text, max_bytes, rewriter).and_then(StateRewriter::finish);
    rewritten.map_err(of_quantiles)
}

/// Decodes a `quantile_state` and returns the sink.
pub(crate) fn decode_quantiles<W: Write>(text: &str, max_bytes: u64, mut sink: W) -> io::Result<W> {
    if is_plain(text) {
        return sink.write_all(text.as_bytes()).map(|()| sink);
    }
    let mut decoder = TextDecoder::new(sink, max_bytes);
    decoder.push(text.as_bytes())?;
    Ok(decoder.finish()?.1)
}

/// Whether the text is uncompressed, as older versions of autodetect wrote it.
fn is_plain(text: &str) -> bool {
    text.starts_with(['[', '{'])
}

#[cfg(test)]
mod tests;
