//! What is done with a value, a word, a message and a text, whichever document has it.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;

use percent_encoding::percent_decode_str;

use crate::json::{Edit, Leaf};
use crate::pseudonym::error::{Error, Result};
use crate::pseudonym::fields::{CATEGORY, Fields};
use crate::pseudonym::hashes::Hashes;
use crate::pseudonym::normalizers::NormalizedValue;
use crate::pseudonym::tokens::{TokenMap, TokenUse, rewrite_pattern, rewrite_text, unescaped};

/// What is done with the values of an archive.
pub(crate) struct Rewriter {
    pub(crate) tokens: TokenMap,
    pub(crate) fields: Fields,
    pub(crate) hashes: Hashes,
    /// Free text stays, but for values in it.
    pub(super) keep_text: bool,
    /// Tokens are there: values are replaced from now on.
    pub(super) writing: bool,
    /// Distinct values by field.
    pub(super) values_by_field: BTreeMap<String, HashSet<u32>>,
    /// What those who import should know.
    pub(super) notes: BTreeSet<String>,
    /// The hash of a counted value that was met last.
    pub(super) last_value_hash: Option<u64>,
    /// `max_matching_length` of each category in the state, before and after.
    pub(super) categories: Vec<[u64; 2]>,
    /// Fields with values that autodetect may see otherwise.
    pub(super) unrecognized: BTreeSet<String>,
    /// Fields whose values cannot be replaced in the input documents, with the reason.
    pub(super) refused: BTreeMap<String, String>,
    /// Names that the datafeed uses, which may contain values.
    pub(crate) names: BTreeSet<String>,
}

impl Rewriter {
    pub(crate) fn new(tokens: TokenMap, fields: Fields, keep_text: bool) -> Self {
        Self {
            tokens,
            fields,
            hashes: Hashes::default(),
            keep_text,
            writing: false,
            values_by_field: BTreeMap::new(),
            notes: BTreeSet::new(),
            last_value_hash: None,
            categories: Vec::new(),
            unrecognized: BTreeSet::new(),
            refused: BTreeMap::new(),
            names: BTreeSet::new(),
        }
    }

    /// Assigns tokens once all values are noted, also to those that only hashes are of.
    pub(crate) fn assign_tokens(&mut self) -> Result<()> {
        self.hashes.find_preimages(&mut self.tokens, &self.fields)?;
        self.tokens.assign_tokens()?;
        self.hashes.hash_tokens(&self.tokens, &self.fields);
        self.writing = true;
        Ok(())
    }

    /// Distinct values by field, of those fields whose values are replaced.
    pub(crate) fn found(&self) -> BTreeMap<&str, u64> {
        let found = self.values_by_field.iter();
        found
            .map(|(field, values)| (field.as_str(), values.len() as u64))
            .collect()
    }

    /// How many values of the fields behind a name are known.
    pub(crate) fn values_at(&self, name: &str) -> u64 {
        let fields = self.fields.values_behind(name).into_iter();
        fields
            .map(|field| self.values_by_field.get(field).map_or(0, |values| values.len() as u64))
            .sum()
    }

    /// What those who import should know.
    pub(crate) fn notes(&self) -> impl Iterator<Item = &str> {
        self.notes.iter().map(String::as_str)
    }

    pub(super) fn note(&mut self, note: &str) {
        if !self.notes.contains(note) {
            self.notes.insert(note.to_owned());
        }
    }

    /// A value of a field.
    pub(super) fn value(&mut self, field: &str, text: &str) -> Result<String> {
        if text.is_empty() || field == CATEGORY {
            self.note_literal(text)?;
            return Ok(text.to_owned());
        }
        if !self.fields.is_chosen(field) {
            self.note_literal(text)?;
            return Ok(self.replace_known_values(text));
        }
        if self.writing {
            return self.tokens.token(text).map(str::to_owned);
        }
        let id = self.tokens.note(text, TokenUse::Value)?;
        match self.values_by_field.get_mut(field) {
            Some(found) => {
                found.insert(id);
            }
            None => {
                self.values_by_field.insert(field.to_owned(), [id].into());
            }
        }
        Ok(text.to_owned())
    }

    /// A value of a field as documents have it: its token is that of the value that autodetect sees.
    pub(super) fn document_value(&mut self, field: &str, text: &str) -> Result<String> {
        let normalized = match self.fields.normalizers.normalized(field, text) {
            _ if text.is_empty() || !self.fields.is_chosen(field) => return self.value(field, text),
            NormalizedValue::Unchanged => return self.value(field, text),
            NormalizedValue::Changed(normalized) => normalized,
            NormalizedValue::Unrecognized => {
                self.unrecognized.insert(field.to_owned());
                return self.value(field, text);
            }
        };
        if !self.writing {
            // It stands nowhere else where it is a value, but perhaps in a text.
            self.tokens.note(text, TokenUse::Value)?;
        }
        self.value(field, &normalized)
    }

    /// Refuses fields of which it cannot be told how autodetect sees what the inputs hold.
    pub(crate) fn refuse_unrecognized(&self) -> Result<()> {
        if let Some((field, why)) = self.refused.first_key_value() {
            return Err(Error::irreplaceable_field(field, why));
        }
        match self.unrecognized.is_empty() {
            true => Ok(()),
            false => Err(Error::unsupported_normalizer(
                &self.unrecognized.iter().map(String::as_str).collect::<Vec<_>>(),
            )),
        }
    }

