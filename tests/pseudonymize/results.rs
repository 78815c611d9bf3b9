//! Results: every value is replaced in every type, also in the hashes that their IDs contain.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::leak_check::{assert_no_leak, values};
use super::shared_archives::{Pseudonymized, pseudonymized};
use super::{entries, newest};
use crate::support::binary::Binary;
use crate::support::fixtures::results::values_id;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

const FIELDS_IN_ID: [&str; 4] = [
    "by_field_value",
    "over_field_value",
    "partition_field_value",
    "influencer_field_value",
];

/// Exports the job with results that `edit` changed.
fn with_results(binary: &Binary, job: &str, edit: impl Fn(&mut StoredDocument)) -> PathBuf {
    let mut fixture = Fixture::load(job).with_results(3);
    fixture.results.iter_mut().for_each(edit);
    let options = ["--include-inputs", "--include-results", "--all-results"];
    TestCluster::seeded(newest(), &fixture).export(binary, job, "original", &options)
}

/// The results of an archive in order: ID and document.
fn results(archive: &Path) -> Vec<(String, Value)> {
    let entries = entries(archive);
    let text = entries.iter().find(|(name, _)| name.ends_with("_results_1.ndjson"));
    let lines: Vec<&str> = text.expect("results").1.lines().collect();
    let parsed = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    let pairs = lines.chunks(2).map(|pair| (parsed(pair[0]), parsed(pair[1])));
    pairs
        .map(|(action, source)| (action["index"]["_id"].as_str().unwrap().to_owned(), source))
        .collect()
}

/// The values that are part of the ID.
fn values_in_id(source: &Value) -> String {
    FIELDS_IN_ID.iter().filter_map(|name| source[*name].as_str()).collect()
}

/// The value with the original values instead of tokens.
fn revealed(value: &Value, tokens: &BTreeMap<String, String>) -> Value {
    match value {
        Value::String(text) => tokens.get(text).unwrap_or(text).as_str().into(),
        Value::Array(list) => list.iter().map(|value| revealed(value, tokens)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members = members.map(|(name, value)| (name.clone(), revealed(value, tokens)));
            Value::Object(members.collect())
        }
        other => other.clone(),
    }
}

/// Checks that nothing but values changed; returns the new results.
fn compare(job: &str, old: &Path, new: &Pseudonymized) -> Vec<(String, Value)> {
    let (before, after) = (results(old), results(&new.archive));
    assert_eq!(before.len(), after.len(), "{job}");
    for ((_, before), (id, after)) in before.iter().zip(&after) {
        assert_eq!(&revealed(after, &new.tokens), before, "{job}: {id}");
    }
    let ids: BTreeSet<&String> = after.iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), after.len(), "{job}");
    after
}

/// Every value of the results, and of the fields of the job anywhere.
fn originals(archive: &Path) -> BTreeSet<String> {
    let all = results(archive);
    let in_results = all.iter().flat_map(|(_, source)| {
        let named = source.as_object().unwrap().iter();
        let named = named.filter(|(name, _)| FIELDS_IN_ID.contains(&name.as_str()));
        named.map(|(_, value)| value.as_str().unwrap().to_owned())
    });
    let category = |value: &String| value.parse::<u32>().is_ok();
    in_results
        .filter(|value| !category(value))
        .chain(values(&entries(archive)))
        .collect()
}

#[test]
fn results_leak_no_value() {
    for job in ["web-latency", "user-population", "log-categories"] {
        let binary = Binary::new();
        let old = with_results(&binary, job, |_| ());
        let new = pseudonymized(&binary, &old, "new", &[]);
        assert_no_leak(job, &entries(&new.archive), &originals(&old));
        let mut hashed = 0;
        for ((old_id, before), (id, after)) in results(&old).iter().zip(compare(job, &old, &new)) {
            let (old_hash, hash) = (values_id(&values_in_id(before)), values_id(&values_in_id(&after)));
            let expected = match old_id.strip_suffix(&old_hash) {
                Some(begin) => format!("{begin}{hash}"),
                None => old_id.clone(),
            };
            assert_eq!(id, expected, "{job}: as Elasticsearch computes it");
            hashed += usize::from(old_hash != hash);
        }
        assert!(hashed > 10 || job == "log-categories", "{job}: {hashed}");
        let cluster = TestCluster::new(newest());
        cluster.import(&binary, &new.archive, &[]).expect(0);
    }
}

