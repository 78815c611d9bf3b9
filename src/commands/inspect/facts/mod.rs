//! What `inspect` reports about an archive: gathered once, serialized as the `--json` document, and read by the pages.
//!
//! `docs/inspect-json.md` describes every member for users.

mod checks;
mod model;
mod parts;
mod report;

pub(super) use model::{CategorizationFacts, PatternFacts, PatternKind, SnapshotFacts};
pub(super) use parts::document_time;
pub(super) use report::{Failure, Gathered, REPORT_VERSION, Report, Written, report};
#[cfg(test)]
pub(super) use {checks::Check, model::*, parts::*, report::*};
