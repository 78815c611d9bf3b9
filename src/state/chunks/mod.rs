//! State documents to decoded state and back, streamed: strings in order ↔ one base64 text ↔ one gzip member.

mod decode;
mod encode;

pub(crate) use decode::TextDecoder;
pub use decode::{ChunkDecoder, StateLimits};
pub use encode::ChunkEncoder;

#[cfg(test)]
mod tests;
