//! Input documents, and names of members that are or contain values.

use std::io;
use std::sync::Arc;

use super::rewriter::{Rewriter, is_digits, replaced};
use crate::json::{Edit, Kind, Leaf, edit_members};
use crate::pseudonym::fields::ReplacedFields;
use crate::values::Content;

/// The minimum number of digits for a number that is unlikely to equal a value by chance.
const MIN_DISTINCTIVE_DIGITS: usize = 6;

impl Rewriter {
    /// Rewrites an input document, without the fields that only the datafeed's query reads.
    pub(super) fn input(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        let fields = Arc::clone(&self.fields);
        edit_members(source, &mut |leaf| match leaf.kind {
            Kind::Name if fields.query_only.contains(leaf.path) => Ok(Edit::LeaveOut),
            Kind::Name => Ok(self.edit_name(leaf, self.writing && !fields.is_known(leaf.path))),
            _ => self.input_value(leaf, &fields),
        })
    }

    fn input_value(&mut self, leaf: &Leaf<'_>, fields: &ReplacedFields) -> io::Result<Edit> {
        let (text, is_text) = (&*leaf.text, leaf.kind == Kind::Text);
        match fields.content(leaf.path) {
            // These cannot contain a value.
            _ if !is_text && matches!(text, "null" | "true" | "false") => Ok(Edit::Keep),
            Content::PartOfValue(field) => {
                self.note_irreplaceable(field, "some of them are objects");
                Ok(Edit::Keep)
            }
            Content::Value(field) => match fields.irreplaceable(leaf.path) {
                Some(why) => {
                    self.note_irreplaceable(field, &why);
                    Ok(Edit::Keep)
                }
                None if self.is_indexed(field, text) => replaced(leaf, self.document_value(field, text)),
                None => Ok(Edit::LeaveOut),
            },
            Content::Untokenized if is_text => Ok(Edit::LeaveOut),
            Content::Message if is_text && fields.messages.iter().any(|field| !self.is_indexed(field, text)) => {
                Ok(Edit::LeaveOut)
            }
            content if is_text => self.edit(content, leaf),
            Content::KeptText | Content::Text | Content::OtherValue if text.len() >= MIN_DISTINCTIVE_DIGITS => {
                // A number that is a value in another field.
                let token = self.tokens.replacement(text).filter(|token| is_digits(token));
                Ok(token.map_or(Edit::Keep, |token| Edit::Json(token.to_owned())))
            }
            _ => Ok(Edit::Keep),
        }
    }

    /// Whether the source indexed a value, so that its datafeed read it. Tokens have different lengths: a value that
    /// was too long is removed from the documents, and the limit is removed from the mapping.
    fn is_indexed(&mut self, field: &str, text: &str) -> bool {
        self.fields.normalizers.is_indexed(field, text).unwrap_or_else(|| {
            let why = "the indices differ in `ignore_above`, and only some of them index the longer values";
            self.note_irreplaceable(field, why);
            true
        })
    }

    /// Returns another name for a member whose name is not known.
    pub(super) fn edit_name(&self, leaf: &Leaf<'_>, is_unknown: bool) -> Edit {
        let renamed = is_unknown.then(|| self.renamed(&leaf.text)).flatten();
        renamed.map_or(Edit::Keep, Edit::Text)
    }

    /// Returns the name with tokens; `None` if it contains no value. Dots separate names.
    pub(super) fn renamed(&self, name: &str) -> Option<String> {
        if !self.writing {
            return None;
        }
        let new = self.tokens.replace_known_values(name);
        if new != name {
            return Some(new);
        }
        let token = |part| self.tokens.replacement(part).unwrap_or(part);
        let new = name.split('.').map(token).collect::<Vec<_>>().join(".");
        (new != name).then_some(new)
    }
}
