//! The commands. Each reads like its own table of contents, and defines its options.

pub mod export;
pub mod import;
pub mod inspect;
pub mod pseudonymize;
pub mod reveal;

mod compatibility;
mod context;
mod interrupt;
mod session;
mod target;
mod value_parsers;

pub use context::{Environment, RunContext, Stop};
