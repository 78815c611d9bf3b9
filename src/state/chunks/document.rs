//! State documents, `{"compressed": [...], "eos": true}`, read without keeping their strings.

use std::borrow::Cow;
use std::fmt;
use std::io::Write;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::decode::{Decoder, StateLimits};
use crate::json::without_value;
use crate::state::error::{Cause, Error};

/// Decodes the documents of one kind, given in numeric order, into a sink; memory is flat.
pub struct ChunkDecoder<W: Write> {
    decoder: Decoder<W>,
    last_id: String,
    eos: bool,
}

impl<W: Write> ChunkDecoder<W> {
    /// Starts a decoder.
    pub fn new(sink: W, limits: StateLimits) -> Self {
        Self {
            decoder: Decoder::new(sink, limits),
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
        let document = Document {
            decoder: &mut self.decoder,
            failed: &mut failed,
        };
        let read = json.deserialize_map(document).and_then(|eos| json.end().map(|()| eos));
        match (failed, read) {
            (Some(cause), _) => Err(cause),
            (None, Ok(eos)) => Ok(eos),
            (None, Err(cause)) => Err(malformed(&format!("not a state document: {}", without_value(&cause)))),
        }
    }

    /// The end: `eos` must have come, base64 and gzip must be complete. Returns decoded bytes and the sink.
    ///
    /// # Errors
    /// As [`document`](Self::document).
    pub fn finish(self) -> Result<(u64, W), Error> {
        let finished = match self.eos {
            true => self.decoder.finish(),
            false => Err(malformed(
                "the last document of the state lacks `eos`: the state is cut short",
            )),
        };
        finished.map_err(|cause| cause.of(&self.last_id))
    }
}

impl<W: Write> fmt::Debug for ChunkDecoder<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChunkDecoder")
            .field("last_id", &self.last_id)
            .field("eos", &self.eos)
            .finish_non_exhaustive()
    }
}

fn malformed(why: &str) -> Cause {
    Cause::Malformed(why.to_owned())
}

/// Returns whether the document carries `eos: true`.
struct Document<'a, W: Write> {
    decoder: &'a mut Decoder<W>,
    /// What the decoder returned, which does not fit into errors of serde.
    failed: &'a mut Option<Cause>,
}

impl<'de, W: Write> Visitor<'de> for Document<'_, W> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `compressed` and, behind it, `eos`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let (mut compressed, mut eos) = (None, None);
        while let Some(key) = members.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "compressed" if compressed.is_some() => return Err(A::Error::duplicate_field("compressed")),
                "compressed" if eos.is_some() => {
                    return Err(A::Error::custom(
                        "`eos` stands before `compressed`, which fails the restore",
                    ));
                }
                "compressed" => {
                    compressed = Some(members.next_value_seed(Chunks {
                        decoder: self.decoder,
                        failed: self.failed,
                    })?);
                }
                "eos" if eos.is_some() => return Err(A::Error::duplicate_field("eos")),
                "eos" => eos = Some(members.next_value::<bool>()?),
                other => return Err(A::Error::unknown_field(other, &["compressed", "eos"])),
            }
        }
        compressed.ok_or_else(|| A::Error::missing_field("compressed"))?;
        Ok(eos.unwrap_or(false))
    }
}

struct Chunks<'a, W: Write> {
    decoder: &'a mut Decoder<W>,
    failed: &'a mut Option<Cause>,
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
            if let Err(cause) = self.decoder.push(&text) {
                *self.failed = Some(cause);
                return Err(A::Error::custom("the chunk does not decode"));
            }
        }
        Ok(())
    }
}
