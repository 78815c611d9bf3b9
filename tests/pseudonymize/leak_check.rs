//! Searches an archive for values independently of the program. The paths of values and the hash are implemented again
//! here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::Value;

use super::json_tree::{Tree, documents, quantiles, states};
use crate::support::archive::entry;

/// The paths of field values in a decoded model state.
const VALUE_PATHS: [&str; 11] = [
    "detector.d.c",
    "detector.e.b.a.b.a",
    "detector.e.b.a.c.a",
    "detector.e.b.a.e.a.a.l.a.a.d",
    "detector.e.b.a.e.b.a.l.a.a.d",
    "detector.e.b.a.e.a.c.a.h.b.b",
    "detector.e.b.a.e.a.c.a.h.a.a",
    "detector.e.b.a.e.b.h.a.c.b.e.a.b",
    // In the state of a categorizer.
    "e.a",
    "b.a",
    "c.a.c",
];

/// The fields of a job that contain names, and its message field.
pub struct Names {
    pub fields: BTreeSet<String>,
    pub messages: Option<String>,
    pub partition: String,
    pub persons: BTreeSet<String>,
    pub influencers: BTreeSet<String>,
}

impl Names {
    pub fn of(entries: &BTreeMap<String, String>) -> Self {
        let config: Value = serde_json::from_str(entry(entries, "_config.json")).unwrap();
        let analysis = &config["analysis_config"];
        let detectors = analysis["detectors"].as_array().unwrap();
        let named = |names: &[&str]| -> BTreeSet<String> {
            let all = detectors
                .iter()
                .flat_map(|detector| names.iter().filter_map(|name| detector[*name].as_str()));
            all.map(str::to_owned).collect()
        };
        let influencers = analysis["influencers"].as_array().into_iter().flatten();
        let influencers: BTreeSet<String> = influencers.filter_map(Value::as_str).map(str::to_owned).collect();
        let mut fields = named(&["partition_field_name", "by_field_name", "over_field_name"]);
        fields.extend(influencers.iter().cloned());
        fields.remove("mlcategory");
        Self {
            fields,
            messages: analysis["categorization_field_name"].as_str().map(str::to_owned),
            partition: named(&["partition_field_name"]).pop_first().unwrap_or_default(),
            persons: named(&["by_field_name", "over_field_name"]),
            influencers,
        }
    }
}

/// Returns the texts of each document with their paths.
fn leaves(entries: &BTreeMap<String, String>) -> Vec<(String, String, String)> {
    let all = documents(entries);
    let texts = all.iter().flat_map(|(name, tree)| {
        let texts = tree.texts().into_iter();
        texts.map(move |(path, text)| (name.clone(), path, text.to_owned()))
    });
    texts.collect()
}

fn is_number(text: &str) -> bool {
    text.parse::<f64>().is_ok()
}

/// Returns the values of the fields in state, input documents, annotations and filters.
pub fn values(entries: &BTreeMap<String, String>) -> BTreeSet<String> {
    let names = Names::of(entries);
    let mut found = BTreeSet::new();
    let categories = names.persons.contains("mlcategory");
    for (name, path, text) in leaves(entries) {
        let state =
            name.contains("_model_state_") && (VALUE_PATHS.contains(&path.as_str()) || is_metric_influencer(&path));
        let person = path == "detector.e.b.a.b.a";
        let input =
            name.contains("_input_") && !name.contains("mapping") && names.fields.iter().any(|field| *field == path);
        let annotated = name.ends_with("_annotations.ndjson") && path.ends_with("_field_value");
        let filter = name.ends_with("_filters.json") && path == "items";
        // Numbers of categories stay.
        let category = categories && text.parse::<u32>().is_ok() && (person || annotated || state);
        if (state || input || annotated || filter) && !category && !matches!(text.as_str(), "" | "-" | "count") {
            found.insert(text);
        }
    }
    found
}

fn is_metric_influencer(path: &str) -> bool {
    let rest = path.strip_prefix("detector.e.b.a.e.b.");
    rest.is_some_and(|rest| rest.ends_with(".a.c.b.d.a.a") || rest.ends_with(".a.c.b.e.a.b"))
}

/// Returns names of users, texts written by users, and the words of messages.
pub fn texts(entries: &BTreeMap<String, String>) -> BTreeSet<String> {
    let names = Names::of(entries);
    let mut found = BTreeSet::new();
    for (name, path, text) in leaves(entries) {
        let message = Some(&path) == names.messages.as_ref() && name.contains("_input_")
            || name.ends_with("_categories.ndjson") && matches!(path.as_str(), "terms" | "examples")
            || name.contains("_categorizer_state") && matches!(path.as_str(), "b.a" | "b.c.a" | "c.a.c");
        if message {
            let words = text.split(|c: char| !(c.is_alphanumeric() || "_.-".contains(c)));
            found.extend(words.map(|word| word.trim_matches(['_', '.', '-']).to_owned()));
            found.insert(text.clone());
        }
        let written = path.ends_with("_username")
            || (path == "message" && name.ends_with("_notifications.ndjson"))
            || path == "node_name"
            || (path.ends_with("description") && !name.contains("snapshot") && !path.contains("detector"));
        if written && text != "_xpack" {
            found.insert(text.clone());
        }
    }
    found.remove("");
    found
}

