//! Export, import, export again: both archives must be equal, and the first one must match the cluster.

mod after_import;
mod against_cluster;
mod archive_comparison;
mod archive_contents;
mod fields;
mod generated;
mod import_options;
mod inputs;
mod jobs;
mod large_jobs;
mod paging;
mod property;
mod ranges;
mod results;
mod scenario;
mod snapshots;
mod unusual_jobs;
mod versions;
