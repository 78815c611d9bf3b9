//! Replaces the values of an archive with tokens. Tokens are of the same kind as their values and can be resolved with
//! the key file.
//!
//! First, every value is read and gets a token (`tokens`); then the archive is read again and written with tokens
//! (`rewrite`). Finally, `leak_search` searches the result for every replaced value.

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
pub use tokens::{Key, KeyFile, KeyFileLock, TokenMap, TokenUse, rewrite_pattern, rewrite_text, unescaped};
