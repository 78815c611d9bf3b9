//! The command line. Each command defines its options in `commands/<command>/options.rs`, so that `commands` does not
//! depend on this module. This module combines them and adds the global and the connection options.

mod address;
mod arguments;
mod completions;
mod connection;
mod credentials;
mod profiles;
mod run;
mod secrets;

pub use arguments::Cli;
pub use run::{report_panic, run, run_in};

#[cfg(test)]
mod tests;
