//! Exports and imports Elasticsearch anomaly detection jobs and their learned models, as a library for the `esml-state`
//! program and its tests.
//!
//! Data flows in one direction: [`cli`] parses the command line and calls [`commands`], which use the other modules.
//! [`cluster`] is the client for Elasticsearch and does not depend on archives; [`archive`] reads and writes archives and
//! does not depend on HTTP. [`job`] contains the documents of a job, [`state`] the model state, and [`pseudonym`] the
//! tokens. `report` renders text and HTML, [`terminal`] prints, and [`util`] does not depend on any other module.

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
