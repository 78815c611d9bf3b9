//! Archives with tokens, and key files that resolve them.

mod categories;
mod composite;
mod datafeed;
mod distinct_counts;
mod generated;
mod ignore_above;
mod interrupted;
mod json_tree;
mod leak_check;
mod normalizers;
mod object_keys;
mod output;
mod refusals;
mod results;
mod reveal;
mod rules;
mod shared_archives;
mod state_comparison;
mod surrogates;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use self::json_tree::{Tree, assert_autodetect_format, quantiles, states};
use self::leak_check::{Names, assert_no_leak, counted_hashes, explained_keys, hash, scope_keys, texts, values};
use self::reveal::{assert_all_revealed, filter_items, reveal};
use self::shared_archives::{Pseudonymized, exported, pseudonymized, shared_pseudonymized};
use self::state_comparison::compare;
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::from_python;
use crate::support::test_cluster::TestCluster;

fn newest() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

/// Checks that the second archive contains no value of the first one, and that nothing else changed.
fn check_pseudonymized(what: &str, binary: &Binary, old: &Path, made: &Pseudonymized) {
    let (old, new) = (entries(old), entries(&made.archive));
    let (output, tokens) = (&made.output, &made.tokens);
    let (fields, free) = (values(&old), texts(&old));
    assert!(fields.len() + free.len() > 10, "{what}");
    let originals: BTreeSet<String> = fields.union(&free).cloned().collect();
    assert_no_leak(what, &new, &originals);
    assert_autodetect_format(&new);
    assert_no_hash_of_a_value(what, &old, &new, &fields, tokens);
    let dropped = compare_states(what, binary, &old, &new, made);
    assert_eq!(
        output["hashes"]["scope_keys_removed"].as_u64().unwrap() > 0,
        dropped > 0,
        "{what}"
    );
    let known: BTreeSet<&String> = tokens.values().collect();
    let lost: Vec<&String> = fields.iter().filter(|value| !known.contains(value)).collect();
    assert!(lost.is_empty(), "{what}: no token of {lost:?}");
    let all = tokens.iter().map(|(token, value)| (value.clone(), token.clone()));
    assert_all_revealed(what, binary, &made.key, &all.collect());
    let counts = entry(&new, "_data_counts.json");
    assert_eq!(counts, entry(&old, "_data_counts.json"), "{what}");
}

fn assert_no_hash_of_a_value(
    what: &str,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    originals: &BTreeSet<String>,
    tokens: &BTreeMap<String, String>,
) {
    let names = Names::of(new);
    let categories = (1..100).map(|n| n.to_string());
    let mut fresh: BTreeSet<String> = tokens.keys().cloned().collect();
    fresh.extend(categories.clone().filter(|_| names.persons.contains("mlcategory")));
    let (empty, explained_by_tokens) = explained_keys(&names, &fresh);
    let (_, explained_by_values) = explained_keys(&names, originals);
    let keys = scope_keys(new);
    assert!(keys.len() > 5, "{what}");
    for key in keys.difference(&empty) {
        assert!(
            explained_by_tokens.contains(key),
            "{what}: {key} does not match a token"
        );
        assert!(!explained_by_values.contains(key), "{what}: {key} is of a value");
    }
    for word in counted_hashes(new) {
        assert!(tokens.keys().any(|token| hash(&[token]) == word), "{what}: {word}");
    }
    assert!(!scope_keys(old).is_subset(&empty), "{what}");
}

/// Returns the dropped entries. Every replaced text, in the state or elsewhere, must be revealed as the original one.
fn compare_states(
    what: &str,
    binary: &Binary,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    made: &Pseudonymized,
) -> usize {
    let (before, after) = (states(old), states(new));
    assert!(before.keys().eq(after.keys()), "{what}");
    let mut replaced = BTreeSet::new();
    for (old, new) in before.values().zip(after.values()) {
        let differences = compare(&Tree::parse(old), &Tree::parse(new));
        assert_eq!((differences.keys, differences.removed), (0, 0), "{what}");
        replaced.extend(differences.replaced);
    }
    assert!(!replaced.is_empty(), "{what}");
    replaced.extend(reveal::replaced_texts(old, new));
    let key = &made.key;
    assert_all_revealed(what, binary, key, &replaced);
    let (old_items, new_items) = (filter_items(old), filter_items(new));
    let new_items: Vec<&str> = new_items.iter().map(String::as_str).collect();
    let revealed: BTreeSet<String> = reveal(binary, key, &new_items).into_iter().collect();
    assert_eq!(revealed, old_items, "{what}");
    let differences = compare(&Tree::parse(&quantiles(old)), &Tree::parse(&quantiles(new)));
    assert_eq!(differences.replaced, [], "{what}");
    assert!(
        differences.keys > 0
            || !Names::of(new)
                .fields
                .iter()
                .any(|f| Names::of(new).influencers.contains(f)),
        "{what}"
    );
    differences.removed
}

