//! Ids of state documents.

use crate::job::{JobId, SnapshotId};

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
    pub fn parse(id: &str, job: &JobId, snapshot: &SnapshotId) -> Option<Self> {
        todo!()
    }

    /// The id as Elasticsearch has it.
    pub fn format(self, job: &JobId, snapshot: &SnapshotId) -> String {
        todo!()
    }
}
