//! State documents to decoded state and back, streamed: strings in order ↔ one base64 text ↔ one gzip member.

mod decode;
mod document;
mod encode;

pub use decode::StateLimits;
pub(super) use decode::decode_text;
pub use document::ChunkDecoder;
pub use encode::ChunkEncoder;

#[cfg(test)]
mod tests;