    pub(super) fn refuse_field(&mut self, field: &str, why: &str) {
        if !self.refused.contains_key(field) {
            self.refused.insert(field.to_owned(), why.to_owned());
        }
    }

    pub(super) fn note_literal(&mut self, text: &str) -> Result<()> {
        if !self.writing && !text.is_empty() {
            self.tokens.note(text, TokenUse::HashCandidate)?;
        }
        Ok(())
    }

    /// A value of no field, such as a user's name.
    pub(super) fn other_value(&mut self, text: &str) -> Result<String> {
        self.note_or_replace(text, TokenUse::Value)
    }

    pub(super) fn word(&mut self, text: &str) -> Result<String> {
        self.note_or_replace(text, TokenUse::MessageWord)
    }

    pub(super) fn note_or_replace(&mut self, text: &str, what: TokenUse) -> Result<String> {
        if self.writing && !text.is_empty() {
            return self.tokens.token(text).map(str::to_owned);
        }
        if !text.is_empty() {
            self.tokens.note(text, what)?;
        }
        Ok(text.to_owned())
    }

    /// A message, word by word.
    pub(super) fn message(&mut self, text: &str) -> Result<String> {
        match self.fields.replaces_messages() {
            true => self.word_by_word(text),
            false => Ok(self.replace_known_values(text)),
        }
    }

    /// A token for each word, and for each value that words and what is between them make up.
    pub(super) fn word_by_word(&mut self, text: &str) -> Result<String> {
        if self.writing && self.tokens.find_value(text, false).is_some() {
            // Where a value separates what was one word when it was noted, the words are replaced alone.
            match self.words_and_values(text) {
                Err(Error::UnknownValue) => {}
                replaced => return replaced,
            }
        }
        let new = rewrite_text(text, &mut |word| self.word(word))?;
        // A value without words, such as an emoji, is not noted as a word.
        Ok(match self.tokens.replacement(text, false) {
            Some(token) if self.writing && new == text => token.to_owned(),
            _ => new,
        })
    }

    pub(super) fn words_and_values(&mut self, text: &str) -> Result<String> {
        let mut words = Vec::new();
        rewrite_text(text, &mut |word| {
            // The word is a slice of the text: their distance is its position.
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            words.push(start..start + word.len());
            Ok::<_, Error>(String::new())
        })?;
        let around = |place: usize| {
            let before = words.partition_point(|word| word.start < place);
            words[..before].last().filter(|word| word.end > place)
        };
        let (mut out, mut done, mut at) = (String::with_capacity(text.len()), 0, 0);
        while let Some((found, token)) = self.tokens.find_value_with_token(&text[at..], false) {
            let (start, end, token) = (at + found.start, at + found.end, token.to_owned());
            // Values inside of a word are not looked for again from each of its characters.
            if let Some(word) = around(start) {
                at = word.end;
                continue;
            }
            if around(end).is_some() {
                at = start + text[start..].chars().next().map_or(1, char::len_utf8);
                continue;
            }
            out.push_str(&rewrite_text(&text[done..start], &mut |word| self.word(word))?);
            out.push_str(&token);
            (done, at) = (end, end);
        }
        out.push_str(&rewrite_text(&text[done..], &mut |word| self.word(word))?);
        Ok(out)
    }

    /// The pattern of a category.
    pub(super) fn pattern(&mut self, text: &str) -> Result<String> {
        match self.fields.replaces_messages() {
            true => rewrite_pattern(text, &mut |text| self.word_by_word(text)),
            false => rewrite_pattern(text, &mut |text| Ok(self.replace_known_values(text))),
        }
    }

    /// What somebody wrote: one token for all of it.
    pub(super) fn free_text(&mut self, text: &str) -> Result<String> {
        match (self.keep_text, text.is_empty()) {
            (_, true) => Ok(String::new()),
            (true, _) => Ok(self.keep_free_text(text)),
            (false, _) => self.other_value(text),
        }
    }

    /// What somebody wrote, without the values in it; not at all where they are encoded, as in a URL.
    pub(super) fn keep_free_text(&self, text: &str) -> String {
        let kept = self.replace_known_values(text);
        let decoded: std::borrow::Cow<'_, str> = match kept.contains('%') {
            true => percent_decode_str(&kept).decode_utf8_lossy(),
            false => return kept,
        };
        match self.writing && self.tokens.find_value(&decoded, false).is_some() {
            true => format!("t_{}", self.tokens.key().unrecorded_token(text)),
            false => kept,
        }
    }

    /// What stays but for values in it.
    pub(super) fn replace_known_values(&self, text: &str) -> String {
        if !self.writing {
            return text.to_owned();
        }
        let kept = self.tokens.replace_known_values(text, false);
        // Queries and patterns have backslashes before what would mean something else.
        let plain = kept.contains('\\').then(|| unescaped(&kept));
        match plain.filter(|plain| self.tokens.find_value(plain, false).is_some()) {
            Some(plain) => self.tokens.replace_known_values(&plain, false),
            None => kept,
        }
    }
}

/// A string in the place of another; nothing where they are the same.
pub(super) fn replaced(leaf: &Leaf<'_>, text: Result<String>) -> io::Result<Edit> {
    let text = text.map_err(io::Error::other)?;
    Ok(match text == leaf.text {
        true => Edit::Keep,
        false => Edit::Text(text),
    })
}
