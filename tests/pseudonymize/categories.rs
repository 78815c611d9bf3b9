//! Categories: autodetect compares the lengths of messages, and tokens have different lengths than words.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::json_tree::{Tree, state_document, states};
use super::shared_archives::{edited, exported, exported_of, pseudonymized, shared_pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;

/// A category in the state.
#[derive(Debug, Default, PartialEq)]
struct Category {
    message: String,
    longest: u64,
    base: u64,
    tokens: u64,
}

impl Category {
    /// `CTokenListCategory::maxMatchingStringLen` of ml-cpp.
    fn max_matching(&self) -> u64 {
        let by_tokens = (self.base as f64 * f64::max(self.tokens as f64 / 1.5, 2.0)) as u64;
        self.longest.max(by_tokens.min(self.longest * 11 / 10))
    }
}

fn categories(entries: &BTreeMap<String, String>) -> Vec<Category> {
    let states = states(entries);
    let (_, state) = states
        .iter()
        .find(|(id, _)| id.ends_with("_categorizer_state"))
        .unwrap();
    let mut found: Vec<Category> = Vec::new();
    for (path, text) in Tree::parse(state).texts() {
        if path == "b.c.a" {
            found.push(Category {
                message: text.to_owned(),
                ..Category::default()
            });
        }
        let Some(category) = found.last_mut() else { continue };
        match path.as_str() {
            "b.c.d" => category.longest = text.parse().unwrap(),
            "b.c.f" => category.tokens += 1,
            "b.c.k" => category.base = text.parse().unwrap(),
            _ => {}
        }
    }
    found
}

fn definitions(entries: &BTreeMap<String, String>) -> BTreeMap<u64, Value> {
    let lines = entry(entries, "_categories.ndjson").lines();
    let definitions = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
    let definitions = definitions.filter(|line| line.get("category_id").is_some());
    definitions
        .map(|definition| (definition["category_id"].as_u64().unwrap(), definition))
        .collect()
}

#[test]
fn category_lengths_match_messages_with_tokens() {
    for job in ["log-categories", "log-categories-multisnap"] {
        let binary = Binary::new();
        let (old, new) = (exported(&binary, job), shared_pseudonymized(&binary, job).archive);
        let (old, new) = (entries(&old), entries(&new));
        let (before, after) = (categories(&old), categories(&new));
        assert!(before.len() == after.len() && before.len() > 5, "{job}");
        let mut compared = 0;
        for (id, (before, after)) in (1..).zip(before.iter().zip(&after)) {
            assert_eq!(
                before.base,
                before.message.len() as u64,
                "{job}: autodetect counts bytes"
            );
            assert!(after.message.contains("t_"), "{after:?}");
            let base = after.message.len() as u64;
            let longest = (before.longest * base).div_ceil(before.base);
            assert_eq!((after.base, after.longest), (base, longest), "{job} {after:?}");
            let (old, new) = (definitions(&old), definitions(&new));
            let Some(definition) = old.get(&id) else { continue };
            assert_eq!(definition["max_matching_length"], before.max_matching(), "{job} {id}");
            assert_eq!(new[&id]["max_matching_length"], after.max_matching(), "{job} {id}");
            compared += 1;
        }
        assert!(compared > 5, "{job}");
    }
}

/// Two categories: one with a message that contains non-ASCII letters, and one with a filter that removed the first 20
/// bytes.
const STATE: &str = r#"{"a":"1","b":{"a":"größer","b":"1","a":"Benutzer","b":"1","a":"stopped","b":"1","c":{"a":"größer Benutzer","b":"0","c":"3","b":"1","c":"3","d":"40","j":"0","e":"2","f":"0","g":"3","f":"1","g":"3","h":"6","i":"1","k":"17"},"c":{"a":"stopped","b":"2","c":"3","d":"27","j":"0","e":"1","f":"2","g":"3","h":"3","i":"1","k":"27"},"d":"0"},"c":{"a":{"b":"1","c":"größer Benutzer"}}}"#;

#[test]
fn category_lengths_count_bytes_and_filtered_text() {
    let mut fixture = Fixture::load("log-categories");
    let categorizer = fixture
        .state
        .iter_mut()
        .find(|document| document.id.contains("_categorizer_state"));
    categorizer.unwrap().source = state_document(STATE);
    let binary = Binary::new();
    let old = exported_of(&binary, &fixture);
    let new = entries(&pseudonymized(&binary, &old, "new", &[]).archive);
    let after = categories(&new);
    let (token, two) = (
        "t_0123456789abcdef".len() as u64,
        "t_0123456789abcdef t_0123456789abcdef".len() as u64,
    );
    let lengths = |category: &Category| (category.base, category.longest);
    assert_eq!(lengths(&after[0]), (two, (40 * two).div_ceil(17)));
    let base = (27 * token).div_ceil(7);
    assert_eq!(lengths(&after[1]), (base, base));
    // Definitions of categories that are not in the state grow in proportion to their examples.
    for (id, definition) in definitions(&entries(&old)) {
        let sum = |definition: &Value| -> u64 {
            let examples = definition["examples"].as_array().unwrap();
            examples
                .iter()
                .map(|example| example.as_str().unwrap().len() as u64)
                .sum()
        };
        let new = &definitions(&new)[&id];
        let longest = definition["max_matching_length"].as_u64().unwrap();
        let expected = (longest * sum(new)).div_ceil(sum(&definition));
        assert_eq!(new["max_matching_length"], expected, "{id}");
    }
}

#[test]
fn definitions_with_members_of_other_types_are_replaced() {
    let mut fixture = Fixture::load("log-categories");
    // The last versions of the definitions.
    for (category, (member, other)) in fixture.categories.iter_mut().rev().zip([
        ("category_id", json!("1")),
        ("max_matching_length", json!(17.5)),
        ("examples", json!("Node 7 of tenant-s3cr3t stopped")),
        ("examples", json!([7, null, "Node 7 of tenant-s3cr3t stopped"])),
        ("partition_field_name", json!(["service"])),
    ]) {
        let mut definition: Value = serde_json::from_str(&category.source).unwrap();
        definition[member] = other;
        category.source = definition.to_string();
    }
    let binary = Binary::new();
    let old = exported_of(&binary, &fixture);
    let new = entries(&pseudonymized(&binary, &old, "new", &[]).archive);
    let lines = entry(&new, "_categories.ndjson");
    assert!(lines.contains("\"max_matching_length\":17.5"), "{lines}");
    assert!(!lines.contains("s3cr3t"), "{lines}");
}

#[test]
fn report_states_what_applies_to_the_job() {
    let binary = Binary::new();
    let expected_results = |archive: &std::path::Path, name: &str| {
        let expected_results = pseudonymized(&binary, archive, name, &["--skip-datafeed"]).output;
        expected_results["expected_results"].to_string()
    };
    let archive = exported(&binary, "web-latency");
    let plain = expected_results(&archive, "plain");
    assert!(
        plain.contains("the same records, with the same probabilities") && plain.contains("less than 1.5"),
        "{plain}"
    );
    assert!(
        !plain.contains("categories") && !plain.contains("info_content"),
        "{plain}"
    );
    let archive = edited(&binary, "web-latency", |config, _| {
        let detectors = config["analysis_config"]["detectors"].as_array_mut().unwrap();
        detectors.push(json!({"function": "high_info_content", "field_name": "clientip", "detector_index": 9}));
    });
    let lengths = expected_results(&archive, "lengths");
    assert!(
        lengths.contains("for detectors other than `high_info_content`"),
        "{lengths}"
    );
    let categories = expected_results(&exported(&binary, "log-categories"), "categories");
    assert!(categories.contains("longer than its category allows"), "{categories}");
    let archive = edited(&binary, "log-categories", |config, _| {
        config["analysis_config"]["categorization_filters"] = json!(["\\[.*?\\]"]);
    });
    let filtered = expected_results(&archive, "filtered");
    assert!(
        filtered.contains("filters messages before categorizing them"),
        "{filtered}"
    );
}
