//! Resolves all tokens of an archive with `reveal`, in one run.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use super::json_tree::Tree;
use crate::support::archive::entry;
use crate::support::binary::Binary;

/// Pairs of texts: in the old archive, and at the same place in the new one.
pub type Pairs = BTreeSet<(String, String)>;

/// Returns all replaced texts in entries other than the state, except for IDs of input documents and hashes.
pub fn replaced_texts(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Pairs {
    assert!(old.keys().eq(new.keys()));
    let mut pairs = Pairs::new();
    for ((name, old), new) in old.iter().zip(new.values()) {
        let apart = ["_snapshot_docs.ndjson", "_filters.json", "_input_mapping.json"];
        if apart.iter().any(|apart| name.ends_with(apart)) {
            continue;
        }
        let lines = |text| match name.ends_with(".ndjson") {
            true => str::lines(text).map(Tree::parse).collect(),
            false => vec![Tree::parse(text)],
        };
        let (old, new) = (lines(old), lines(new));
        assert_eq!(old.len(), new.len(), "{name}");
        for (old, new) in old.iter().zip(&new) {
            let (mut old, mut new) = (old.values(), new.values());
            // These are not replaced value by value.
            let decided = |path: &str| {
                ["query", "runtime_mappings"]
                    .map(|part| format!("datafeed_config.{part}."))
                    .iter()
                    .any(|part| path.starts_with(part))
            };
            old.retain(|(path, _)| !decided(path));
            new.retain(|(path, _)| !decided(path));
            if name.ends_with("manifest.json") {
                let names = |values: &[(String, &str)]| {
                    let named = values.iter().filter(|(path, _)| path.starts_with("source.cluster_"));
                    named.map(|(_, text)| (*text).to_owned()).collect::<Vec<_>>()
                };
                pairs.extend(names(&old).into_iter().zip(names(&new)));
                continue;
            }
            assert_eq!(old.len(), new.len(), "{name}");
            for ((path, old), (_, new)) in old.iter().zip(&new) {
                let id = name.contains("_input_") && path == "index._id";
                let number = matches!(path.as_str(), "snapshot_doc_count" | "max_matching_length");
                if !id && path != "quantiles.quantile_state" && !number {
                    // For patterns, the words are revealed without escapes.
                    let pattern = matches!(path.as_str(), "regex" | "grok_pattern");
                    let plain = |text: &str| text.replace(if pattern { "\\" } else { "\0" }, "");
                    pairs.insert((plain(old), plain(new)));
                }
            }
        }
    }
    pairs.retain(|(old, new)| old != new);
    pairs
}

/// Returns the items of all filters.
pub fn filter_items(entries: &BTreeMap<String, String>) -> BTreeSet<String> {
    let filters: Value = serde_json::from_str(entry(entries, "_filters.json")).unwrap();
    let filters = filters.as_array().unwrap().iter();
    let items = filters.flat_map(|filter| filter["items"].as_array().unwrap());
    items.map(|item| item.as_str().unwrap().to_owned()).collect()
}

/// Returns the output of `reveal` for all these texts in one run. Each has one line or more.
pub fn reveal(binary: &Binary, key: &Path, texts: &[&str]) -> Vec<String> {
    if texts.is_empty() {
        return Vec::new();
    }
    let mut command = binary.command(["reveal", &key.display().to_string()]);
    let mut run = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut stdin, lines) = (run.stdin.take().unwrap(), texts.join("\n") + "\n");
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = run.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let revealed = String::from_utf8(output.stdout).unwrap();
    revealed.lines().map(str::to_owned).collect()
}

/// Fails if one of the new texts is not resolved to the old one.
pub fn assert_all_revealed(what: &str, binary: &Binary, key: &Path, pairs: &Pairs) {
    let texts: Vec<&str> = pairs.iter().map(|(_, new)| new.as_str()).collect();
    let revealed = reveal(binary, key, &texts);
    let expected = pairs
        .iter()
        .flat_map(|(old, new)| old.lines().map(move |line| (line, new)));
    let expected: Vec<(&str, &String)> = expected.collect();
    assert_eq!(revealed.len(), expected.len(), "{what}");
    for (revealed, (old, new)) in revealed.iter().zip(expected) {
        assert_eq!(revealed, old, "{what}: {new}");
    }
}
