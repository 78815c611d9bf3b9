//! Tokens that stand for values: keyed, of the same kind, and known again by whoever has the key file.
//!
//! A [`Book`] hears of every value first; [`settled`](Book::settle), it knows the token of each. The same value has the
//! same token wherever it stands. Knows neither archives nor clusters.

mod book;
mod error;
mod file;
mod key;
mod kind;
mod needles;
mod reveal;
mod text;

pub use book::{Book, Use};
pub use error::Error;
pub use file::{KeyFile, KeyFileLock};
pub use key::Key;
pub use reveal::Revealer;
pub use text::{rewrite_pattern, rewrite_text, unescaped};
