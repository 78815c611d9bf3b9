//! What is inside the model state: document ids, chunks, decoding.

mod chunks;
mod error;
mod id;

pub use chunks::{ChunkDecoder, StateLimits};
pub use error::Error;
pub(crate) use id::split_number;
pub use id::{StateDocId, StateKind};
