//! Support code for tests.
#![allow(dead_code, unused_imports, reason = "each user needs a different part")]

pub mod archive;
pub mod binary;
pub mod cluster;
pub mod decoded_state;
pub mod fixtures;
pub mod in_process;
pub mod open_jobs;
#[cfg(unix)]
pub mod pseudo_terminal;
#[cfg(unix)]
pub mod signals;
pub mod test_cluster;

/// Whether tests run every combination of requests, faults and changes (`ESML_TEST_FAULTS=all`), instead of a sample.
pub fn exhaustive() -> bool {
    std::env::var_os("ESML_TEST_FAULTS").is_some_and(|extent| extent == "all")
}

/// The distance between combinations whose requests are mostly those of other commands: even an exhaustive run has a sample.
pub fn sample_step_of_known_requests(step: usize) -> usize {
    if exhaustive() { 8 } else { step }
}

/// The distance between the combinations of a sample, or 1 if tests run all of them.
pub fn sample_step(step: usize) -> usize {
    if exhaustive() { 1 } else { step }
}
