//! An archive without names, and the key file that gives them back.

mod independent;
mod refusals;
mod same;
mod tree;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::independent::{Names, explained, hash, scope_keys, search, texts, values, words};
use self::same::compare;
use self::tree::{Tree, have_the_form_of_autodetect, quantiles, states};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::{Fixture, from_python};
use crate::support::world::World;

const JOBS: [&str; 4] = [
    "web-latency",
    "user-population",
    "log-categories",
    "log-categories-multisnap",
];

fn newest() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

/// The job's archive with its inputs.
fn exported(binary: &Binary, fixture: &Fixture) -> PathBuf {
    World::seeded(newest(), fixture).export(binary, fixture.id(), "original", &["--include-inputs"])
}

/// Writes `<name>.tar.gz` and `<name>.key.json`; the archive, what is said as JSON, and the values by token.
fn pseudonymized(
    binary: &Binary,
    archive: &Path,
    name: &str,
    options: &[&str],
) -> (PathBuf, Value, BTreeMap<String, String>) {
    let (archive, target) = (archive.display().to_string(), binary.path(&format!("{name}.tar.gz")));
    let output = target.display().to_string();
    let mut arguments = vec!["pseudonymize", &archive, "-o", &output, "--json"];
    arguments.extend(options);
    let said = binary.run(&arguments).expect(0).json();
    let key: Value =
        serde_json::from_str(&std::fs::read_to_string(said["key_file"].as_str().unwrap()).unwrap()).unwrap();
    let tokens = key["tokens"].as_object().unwrap().iter();
    let tokens = tokens
        .map(|(token, value)| (token.clone(), value.as_str().unwrap().to_owned()))
        .collect();
    (target, said, tokens)
}

/// Nothing of the first archive stands in the second, and nothing else of it changed.
fn holds(what: &str, binary: &Binary, old: &Path, new: &Path, said: &Value, tokens: &BTreeMap<String, String>) {
    let (old, new) = (entries(old), entries(new));
    let (fields, free) = (values(&old), texts(&old));
    assert!(fields.len() + free.len() > 10, "{what}");
    let originals: BTreeSet<String> = fields.union(&free).cloned().collect();
    search(what, &new, &originals);
    have_the_form_of_autodetect(&new);
    no_hash_of_a_value(what, &old, &new, &fields, tokens);
    let dropped = the_state_is_the_same(what, binary, &old, &new, said);
    assert_eq!(
        said["hashes"]["scope_keys_dropped"].as_u64().unwrap() > 0,
        dropped > 0,
        "{what}"
    );
    let known: BTreeSet<&String> = tokens.values().collect();
    let lost: Vec<&String> = fields.iter().filter(|value| !known.contains(value)).collect();
    assert!(lost.is_empty(), "{what}: no token of {lost:?}");
    let counts = entry(&new, "_data_counts.json");
    assert_eq!(counts, entry(&old, "_data_counts.json"), "{what}");
}

fn no_hash_of_a_value(
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
    let (empty, explained_by_tokens) = explained(&names, &fresh);
    let (_, explained_by_values) = explained(&names, originals);
    let keys = scope_keys(new);
    assert!(keys.len() > 5, "{what}");
    for key in keys.difference(&empty) {
        assert!(
            explained_by_tokens.contains(key),
            "{what}: {key} is explained by no token"
        );
        assert!(!explained_by_values.contains(key), "{what}: {key} is of a value");
    }
    for word in words(new) {
        assert!(tokens.keys().any(|token| hash(&[token]) == word), "{what}: {word}");
    }
    assert!(!scope_keys(old).is_subset(&empty), "{what}");
}

/// Which entries are gone.
fn the_state_is_the_same(
    what: &str,
    binary: &Binary,
    old: &BTreeMap<String, String>,
    new: &BTreeMap<String, String>,
    said: &Value,
) -> usize {
    let (before, after) = (states(old), states(new));
    assert!(before.keys().eq(after.keys()), "{what}");
    let mut replaced = BTreeSet::new();
    for (old, new) in before.values().zip(after.values()) {
        let differences = compare(&Tree::parse(old), &Tree::parse(new));
        assert_eq!((differences.keys, differences.dropped), (0, 0), "{what}");
        replaced.extend(differences.replaced);
    }
    assert!(!replaced.is_empty(), "{what}");
    // What stands in the place of another text is revealed as that text.
    let key = said["key_file"].as_str().unwrap();
    let pairs: Vec<&(String, String)> = replaced.iter().collect();
    for pairs in pairs.chunks(500) {
        let mut arguments = vec!["reveal", key, "--json"];
        arguments.extend(pairs.iter().map(|(_, new)| new.as_str()));
        let revealed = binary.run(&arguments).expect(0).json();
        for (old, new) in pairs {
            assert_eq!(revealed[new].as_str(), Some(old.as_str()), "{what}: {new}");
        }
    }
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
    differences.dropped
}

