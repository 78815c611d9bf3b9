//! The model state: document IDs, chunks, decoding, and the locations of values in it.

mod chunks;
pub mod hash;
pub mod schema;

pub(crate) use chunks::TextDecoder;
pub use chunks::{Cause, ChunkDecoder, ChunkEncoder, Error};

use crate::job::{JobId, SnapshotId};

/// The indices that store state, including those that an upgrade reindexed.
pub const STATE_INDICES: [&str; 3] = [".ml-state*", ".reindexed-v7-ml-state*", ".reindexed-v8-ml-state*"];

/// The beginnings of the descriptions of snapshots that autodetect writes.
pub(crate) const SNAPSHOT_DESCRIPTIONS: [&str; 2] = [
    "State persisted due to job close at ",
    "Periodic background persist at ",
];

/// The kind of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    /// `<job>_model_state_<snapshot>#n`
    Model,
    /// `<job>_categorizer_state#n`
    Categorizer,
}

/// The kind and the number of a state document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateDocId {
    /// The kind of state.
    pub kind: StateKind,
    /// The number, starting with 1.
    pub number: u64,
}

impl StateDocId {
    /// Parses the ID of a document of this job and snapshot; `None` for any other ID.
    ///
    /// The expected ID is built and compared. An ID is never split to find the job in it, since a job ID may itself
    /// contain `_model_state_`.
    pub fn parse(id: &str, job: &JobId, snapshot: &SnapshotId) -> Option<Self> {
        let (base, number) = split_number(id)?;
        let mut kinds = [StateKind::Model, StateKind::Categorizer].into_iter();
        let kind = kinds.find(|kind| base == kind.base(job, snapshot))?;
        Some(Self { kind, number })
    }

    /// Returns the ID as Elasticsearch writes it.
    pub fn format(self, job: &JobId, snapshot: &SnapshotId) -> String {
        format!("{}#{}", self.kind.base(job, snapshot), self.number)
    }
}

impl StateKind {
    fn base(self, job: &JobId, snapshot: &SnapshotId) -> String {
        match self {
            Self::Model => format!("{job}_model_state_{snapshot}"),
            Self::Categorizer => format!("{job}_categorizer_state"),
        }
    }
}

/// Splits an ID at `#`. The number must be written as Elasticsearch does, without a sign or leading zeros.
pub(crate) fn split_number(id: &str) -> Option<(&str, u64)> {
    let (base, digits) = id.rsplit_once('#')?;
    let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = canonical.then(|| digits.parse().ok()).flatten()?;
    Some((base, number))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;

    fn parse(id: &str, job: &str) -> Option<StateDocId> {
        StateDocId::parse(id, &job.parse().unwrap(), &"17".parse().unwrap())
    }

    #[test]
    fn id_is_parsed_as_formatted() {
        let (job, snapshot) = ("a_model_state_17".parse().unwrap(), "17".parse().unwrap());
        for kind in [StateKind::Model, StateKind::Categorizer] {
            let id = StateDocId { kind, number: 12 };
            assert_eq!(
                StateDocId::parse(&id.format(&job, &snapshot), &job, &snapshot),
                Some(id)
            );
        }
    }

    #[test]
    fn ids_of_other_jobs_and_snapshots_are_not_recognized() {
        assert!(parse("a_model_state_17#1", "a").is_some());
        for other in [
            "b_model_state_17#1",
            "a_model_state_18#1",
            "a_model_state_17_model_state_17#1",
            "a_model_state_17#0",
            "a_model_state_17#01",
            "a_model_state_17#+1",
            "a_model_state_17#",
            "a_model_state_17",
            "a_model_state_17#1#1",
            "a_categorizer_state_17#1",
            "a_model_state_17#99999999999999999999",
            "a_quantiles",
        ] {
            assert_eq!(parse(other, "a"), None, "{other}");
        }
        assert_eq!(parse("a_model_state_17#1", "a_model_state_17"), None);
    }
}
