//! Reads JSON with duplicate names, and the states of an archive, independently of the program.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::support::archive::entry;

/// A value. Members are in order, including duplicates.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    Text(String),
    Other(String),
    List(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

impl Tree {
    pub fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap()
    }

    /// Returns every text with its path. Items of a list have the path of the list.
    pub fn texts(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        self.visit("", &mut |path, leaf| {
            if let Self::Text(text) = leaf {
                found.push((path.to_owned(), text.as_str()));
            }
        });
        found
    }

    /// Also returns numbers, Booleans and `null`.
    pub fn values(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        self.visit("", &mut |path, leaf| {
            if let Self::Text(text) | Self::Other(text) = leaf {
                found.push((path.to_owned(), text.as_str()));
            }
        });
        found
    }

    /// Returns the name of every member with its path.
    pub fn names(&self) -> Vec<(String, &str)> {
        let mut found = Vec::new();
        let mut trees = vec![(String::new(), self)];
        while let Some((path, tree)) = trees.pop() {
            match tree {
                Self::Text(_) | Self::Other(_) => {}
                Self::List(items) => trees.extend(items.iter().map(|item| (path.clone(), item))),
                Self::Object(members) => {
                    for (name, value) in members {
                        let path = format!("{path}.{name}");
                        let path = path.trim_start_matches('.').to_owned();
                        found.push((path.clone(), name.as_str()));
                        trees.push((path, value));
                    }
                }
            }
        }
        found
    }

    fn visit<'a>(&'a self, path: &str, leaf: &mut dyn FnMut(&str, &'a Self)) {
        match self {
            Self::Text(_) | Self::Other(_) => leaf(path, self),
            Self::List(items) => items.iter().for_each(|item| item.visit(path, leaf)),
            Self::Object(members) => members.iter().for_each(|(name, value)| {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                value.visit(&path, leaf);
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Tree;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }
            fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
                Ok(Tree::Text(text.to_owned()))
            }
            fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
                Ok(Tree::Other(value.to_string()))
            }
            fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
                Ok(Tree::Other(value.to_string()))
            }
            fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
                Ok(Tree::Other(value.to_string()))
            }
            fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
                Ok(Tree::Other(value.to_string()))
            }
            fn visit_unit<E>(self) -> Result<Tree, E> {
                Ok(Tree::Other("null".to_owned()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Tree, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Tree::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Tree::Object(members))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

fn inflated(base64: &str) -> String {
    let compressed = STANDARD.decode(base64).unwrap();
    let mut json = String::new();
    flate2::read::GzDecoder::new(&compressed[..])
        .read_to_string(&mut json)
        .unwrap();
    json
}

/// Returns the single document of a small state.
pub fn state_document(json: &str) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(json.as_bytes()).unwrap();
    let base64 = STANDARD.encode(gzip.finish().unwrap());
    format!(r#"{{"compressed" : [ "{base64}"],"eos":true}}"#)
}

/// Returns a text as stored in a state.
pub fn compressed(json: &str) -> String {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(json.as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

/// Returns decoded states by the part of their IDs before `#`. Their documents can be in any order.
pub fn states(entries: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let lines: Vec<&str> = entry(entries, "_snapshot_docs.ndjson").lines().collect();
    let mut texts: BTreeMap<String, Vec<(u64, String)>> = BTreeMap::new();
    for pair in lines.chunks(2) {
        let action: Value = serde_json::from_str(pair[0]).unwrap();
        let (base, number) = action["index"]["_id"].as_str().unwrap().rsplit_once('#').unwrap();
        let document: Value = serde_json::from_str(pair[1]).unwrap();
        let strings = document["compressed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|text| text.as_str().unwrap());
        let text = strings.collect();
        texts
            .entry(base.to_owned())
            .or_default()
            .push((number.parse().unwrap(), text));
    }
    let joined = |mut chunks: Vec<(u64, String)>| {
        chunks.sort_unstable();
        chunks.into_iter().map(|(_, text)| text).collect::<String>()
    };
    texts
        .into_iter()
        .map(|(base, chunks)| (base, inflated(&joined(chunks))))
        .collect()
}

/// Checks that state documents have the form that autodetect uses.
pub fn assert_autodetect_format(entries: &BTreeMap<String, String>) {
    for document in entry(entries, "_snapshot_docs.ndjson").lines().skip(1).step_by(2) {
        assert!(document.len() <= 16_777_220 && document.starts_with("{\"compressed\" : [ \""));
        assert!(document.ends_with("\"],\"eos\":true}"));
        let document: Value = serde_json::from_str(document).unwrap();
        let mut strings = document["compressed"].as_array().unwrap().iter();
        assert!(strings.all(|text| text.as_str().unwrap().len() <= 4096));
    }
}

/// Returns the decoded quantiles.
pub fn quantiles(entries: &BTreeMap<String, String>) -> String {
    let snapshot = entries
        .iter()
        .find(|(name, _)| name.starts_with("ml-anomalies-snapshot_doc"));
    let snapshot: Value = serde_json::from_str(snapshot.unwrap().1).unwrap();
    inflated(snapshot["quantiles"]["quantile_state"].as_str().unwrap())
}

/// Returns every JSON text of an archive: its lines, entries, decoded states and quantiles.
pub fn documents(entries: &BTreeMap<String, String>) -> Vec<(String, Tree)> {
    let mut all = Vec::new();
    for (name, text) in entries {
        if name.ends_with("_snapshot_docs.ndjson") {
            continue;
        }
        if name.ends_with(".ndjson") {
            all.extend(text.lines().map(|line| (name.clone(), Tree::parse(line))));
        } else {
            all.push((name.clone(), Tree::parse(text)));
        }
    }
    all.extend(
        states(entries)
            .iter()
            .map(|(base, json)| (base.clone(), Tree::parse(json))),
    );
    all.push(("quantiles".to_owned(), Tree::parse(&quantiles(entries))));
    all
}
