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
        edit_leaves(source, &mut |leaf| match leaf.path {
            path if !leaf.quoted || category_stays(path) => Ok(Edit::Keep),
            "terms" | "examples" => replaced(leaf, self.words(&leaf.text)),
            "regex" | "grok_pattern" => replaced(leaf, self.pattern(&leaf.text)),
            "partition_field_value" => self.of(&names.partition_field_name, leaf),
            // The value stands under the field's own name too.
            path if Some(path) == partition => self.of(&names.partition_field_name, leaf),
            _ => replaced(leaf, self.free(&leaf.text)),
        })
    }
}
