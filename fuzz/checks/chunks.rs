//! Reads any lines as state documents.

use esml_state::state::ChunkDecoder;

const LIMIT: u64 = 1 << 16;

/// Checks that the decoded size is correct and limited.
pub fn check(data: &[u8]) {
    let mut decoder = ChunkDecoder::new(Vec::new(), LIMIT);
    for line in data.split(|byte| *byte == b'\n') {
        if decoder.document("a_model_state_1#1", line).is_err() {
            return;
        }
    }
    if let Ok((bytes, decoded)) = decoder.finish() {
        assert_eq!(bytes, decoded.len() as u64);
        assert!(bytes <= LIMIT);
    }
}
