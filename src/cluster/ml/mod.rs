//! The machine learning API.

mod calendars;
mod datafeeds;
mod filters;
mod info;
mod jobs;
mod snapshots;

pub use datafeeds::DatafeedState;
pub use info::{License, MlInfo};
pub use jobs::{JobGroups, JobState, JobStats, JobSummary};
pub use snapshots::{SnapshotChoice, SnapshotSummary};
