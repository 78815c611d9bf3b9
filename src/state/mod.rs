//! What is inside the model state: document ids, chunks, decoding, and where values stand in it.

mod chunks;
pub mod hash;
pub mod schema;

pub(crate) use chunks::TextDecoder;
pub use chunks::{Cause, ChunkDecoder, ChunkEncoder, Error, StateLimits, UnknownForm};

use crate::job::{JobId, SnapshotId};

/// Where state lives on a cluster, after upgrades by reindexing too.
pub const STATE_INDICES: [&str; 3] = [".ml-state*", ".reindexed-v7-ml-state*", ".reindexed-v8-ml-state*"];

/// Which kind of state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateKind {
    /// `<job>_model_state_<snapshot>#n`
    Model,
    /// `<job>_categorizer_state#n`
    Categorizer,
}

/// A state document's place: kind and number, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StateDocId {
    /// Which kind.
    pub kind: StateKind,
    /// From 1.
    pub number: u64,
}

impl StateDocId {
    /// Reads an id that must belong to this very job and snapshot; `None` for any other.
    ///
    /// The expected ids are built and compared: an id is never taken apart to find a job in it, since a job's own
    /// id may contain `_model_state_`.
    pub fn parse(id: &str, job: &JobId, snapshot: &SnapshotId) -> Option<Self> {
        let (base, number) = split_number(id)?;
        let kind = [StateKind::Model, StateKind::Categorizer]
            .into_iter()
            .find(|kind| base == kind.base(job, snapshot))?;
        Some(Self { kind, number })
    }

    /// The id as Elasticsearch has it.
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

/// What stands before `#`, and the number behind it, written as Elasticsearch does: no sign, no leading zeros.
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
    fn an_id_reads_as_it_was_written() {
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
    fn another_job_or_snapshot_is_foreign() {
        assert!(parse("a_model_state_17#1", "a").is_some());
        for foreign in [
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
            assert_eq!(parse(foreign, "a"), None, "{foreign}");
        }
        assert_eq!(parse("a_model_state_17#1", "a_model_state_17"), None);
    }
}
