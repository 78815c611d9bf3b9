//! The mappings of many indices in one response.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer as _, Error as _, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::cluster::body::{Size, count_values};
use crate::cluster::request::unintelligible;
use crate::cluster::{Error, Result};
use crate::job::{InputMappings, Mapping};

/// Bytes in memory that a response and what is kept of it take together.
const MAX_BYTES: usize = 46 << 20;
/// Of these, bytes of all different mappings and of all settings: parts of them are copied.
const MAX_KEPT: usize = 32 << 20;
/// What a value takes besides its text: most objects have few members, and fields are in a table too.
const VALUE_BYTES: usize = 400;
/// What an index without settings takes.
const INDEX_BYTES: usize = 1000;

/// What many indices are like.
#[derive(Debug, Default)]
pub struct IndexMappings {
    /// Their mappings and settings.
    pub mappings: InputMappings,
    /// Their UUIDs, by name.
    pub uuids: BTreeMap<String, String>,
}

/// An index as `GET /<index>` describes it.
#[derive(Deserialize)]
struct Definition<'a> {
    #[serde(borrow)]
    mappings: Option<&'a RawValue>,
    #[serde(borrow)]
    settings: Option<&'a RawValue>,
}

/// Reads one index after the other. Indices of the same mapping, such as daily ones, share it.
pub(in crate::cluster) fn parse(body: &[u8], what: &str) -> Result<IndexMappings> {
    let mut indices = Indices {
        found: IndexMappings::default(),
        known: HashMap::new(),
        left: MAX_KEPT.min(MAX_BYTES.saturating_sub(body.len())),
    };
    let mut json = serde_json::Deserializer::from_slice(body);
    let read = json.deserialize_map(&mut indices).and_then(|()| json.end());
    match read {
        Ok(()) => Ok(indices.found),
        Err(_) if indices.left == 0 => Err(Error::TooLarge {
            what: what.to_owned(),
            most: Size::Large.bytes(),
        }),
        Err(error) => Err(unintelligible(what, &error)),
    }
}

struct Indices<'a> {
    found: IndexMappings,
    /// By their text.
    known: HashMap<&'a str, Arc<Mapping>>,
    /// Bytes that may still be taken.
    left: usize,
}

impl<'a> Indices<'a> {
    fn add(&mut self, index: String, definition: &Definition<'a>) -> serde_json::Result<()> {
        let text = definition.mappings.map_or("{}", RawValue::get);
        let settings = definition.settings.map_or("null", RawValue::get);
        self.take(INDEX_BYTES + bytes_of(settings))?;
        let mappings = match self.known.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                self.take(bytes_of(text))?;
                let mappings = Mapping::parse(serde_json::from_str(text)?).map_err(serde_json::Error::custom)?;
                let mappings = Arc::new(mappings);
                self.known.insert(text, Arc::clone(&mappings));
                mappings
            }
        };
        let settings: Value = serde_json::from_str(settings)?;
        if let Some(uuid) = settings.pointer("/index/uuid").and_then(Value::as_str) {
            self.found.uuids.insert(index.clone(), uuid.to_owned());
        }
        self.found.mappings.add(index, mappings, &settings);
        Ok(())
    }

    fn take(&mut self, bytes: usize) -> serde_json::Result<()> {
        self.left = self.left.saturating_sub(bytes);
        match self.left {
            0 => Err(serde_json::Error::custom("it takes too much memory")),
            _ => Ok(()),
        }
    }
}

/// What a JSON text takes as a tree.
fn bytes_of(json: &str) -> usize {
    json.len() + count_values(json.as_bytes()) * VALUE_BYTES
}

impl<'a> Visitor<'a> for &mut Indices<'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("indices by name")
    }

    fn visit_map<M: MapAccess<'a>>(self, mut map: M) -> std::result::Result<(), M::Error> {
        while let Some(index) = map.next_key::<String>()? {
            let definition = map.next_value::<Definition<'a>>()?;
            self.add(index, &definition).map_err(M::Error::custom)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    #[test]
    fn indices_of_one_mapping_share_it() {
        let fields: serde_json::Map<String, Value> = (0..1000)
            .map(|n| (format!("f{n}"), json!({"type": "keyword"})))
            .collect();
        let definition = json!({"mappings": {"properties": fields}, "settings": {"index": {"number_of_shards": "1"}}});
        let indices: serde_json::Map<String, Value> =
            (0..1000).map(|n| (format!("logs-{n}"), definition.clone())).collect();
        let body = Value::Object(indices).to_string();
        assert!(bytes_of(&body) > 2 * MAX_BYTES && body.len() < Size::Large.bytes());
        let parsed = parse(body.as_bytes(), "").unwrap().mappings;
        assert_eq!(parsed.indices().count(), 1000);
        assert!(parsed.knows("f999"));
    }

    #[test]
    fn what_takes_too_much_memory_is_refused_wherever_it_is() {
        let values = "0,".repeat(MAX_KEPT / VALUE_BYTES);
        for dense in [
            format!(r#"{{"a":{{"mappings":{{"_meta":"{}"}}}}}}"#, "x".repeat(MAX_KEPT)),
            format!(r#"{{"a":{{"mappings":{{"_meta":[{values}0]}}}}}}"#),
            format!(r#"{{"a":{{"settings":[{values}0]}}}}"#),
            format!(
                "{{{}}}",
                (0..MAX_KEPT / INDEX_BYTES)
                    .map(|n| format!("\"{n}\":{{}}"))
                    .collect::<Vec<_>>()
                    .join(",")
            ),
        ] {
            assert!(matches!(parse(dense.as_bytes(), ""), Err(Error::TooLarge { .. })));
        }
        let ignored = format!(r#"{{"a":{{"aliases":[{values}0],"mappings":{{}}}}}}"#);
        assert!(parse(ignored.as_bytes(), "").unwrap().mappings.has("a"));
        for broken in ["[]", "{", r#"{"a":1}"#, "{} {}"] {
            let error = parse(broken.as_bytes(), "").unwrap_err();
            assert!(matches!(error, Error::Unintelligible { .. }), "{broken}");
        }
    }
}
