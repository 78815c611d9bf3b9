//! Inputs.

use std::io;

use super::super::fields::Input;
use super::{Rewriter, replaced};
use crate::json::{Edit, Leaf, edit_leaves, without_members};

impl Rewriter {
    /// An input document.
    pub(in super::super) fn input(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        if self.fields.only_queried.is_empty() {
            return edit_leaves(source, &mut |leaf| self.input_leaf(leaf));
        }
        let source = without_members(source, &|path| self.fields.only_queried.contains(path))?;
        edit_leaves(&source, &mut |leaf| self.input_leaf(leaf))
    }

    fn input_leaf(&mut self, leaf: &Leaf<'_>) -> io::Result<Edit> {
        let text = &*leaf.text;
        // Nothing can be hidden in there but for the values of fields.
        let truth = !leaf.quoted && matches!(text, "null" | "true" | "false");
        let field = match self.fields.input(leaf.path) {
            Input::Value(field) if !truth => field.to_owned(),
            Input::Message if leaf.quoted => return replaced(leaf, self.words(text)),
            Input::Address if leaf.quoted => return replaced(leaf, self.named(text)),
            Input::Text if leaf.quoted => return replaced(leaf, self.other_words(text)),
            Input::Read if leaf.quoted => return replaced(leaf, Ok(self.scrubbed(text))),
            _ => return Ok(Edit::Keep),
        };
        let token = self.sent(&field, text).map_err(io::Error::other)?;
        Ok(match (token == text, leaf.quoted) {
            (true, _) => Edit::Keep,
            // Numbers stand for numbers.
            (false, false) if token.bytes().all(|byte| byte.is_ascii_digit()) => Edit::Json(token),
            (false, _) => Edit::Text(token),
        })
    }
}
