//! The machine learning API.

mod jobs;
mod resources;
mod snapshots;

pub use jobs::{JobGroups, JobState, JobStats, JobSummary};
pub use resources::DatafeedState;
pub use snapshots::{SnapshotChoice, SnapshotSummary};
