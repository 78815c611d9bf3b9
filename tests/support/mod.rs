//! Support code for tests.
#![allow(dead_code, unused_imports, reason = "each user needs a different part")]

pub mod archive;
pub mod binary;
pub mod cluster;
pub mod decoded_state;
pub mod fixtures;
pub mod in_process;
#[cfg(unix)]
pub mod pseudo_terminal;
#[cfg(unix)]
pub mod signals;
pub mod test_cluster;
