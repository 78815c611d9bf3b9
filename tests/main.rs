//! Integration tests: the built binary with a stand-in cluster, or with a real Elasticsearch node behind it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs,
    unreachable_pub
)]

mod command_line;
mod connection;
mod copy;
mod errors;
mod export;
mod faults;
mod fuzz;
mod hostile;
mod import_safety;
mod inspect;
mod list;
mod local_failures;
mod pseudonymize;
mod reindex;
mod results_json;
mod round_trip;
mod sample;
mod stand_in;
mod support;
