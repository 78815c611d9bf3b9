//! JSON whose text must survive: read and changed as a stream, every byte that is not changed as it was.
//!
//! Model state repeats names within an object and depends on their order, so no map can hold it; and it is too large
//! to be held at all. [`Tokenizer`] cuts a stream into tokens whose bytes, put together again, are the stream;
//! [`Editor`] writes them, some replaced or left out.

mod editor;
mod leaves;
mod strict;
mod tokenizer;

pub use editor::Editor;
pub use leaves::{Edit, Leaf, Member, edit_leaves, edit_members, without_members};
pub use strict::{Object, check_members, without_value};
pub use tokenizer::{Error, Kind, Token, Tokenizer, replace_lone_surrogates};

/// A string as JSON.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests;
