//! The command line. A command's options are defined where it reads them, in `commands/<command>/options.rs`, so that
//! nothing is copied and `commands` does not depend on this module; here is what they are part of, and how to connect.

mod arguments;
mod connection;
mod credentials;
mod run;

pub use arguments::Cli;
pub use run::{report_panic, run, run_in};

#[cfg(test)]
mod tests;
