//! The commands with their options.

pub mod copy;
pub mod export;
pub mod import;
pub mod inspect;
pub mod list;
pub mod pseudonymize;
pub mod reveal;

mod compatibility;
mod failure;
pub(crate) mod interrupt;
mod open_job;
pub(crate) mod options;
pub(crate) mod question;
mod selection;
mod session;
mod summary;

pub(crate) use failure::print_failure;
pub use session::{Environment, RunContext, StopSource};
