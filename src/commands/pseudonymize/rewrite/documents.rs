//! Annotations, notifications and categories.

use std::borrow::Cow;
use std::io;

use serde::Deserialize;

use super::{Rewriter, replaced};
use crate::json::{Edit, Leaf, edit_leaves};

/// What jobs call themselves in annotations; nobody else may.
pub(in super::super) const JOB: &str = "_xpack";

/// Who wrote an annotation, and which fields it is about. Of a category the partition field alone.
#[derive(Default, Deserialize)]
struct Names<'a> {
    #[serde(borrow, default)]
    create_username: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    partition_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    over_field_name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    by_field_name: Option<Cow<'a, str>>,
}

/// What the length of the messages that match a category depends on.
#[derive(Default, Deserialize)]
struct Matching<'a> {
    #[serde(default)]
    category_id: u64,
    #[serde(default)]
    max_matching_length: u64,
    #[serde(borrow, default)]
    examples: Vec<Cow<'a, str>>,
}

/// Whether a member of an annotation says nothing of anybody. The text of a job's own annotation is about numbers.
pub(in super::super) fn annotation_stays(path: &str) -> bool {
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
pub(in super::super) fn notification_stays(path: &str) -> bool {
    matches!(path, "job_id" | "job_type" | "level" | "timestamp")
}

/// The same of a category.
pub(in super::super) fn category_stays(path: &str) -> bool {
    matches!(path, "job_id" | "partition_field_name" | "mlcategory" | "result_type")
}

impl Rewriter {
    /// An annotation.
    pub(in super::super) fn annotation(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        let names = serde_json::from_slice::<Names<'_>>(source).unwrap_or_default();
        let by_job = names.create_username.as_deref() == Some(JOB);
        edit_leaves(source, &mut |leaf| {
            if !leaf.quoted || annotation_stays(leaf.path) {
                return Ok(Edit::Keep);
            }
            match leaf.path {
                "create_username" | "modified_username" if leaf.text == JOB => Ok(Edit::Keep),
                "create_username" | "modified_username" => replaced(leaf, self.named(&leaf.text)),
                "annotation" if by_job => replaced(leaf, Ok(self.scrubbed(&leaf.text))),
                "partition_field_value" => self.of(&names.partition_field_name, leaf),
                "over_field_value" => self.of(&names.over_field_name, leaf),
                "by_field_value" => self.of(&names.by_field_name, leaf),
                _ => replaced(leaf, self.free(&leaf.text)),
            }
        })
    }

    fn of(&mut self, field: &Option<Cow<'_, str>>, leaf: &Leaf<'_>) -> io::Result<Edit> {
        match field {
            Some(field) => replaced(leaf, self.value(field, &leaf.text)),
            None => replaced(leaf, self.free(&leaf.text)),
        }
    }

    /// A notification.
    pub(in super::super) fn notification(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        edit_leaves(source, &mut |leaf| match leaf.path {
            path if !leaf.quoted || notification_stays(path) => Ok(Edit::Keep),
            "node_name" => replaced(leaf, self.named(&leaf.text)),
            _ => replaced(leaf, self.free(&leaf.text)),
        })
    }

    /// A category's definition.
    pub(in super::super) fn category(&mut self, source: &[u8]) -> io::Result<Vec<u8>> {
        let names = serde_json::from_slice::<Names<'_>>(source).unwrap_or_default();
        let partition = names.partition_field_name.as_deref();
        let longest = self.max_matching_length(source, partition.is_some())?;
        edit_leaves(source, &mut |leaf| match leaf.path {
            "max_matching_length" if !leaf.quoted => {
                Ok(longest.map_or(Edit::Keep, |length| Edit::Json(length.to_string())))
            }
            path if !leaf.quoted || category_stays(path) => Ok(Edit::Keep),
            "terms" | "examples" => replaced(leaf, self.words(&leaf.text)),
            "regex" | "grok_pattern" => replaced(leaf, self.pattern(&leaf.text)),
            "partition_field_value" => self.of(&names.partition_field_name, leaf),
            // The value stands under the field's own name too.
            path if Some(path) == partition => self.of(&names.partition_field_name, leaf),
            _ => replaced(leaf, self.free(&leaf.text)),
        })
    }

    /// The length of the longest message that matches a category: as the state has it from now on, or where the
    /// definition is not of that state, larger by as much as the examples are.
    fn max_matching_length(&mut self, source: &[u8], partitioned: bool) -> io::Result<Option<u64>> {
        let Ok(category) = serde_json::from_slice::<Matching<'_>>(source) else {
            return Ok(None);
        };
        if !self.writing || category.max_matching_length == 0 {
            return Ok(None);
        }
        // Where categories belong to partitions, their numbers are not their places in the state.
        let place = usize::try_from(category.category_id)
            .ok()
            .and_then(|id| id.checked_sub(1));
        let known = place
            .filter(|_| !partitioned)
            .and_then(|place| self.categories.get(place));
        if let Some([before, after]) = known
            && *before == category.max_matching_length
        {
            return Ok(Some(*after));
        }
        let (mut old, mut new) = (0, 0);
        for example in &category.examples {
            old += example.len() as u64;
            new += self.words(example).map_err(io::Error::other)?.len() as u64;
        }
        let length = (u128::from(category.max_matching_length) * u128::from(new)).div_ceil(u128::from(old.max(1)));
        Ok(u64::try_from(length).ok().filter(|_| old > 0))
    }
}