/// Fails if the archive contains one of the values: as a complete text, or within a text if it has six characters or
/// more and is not a number. Names of members, names of the job's own fields and options of Elasticsearch are not
/// searched.
pub fn assert_no_leak(what: &str, entries: &BTreeMap<String, String>, originals: &BTreeSet<String>) {
    let names = Names::of(entries);
    let mut long: HashMap<&[u8], Vec<&str>> = HashMap::new();
    for value in originals {
        if value.chars().count() >= 6 && !is_number(value) {
            long.entry(&value.as_bytes()[..6]).or_default().push(value);
        }
    }
    let mut seen = BTreeSet::new();
    for (name, path, text) in leaves(entries) {
        let named = name.ends_with("_config.json") && !path.contains("description")
            || name.ends_with("_mapping.json")
            || name.ends_with("manifest.json")
            || path.ends_with("_field_name")
            || matches!(
                path.as_str(),
                "index._index"
                    | "event"
                    | "type"
                    | "job_id"
                    | "job_ids"
                    | "filter_id"
                    | "level"
                    | "mlquantilesdescription"
            )
            || path.starts_with("detector.c.d.");
        if named && !names.fields.contains(&path) {
            continue;
        }
        // Numbers are common in a state. The paths of values are checked below.
        assert!(
            is_number(&text) || !originals.contains(&text),
            "{what}: {name} {path} contains a value: {text}"
        );
        if is_number(&text) || !seen.insert(text.clone()) {
            continue;
        }
        let generated = path == "annotation" || path == "description";
        let mut begins = text.as_bytes().windows(6).filter_map(|begin| long.get(begin)).flatten();
        let held = begins.find(|value| text.contains(**value));
        assert!(
            held.is_none() || generated,
            "{what}: {name} {path} contains {held:?} in {text}"
        );
    }
    let old = values(entries);
    let both: Vec<&String> = old.intersection(originals).collect();
    assert!(both.is_empty(), "{what}: values that stayed: {both:?}");
}

/// Computes MurmurHash64A. The hash of each text is the seed for the next one.
pub fn hash(texts: &[&str]) -> u64 {
    let m = 0xc6a4_a793_5bd1_e995_u64;
    texts.iter().fold(472_882_027, |seed, text| {
        let bytes = text.as_bytes();
        let mut h = seed ^ (bytes.len() as u64).wrapping_mul(m);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            let mut k = u64::from_le_bytes(word);
            if chunk.len() == 8 {
                k = k.wrapping_mul(m);
                k = (k ^ (k >> 47)).wrapping_mul(m);
            }
            h = (h ^ k).wrapping_mul(m);
        }
        h = (h ^ (h >> 47)).wrapping_mul(m);
        h ^ (h >> 47)
    })
}

/// Returns the scope hashes in the quantiles.
pub fn scope_keys(entries: &BTreeMap<String, String>) -> BTreeSet<u64> {
    let tree = Tree::parse(&quantiles(entries));
    let texts = tree.texts();
    let keys = texts.iter().filter(|(path, _)| path == "a.g.a.a");
    keys.map(|(_, key)| key.parse().unwrap()).collect()
}

/// Returns the hashes of counted values, and the values next to them.
pub fn counted_hashes(entries: &BTreeMap<String, String>) -> BTreeSet<u64> {
    let mut found = BTreeSet::new();
    for state in states(entries).values() {
        for (path, text) in Tree::parse(state).texts() {
            if path == "detector.e.b.a.e.a.c.a.h.b.a" || path == "detector.e.b.a.e.a.c.a.h.a.b" {
                found.insert(text.parse().unwrap());
            }
        }
    }
    found
}

/// Returns every hash that matches these values; `empty` are those of names alone.
pub fn explained_keys(names: &Names, values: &BTreeSet<String>) -> (BTreeSet<u64>, BTreeSet<u64>) {
    let mut empty: BTreeSet<u64> = [0, hash(&["", "", "", ""]), hash(&["", "", "bucket_time", ""])].into();
    let mut keys = BTreeSet::new();
    let partition = names.partition.as_str();
    for field in names.influencers.iter().chain(&names.persons) {
        empty.insert(hash(&["", "", field, ""]));
        keys.extend(values.iter().map(|value| hash(&["", "", field, value])));
    }
    keys.extend(values.iter().map(|value| hash(&[partition, value, "", ""])));
    keys.extend(values.iter().map(|value| hash(&[value])));
    if !partition.is_empty() {
        for person in &names.persons {
            keys.extend(values.iter().map(|value| hash(&[partition, value, person, ""])));
        }
    }
    (empty, keys)
}
