//! Another id for a job, in every document that holds it, and nothing else of their text.

use crate::job::{Error, JobId};

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
    pub fn document<'a>(&self, source: &'a [u8]) -> Result<std::borrow::Cow<'a, [u8]>, Error> {
        todo!()
    }

    /// A document id that begins with `<old>_` (categories, results, snapshot …) under the new id;
    /// also `annotation_for_<old>_…`. Any other id is returned as it is.
    pub fn document_id(&self, id: &str) -> String {
        todo!()
    }
}
