//! JSON whose text must be preserved: it is read and changed as a stream, and bytes that are not changed stay the same.
//!
//! Model state repeats names within an object and depends on their order, so it cannot be stored in a map, and it can
//! be too large for memory. [`Tokenizer`] splits a stream into tokens whose concatenated bytes are the stream;
//! [`Editor`] writes them, and can replace or leave out some.

mod edit;
mod indent;
mod object;
mod tokenizer;

pub use edit::{Edit, Editor, Leaf, edit_leaves, edit_members, for_each_leaf};
pub(crate) use edit::{LeafReader, is_within};
pub(crate) use indent::indented;
pub(crate) use object::{
    CowStr, RawObject, append_quoted, check_and_visit, count_values, for_each_member, is_plain, nested_values, raw,
    unquoted, value,
};
pub use object::{Object, check_members, quoted, without_value};
pub(crate) use tokenizer::unicode_escape;
pub use tokenizer::{Error, Kind, Token, Tokenizer, replace_lone_surrogates};

#[cfg(test)]
mod tests;
