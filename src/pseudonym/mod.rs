//! Replaces the values of an archive with tokens: keyed, of the same kind, and known again by whoever has the key file.
//!
//! Every value is read first, then each gets its `tokens`, and the same walk over the archive writes them
//! (`rewrite`). `leak_search` then searches the finished bytes for every value that was replaced.

mod datafeed;
mod error;
pub(crate) mod fields;
pub(crate) mod hashes;
mod leak_search;
mod pseudonymizer;
mod rewrite;
mod tokens;

pub(crate) use datafeed::DatafeedOutcome;
pub(crate) use pseudonymizer::{Options, Pseudonymizer};
pub use tokens::{Key, KeyFile, KeyFileLock, Revealer, TokenMap, TokenUse, rewrite_pattern, rewrite_text, unescaped};
