//! The form of quantiles: an array of normalisers, and the text that a snapshot document keeps them in.

use std::io::{self, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderStringWriter;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::level::Leaf::{Constant, Cue, Numbers as Number, Size, Text};
use super::level::Rule::{Leaf, Numbers};
use super::level::{Level, Role, Rule};
use super::{StateRewriter, StateStream, ValueKind, Visitor};
use crate::state::chunks::decode_text;
use crate::state::{Error, StateLimits};

pub(super) static STATE: Level = Level::new(&[
    ("mlcue", Leaf(Cue)),
    ("mlkey", Leaf(Constant("api"))),
    ("mlquantilesdescription", Leaf(Text(ValueKind::FieldNames))),
    ("mlversion", Leaf(Constant("3"))),
    ("time", Leaf(Number)),
    ("a", Rule::Level(&NORMALIZER)),
]);

static NORMALIZER: Level = Level::new(&[
    ("a", Leaf(Number)),
    ("b", Leaf(Number)),
    ("c", Leaf(Number)),
    ("d", Numbers),
    ("e", Numbers),
    ("f", Leaf(Number)),
    ("g", Rule::Level(&LARGEST_SCORES)),
    ("h", Leaf(Number)),
    ("i", Leaf(Number)),
    ("j", Leaf(Number)),
]);

static LARGEST_SCORES: Level = Level::new(&[("a", Rule::Level(&LARGEST_SCORE)), ("d", Leaf(Size))]).with(Role::Counted);

static LARGEST_SCORE: Level = Level::new(&[("a", Leaf(Text(ValueKind::ScopeHash))), ("b", Numbers)]).with(Role::Entry);

/// Asks about the texts of a `quantile_state`.
///
/// # Errors
/// As [`rewrite_quantiles`].
pub fn read_quantiles<V: Visitor>(text: &str, limits: StateLimits, visitor: V) -> Result<V, Error> {
    walk(text, limits, visitor, io::sink()).map(|(visitor, _)| visitor)
}

/// The same text with what the visitor changed; in the form that it had, compressed or not.
///
/// # Errors
/// [`Error::Undecodable`], [`Error::TooLarge`], or [`Error::Unknown`] for a form that is not known.
pub fn rewrite_quantiles<V: Visitor>(text: &str, limits: StateLimits, visitor: V) -> Result<String, Error> {
    if is_plain(text) {
        let (_, plain) = walk(text, limits, visitor, Vec::new())?;
        return String::from_utf8(plain).map_err(|cause| undecodable(&cause));
    }
    let gzip = GzEncoder::new(EncoderStringWriter::new(&STANDARD), Compression::default());
    let (_, gzip) = walk(text, limits, visitor, gzip)?;
    let base64 = gzip.finish().map_err(|cause| undecodable(&cause))?;
    Ok(base64.into_inner())
}

/// What errors call it.
const QUANTILES: &str = "quantiles";

fn walk<V: Visitor, W: Write>(text: &str, limits: StateLimits, visitor: V, out: W) -> Result<(V, W), Error> {
    let mut texts = StateRewriter::new(StateStream::Quantiles, visitor, out);
    if is_plain(text) {
        texts
            .write_all(text.as_bytes())
            .map_err(|cause| Error::of_sink(QUANTILES, cause))?;
    } else {
        texts = decode_text(QUANTILES, text, limits, texts)?;
    }
    texts.finish().map_err(|cause| Error::of_sink(QUANTILES, cause))
}

/// What autodetect wrote before it compressed them.
fn is_plain(text: &str) -> bool {
    text.starts_with(['[', '{'])
}

fn undecodable(cause: &dyn std::fmt::Display) -> Error {
    Error::Undecodable {
        id: QUANTILES.to_owned(),
        why: cause.to_string(),
    }
}
