//! Rewrites values, words, messages and texts of all kinds of documents.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::Arc;

use percent_encoding::percent_decode_str;

use crate::json::{Edit, Kind, Leaf};
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::fields::{CATEGORY, ReplacedFields};
use crate::pseudonym::hashes::{Hashes, TimeShiftRules};
use crate::pseudonym::tokens::{TokenMap, TokenUse, rewrite_pattern, rewrite_text, unescaped, words};
use crate::values::Content;

const UNSUPPORTED_NORMALIZER: &str =
    "of its normalizers, only `lowercase` is supported: tokens would not match the values that the job knows";

/// Collects or replaces the values of an archive.
pub(crate) struct Rewriter {
    pub(crate) tokens: TokenMap,
    pub(crate) fields: Arc<ReplacedFields>,
    pub(super) time_shifts: TimeShiftRules,
    pub(crate) hashes: Hashes,
    /// Whether free text stays, except for values in it.
    keep_text: bool,
    /// Whether tokens are assigned and values are replaced.
    pub(super) writing: bool,
    /// The distinct values of each field whose values are replaced.
    pub(crate) values_by_field: BTreeMap<String, HashSet<u32>>,
    /// Notes for users who import the archive.
    pub(crate) notes: BTreeSet<&'static str>,
    /// The hash of the last counted value.
    pub(super) last_value_hash: Option<u64>,
    /// The `max_matching_length` of each category in the state, before and after.
    pub(super) category_lengths: Vec<[u64; 2]>,
    /// Fields whose values cannot be replaced in the input documents, with the reason.
    pub(crate) irreplaceable: BTreeMap<String, String>,
}

impl Rewriter {
    pub(crate) fn new(tokens: TokenMap, fields: ReplacedFields, time_shifts: TimeShiftRules, keep_text: bool) -> Self {
        let values_by_field = fields.names.iter().map(|name| (name.clone(), HashSet::new()));
        Self {
            tokens,
            values_by_field: values_by_field.collect(),
            fields: Arc::new(fields),
            time_shifts,
            hashes: Hashes::default(),
            keep_text,
            writing: false,
            notes: BTreeSet::new(),
            last_value_hash: None,
            category_lengths: Vec::new(),
            irreplaceable: BTreeMap::new(),
        }
    }

    /// Assigns tokens after all values are collected, including those that are only known by their hash.
    pub(crate) fn assign_tokens(&mut self) -> Result<()> {
        self.hashes.find_preimages(&mut self.tokens, &self.fields)?;
        self.tokens.assign_tokens()?;
        self.hashes.hash_tokens(&self.tokens, &self.fields);
        self.writing = true;
        Ok(())
    }

    /// Returns the number of values found for the fields that a name refers to.
    pub(crate) fn count_values(&self, name: &str) -> u64 {
        let paths = self.fields.mappings.source_paths(name);
        let fields: BTreeSet<&String> = paths.iter().filter_map(|path| self.fields.places.get(path)).collect();
        let values = fields.into_iter().filter_map(|field| self.values_by_field.get(field));
        values.map(|values| values.len() as u64).sum()
    }

    /// Records that the values of a field cannot be replaced.
    pub(super) fn note_irreplaceable(&mut self, field: &str, why: &str) {
        let known = self.irreplaceable.entry(field.to_owned());
        known.or_insert_with(|| why.to_owned());
    }

    /// Returns a text with tokens instead of values, depending on its content.
    pub(super) fn text(&mut self, content: Content<'_>, text: &str) -> Result<String> {
        match content {
            Content::Kept | Content::Number | Content::PartOfValue(_) | Content::Untokenized => Ok(text.to_owned()),
            Content::KeptText => Ok(self.replace_known_values(text)),
            Content::Value(field) => self.value(field, text),
            // The field of the value is unknown and may be a replaced one.
            Content::OtherValue | Content::ValueOfNamedField => self.other_value(text),
            Content::ValueList => {
                let values: Result<Vec<_>> = text.split(',').map(|value| self.other_value(value.trim())).collect();
                Ok(values?.join(","))
            }
            Content::Message | Content::MessageWords => self.message(text),
            Content::Pattern => rewrite_pattern(text, &mut |text| self.message(text)),
            Content::Text => self.word_by_word(text),
            Content::FreeText => self.free_text(text),
        }
    }

    /// Returns the edit for a string in a document. Numbers stay.
    pub(super) fn edit(&mut self, content: Content<'_>, leaf: &Leaf<'_>) -> io::Result<Edit> {
        match leaf.kind {
            Kind::Text => replaced(leaf, self.text(content, &leaf.text)),
            _ => Ok(Edit::Keep),
        }
    }

    /// Returns the token of a field's value.
    pub(super) fn value(&mut self, field: &str, text: &str) -> Result<String> {
        if field != CATEGORY && !text.is_empty() && self.fields.names.contains(field) {
            if self.writing {
                return self.token(text);
            }
            let id = self.tokens.note(text, TokenUse::Value)?;
            self.values_by_field.get_mut(field).map(|values| values.insert(id));
            return Ok(text.to_owned());
        }
        if !self.writing && !text.is_empty() {
            self.tokens.note(text, TokenUse::HashCandidate)?;
        }
        match field {
            CATEGORY => Ok(text.to_owned()),
            _ => Ok(self.replace_known_values(text)),
        }
    }

