//! Which fields of the inputs a job needs.

use std::collections::BTreeSet;

use crate::job::{InputMappings, JobConfig};

/// The fields to fetch, and what could not be told by reading.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NeededFields {
    /// Paths in `_source` (multi-fields resolved to their parents by the mapping).
    pub fields: BTreeSet<String>,
    /// Scripts whose fields cannot be told: the user is told to think of `--all-fields`.
    pub doubts: Vec<String>,
}

/// Detectors, influencers, categorization, summary count, time field, and whatever the datafeed's
/// query, runtime mappings, script fields and aggregations read.
pub fn needed_fields(job: &JobConfig, mappings: &InputMappings) -> NeededFields {
    todo!()
}
