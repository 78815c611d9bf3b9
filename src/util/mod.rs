//! What knows nothing of Elasticsearch, archives or terminals: text, time, secrets, and what the system provides.

pub(crate) mod allocation;
pub mod atomic_file;
pub(crate) mod cancellation;
pub mod control_chars;
pub mod format;
pub(crate) mod hex;
pub(crate) mod process_limits;
pub mod secret;
pub(crate) mod signals;
pub(crate) mod spool;
pub(crate) mod table;
pub mod timestamp;
pub mod units;
