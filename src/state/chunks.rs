//! Converts state documents, `{"compressed": [...], "eos": true}`, to decoded state and back, as a stream. The strings
//! of all documents, in order, are the base64 text of one gzip member.

use std::fmt;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::{GzDecoder, GzEncoder};
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::json::{self, CowStr, Object, without_value};

/// The maximum number of base64 characters that are decoded at a time.
const STEP: usize = 4096;

/// Decodes the documents of one kind, given in numeric order, and writes the result to a sink. Memory use is constant.
pub struct ChunkDecoder<W: Write> {
    decoder: TextDecoder<W>,
    last_id: String,
    eos: bool,
}

impl<W: Write> ChunkDecoder<W> {
    /// Creates a decoder that accepts this many bytes of decompressed state.
    pub fn new(sink: W, max_bytes: u64) -> Self {
        Self {
            decoder: TextDecoder::new(sink, max_bytes),
            last_id: String::new(),
            eos: false,
        }
    }

    /// Decodes the source of one document; `id` is used in messages. Returns whether it contains `eos: true`. A
    /// document after that one is an error.
    ///
    /// # Errors
    /// Any [`Cause`] except `ForeignId`. The decoder cannot be used afterwards.
    pub fn document(&mut self, id: &str, source: &[u8]) -> Result<bool, Error> {
        id.clone_into(&mut self.last_id);
        self.eos = self.read(source).map_err(|cause| cause.of(id))?;
        Ok(self.eos)
    }

    fn read(&mut self, source: &[u8]) -> Result<bool, Cause> {
        if self.eos {
            return Err(damaged("it follows the document with `eos`"));
        }
        let text = std::str::from_utf8(source).map_err(|cause| damaged(&format!("not UTF-8: {cause}")))?;
        let unreadable = |cause| damaged(&format!("not a state document: {}", without_value(&cause)));
        let Object(document) = serde_json::from_str::<Object<Document<'_>>>(text).map_err(unreadable)?;
        let chunks = document.compressed.get();
        // The chunks are a slice of the text, so the distance is their position.
        let before = &text[..chunks.as_ptr() as usize - text.as_ptr() as usize];
        if before.contains(',') {
            return Err(damaged(
                "`eos` is before `compressed`, which Elasticsearch cannot restore",
            ));
        }
        let mut failed = None;
        let visitor = Chunks(&mut self.decoder, &mut failed);
        let read = serde_json::Deserializer::from_str(chunks).deserialize_seq(visitor);
        match failed {
            Some(cause) => Err(cause.into()),
            None => read.map(|()| document.eos).map_err(unreadable),
        }
    }

    /// Ends the state: `eos` must have been read, and base64 and gzip must be complete. Returns the number of decoded
    /// bytes and the sink.
    ///
    /// # Errors
    /// The same as for [`document`](Self::document).
    pub fn finish(self) -> Result<(u64, W), Error> {
        if !self.eos {
            let why = "the last state document does not have `eos`: the state is truncated";
            return Err(damaged(why).of(&self.last_id));
        }
        let decoded = self.decoder.finish();
        decoded.map_err(|cause| Cause::from(cause).of(&self.last_id))
    }
}

fn damaged(why: &str) -> Cause {
    Cause::Damaged(why.to_owned())
}

/// A document, with its chunks as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    compressed: &'a RawValue,
    #[serde(default)]
    eos: bool,
}

/// Decodes the strings as they are read. An error of the decoder is stored, since it does not fit into serde's errors.
struct Chunks<'a, W: Write>(&'a mut TextDecoder<W>, &'a mut Option<io::Error>);

impl<'de, W: Write> Visitor<'de> for Chunks<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut chunks: A) -> Result<(), A::Error> {
        while let Some(CowStr(text)) = chunks.next_element()? {
            if let Err(cause) = self.0.push(text.as_bytes()) {
                *self.1 = Some(cause);
                return Err(A::Error::custom("the chunk cannot be decoded"));
            }
        }
        Ok(())
    }
}

/// Decodes a base64 text that arrives in pieces. Its errors are those of the sink, unchanged, or contain a [`Cause`].
pub(crate) struct TextDecoder<W: Write> {
    gzip: GzDecoder<Bounded<W>>,
    /// Characters of an incomplete group of four.
    carried: Vec<u8>,
    padded: bool,
}

/// A sink with a limit.
struct Bounded<W> {
    sink: W,
    taken: u64,
    limit: u64,
}

