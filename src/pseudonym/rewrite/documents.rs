//! Annotations, notifications, categories and input documents.

use std::io;

use super::super::fields::Input;
use super::rewriter::{Rewriter, replaced};
use crate::json::{Edit, Leaf, Member, edit_leaves, edit_members};

/// What jobs call themselves in annotations; nobody else may.
const JOB: &str = "_xpack";

/// Who wrote an annotation, and which fields it is about. Of a category the partition field alone.
#[derive(Default)]
struct Names {
    create_username: Option<String>,
    partition_field_name: Option<String>,
    over_field_name: Option<String>,
    by_field_name: Option<String>,
}

impl Names {
    fn of(source: &[u8]) -> io::Result<Self> {
        let mut names = Self::default();
        edit_leaves(source, &mut |leaf| {
            let name = match leaf.path {
                "create_username" => &mut names.create_username,
                "partition_field_name" => &mut names.partition_field_name,
                "over_field_name" => &mut names.over_field_name,
                "by_field_name" => &mut names.by_field_name,
                _ => return Ok(Edit::Keep),
            };
            *name = leaf.quoted.then(|| leaf.text.clone().into_owned());
            Ok(Edit::Keep)
        })?;
        Ok(names)
    }
}

/// What the length of the messages that match a category depends on.
#[derive(Default)]
struct CategoryLength {
    category_id: Option<u64>,
    max_matching_length: Option<u64>,
    examples: Vec<String>,
}

impl CategoryLength {
    fn of(source: &[u8]) -> io::Result<Self> {
        let mut matching = Self::default();
        edit_leaves(source, &mut |leaf| {
            match leaf.path {
                "category_id" => matching.category_id = Some(number(leaf)?),
                "max_matching_length" => matching.max_matching_length = Some(number(leaf)?),
                "examples" => matching.examples.push(leaf.text.clone().into_owned()),
                _ => {}
            }
            Ok(Edit::Keep)
        })?;
        Ok(matching)
    }
}

fn number(leaf: &Leaf<'_>) -> io::Result<u64> {
    let number = leaf.text.parse();
    number.map_err(|_| io::Error::other(format!("`{}` is not a whole number", leaf.path)))
}

/// Whether a member of an annotation says nothing of anybody. The text of a job's own annotation is about numbers.
fn annotation_stays(path: &str) -> bool {
    matches!(
        path,
        "job_id"
            | "type"
            | "event"
            | "partition_field_name"
            | "over_field_name"
            | "by_field_name"
            | "timestamp"
            | "end_timestamp"
            | "create_time"
            | "modified_time"
    )
}

/// The same of a notification.
fn notification_stays(path: &str) -> bool {
    matches!(path, "job_id" | "job_type" | "level" | "timestamp")
}

/// The same of a category.
fn category_stays(path: &str) -> bool {
    matches!(path, "job_id" | "partition_field_name" | "mlcategory" | "result_type")
}

impl Rewriter {
    /// An annotation.
    pub(crate) fn annotation(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        let names = Names::of(source)?;
        let by_job = names.create_username.as_deref() == Some(JOB);
        edit_members(source, &mut |member| {
            let leaf = match member {
                Member::Name { path, name } => return Ok(self.document_name(path, name)),
                Member::Value(leaf) => leaf,
            };
            if !leaf.quoted || annotation_stays(leaf.path) {
                return Ok(Edit::Keep);
            }
            match leaf.path {
                "create_username" | "modified_username" if leaf.text == JOB => Ok(Edit::Keep),
                "create_username" | "modified_username" => replaced(leaf, self.other_value(&leaf.text)),
                "annotation" if by_job => replaced(leaf, Ok(self.replace_known_values(&leaf.text))),
                "partition_field_value" => self.of(&names.partition_field_name, leaf),
                "over_field_value" => self.of(&names.over_field_name, leaf),
                "by_field_value" => self.of(&names.by_field_name, leaf),
                _ => replaced(leaf, self.free_text(&leaf.text)),
            }
        })
    }

    fn of(&mut self, field: &Option<String>, leaf: &Leaf<'_>) -> io::Result<Edit> {
        match field {
            Some(field) => replaced(leaf, self.value(field, &leaf.text)),
            // Whose value it is is not known: it may be of a replaced field.
            None => replaced(leaf, self.other_value(&leaf.text)),
        }
    }

    /// A notification.
    pub(crate) fn notification(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        edit_members(source, &mut |member| {
            let leaf = match member {
                Member::Name { path, name } => return Ok(self.document_name(path, name)),
                Member::Value(leaf) => leaf,
            };
            match leaf.path {
                path if !leaf.quoted || notification_stays(path) => Ok(Edit::Keep),
                "node_name" => replaced(leaf, self.other_value(&leaf.text)),
                _ => replaced(leaf, self.free_text(&leaf.text)),
            }
        })
    }

    /// A category's definition.
    pub(crate) fn category(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        let names = Names::of(source)?;
        let partition = names.partition_field_name.as_deref();
        let longest = self.max_matching_length(source, partition.is_some())?;
        edit_members(source, &mut |member| {
            let leaf = match member {
                Member::Name { path, name } => return Ok(self.document_name(path, name)),
                Member::Value(leaf) => leaf,
            };
            match leaf.path {
                "max_matching_length" if !leaf.quoted => {
                    Ok(longest.map_or(Edit::Keep, |length| Edit::Json(length.to_string())))
                }
                path if !leaf.quoted || category_stays(path) => Ok(Edit::Keep),
                "terms" | "examples" => replaced(leaf, self.message(&leaf.text)),
                "regex" | "grok_pattern" => replaced(leaf, self.pattern(&leaf.text)),
                "partition_field_value" => self.of(&names.partition_field_name, leaf),
                // The value stands under the field's own name too.
                path if Some(path) == partition => self.of(&names.partition_field_name, leaf),
                _ => replaced(leaf, self.other_value(&leaf.text)),
            }
        })
    }

    /// The length of the longest message that matches a category: as the state has it from now on, or where the
    /// definition is not of that state, larger by as much as the examples are.
    fn max_matching_length(&mut self, source: &[u8], partitioned: bool) -> io::Result<Option<u64>> {
        if !self.writing {
            return Ok(None);
        }
        let category = CategoryLength::of(source)?;
        let Some(length) = category.max_matching_length.filter(|length| *length > 0) else {
            return Ok(None);
        };
        // Where categories belong to partitions, their numbers are not their places in the state.
        let place = category
            .category_id
            .and_then(|id| usize::try_from(id).ok()?.checked_sub(1));
        let known = place
            .filter(|_| !partitioned)
            .and_then(|place| self.categories.get(place));
        if let Some([before, after]) = known
            && *before == length
        {
            return Ok(Some(*after));
        }
        let (mut old, mut new) = (0, 0);
        for example in &category.examples {
            old += example.len() as u64;
            new += self.message(example).map_err(io::Error::other)?.len() as u64;
        }
        if old == 0 {
            return Ok(None);
        }
        let scaled = (u128::from(length) * u128::from(new)).div_ceil(u128::from(old));
        Ok(Some(u64::try_from(scaled).unwrap_or(u64::MAX)))
    }
}

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