    /// Returns the token of a field's value in a document, which is the token of the value that autodetect reads.
    pub(super) fn document_value(&mut self, field: &str, text: &str) -> Result<String> {
        if text.is_empty() || !self.fields.names.contains(field) {
            return self.value(field, text);
        }
        let normalized = match self.fields.normalizers.normalized(field, text) {
            Some(normalized) => normalized,
            None => {
                self.note_irreplaceable(field, UNSUPPORTED_NORMALIZER);
                Cow::Borrowed(text)
            }
        };
        if normalized != text && !self.writing {
            // The original form is not a value elsewhere, but may be part of a text.
            self.tokens.note(text, TokenUse::Value)?;
        }
        self.value(field, &normalized)
    }

    fn token(&self, text: &str) -> Result<String> {
        let token = self.tokens.token(text).map(str::to_owned);
        token.ok_or_else(Error::unknown_value)
    }

    /// Returns the token of a value without a field, such as the name of a user.
    pub(crate) fn other_value(&mut self, text: &str) -> Result<String> {
        self.note_or_replace(text, TokenUse::Value)
    }

    fn note_or_replace(&mut self, text: &str, what: TokenUse) -> Result<String> {
        if !text.is_empty() {
            if self.writing {
                return self.token(text);
            }
            self.tokens.note(text, what)?;
        }
        Ok(text.to_owned())
    }

    /// Replaces a message word by word.
    pub(super) fn message(&mut self, text: &str) -> Result<String> {
        match self.fields.messages {
            Some(_) => self.word_by_word(text),
            None => Ok(self.replace_known_values(text)),
        }
    }

    /// Returns a token for each word, and for each value that consists of words and the characters between them.
    fn word_by_word(&mut self, text: &str) -> Result<String> {
        // If a value splits what was one word when it was collected, only the words are replaced.
        if self.writing
            && self.tokens.contains_value(text)
            && let Some(new) = self.words_and_values(text)
        {
            return Ok(new);
        }
        let new = rewrite_text(text, &mut |word| self.note_or_replace(word, TokenUse::MessageWord))?;
        // A value without words, such as an emoji, is not collected as a word.
        Ok(match self.tokens.replacement(text) {
            Some(token) if self.writing && new == text => token.to_owned(),
            _ => new,
        })
    }

    /// Returns `None` if a word has no token.
    fn words_and_values(&self, text: &str) -> Option<String> {
        // Whether each position is inside a word.
        let mut inside = vec![false; text.len() + 1];
        words(text).for_each(|word| inside[word.start + 1..word.end].fill(true));
        let token = |word: &str| self.tokens.token(word).map(str::to_owned).ok_or(());
        let with_tokens = |text: &str| rewrite_text(text, &mut |word| token(word)).ok();
        let (mut out, mut done, mut at) = (String::with_capacity(text.len()), 0, 0);
        while let Some((found, token)) = self.tokens.find_value(&text[at..]) {
            let (start, end) = (at + found.start, at + found.end);
            if inside[start] || inside[end] {
                // The word is not searched again from each of its characters.
                let is_outside = |at: &usize| !inside[*at] && text.is_char_boundary(*at);
                at = (start + 1..text.len()).find(is_outside).unwrap_or(text.len());
                continue;
            }
            out.push_str(&with_tokens(&text[done..start])?);
            out.push_str(token);
            (done, at) = (end, end);
        }
        out.push_str(&with_tokens(&text[done..])?);
        Some(out)
    }

    /// Returns one token for a free text, or the text without the values in it. A text with encoded values, such as a
    /// URL, is not kept.
    fn free_text(&mut self, text: &str) -> Result<String> {
        if !self.keep_text {
            return self.other_value(text);
        }
        let kept = self.replace_known_values(text);
        let encodes_value = self.writing && kept.contains('%') && {
            let decoded = percent_decode_str(&kept).decode_utf8_lossy();
            self.tokens.contains_value(&decoded)
        };
        Ok(match encodes_value {
            true => format!("t_{}", self.tokens.file.key.unrecorded_token(text)),
            false => kept,
        })
    }

    /// Returns a text that stays, except for values in it.
    pub(super) fn replace_known_values(&self, text: &str) -> String {
        if !self.writing {
            return text.to_owned();
        }
        let kept = self.tokens.replace_known_values(text);
        // Queries and patterns escape special characters with backslashes.
        let plain = kept.contains('\\').then(|| unescaped(&kept));
        match plain.filter(|plain| self.tokens.contains_value(plain)) {
            Some(plain) => self.tokens.replace_known_values(&plain),
            None => kept,
        }
    }
}

/// Returns the edit that replaces a text, if it is different. Numbers are replaced by numbers.
pub(super) fn replaced(leaf: &Leaf<'_>, text: Result<String>) -> io::Result<Edit> {
    let text = text.map_err(io::Error::other)?;
    Ok(match text == leaf.text {
        true => Edit::Keep,
        false if leaf.kind == Kind::Literal && is_digits(&text) => Edit::Json(text),
        false => Edit::Text(text),
    })
}

pub(super) fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}
