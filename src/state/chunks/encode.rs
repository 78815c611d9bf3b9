//! Decoded state to documents: gzip → base64 → strings → documents, in the form that autodetect gives them.

use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;

/// Characters of one string; the last of a state may be shorter.
const STRING: usize = 4096;
/// Bytes that one string holds before base64.
const STRING_BYTES: usize = STRING / 4 * 3;
/// Bytes of one document.
const DOCUMENT: usize = 16_777_220;

const BEGIN: &str = "{\"compressed\" : [ ";
const END: &str = "]}";
/// The end of the last document. `compressed` stands before it: the other way round the restore fails.
const END_OF_STATE: &str = "],\"eos\":true}";

/// Takes a decoded state, compressed, and gives its documents to a sink, one after the other. Memory is bounded by one
/// document.
pub struct ChunkEncoder<S> {
    sink: S,
    /// The document that is open, without its end.
    open: String,
    /// Bytes that wait for the rest of their string.
    waiting: Vec<u8>,
    written: u64,
    limit: usize,
}

impl<S: FnMut(u64, &[u8]) -> io::Result<()>> ChunkEncoder<S> {
    /// Begins; `sink` hears of each document its number, from 1, and its text.
    pub fn compressing(sink: S) -> GzEncoder<Self> {
        Self::with_limit(sink, DOCUMENT)
    }

    pub(super) fn with_limit(sink: S, limit: usize) -> GzEncoder<Self> {
        let documents = Self {
            sink,
            open: BEGIN.to_owned(),
            waiting: Vec::with_capacity(STRING_BYTES),
            written: 0,
            limit,
        };
        GzEncoder::new(documents, Compression::default())
    }

    /// The end of the state; returns how many documents there are.
    ///
    /// # Errors
    /// What the sink says.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.waiting.is_empty() {
            self.string()?;
        }
        self.give(END_OF_STATE)?;
        Ok(self.written)
    }

    /// Puts what waits into the document that is open, or into the next one where it is full.
    fn string(&mut self) -> io::Result<()> {
        let characters = self.waiting.len().div_ceil(3) * 4;
        // A comma, quotes, and the longer of the two ends.
        if self.open.len() > BEGIN.len() && self.open.len() + characters + 3 + END_OF_STATE.len() > self.limit {
            self.give(END)?;
            self.open.push_str(BEGIN);
        }
        if self.open.len() > BEGIN.len() {
            self.open.push(',');
        }
        self.open.push('"');
        STANDARD.encode_string(&self.waiting, &mut self.open);
        self.open.push('"');
        self.waiting.clear();
        Ok(())
    }

    fn give(&mut self, end: &str) -> io::Result<()> {
        self.open.push_str(end);
        self.written += 1;
        (self.sink)(self.written, self.open.as_bytes())?;
        self.open.clear();
        Ok(())
    }
}

impl<S: FnMut(u64, &[u8]) -> io::Result<()>> Write for ChunkEncoder<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(STRING_BYTES - self.waiting.len());
        self.waiting.extend_from_slice(&bytes[..n]);
        if self.waiting.len() == STRING_BYTES {
            self.string()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;
    use crate::state::{ChunkDecoder, StateLimits};

    fn documents(bytes: &[u8], limit: usize) -> Vec<String> {
        let mut documents = Vec::new();
        let sink = |number: u64, document: &[u8]| {
            assert_eq!(number, documents.len() as u64 + 1);
            documents.push(String::from_utf8(document.to_vec()).unwrap());
            Ok(())
        };
        let mut encoder = ChunkEncoder::with_limit(sink, limit);
        encoder.write_all(bytes).unwrap();
        let written = encoder.finish().unwrap().finish().unwrap();
        assert_eq!(written, documents.len() as u64);
        documents
    }

    fn decoded(documents: &[String]) -> Vec<u8> {
        let mut decoder = ChunkDecoder::new(Vec::new(), StateLimits { decoded: 1 << 30 });
        for (n, document) in documents.iter().enumerate() {
            let eos = decoder.document(&format!("a#{}", n + 1), document.as_bytes()).unwrap();
            assert_eq!(eos, n + 1 == documents.len());
        }
        decoder.finish().unwrap().1
    }

    /// Bytes that do not compress.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        };
        std::iter::repeat_with(next).take(length).collect()
    }

    #[test]
    fn documents_have_the_form_of_autodetect() {
        let state = noise(20_000);
        let documents = documents(&state, 9_000);
        assert_eq!(decoded(&documents), state);
        assert_eq!(documents.len(), 4);
        for (n, document) in documents.iter().enumerate() {
            assert!(document.len() <= 9_000);
            assert!(document.starts_with("{\"compressed\" : [ \"") && document.ends_with('}'));
            let last = n + 1 == documents.len();
            assert_eq!(document.ends_with("\"],\"eos\":true}"), last);
            let value: serde_json::Value = serde_json::from_str(document).unwrap();
            let strings: Vec<usize> = value["compressed"]
                .as_array()
                .unwrap()
                .iter()
                .map(|string| string.as_str().unwrap().len())
                .collect();
            let (end, whole) = strings.split_last().unwrap();
            assert!(whole.iter().all(|length| *length == STRING) && *end <= STRING);
            assert!(last || *end == STRING);
        }
    }

    #[test]
    fn full_documents_reach_the_size_that_autodetect_gives_them() {
        let state = noise(14 << 20);
        let documents = documents(&state, DOCUMENT);
        assert_eq!(documents.len(), 2);
        assert!((DOCUMENT - 2 * STRING..=DOCUMENT).contains(&documents[0].len()));
        assert!(decoded(&documents) == state);
    }

    proptest! {
        #[test]
        fn any_state_comes_back(bytes in proptest::collection::vec(any::<u8>(), 0..3000), limit in 100usize..20_000) {
            prop_assert_eq!(decoded(&documents(&bytes, limit)), bytes);
        }
    }
}
