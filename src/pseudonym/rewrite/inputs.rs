//! Inputs.

use std::io;

use super::super::fields::Input;
use super::{Rewriter, replaced};
use crate::json::{Edit, Leaf, Member, edit_members};

/// Digits from which on a number that equals a value is hardly another one by chance.
const MIN_DISTINCTIVE_DIGITS: usize = 6;

impl Rewriter {
    /// An input document.
    pub(crate) fn input(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        if self.fields.only_queried.is_empty() {
            return self.input_members(source);
        }
        let source = edit_members(source, &mut |member| {
            Ok(match member {
                Member::Name { path, .. } if self.fields.only_queried.contains(path) => Edit::LeaveOut,
                _ => Edit::Keep,
            })
        })?;
        self.input_members(&source)
    }

    fn input_members(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        edit_members(source, &mut |member| match member {
            Member::Name { path, name } => Ok(self.input_name(path, name)),
            Member::Value(leaf) => self.input_leaf(leaf),
        })
    }

    /// A number that is a value in another field.
    fn number(&self, text: &str) -> Edit {
        match self.tokens.replacement(text, false).filter(|_| self.writing) {
            Some(token) if token.bytes().all(|byte| byte.is_ascii_digit()) => Edit::Json(token.to_owned()),
            _ => Edit::Keep,
        }
    }

    fn input_leaf(&mut self, leaf: &Leaf<'_>) -> io::Result<Edit> {
        let text = &*leaf.text;
        // Nothing can be hidden in there but for the values of fields.
        let truth = !leaf.quoted && matches!(text, "null" | "true" | "false");
        let field = match self.fields.input(leaf.path) {
            Input::Value(field) if !truth => field.to_owned(),
            Input::Part(field) if !truth => {
                let field = field.to_owned();
                self.refuse_field(&field, "some of them are objects");
                return Ok(Edit::Keep);
            }
            Input::Message if leaf.quoted => return self.message_leaf(leaf),
            Input::Address if leaf.quoted => return replaced(leaf, self.other_value(text)),
            Input::Text if leaf.quoted => return replaced(leaf, self.word_by_word(text)),
            Input::Read if leaf.quoted => return replaced(leaf, Ok(self.replace_known_values(text))),
            Input::Untokenized if leaf.quoted => return Ok(Edit::LeaveOut),
            Input::Read | Input::Text | Input::Address if text.len() >= MIN_DISTINCTIVE_DIGITS => {
                return Ok(self.number(text));
            }
            _ => return Ok(Edit::Keep),
        };
        if let Some(why) = self.fields.irreplaceable(leaf.path).map(str::to_owned) {
            self.refuse_field(&field, &why);
            return Ok(Edit::Keep);
        }
        if !self.is_indexed(&field, text) {
            return Ok(Edit::LeaveOut);
        }
        let token = self.document_value(&field, text).map_err(io::Error::other)?;
        Ok(match (token == text, leaf.quoted) {
            (true, _) => Edit::Keep,
            // Numbers stand for numbers.
            (false, false) if token.bytes().all(|byte| byte.is_ascii_digit()) => Edit::Json(token),
            (false, _) => Edit::Text(token),
        })
    }

    fn message_leaf(&mut self, leaf: &Leaf<'_>) -> io::Result<Edit> {
        let name = self.fields.messages.as_ref().map(|(name, _)| name.clone());
        match name.is_none_or(|name| self.is_indexed(&name, &leaf.text)) {
            true => replaced(leaf, self.message(&leaf.text)),
            false => Ok(Edit::LeaveOut),
        }
    }

    /// Whether the source indexed a value, so that its datafeed read it. Tokens have other lengths: a value that was too
    /// long is left out of the documents, and the limit is left out of the mapping.
    fn is_indexed(&mut self, field: &str, text: &str) -> bool {
        let indexed = self.fields.normalizers.is_indexed(field, text);
        if indexed.is_none() {
            self.refuse_field(
                field,
                "the indices differ in `ignore_above`, and only some of them index the longer values",
            );
        }
        indexed.unwrap_or(true)
    }
}
