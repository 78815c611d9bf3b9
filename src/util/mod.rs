//! Helpers for text, time, secrets, files and processes that do not depend on any other module.

pub mod atomic_file;
pub mod format;
pub(crate) mod process;
pub mod secret;
pub(crate) mod similar;
pub(crate) mod spool;
pub mod timestamp;
