//! What knows nothing of Elasticsearch, archives or terminals: text, time, secrets, and what the system provides.

pub mod atomic_file;
pub mod format;
pub(crate) mod process;
pub mod secret;
pub(crate) mod spool;
pub mod timestamp;