/// 7.x versions before 7.6 wrote other hashes.
#[test]
fn unknown_hashes_in_ids_are_replaced() {
    let binary = Binary::new();
    let old = with_results(&binary, "user-population", |result| {
        let hash = result.id.rmatch_indices('_').nth(1).map(|(at, _)| at);
        if let Some(at) = hash.filter(|_| result.id.contains("_record_")) {
            result.id = format!("{}_12345_7", &result.id[..at]);
        }
    });
    let new = pseudonymized(&binary, &old, "new", &[]);
    let records = compare("user-population", &old, &new).into_iter();
    let records: Vec<String> = records.map(|(id, _)| id).filter(|id| id.contains("_record_")).collect();
    assert!(
        records.len() > 3 && records.iter().all(|id| !id.ends_with("_12345_7")),
        "{records:?}"
    );
    // With the same key, the IDs are the same.
    let key = new.key.display().to_string();
    let again = pseudonymized(&binary, &old, "again", &["--key", &key]);
    assert_eq!(results(&new.archive), results(&again.archive));
}

#[test]
fn fields_that_are_not_selected_are_kept_in_results() {
    let binary = Binary::new();
    let old = with_results(&binary, "web-latency", |_| ());
    let new = pseudonymized(&binary, &old, "new", &["--fields", "host"]);
    let after = compare("web-latency", &old, &new);
    for ((_, before), (_, after)) in results(&old).iter().zip(&after) {
        if before["influencer_field_name"] == "clientip" && before["result_type"] == "influencer" {
            assert_eq!(before, after);
        }
        if before["influencer_field_name"] == "host" && before["result_type"] == "influencer" {
            assert_ne!(before["influencer_field_value"], after["influencer_field_value"]);
            assert_eq!(after["host"], after["influencer_field_value"]);
        }
    }
}

/// Each object in a list has its own field.
#[test]
fn values_in_lists_belong_to_the_field_of_their_object() {
    let binary = Binary::new();
    let old = with_results(&binary, "user-population", |result| {
        if result.id.contains("_record_") {
            let mut record: Value = serde_json::from_str(&result.source).unwrap();
            record["causes"] = serde_json::json!([
                {"over_field_name": "user", "over_field_value": "cause-of-a-user", "function": "sum"},
                {"by_field_name": "mlcategory", "by_field_value": "17", "correlated_by_field_value": "18"},
                {"by_field_value": "cause-without-name", "partition_field_name": "user", "partition_field_value": "cause-of-a-partition"},
            ]);
            record["scheduled_events"] = serde_json::json!(["a secret event"]);
            result.source = record.to_string();
        }
    });
    let new = pseudonymized(&binary, &old, "new", &[]);
    let after = compare("user-population", &old, &new);
    let records = after.iter().filter(|(id, _)| id.contains("_record_"));
    for (_, record) in records {
        let causes = &record["causes"];
        assert_eq!(causes[1]["by_field_value"], "17");
        assert_eq!(causes[1]["correlated_by_field_value"], "18");
        for replaced in [
            &causes[0]["over_field_value"],
            &causes[2]["by_field_value"],
            &causes[2]["partition_field_value"],
            &record["scheduled_events"][0],
        ] {
            assert!(new.tokens.contains_key(replaced.as_str().unwrap()), "{replaced}");
        }
    }
    let report = binary
        .run(["inspect", &old.display().to_string(), "--values", "--json"])
        .expect(0)
        .json();
    let fields = report["values"]["fields"].as_array().unwrap();
    let user = fields.iter().find(|field| field["name"] == "user").unwrap();
    assert!(user["parts"]["results"].as_u64() > Some(1), "{user}");
    let listed = |value: &str| {
        user["values"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["value"] == value)
    };
    assert!(listed("cause-of-a-user") && !listed("cause-without-name"));
}

#[test]
fn inspect_shows_the_tokens_of_influencers_and_series() {
    let binary = Binary::new();
    let old = with_results(&binary, "web-latency", |_| ());
    let new = pseudonymized(&binary, &old, "new", &[]);
    let archive = new.archive.display().to_string();
    let report = binary.run(["inspect", &archive, "--values", "--json"]).expect(0).json();
    let list = |list: &Value| list.as_array().unwrap().clone();
    let influencers = list(&report["results"]["timeline"]["influencers"]);
    let records = list(&report["results"]["records"]);
    assert!(influencers.len() > 2 && records.len() > 2, "{report}");
    let series = records
        .iter()
        .flat_map(|record| record["values"].as_object().unwrap().values());
    for value in influencers.iter().map(|influencer| &influencer["value"]).chain(series) {
        assert!(new.tokens.contains_key(value.as_str().unwrap()), "{value}");
    }
}
