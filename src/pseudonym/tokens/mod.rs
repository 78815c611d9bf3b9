//! Values and their tokens. A value has the same token everywhere.

mod key_file;
mod map;
mod substring_index;
mod text;

pub use key_file::{Key, KeyFile, KeyFileLock};
pub use map::{TokenMap, TokenUse};
pub(crate) use substring_index::{MIN_BYTES, PrefixIndex};
pub(crate) use text::words;
pub use text::{rewrite_pattern, rewrite_text, unescaped};