/// An error of the sink, which the decoder returns like an error in the state.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct SinkError(io::Error);

impl<W: Write> TextDecoder<W> {
    pub(crate) fn new(sink: W, max_bytes: u64) -> Self {
        let bounded = Bounded {
            sink,
            taken: 0,
            limit: max_bytes,
        };
        Self {
            gzip: GzDecoder::new(bounded),
            carried: Vec::new(),
            padded: false,
        }
    }

    pub(crate) fn push(&mut self, text: &[u8]) -> io::Result<()> {
        for part in text.chunks(STEP) {
            self.carried.extend_from_slice(part);
            let complete = self.carried.len() / 4 * 4;
            let groups = &self.carried[..complete];
            if self.padded && complete > 0 {
                return Err(undecodable("more base64 follows its padding"));
            }
            self.padded |= groups.ends_with(b"=");
            let mut bytes = [0; (STEP / 4 + 1) * 3];
            let decoded = STANDARD.decode_slice(groups, &mut bytes);
            let n = decoded.map_err(|_| undecodable("invalid base64"))?;
            self.carried.drain(..complete);
            self.gzip.write_all(&bytes[..n]).map_err(failure)?;
        }
        Ok(())
    }

    /// Returns the number of decoded bytes and the sink.
    pub(crate) fn finish(self) -> io::Result<(u64, W)> {
        if !self.carried.is_empty() {
            return Err(undecodable("the base64 text ends inside a group of four"));
        }
        let bounded = self.gzip.finish().map_err(failure)?;
        Ok((bounded.taken, bounded.sink))
    }
}

/// Determines why writing compressed bytes failed: the sink, the limit or the state.
fn failure(cause: io::Error) -> io::Error {
    match cause.downcast::<SinkError>() {
        Ok(SinkError(cause)) => cause,
        Err(cause) => match cause.kind() {
            io::ErrorKind::UnexpectedEof => undecodable("the compressed state is truncated"),
            io::ErrorKind::WriteZero => undecodable("bytes follow the end of the compressed state"),
            _ => undecodable(&format!("the compressed state is damaged: {cause}")),
        },
    }
}