fn check_no_leak(job: &str) {
    let binary = Binary::new();
    let old = exported(&binary, job);
    check_pseudonymized(job, &binary, &old, &shared_pseudonymized(&binary, job));
}

#[test]
fn archive_of_hosts_and_clients_leaks_no_value() {
    check_no_leak("web-latency");
}

#[test]
fn archive_of_a_population_job_leaks_no_value() {
    check_no_leak("user-population");
}

#[test]
fn archive_of_messages_leaks_no_value() {
    check_no_leak("log-categories");
    check_no_leak("log-categories-multisnap");
}

#[test]
fn archives_of_the_python_scripts_are_pseudonymized() {
    for name in ["complete", "readme-2025-04-layout", "dotted-job-id"] {
        let binary = Binary::new();
        let new = pseudonymized(&binary, &from_python(name), "new", &[]);
        let old = entries(&from_python(name));
        let fields = values(&old);
        assert_no_leak(name, &entries(&new.archive), &fields);
        let known: BTreeSet<&String> = new.tokens.values().collect();
        assert!(fields.iter().all(|value| known.contains(value)), "{name}");
        binary.run(["inspect", &new.archive.display().to_string()]).expect(0);
    }
}

#[test]
fn equal_keys_result_in_equal_tokens() {
    let binary = Binary::new();
    let old = exported(&binary, "web-latency");
    let first = shared_pseudonymized(&binary, "web-latency");
    let (key, tokens) = (first.key.display().to_string(), first.tokens);
    // The second run finds fewer values, in a different order, since there are no input documents.
    let complete = from_python("complete");
    let second = pseudonymized(&binary, &complete, "second", &["--key", &key]);
    assert!(
        tokens
            .iter()
            .all(|(token, value)| second.tokens.get(token) == Some(value))
    );
    let (first, second) = (entries(&first.archive), entries(&second.archive));
    let state = |entries| states(entries).into_values().next().unwrap();
    assert_eq!(state(&first), state(&second));
    assert_eq!(quantiles(&first), quantiles(&second));
    let filters = |entries| {
        let filters: Value = serde_json::from_str(entry(entries, "_filters.json")).unwrap();
        filters[0]["items"].clone()
    };
    assert!(filters(&first)[0].as_str().unwrap().starts_with("t_"));
    // A different key results in different tokens.
    let third = pseudonymized(&binary, &old, "third", &[]);
    let mut both = tokens.keys().filter(|token| third.tokens.contains_key(*token));
    assert!(both.all(|token| token.parse::<u64>().is_ok()));
}

#[test]
fn pseudonymized_archive_can_be_imported_and_exported() {
    for job in ["web-latency", "log-categories"] {
        let binary = Binary::new();
        let new = shared_pseudonymized(&binary, job).archive;
        let cluster = TestCluster::new(newest());
        cluster.import(&binary, &new, &[]).expect(0);
        let again = cluster.export(&binary, job, "again", &["--include-inputs"]);
        let (new, again) = (entries(&new), entries(&again));
        assert_eq!(states(&new), states(&again), "{job}");
        assert_eq!(quantiles(&new), quantiles(&again), "{job}");
        let documents = |entries: &BTreeMap<String, String>| -> BTreeSet<String> {
            let inputs = entries
                .iter()
                .filter(|(name, _)| name.contains("_input_") && name.ends_with(".ndjson"));
            let lines = inputs.flat_map(|(_, text)| text.lines().skip(1).step_by(2));
            lines.map(str::to_owned).collect()
        };
        assert_eq!(documents(&new), documents(&again), "{job}");
        for same in ["_filters.json", "_annotations.ndjson"] {
            let lines = |entries| {
                let mut lines: Vec<&str> = entry(entries, same).lines().collect();
                lines.sort_unstable();
                lines.join("\n")
            };
            assert_eq!(lines(&new), lines(&again), "{job} {same}");
        }
    }
}
