//! State documents, `{"compressed": [...], "eos": true}`, to decoded state: base64 carried across their strings, one gzip
//! member, bounded. The strings are not kept.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzDecoder;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::json::without_value;
use crate::state::error::{Cause, Error};

/// Base64 characters decoded at a time; a multiple of four.
const STEP: usize = 4096;

/// How much state may decompress to.
#[derive(Clone, Copy, Debug)]
pub struct StateLimits {
    /// Bytes.
    pub decoded: u64,
}

/// Decodes the documents of one kind, given in numeric order, into a sink; memory is flat.
pub struct ChunkDecoder<W: Write> {
    decoder: TextDecoder<W>,
    last_id: String,
    eos: bool,
}

impl<W: Write> ChunkDecoder<W> {
    /// Starts a decoder.
    pub fn new(sink: W, limits: StateLimits) -> Self {
        Self {
            decoder: TextDecoder::new(sink, limits),
            last_id: String::new(),
            eos: false,
        }
    }

    /// Decodes one document's source; `id` is for messages. Returns whether it carries `eos: true`;
    /// a document after `eos` is an error.
    ///
    /// # Errors
    /// Any of [`Cause`] but `ForeignId`; the decoder is of no use afterwards.
    pub fn document(&mut self, id: &str, source: &[u8]) -> Result<bool, Error> {
        id.clone_into(&mut self.last_id);
        self.eos = self.read(source).map_err(|cause| cause.of(id))?;
        Ok(self.eos)
    }

    fn read(&mut self, source: &[u8]) -> Result<bool, Cause> {
        if self.eos {
            return Err(malformed("it follows the document that carries `eos`"));
        }
        let text = std::str::from_utf8(source).map_err(|cause| malformed(&format!("not UTF-8: {cause}")))?;
        let mut json = serde_json::Deserializer::from_str(text);
        let mut failed = None;
        let document = Document(Chunks {
            decoder: &mut self.decoder,
            failed: &mut failed,
        });
        let read = json.deserialize_map(document).and_then(|eos| json.end().map(|()| eos));
        match (failed, read) {
            (Some(cause), _) => Err(cause.into()),
            (None, Ok(eos)) => Ok(eos),
            (None, Err(cause)) => Err(malformed(&format!("not a state document: {}", without_value(&cause)))),
        }
    }

    /// The end: `eos` must have come, base64 and gzip must be complete. Returns decoded bytes and the sink.
    ///
    /// # Errors
    /// As [`document`](Self::document).
    pub fn finish(self) -> Result<(u64, W), Error> {
        if !self.eos {
            let why = "the last document of the state lacks `eos`: the state is cut short";
            return Err(malformed(why).of(&self.last_id));
        }
        let decoded = self.decoder.finish();
        decoded.map_err(|cause| Cause::from(cause).of(&self.last_id))
    }
}

fn malformed(why: &str) -> Cause {
    Cause::Malformed(why.to_owned())
}

/// Returns whether the document carries `eos: true`.
struct Document<'a, W: Write>(Chunks<'a, W>);

impl<'de, W: Write> Visitor<'de> for Document<'_, W> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `compressed` and, behind it, `eos`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let (mut chunks, mut eos) = (Some(self.0), None);
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match (key.as_ref(), chunks.take()) {
                ("compressed", None) => return Err(A::Error::duplicate_field("compressed")),
                ("compressed", _) if eos.is_some() => {
                    return Err(A::Error::custom(
                        "`eos` stands before `compressed`, which fails the restore",
                    ));
                }
                ("compressed", Some(chunks)) => members.next_value_seed(chunks)?,
                ("eos", _) if eos.is_some() => return Err(A::Error::duplicate_field("eos")),
                ("eos", unread) => {
                    eos = Some(members.next_value::<bool>()?);
                    chunks = unread;
                }
                (other, _) => return Err(A::Error::unknown_field(other, &["compressed", "eos"])),
            }
        }
        match chunks {
            Some(_) => Err(A::Error::missing_field("compressed")),
            None => Ok(eos.unwrap_or(false)),
        }
    }
}

