//! Export, import, export again: the two archives hold the same, and the cluster what the archive held.

mod against_cluster;
mod bars;
mod fields;
mod generated;
mod held;
mod inputs;
mod jobs;
mod left_out;
mod many;
mod places;
mod property;
mod ranges;
mod reading;
mod same;
mod snapshots;
mod trip;
mod versions;
