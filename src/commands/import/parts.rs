//! Ids under which an import writes: fixed ones, so that writing may be repeated.

use std::fmt;

use sha2::{Digest, Sha256};

use super::plan::Plan;
use crate::archive::{Document, Part};
use crate::job::JobId;
use crate::state::{StateDocId, StateKind};
use crate::util::hex::hex;

/// The ids of all state documents on the cluster.
pub(super) fn state_ids(plan: &Plan) -> Vec<String> {
    let numbered =
        |kind, count| (1..=count).map(move |number| StateDocId { kind, number }.format(plan.job(), &plan.snapshot_id));
    numbered(StateKind::Model, plan.counts.model_state)
        .chain(numbered(StateKind::Categorizer, plan.counts.categorizer_state))
        .collect()
}

/// An id for a document that comes without: made of job, line and content, the same at every import. Many are kept until
/// an import is over, so it is no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DerivedId([u8; 16]);

impl DerivedId {
    /// Of an annotation or notification.
    pub(super) fn of(job: &JobId, part: Part, document: &Document) -> Self {
        let mut hash = Sha256::new();
        let kind: &[u8] = match part {
            Part::Annotations => b"annotation",
            _ => b"notification",
        };
        for piece in [
            kind,
            job.as_str().as_bytes(),
            &document.line.to_be_bytes(),
            &document.source,
        ] {
            hash.update((piece.len() as u64).to_be_bytes());
            hash.update(piece);
        }
        let mut id = [0; 16];
        id.copy_from_slice(&hash.finalize()[..16]);
        Self(id)
    }

    /// Reads what `Display` writes; `None` for any other ID.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("esml-")?;
        let mut id = [0; 16];
        if digits.len() != 2 * id.len() || !digits.is_ascii() {
            return None;
        }
        for (byte, at) in id.iter_mut().zip((0..digits.len()).step_by(2)) {
            *byte = u8::from_str_radix(digits.get(at..at + 2)?, 16).ok()?;
        }
        Some(Self(id))
    }
}

impl fmt::Display for DerivedId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "esml-{}", hex(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn derived_ids_differ_by_job_line_and_content() {
        let document = |line, text: &'static str| Document {
            line,
            index: None,
            id: None,
            source: Bytes::from(text),
        };
        let id = |job: &str, line, text| {
            DerivedId::of(&job.parse().expect("valid"), Part::Annotations, &document(line, text))
        };
        assert_eq!(id("a", 1, "{}"), id("a", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 2, "{}"));
        assert_ne!(id("a", 1, "{}"), id("b", 1, "{}"));
        assert_ne!(id("a", 1, "{}"), id("a", 1, "{ }"));
        assert_eq!(id("a", 1, "{}").to_string().len(), "esml-".len() + 32);
        assert_eq!(DerivedId::parse(&id("a", 1, "{}").to_string()), Some(id("a", 1, "{}")));
        assert_eq!(DerivedId::parse("esml-+1"), None);
    }
}
