//! Values and their tokens. The same value has the same token wherever it is.

mod key_file;
mod kind;
mod map;
mod reveal;
mod substring_index;
mod text;

pub use key_file::{Key, KeyFile, KeyFileLock};
pub use map::{TokenMap, TokenUse};
pub use reveal::Revealer;
pub use text::{rewrite_pattern, rewrite_text, unescaped};
