//! One state document, `{"compressed": [...], "eos": true}`, read without keeping its strings.

use std::fmt;
use std::io::Write;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use super::decode::{Decode, Fault};
use crate::json::without_value;
use crate::state::Error;

/// Feeds the document's chunks to `decode`; true where it carries `eos: true`.
pub(super) fn read<W: Write>(id: &str, source: &[u8], decode: &mut Decode<W>) -> Result<bool, Error> {
    let malformed = |why: String| Error::Malformed { id: id.to_owned(), why };
    let text = std::str::from_utf8(source).map_err(|cause| malformed(format!("not UTF-8: {cause}")))?;
    let mut fault = None;
    let mut json = serde_json::Deserializer::from_str(text);
    let document = Document {
        decode,
        fault: &mut fault,
    };
    let read = document.deserialize(&mut json).and_then(|eos| json.end().map(|()| eos));
    match (fault, read) {
        (Some(fault), _) => Err(fault.of(id)),
        (None, Ok(eos)) => Ok(eos),
        (None, Err(cause)) => Err(malformed(format!("not a state document: {}", without_value(&cause)))),
    }
}

struct Document<'a, W: Write> {
    decode: &'a mut Decode<W>,
    /// Errors of the decoder do not fit into serde's: they wait here.
    fault: &'a mut Option<Fault>,
}

impl<'de, W: Write> DeserializeSeed<'de> for Document<'_, W> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, W: Write> Visitor<'de> for Document<'_, W> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `compressed` and, behind it, `eos`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<bool, A::Error> {
        let (mut compressed, mut eos) = (false, None);
        while let Some(key) = members.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                "compressed" if compressed => return Err(A::Error::duplicate_field("compressed")),
                "compressed" if eos.is_some() => {
                    return Err(A::Error::custom(
                        "`eos` stands before `compressed`, which fails the restore",
                    ));
                }
                "compressed" => {
                    members.next_value_seed(Chunks {
                        decode: self.decode,
                        fault: self.fault,
                    })?;
                    compressed = true;
                }
                "eos" if eos.is_some() => return Err(A::Error::duplicate_field("eos")),
                "eos" => eos = Some(members.next_value::<bool>()?),
                other => return Err(A::Error::unknown_field(other, &["compressed", "eos"])),
            }
        }
        if !compressed {
            return Err(A::Error::missing_field("compressed"));
        }
        Ok(eos.unwrap_or(false))
    }
}

struct Chunks<'a, W: Write> {
    decode: &'a mut Decode<W>,
    fault: &'a mut Option<Fault>,
}

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
        while chunks
            .next_element_seed(Chunk {
                decode: self.decode,
                fault: self.fault,
            })?
            .is_some()
        {}
        Ok(())
    }
}

struct Chunk<'a, W: Write> {
    decode: &'a mut Decode<W>,
    fault: &'a mut Option<Fault>,
}

impl<'de, W: Write> DeserializeSeed<'de> for Chunk<'_, W> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<W: Write> Visitor<'_> for Chunk<'_, W> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<(), E> {
        self.decode.chunk(text).map_err(|fault| {
            *self.fault = Some(fault);
            E::custom("the chunk does not decode")
        })
    }
}
