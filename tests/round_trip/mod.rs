//! Export, import, export again: the two archives hold the same, and the cluster what the archive held.

mod against_cluster;
mod bars;
mod held;
mod jobs;
mod same;
mod trip;
