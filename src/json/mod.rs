//! JSON whose text must survive: read and changed as a stream, every byte that is not changed as it was.
//!
//! Model state repeats names within an object and depends on their order, so no map can hold it; and it is too large
//! to be held at all. [`Tokenizer`] cuts a stream into tokens whose bytes, put together again, are the stream;
//! [`Editor`] writes them, some replaced or left out.

mod edit;
mod object;
mod tokenizer;

pub(crate) use edit::Path;
pub use edit::{Edit, Editor, Leaf, ObjectMember, edit_leaves, edit_members, for_each_leaf};
pub use object::{Object, check_members, quoted, without_value};
pub(crate) use object::{RawObject, for_each_member, nested_values, raw};
pub(crate) use tokenizer::unicode_escape;
pub use tokenizer::{Error, Kind, Token, Tokenizer, replace_lone_surrogates};

#[cfg(test)]
mod tests;