#[test]
fn nothing_of_a_job_is_given_away() {
    for job in JOBS {
        // Once is enough for a job with thousands of values.
        let ways = if job == "user-population" { 1 } else { 2 };
        for options in [&[][..], &["--keep-order"][..]].into_iter().take(ways) {
            let what = format!("{job} {options:?}");
            let (binary, fixture) = (Binary::new(), Fixture::load(job));
            let old = exported(&binary, &fixture);
            let (new, said, tokens) = pseudonymized(&binary, &old, "new", options);
            holds(&what, &binary, &old, &new, &said, &tokens);
            if !options.is_empty() {
                let ordered = |field: &str| {
                    let values = independent::values(&entries(&old));
                    let tokens = tokens.iter().filter(|(_, value)| values.contains(*value));
                    let mut pairs: Vec<(&String, &String)> = tokens.map(|(token, value)| (value, token)).collect();
                    pairs.retain(|(value, _)| value.contains(field));
                    pairs.sort();
                    pairs
                };
                let hosts = ordered(".corp.example");
                assert!(hosts.is_sorted_by_key(|(_, token)| *token), "{hosts:?}");
                assert!(job != "web-latency" || hosts.len() > 20);
            }
        }
    }
}

#[test]
fn archives_of_the_python_scripts_are_taken_too() {
    for name in ["complete", "readme-2025-04-layout", "dotted-job-id"] {
        let binary = Binary::new();
        let (new, _, tokens) = pseudonymized(&binary, &from_python(name), "new", &[]);
        let old = entries(&from_python(name));
        let fields = values(&old);
        search(name, &entries(&new), &fields);
        let known: BTreeSet<&String> = tokens.values().collect();
        assert!(fields.iter().all(|value| known.contains(value)), "{name}");
        binary.run(["inspect", &new.display().to_string()]).expect(0);
    }
}

#[test]
fn two_archives_with_the_same_key_agree() {
    let (binary, fixture) = (Binary::new(), Fixture::load("web-latency"));
    let old = exported(&binary, &fixture);
    let (first, said, tokens) = pseudonymized(&binary, &old, "first", &[]);
    let key = said["key_file"].as_str().unwrap().to_owned();
    // The second one knows fewer values: no inputs, and another order.
    let complete = from_python("complete");
    let (second, _, later) = pseudonymized(&binary, &complete, "second", &["--key", &key]);
    assert!(tokens.iter().all(|(token, value)| later.get(token) == Some(value)));
    let (first, second) = (entries(&first), entries(&second));
    let state = |entries| states(entries).into_values().next().unwrap();
    assert_eq!(state(&first), state(&second));
    assert_eq!(quantiles(&first), quantiles(&second));
    let filters = |entries| {
        let filters: Value = serde_json::from_str(entry(entries, "_filters.json")).unwrap();
        filters[0]["items"].clone()
    };
    assert!(filters(&first)[0].as_str().unwrap().starts_with("t_"));
    // Another key makes other tokens.
    let (_, _, others) = pseudonymized(&binary, &old, "third", &[]);
    assert!(
        tokens
            .keys()
            .all(|token| !others.contains_key(token) || token.parse::<u64>().is_ok())
    );
}

#[test]
fn what_is_written_can_be_imported_and_exported_again() {
    for job in ["web-latency", "log-categories"] {
        let (binary, fixture) = (Binary::new(), Fixture::load(job));
        let old = exported(&binary, &fixture);
        let (new, ..) = pseudonymized(&binary, &old, "new", &[]);
        let world = World::new(newest());
        world.import(&binary, &new, &[]).expect(0);
        let again = world.export(&binary, job, "again", &["--include-inputs"]);
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
