//! Moves an Elasticsearch anomaly detection job, with everything it has learned,
//! between clusters and to support engineers.
//!
//! Data flows one way: [`cli`] parses the command line, [`commands`] do the work,
//! [`cluster`] speaks to Elasticsearch and knows no archive, [`archive`] reads and
//! writes the file and knows no HTTP, [`job`] and [`state`] know what a job and its
//! learned state are, [`pseudonym`] makes tokens, `report` is what a page contains,
//! [`terminal`] prints, and [`util`] knows none of the others.

pub mod archive;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod error;
pub mod job;
pub mod json;
pub mod pseudonym;
mod report;
pub mod state;
pub mod terminal;
pub mod util;
mod values;
