//! An archive's entries, read by the tar and gzip libraries alone.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde_json::Value;

/// Every entry's text by name.
pub fn entries(path: &Path) -> BTreeMap<String, String> {
    let file = std::fs::File::open(path).expect("the archive");
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
    tar.entries()
        .expect("a tar")
        .map(|entry| {
            let mut entry = entry.expect("an entry");
            let name = entry.path().expect("a path").display().to_string();
            let mut text = String::new();
            entry.read_to_string(&mut text).expect("text");
            (name, text)
        })
        .collect()
}

/// The entry whose name ends so.
#[track_caller]
pub fn entry<'a>(entries: &'a BTreeMap<String, String>, ending: &str) -> &'a str {
    let found: Vec<&String> = entries
        .iter()
        .filter(|(name, _)| name.ends_with(ending))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(found.len(), 1, "{ending} in {:?}", entries.keys());
    found[0]
}

/// Documents by the id in their action line.
pub fn by_id(text: &str) -> BTreeMap<String, String> {
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(2)
        .map(|pair| {
            let action: Value = serde_json::from_str(pair[0]).expect("an action line");
            let at = &action["index"];
            let index = at["_index"].as_str().unwrap_or_default();
            (
                format!("{index}/{}", at["_id"].as_str().expect("an id")),
                pair[1].to_owned(),
            )
        })
        .collect()
}
