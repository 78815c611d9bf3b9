//! Another id for a job, in every document that holds it, and nothing else of their text.

use std::borrow::Cow;

use crate::job::error::Error;
use crate::job::id::JobId;
use crate::json::{Edit, Member, edit_members};

/// Rewrites one job's id into another's. With equal ids everything passes unchanged.
#[derive(Clone, Debug)]
pub struct Renamer {
    from: JobId,
    to: JobId,
}

impl Renamer {
    /// From, to.
    pub fn new(from: JobId, to: JobId) -> Self {
        Self { from, to }
    }

    /// The new id.
    pub fn to(&self) -> &JobId {
        &self.to
    }

    /// A document with every value of a member `job_id` (nested ones too) that equals the old id
    /// replaced; every other byte as it was. Borrowed where nothing changes.
    ///
    /// # Errors
    /// Bytes that are not JSON.
    pub fn document<'a>(&self, source: &'a [u8]) -> Result<Cow<'a, [u8]>, Error> {
        if self.from == self.to {
            return Ok(Cow::Borrowed(source));
        }
        // Whether the name before a value is `job_id`.
        let (mut named, mut renamed) = (false, false);
        let edited = edit_members(source, &mut |member| {
            Ok(match member {
                Member::Name { name, .. } => {
                    named = name == "job_id";
                    Edit::Keep
                }
                Member::Value(leaf) if named && leaf.quoted && leaf.text == self.from.as_str() => {
                    renamed = true;
                    Edit::Text(self.to.to_string())
                }
                Member::Value(_) => Edit::Keep,
            })
        });
        match edited.map_err(|cause| Error::config("document", &cause))? {
            edited if renamed => Ok(Cow::Owned(edited)),
            _ => Ok(Cow::Borrowed(source)),
        }
    }

    /// A document id that begins with `<old>_` (categories, results, snapshot …) under the new id;
    /// also `annotation_for_<old>_…`. Any other id is returned as it is. The caller knows that the
    /// document is this job's: `a_b_…` may as well be one of job `a_b` as of job `a`.
    pub fn document_id(&self, id: &str) -> String {
        const ANNOTATION: &str = "annotation_for_";
        let (head, rest) = match id.strip_prefix(ANNOTATION) {
            Some(rest) if self.owns(rest) => (ANNOTATION, rest),
            _ => ("", id),
        };
        match rest.strip_prefix(self.from.as_str()) {
            Some(tail) if tail.starts_with('_') => format!("{head}{}{tail}", self.to),
            _ => id.to_owned(),
        }
    }

    fn owns(&self, id: &str) -> bool {
        id.strip_prefix(self.from.as_str())
            .is_some_and(|tail| tail.starts_with('_'))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::json::quoted;

    fn renamer(from: &str, to: &str) -> Renamer {
        Renamer::new(from.parse().unwrap(), to.parse().unwrap())
    }

    #[test]
    fn only_values_of_job_id_change() {
        let text = br#"{ "job_id" : "a","n":1.10, "s":"\"job_id\":\"a\"","d":[{"job\u005fid":"\u0061","job_id2":"a"}],"x":{"job_id":"a_b"}}"#;
        let out = renamer("a", "new").document(text).unwrap();
        let wanted: &[u8] = br#"{ "job_id" : "new","n":1.10, "s":"\"job_id\":\"a\"","d":[{"job\u005fid":"new","job_id2":"a"}],"x":{"job_id":"a_b"}}"#;
        assert_eq!(out.as_ref(), wanted);
    }

    #[test]
    fn text_that_is_not_json_is_refused() {
        assert!(renamer("a", "b").document(b"{\"job_id\":\"a\"").is_err());
    }

    #[test]
    fn ids_of_documents_follow() {
        let r = renamer("a", "z");
        for (old, new) in [
            ("a_model_snapshot_1", "z_model_snapshot_1"),
            ("annotation_for_a_model_snapshot_1", "annotation_for_z_model_snapshot_1"),
            ("ab_x", "ab_x"),
            ("a", "a"),
            ("free", "free"),
        ] {
            assert_eq!(r.document_id(old), new);
        }
        assert_eq!(renamer("annotation", "z").document_id("annotation_for_a"), "z_for_a");
    }

    proptest! {
        #[test]
        fn there_and_back_is_the_same(key in "job_id|\\PC{0,6}", value in "old|\\PC{0,8}", n in any::<i64>()) {
            let (key, value) = (quoted(&key), quoted(&value));
            let text = format!("{{ {key} :\t{value}, \"n\":{n}.10, \"deep\":[{{{key}:{value}}}, {value}]}}").into_bytes();
            let there = renamer("old", "brand-new").document(&text).unwrap().into_owned();
            let back = renamer("brand-new", "old").document(&there).unwrap().into_owned();
            prop_assert_eq!(back, text);
        }
    }
}
