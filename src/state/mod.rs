//! What is inside the model state: document ids, chunks, decoding, and where values stand in it.

mod chunks;
mod error;
pub mod hash;
mod id;
pub mod schema;

pub(crate) use chunks::TextDecoder;
pub use chunks::{ChunkDecoder, ChunkEncoder, StateLimits};
pub use error::{Cause, Error, UnknownForm};
pub(crate) use id::split_number;
pub use id::{StateDocId, StateKind};

/// Where state lives on a cluster, after upgrades by reindexing too.
pub const STATE_INDICES: [&str; 3] = [".ml-state*", ".reindexed-v7-ml-state*", ".reindexed-v8-ml-state*"];