fn undecodable(why: &str) -> io::Error {
    io::Error::other(damaged(&format!("the state cannot be decoded: {why}")))
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.taken.saturating_add(bytes.len() as u64) > self.limit {
            true => {
                let why = format!("the state decompresses to more than {} bytes", self.limit);
                Err(io::Error::other(Cause::Damaged(why)))
            }
            false => self.sink.write(bytes),
        };
        let n = written.map_err(|cause| io::Error::other(SinkError(cause)))?;
        self.taken += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// Characters per string. The last string of a state may be shorter.
const STRING: usize = 4096;
/// Bytes per string before base64 encoding.
const STRING_BYTES: usize = STRING / 4 * 3;
/// Maximum size of a document in bytes.
const DOCUMENT: usize = 16_777_220;

const BEGIN: &str = "{\"compressed\" : [ ";
const END: &str = "]}";
/// The end of the last document. `compressed` must come first, otherwise Elasticsearch cannot restore the state.
const END_OF_STATE: &str = "],\"eos\":true}";

/// Splits a decoded, compressed state into documents and passes them to a sink one by one. Memory use is limited to one
/// document.
pub struct ChunkEncoder<S> {
    sink: S,
    /// The current document, without its end.
    open: String,
    /// Bytes of an incomplete string.
    waiting: Vec<u8>,
    written: u64,
    limit: usize,
}

impl<S: FnMut(u64, &[u8]) -> io::Result<()>> ChunkEncoder<S> {
    /// Creates an encoder. `sink` receives the number of each document, starting with 1, and its text.
    pub fn compressing(sink: S) -> GzEncoder<Self> {
        Self::with_limit(sink, DOCUMENT)
    }

    fn with_limit(sink: S, limit: usize) -> GzEncoder<Self> {
        let documents = Self {
            sink,
            open: BEGIN.to_owned(),
            waiting: Vec::with_capacity(STRING_BYTES),
            written: 0,
            limit,
        };
        GzEncoder::new(documents, Compression::default())
    }

    /// Ends the state and returns the number of documents.
    ///
    /// # Errors
    /// An error of the sink.
    pub fn finish(mut self) -> io::Result<u64> {
        if !self.waiting.is_empty() {
            self.string()?;
        }
        self.give(END_OF_STATE)?;
        Ok(self.written)
    }

    /// Appends the waiting bytes as a string to the current document, or to a new one if it is full.
    fn string(&mut self) -> io::Result<()> {
        let characters = self.waiting.len().div_ceil(3) * 4;
        // Includes a comma, quotes and the longer of the two endings.
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

/// An error in a state document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id}: {cause}")]
pub struct Error {
    /// The document's ID.
    pub id: String,
    /// The cause of the error.
    pub cause: Cause,
}

/// What can be wrong with a state document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// The ID is not `<job>_model_state_<snapshot>#n` or `<job>_categorizer_state#n`.
    #[error("not the ID of a state document of this job and snapshot")]
    ForeignId,
    /// The document is not `{"compressed": [...], "eos": …}` in that order, the chunks are not base64 or not complete
    /// gzip, or they decompress to more bytes than the limit.
    #[error("{0}")]
    Damaged(String),
    /// The form of the state is unknown, so the locations of its values are unknown too.
    #[error("the state has an unknown form: {0}")]
    Unknown(String),
    /// The decoded state could not be written.
    #[error("the decoded state cannot be written: {0}")]
    Sink(String),
}

impl Error {
    /// Whether the state itself is damaged (exit code 4).
    pub fn is_damage(&self) -> bool {
        !matches!(self.cause, Cause::Unknown(_) | Cause::Sink(_))
    }

    /// The next step for the user.
    pub fn hint(&self) -> Option<&'static str> {
        match self.cause {
            Cause::Unknown(_) => Some(
                "this version supports the model state of Elasticsearch 7.9 to 9.5; check for a newer version of esml-state. The \
                 archive is not pseudonymized, since unknown parts of the state may contain values",
            ),
            _ => None,
        }
    }
}

impl Cause {
    pub(crate) fn of(self, id: &str) -> Error {
        Error {
            id: id.to_owned(),
            cause: self,
        }
    }
}

/// Converts an error of the sink or of its decoder.
impl From<io::Error> for Cause {
    fn from(cause: io::Error) -> Self {
        let undecodable = |error: json::Error| damaged(&format!("the state cannot be decoded: {error}"));
        let known = cause.downcast::<Self>();
        let known = known.or_else(|cause| cause.downcast().map(undecodable));
        known.unwrap_or_else(|cause| Self::Sink(cause.to_string()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: u64 = 1 << 20;

    fn encoded(bytes: &[u8]) -> String {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(bytes).unwrap();
        STANDARD.encode(gzip.finish().unwrap())
    }

    fn decode(documents: &[String]) -> Result<(u64, Vec<u8>), Error> {
        let mut decoder = ChunkDecoder::new(Vec::new(), MAX_BYTES);
        for (n, document) in documents.iter().enumerate() {
            decoder.document(&format!("a#{}", n + 1), document.as_bytes())?;
        }
        decoder.finish()
    }

    fn whole(text: &str) -> String {
        format!(r#"{{"compressed" : [ "{text}"],"eos":true}}"#)
    }

    #[test]
    fn real_state_decodes_to_its_end() {
        for job in [
            "log-categories",
            "log-categories-multisnap",
            "user-population",
            "web-latency",
        ] {
            let path = format!("{}/tests/fixtures/jobs/{job}/state.ndjson", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let lines: Vec<_> = text.lines().collect();
            let mut decoders = std::collections::BTreeMap::new();
            for pair in lines.chunks(2) {
                let action: serde_json::Value = serde_json::from_str(pair[0]).unwrap();
                let id = action["index"]["_id"].as_str().unwrap();
                if id.ends_with("_quantiles") {
                    continue;
                }
                let base = id.rsplit_once('#').unwrap().0.to_owned();
                let decoder = decoders
                    .entry(base)
                    .or_insert_with(|| ChunkDecoder::new(std::io::sink(), u64::MAX));
                decoder.document(id, pair[1].as_bytes()).unwrap();
            }
            assert!(!decoders.is_empty());
            for (base, decoder) in decoders {
                assert!(decoder.finish().unwrap().0 > 100, "{base}");
            }
        }
    }

    #[test]
    fn damaged_state_is_an_error() {
        let text = encoded(b"state");
        let half = text.len() / 2;
        let mut flipped = STANDARD.decode(&text).unwrap();
        let crc = flipped.len() - 6;
        flipped[crc] ^= 1;
        let mut tail = STANDARD.decode(&text).unwrap();
        tail.push(0);
        let (head, rest) = tail.split_at(4);
        let padded = [STANDARD.encode(head), STANDARD.encode(rest)];
        let long = encoded(&vec![b'x'; (1 << 20) + 1]);
        let cases: Vec<(&str, Vec<String>, &str)> = vec![
            (
                "eos first",
                vec![format!(r#"{{"eos":true,"compressed":["{text}"]}}"#)],
                "before `compressed`",
            ),
            (
                "no eos",
                vec![format!(r#"{{"compressed":["{text}"]}}"#)],
                "does not have `eos`",
            ),
            (
                "eos false",
                vec![format!(r#"{{"compressed":["{text}"],"eos":false}}"#)],
                "does not have `eos`",
            ),
            ("early eos", vec![whole(&text), whole(&text)], "follows the document"),
            (
                "unknown member",
                vec![format!(r#"{{"compressed":["{text}"],"eos":true,"x":1}}"#)],
                "unknown field",
            ),
            (
                "twice",
                vec![r#"{"compressed":[],"compressed":[],"eos":true}"#.to_owned()],
                "duplicate field",
            ),
            ("no chunks", vec![r#"{"eos":true}"#.to_owned()], "missing field"),
            ("an array", vec!["[]".to_owned()], "not a state document"),
            ("behind", vec![format!("{} 1", whole(&text))], "trailing"),
            (
                "a number",
                vec![r#"{"compressed":[1],"eos":true}"#.to_owned()],
                "a string",
            ),
            ("not base64", vec![whole("!!!!")], "invalid base64"),
            (
                "incomplete group",
                vec![whole(&text[..text.len() - 1])],
                "group of four",
            ),
            ("truncated text", vec![whole(&text[..half - half % 4])], "truncated"),
            (
                "nothing",
                vec![r#"{"compressed":[],"eos":true}"#.to_owned()],
                "truncated",
            ),
            ("flipped", vec![whole(&STANDARD.encode(&flipped))], "damaged"),
            ("trailing", vec![whole(&STANDARD.encode(&tail))], "follow"),
            (
                "padding inside",
                vec![format!(
                    r#"{{"compressed":["{}","{}"],"eos":true}}"#,
                    padded[0], padded[1]
                )],
                "follows its padding",
            ),
            (
                "two members",
                vec![whole(&STANDARD.encode(STANDARD.decode(&text).unwrap().repeat(2)))],
                "follow",
            ),
            ("bomb", vec![whole(&long)], "more than 1048576"),
        ];
        for (name, documents, why) in cases {
            let error = decode(&documents).expect_err(name).to_string();
            assert!(error.contains(why), "{name}: {error}");
        }
    }

    proptest! {
        #[test]
        fn decoding_is_independent_of_chunk_boundaries(bytes in proptest::collection::vec(any::<u8>(), 0..3000), cuts in proptest::collection::vec(1usize..50, 1..200)) {
            let text = encoded(&bytes);
            let (mut rest, mut chunks) = (text.as_str(), Vec::new());
            for cut in cuts {
                let (head, tail) = rest.split_at(cut.min(rest.len()));
                chunks.push(format!(r#""{head}""#));
                rest = tail;
            }
            chunks.push(format!(r#""{rest}""#));
            let middle = chunks.len() / 2;
            let documents = [
                format!(r#"{{"compressed":[{}]}}"#, chunks[..middle].join(",")),
                format!(r#"{{"compressed":[{}],"eos":true}}"#, chunks[middle..].join(",")),
            ];
            let (decoded, sink) = decode(&documents).unwrap();
            prop_assert_eq!(decoded, bytes.len() as u64);
            prop_assert_eq!(sink, bytes);
        }
    }

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
        let mut decoder = ChunkDecoder::new(Vec::new(), 1 << 30);
        for (n, document) in documents.iter().enumerate() {
            let eos = decoder.document(&format!("a#{}", n + 1), document.as_bytes()).unwrap();
            assert_eq!(eos, n + 1 == documents.len());
        }
        decoder.finish().unwrap().1
    }

    /// Returns bytes that cannot be compressed.
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
    fn state_documents_have_the_maximum_size_of_autodetect() {
        let state = noise(14 << 20);
        let documents = documents(&state, DOCUMENT);
        assert_eq!(documents.len(), 2);
        assert!((DOCUMENT - 2 * STRING..=DOCUMENT).contains(&documents[0].len()));
        assert!(decoded(&documents) == state);
    }

    proptest! {
        #[test]
        fn encoded_state_decodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..3000), limit in 100usize..20_000) {
            prop_assert_eq!(decoded(&documents(&bytes, limit)), bytes);
        }
    }
}