/// Decodes the strings as they are read.
struct Chunks<'a, W: Write> {
    decoder: &'a mut TextDecoder<W>,
    /// What the decoder returned, which does not fit into errors of serde.
    failed: &'a mut Option<io::Error>,
}

/// A string, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Chunk<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de, W: Write> DeserializeSeed<'de> for Chunks<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, W: Write> Visitor<'de> for Chunks<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of strings")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut chunks: A) -> Result<(), A::Error> {
        while let Some(Chunk(text)) = chunks.next_element()? {
            if let Err(cause) = self.decoder.push(text.as_bytes()) {
                *self.failed = Some(cause);
                return Err(A::Error::custom("the chunk does not decode"));
            }
        }
        Ok(())
    }
}

/// Decodes one text that comes in pieces. Its errors are those of the sink, as they are, or contain a [`Cause`].
pub(crate) struct TextDecoder<W: Write> {
    gzip: GzDecoder<Bounded<W>>,
    /// Characters that wait for the rest of their group of four.
    carried: Vec<u8>,
    padded: bool,
}

/// A sink that refuses to take more than it was told. What it returns is kept apart from what is wrong with the state.
struct Bounded<W> {
    sink: W,
    taken: u64,
    limit: u64,
    failed: Option<io::Error>,
}

impl<W: Write> TextDecoder<W> {
    pub(crate) fn new(sink: W, limits: StateLimits) -> Self {
        let bounded = Bounded {
            sink,
            taken: 0,
            limit: limits.decoded,
            failed: None,
        };
        Self {
            gzip: GzDecoder::new(bounded),
            carried: Vec::new(),
            padded: false,
        }
    }

    pub(crate) fn push(&mut self, text: &[u8]) -> io::Result<()> {
        self.carried.extend_from_slice(text);
        let text = std::mem::take(&mut self.carried);
        let (whole, incomplete) = text.split_at(text.len() / 4 * 4);
        for groups in whole.chunks(STEP) {
            self.groups(groups)?;
        }
        self.carried = incomplete.to_vec();
        Ok(())
    }

    /// Whole groups of four characters.
    fn groups(&mut self, groups: &[u8]) -> io::Result<()> {
        if self.padded {
            return Err(undecodable("more base64 follows its padding"));
        }
        self.padded = groups.ends_with(b"=");
        let mut bytes = [0; STEP / 4 * 3];
        let decoded = STANDARD.decode_slice(groups, &mut bytes);
        let n = decoded.map_err(|cause| undecodable(&format!("not base64: {cause}")))?;
        let mut rest = &bytes[..n];
        while !rest.is_empty() {
            match self.gzip.write(rest) {
                Ok(0) => return Err(undecodable("bytes follow the end of the compressed state")),
                Ok(n) => rest = &rest[n..],
                Err(cause) => return Err(self.failure(&cause)),
            }
        }
        Ok(())
    }

    /// The number of decoded bytes, and the sink.
    pub(crate) fn finish(mut self) -> io::Result<(u64, W)> {
        if !self.carried.is_empty() {
            return Err(undecodable("the base64 text ends inside a group of four"));
        }
        if let Err(cause) = self.gzip.try_finish() {
            return Err(self.failure(&cause));
        }
        let bounded = self.gzip.finish()?;
        Ok((bounded.taken, bounded.sink))
    }

    /// Why a write of compressed bytes failed: because of the sink, a bound, or the state.
    fn failure(&mut self, cause: &io::Error) -> io::Error {
        let failed = self.gzip.get_mut().failed.take();
        failed.unwrap_or_else(|| match cause.kind() {
            io::ErrorKind::UnexpectedEof => undecodable("the compressed state is cut short"),
            _ => undecodable(&format!("the compressed state is damaged: {cause}")),
        })
    }
}

fn undecodable(why: &str) -> io::Error {
    io::Error::other(Cause::Undecodable(why.to_owned()))
}

impl<W: Write> Write for Bounded<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self.taken.saturating_add(bytes.len() as u64) > self.limit {
            true => Err(io::Error::other(Cause::TooLarge(self.limit))),
            false => self.sink.write(bytes),
        };
        self.taken += *written.as_ref().unwrap_or(&0) as u64;
        written.map_err(|cause| {
            let kind = cause.kind();
            self.failed = Some(cause);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}
