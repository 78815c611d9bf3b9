//! Replaces the values of an archive with tokens: keyed, of the same kind, and known again by whoever has the key file.
//!
//! Every value is read first, then each gets its `tokens`, and the same walk over the archive writes them
//! (`rewrite`). `leak_search` then searches the finished bytes for every value that was replaced.

pub(crate) mod datafeed;
mod error;
pub(crate) mod fields;
pub(crate) mod hashes;
pub(crate) mod leak_search;
pub(crate) mod names;
mod normalizers;
pub(crate) mod read;
pub(crate) mod rewrite;
mod time_shifts;
mod tokens;
pub(crate) mod write;

pub use error::Error;
pub use tokens::{Key, KeyFile, KeyFileLock, Revealer, TokenMap, TokenUse, rewrite_pattern, rewrite_text, unescaped};
