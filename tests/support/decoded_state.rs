//! Decodes state independently of the program.

use std::collections::BTreeSet;
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::fixtures::Fixture;

/// Returns every string value, except names, in the decoded state of a kind.
pub fn strings_in_state(fixture: &Fixture, kind: &str) -> BTreeSet<String> {
    let mut documents: Vec<(u64, Value)> = fixture
        .state
        .iter()
        .filter(|stored| stored.id.contains(kind))
        .map(|stored| {
            let number = stored.id.rsplit('#').next().unwrap().parse().unwrap();
            (number, serde_json::from_str(&stored.source).unwrap())
        })
        .collect();
    documents.sort_by_key(|(number, _)| *number);
    let chunks = documents
        .iter()
        .flat_map(|(_, document)| document["compressed"].as_array().unwrap());
    let base64: String = chunks.filter_map(Value::as_str).collect();
    let mut json = String::new();
    if !base64.is_empty() {
        let compressed = STANDARD.decode(base64).unwrap();
        flate2::read::GzDecoder::new(&compressed[..])
            .read_to_string(&mut json)
            .unwrap();
    }
    let mut found = BTreeSet::new();
    let mut rest = json.as_str();
    while let Some(at) = rest.find('"') {
        let text = &rest[at..];
        let mut end = 1;
        while text.as_bytes()[end] != b'"' {
            end += if text.as_bytes()[end] == b'\\' { 2 } else { 1 };
        }
        rest = &text[end + 1..];
        if !rest.starts_with(':') {
            found.insert(serde_json::from_str(&text[..=end]).unwrap());
        }
    }
    found
}
