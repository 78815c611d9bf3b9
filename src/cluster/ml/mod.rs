//! The machine learning API.

mod jobs;
mod resources;

pub use jobs::{JobGroups, JobState, JobStats, JobSummary, SnapshotChoice, SnapshotSummary};
pub use resources::DatafeedState;
