//! Where values stand in the decoded state, and what each of them is.
//!
//! [`StateRewriter`] reads a decoded state as it streams by, knows for every element whether it can hold a text, and asks a
//! [`Visitor`] about each one: to look at it, to replace it, or to leave it out. What it writes is the state, byte for
//! byte, but for what the visitor changed. What it does not know is an error: a state of another form could hold values
//! where they are not looked for.
//!
//! The form is that of Elastic's ml-cpp, the same from 7.9 to 9.5 (state version 34, categorizer 1, quantiles 3); the
//! tables in `form` name every element above the mathematical models, and demand numbers, and nothing else, within these.

mod form;
mod rewriter;
mod value;

use std::io::{self, Write};

use base64::{engine::general_purpose::STANDARD, write::EncoderStringWriter};
use flate2::{Compression, write::GzEncoder};

pub use rewriter::{StateRewriter, StateStream};
pub use value::{Change, Detector, Lengths, ValueKind, ValueLocation, Visitor};

use crate::state::chunks::{Cause, Error, StateLimits, TextDecoder};

/// Asks about the texts of a `quantile_state`.
///
/// # Errors
/// As [`rewrite_quantiles`].
pub fn read_quantiles<V: Visitor>(text: &str, limits: StateLimits, visitor: V) -> Result<V, Error> {
    let rewritten = rewrite(text, limits, visitor, io::sink());
    rewritten.map(|(visitor, _)| visitor).map_err(of_quantiles)
}

/// The same text with what the visitor changed; in the form that it had, compressed or not.
///
/// # Errors
/// [`Cause::Undecodable`], [`Cause::TooLarge`], or [`Cause::Unknown`] for a form that is not known.
pub fn rewrite_quantiles<V: Visitor>(text: &str, limits: StateLimits, visitor: V) -> Result<String, Error> {
    if is_plain(text) {
        let (_, plain) = rewrite(text, limits, visitor, Vec::new()).map_err(of_quantiles)?;
        return String::from_utf8(plain).map_err(|cause| of_quantiles(Cause::Undecodable(cause.to_string())));
    }
    let gzip = GzEncoder::new(EncoderStringWriter::new(&STANDARD), Compression::default());
    let (_, gzip) = rewrite(text, limits, visitor, gzip).map_err(of_quantiles)?;
    let base64 = gzip.finish().map_err(|cause| of_quantiles(cause.into()))?;
    Ok(base64.into_inner())
}

fn of_quantiles(cause: Cause) -> Error {
    cause.of("quantiles")
}

fn rewrite<V: Visitor, W: Write>(text: &str, limits: StateLimits, visitor: V, out: W) -> Result<(V, W), Cause> {
    let mut rewriter = StateRewriter::new(StateStream::Quantiles, visitor, out);
    if is_plain(text) {
        rewriter.write_all(text.as_bytes())?;
        return Ok(rewriter.finish()?);
    }
    let mut decoder = TextDecoder::new(rewriter, limits);
    decoder.push(text.as_bytes())?;
    Ok(decoder.finish()?.1.finish()?)
}

/// What autodetect wrote before it compressed them.
fn is_plain(text: &str) -> bool {
    text.starts_with(['[', '{'])
}

#[cfg(test)]
mod tests;
