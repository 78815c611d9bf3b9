//! Values that a detector counts in open buckets, with their hashes. The state is created here, since no job of the
//! fixtures has such values.

use std::collections::BTreeSet;

use serde_json::json;

use super::json_tree::{Tree, state_document, states};
use super::leak_check::{assert_no_leak, counted_hashes, hash};
use super::newest;
use super::reveal::reveal;
use super::shared_archives::pseudonymized;
use crate::support::archive::entries;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// Values with all lengths that affect the hash, and of several kinds.
const USERS: [&str; 8] = [
    "anna",
    "bert.muster",
    "ünal.öz",
    "eightchr",
    "anna@example.org",
    "10.9.8.7",
    "4711",
    "a value with blanks in it",
];
const PATH: &str = "detector.e.b.a.e.a.c.a.h";

fn text(text: &str) -> String {
    json!(text).to_string()
}

const STATE: &str = r#"{"a":"1","b":"34","detector":{"c":{"d":{"i":"0","a":"9","b":"0","g":"0","c":"user","d":"service","e":"","f":"host","h":"user","h":"host"}},"d":{"c":"web-host-1"},"e":{"b":{"a":{"a":"9","b":{"a":"login","b":"0","c":""},"c":{"b":"","c":""},"e":{"a":{"a":{"b":"1","k":{},"m":{}},"c":{"b":"0","a":{"b":"1","a":"0","h":{"b":{COUNTED},"a":{BY_USER},"a":{BY_HOST}}}}}}}}}}}"#;

/// Returns a detector of `distinct_count(user) by service partitionfield=host` with an open bucket; users and hosts are
/// influencers.
fn state(first_hash: u64) -> String {
    state_of(STATE, first_hash)
}

fn state_of(form: &str, first_hash: u64) -> String {
    let mut counted = Vec::new();
    let mut by_user = Vec::new();
    for (n, user) in USERS.into_iter().enumerate() {
        let word = if n == 0 { first_hash } else { hash(&[user]) };
        counted.push(format!(r#""a":"{word}","b":{}"#, text(user)));
        by_user.push(format!(r#""a":{},"b":"{}""#, text(user), hash(&[user])));
    }
    let gone = hash(&["unknown value"]);
    let by_host = format!(
        r#""a":"web-host-1","b":"{}","b":"{gone}","b":"{}""#,
        hash(&["anna"]),
        hash(&["4711"])
    );
    form.replace("COUNTED", &counted.join(","))
        .replace("BY_USER", &by_user.join(","))
        .replace("BY_HOST", &by_host)
}

fn fixture_with_state(state: &str) -> Fixture {
    let mut fixture = Fixture::load("web-latency").without_datafeed().without_inputs();
    fixture.filters.clear();
    fixture.annotations.clear();
    fixture.job["analysis_config"]["detectors"] = json!([{
        "function": "distinct_count", "field_name": "user", "by_field_name": "service",
        "partition_field_name": "host", "detector_description": "users", "detector_index": 0,
    }]);
    fixture.job["analysis_config"]["influencers"] = json!(["user", "host"]);
    fixture.state[0].source = state_document(state);
    fixture
}

fn exported(binary: &Binary, state: &str) -> std::path::PathBuf {
    TestCluster::seeded(newest(), &fixture_with_state(state)).export(binary, "web-latency", "original", &[])
}

#[test]
fn hashes_of_distinct_values_become_those_of_tokens() {
    let binary = Binary::new();
    let old = exported(&binary, &state(hash(&["anna"])));
    let new = pseudonymized(&binary, &old, "new", &[]);
    let hashes = &new.output["hashes"];
    assert_eq!(
        (hashes["words"].as_u64(), hashes["words_removed"].as_u64()),
        (Some(9), Some(1))
    );
    let path = old.display().to_string();
    binary
        .run(["pseudonymize", &path, "-o", "other.tar.gz", "--dry-run"])
        .expect(0)
        .expect_stderr("Hashes of counted values: 9, 1 of them removed because no known value matches");
    let (old, new_entries) = (entries(&old), entries(&new.archive));
    assert!(counted_hashes(&old).contains(&hash(&["unknown value"])));
    let originals: BTreeSet<String> = USERS
        .into_iter()
        .chain(["web-host-1", "login"])
        .map(str::to_owned)
        .collect();
    assert_no_leak("counted", &new_entries, &originals);
    let token = |value: &str| new.tokens.iter().find(|(_, of)| *of == value).unwrap().0.as_str();
    let expected: BTreeSet<u64> = USERS.into_iter().map(|user| hash(&[token(user)])).collect();
    assert_eq!(counted_hashes(&new_entries), expected);
    // Each value follows its hash, and each influencer precedes the values that it has a share in.
    let states = states(&new_entries);
    let tree = Tree::parse(states.values().next().unwrap());
    let texts = tree.texts().into_iter().filter(|(path, _)| path.starts_with(PATH));
    let texts: Vec<String> = texts.map(|(_, text)| text.to_owned()).collect();
    let mut expected = Vec::new();
    for user in USERS {
        expected.extend([hash(&[token(user)]).to_string(), token(user).to_owned()]);
    }
    for user in USERS {
        expected.extend([token(user).to_owned(), hash(&[token(user)]).to_string()]);
    }
    expected.push(token("web-host-1").to_owned());
    expected.extend(["anna", "4711"].map(|user| hash(&[token(user)]).to_string()));
    assert_eq!(texts, expected);
    let tokens: Vec<&str> = USERS.into_iter().map(token).collect();
    assert_eq!(reveal(&binary, &new.key, &tokens), USERS);
}

#[test]
fn distinct_values_with_equal_hashes_are_refused() {
    let binary = Binary::new();
    let old = exported(&binary, &state(hash(&["bert"])));
    let run = binary.run(["pseudonymize", &old.display().to_string(), "-o", "new.tar.gz"]);
    run.expect(1).expect_stderr("whose hash does not match");
    assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
}

/// The same state with a rule that the detector has permanently applied.
fn state_with_rule_checksum() -> String {
    let applied = r#"{BY_HOST}}}}}}},"b":{"d":{"a":{"a":"1","k":{"a":"7717","d":"1"}},"b":{}}}"#;
    state_of(&STATE.replacen("{BY_HOST}}}}}}}", applied, 1), hash(&["anna"]))
}

#[test]
fn checksums_of_rules_without_a_scope_are_kept() {
    let shift = json!({"actions": ["force_time_shift"], "params": {"force_time_shift": {"time_shift_amount": 3600}}});
    let scope = json!({"host": {"filter_id": "hosts", "filter_type": "include"}});
    for scoped in [false, true] {
        let mut fixture = fixture_with_state(&state_with_rule_checksum());
        let rule = &mut fixture.job["analysis_config"]["detectors"][0]["custom_rules"];
        *rule = json!([shift]);
        if scoped {
            rule[0]["scope"] = scope.clone();
            fixture
                .filters
                .push(json!({"filter_id": "hosts", "items": ["web-host-1"]}));
        }
        let binary = Binary::new();
        let old = TestCluster::seeded(newest(), &fixture).export(&binary, "web-latency", "original", &[]);
        if scoped {
            let run = binary.run(["pseudonymize", &old.display().to_string(), "-o", "new.tar.gz"]);
            run.expect(1).expect_stderr("checksums of permanently applied rules");
            continue;
        }
        let new = pseudonymized(&binary, &old, "new", &[]);
        let states = states(&entries(&new.archive));
        assert!(states.values().next().unwrap().contains(r#""k":{"a":"7717","d":"1"}"#));
    }
}
