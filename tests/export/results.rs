//! Results in the archive: which ones, in which order, and from which index.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{cluster, exported, failed_export, stored};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::fixtures::results::FORECASTS;
use crate::support::fixtures::{Fixture, StoredDocument};
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";

fn fixture(buckets: i64) -> Fixture {
    Fixture::load(JOB)
        .without_inputs()
        .with_small_state()
        .with_results(buckets)
}

/// IDs and documents in the order of the archive.
fn results(entries: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let numbered = (1..).map_while(|number| entries.get(&format!("{JOB}_results_{number}.ndjson")));
    let lines: Vec<&str> = numbered.flat_map(|text| text.lines()).collect();
    let pair = |pair: &[&str]| {
        let action: Value = serde_json::from_str(pair[0]).unwrap();
        assert_eq!(action["index"].as_object().unwrap().len(), 1, "{action}");
        (action["index"]["_id"].as_str().unwrap().to_owned(), pair[1].to_owned())
    };
    lines.chunks(2).map(pair).collect()
}

fn by_id<'a>(stored: impl IntoIterator<Item = &'a StoredDocument>) -> BTreeMap<String, String> {
    let pair = |stored: &StoredDocument| (stored.id.clone(), stored.source.clone());
    stored.into_iter().map(pair).collect()
}

fn types(results: &[(String, String)]) -> BTreeSet<String> {
    let of = |(_, source): &(String, String)| {
        let source: Value = serde_json::from_str(source).unwrap();
        source["result_type"].as_str().unwrap().to_owned()
    };
    results.iter().map(of).collect()
}

/// Results with the time of a bucket in order of that time, then the others in order of the time at which they were written.
#[track_caller]
fn assert_in_order(results: &[(String, String)]) {
    let time = |(_, source): &(String, String)| {
        let source: Value = serde_json::from_str(source).unwrap();
        match source["timestamp"].as_i64() {
            Some(time) => (false, time),
            None => (true, source["log_time"].as_i64().unwrap()),
        }
    };
    let times: Vec<(bool, i64)> = results.iter().map(time).collect();
    assert!(times.is_sorted());
    assert!(times.iter().any(|(undated, _)| *undated));
}

#[track_caller]
fn assert_exported<'a>(results: &[(String, String)], expected: impl IntoIterator<Item = &'a StoredDocument>) {
    let unique: BTreeMap<String, String> = results.iter().cloned().collect();
    assert_eq!(unique.len(), results.len(), "every result once");
    assert!(unique == by_id(expected));
}

#[test]
fn results_of_every_type_up_to_the_snapshot_are_exported_in_order() {
    let fixture = fixture(40);
    let cluster = cluster(&fixture);
    for more in [
        &[][..],
        &["--page-size", "7", "--slices", "3"],
        &["--pagination", "scroll", "--page-size", "10"],
    ] {
        let entries = exported(&cluster, JOB, &[&["--include-results"], more].concat());
        let results = results(&entries);
        assert_exported(&results, fixture.results_of_snapshot());
        assert_in_order(&results);
        assert_eq!(types(&results).len(), 9, "{:?}", types(&results));
        let forecast = |id: &str| results.iter().filter(|(_, source)| source.contains(id)).count();
        assert_eq!(FORECASTS.map(forecast), [5, 0], "created before and after the snapshot");
        let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
        assert_eq!(manifest["options"]["include-results"], true);
        assert!(manifest["options"].get("all-results").is_none());
    }
}

#[test]
fn archive_with_results_is_valid() {
    let (binary, cluster) = (Binary::new(), cluster(&fixture(5)));
    let archive = cluster.export(&binary, JOB, "out", &["--include-results"]);
    let inspect = ["inspect", archive.to_str().unwrap(), "--json", "--verify"];
    let report = binary.run(inspect).expect(0).json();
    let results = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["part"] == "results");
    let types = report["results"]["types"].as_object().unwrap();
    let counted: u64 = types.values().filter_map(Value::as_u64).sum();
    assert_eq!(
        (results.unwrap()["documents"].as_u64(), types.len()),
        (Some(counted), 9)
    );
    assert_eq!(types["model_forecast_request_stats"], 1);
}

#[test]
fn later_results_are_counted_and_exported_on_request() {
    let fixture = fixture(20);
    let (binary, cluster) = (Binary::new(), cluster(&fixture));
    let all = fixture.results.len();
    let included = fixture.results_of_snapshot().len();
    // A forecast counts as one result.
    let later = all - included - 4;
    let run = |more: &[&str]| {
        let export = ["export", JOB, "--include-results", "--yes", "--dry-run"];
        cluster.run(&binary, &[&export[..], more].concat()).expect(0)
    };
    let plan = run(&[]);
    assert!(
        plan.stderr.contains(&format!("note: {later} results are not included")),
        "{}",
        plan.stderr
    );
    let row = ["results".to_owned(), included.to_string()];
    let mut rows = plan.stdout.lines().map(|line| line.split_whitespace());
    assert!(rows.any(|words| words.eq(&row)), "{}", plan.stdout);
    let documents = &run(&["--json"]).json()["documents"];
    assert_eq!(
        (&documents["results"], &documents["later_results"]),
        (&json!(included), &json!(later))
    );
    let documents = &run(&["--json", "--all-results"]).json()["documents"];
    assert_eq!(
        (&documents["results"], &documents["later_results"]),
        (&json!(all), &json!(0))
    );
    let entries = exported(&cluster, JOB, &["--include-results", "--all-results"]);
    assert_exported(&results(&entries), &fixture.results);
}

#[test]
fn results_are_left_out_unless_they_are_requested() {
    let (binary, cluster) = (Binary::new(), cluster(&fixture(3)));
    let entries = exported(&cluster, JOB, &[]);
    assert!(
        !entries.keys().any(|name| name.contains("_results_")),
        "{:?}",
        entries.keys()
    );
    let plan = cluster.run(&binary, &["export", JOB, "--dry-run"]).expect(0);
    assert!(
        plan.stdout.contains("not included (add --include-results)"),
        "{}",
        plan.stdout
    );
    for option in [&["--results-after-date", "2024-01-01"][..], &["--all-results"]] {
        let run = failed_export(&cluster, JOB, option, 2);
        assert!(run.stderr.contains("--include-results"), "{}", run.stderr);
    }
}

#[test]
fn results_before_the_after_date_are_left_out() {
    let fixture = fixture(30);
    let cluster = cluster(&fixture);
    let (latest, _) = fixture.times_of_snapshot();
    let after = latest - 5 * 900_000;
    let expected: Vec<&StoredDocument> = fixture
        .results_of_snapshot()
        .into_iter()
        .filter(|result| {
            let source: Value = serde_json::from_str(&result.source).unwrap();
            // Forecasts and sizes of the model without the time of a bucket were written in 2026.
            source["timestamp"].as_i64().is_none_or(|time| time >= after)
        })
        .collect();
    let (after, later) = (after.to_string(), (latest + 1).to_string());
    for dates in [
        &["--results-after-date", &after][..],
        &["--after-date", &after],
        &["--after-date", &later, "--results-after-date", &after],
    ] {
        let entries = exported(&cluster, JOB, &[&["--include-results"], dates].concat());
        assert_exported(&results(&entries), expected.iter().copied());
    }
    let created_after = [&["--include-results", "--results-after-date", "2026-11-24"][..]].concat();
    assert!(results(&exported(&cluster, JOB, &created_after)).is_empty());
}

#[test]
fn results_after_the_before_date_are_left_out() {
    let fixture = fixture(10);
    let cluster = cluster(&fixture);
    let (_, created) = fixture.times_of_snapshot();
    let before = (created + 1_500).to_string();
    let options = ["--include-results", "--all-results", "--before-date", &before];
    let entries = exported(&cluster, JOB, &options);
    let is_before = |result: &&StoredDocument| {
        let source: Value = serde_json::from_str(&result.source).unwrap();
        let bound = created + 1_500;
        match source["result_type"].as_str().unwrap() {
            "model_forecast" => source["forecast_id"] == FORECASTS[0],
            "model_forecast_request_stats" => source["forecast_create_timestamp"].as_i64() < Some(bound),
            _ => source["timestamp"].as_i64().or(source["log_time"].as_i64()) < Some(bound),
        }
    };
    assert_exported(&results(&entries), fixture.results.iter().filter(is_before));
}

#[test]
fn many_results_are_divided_into_entries() {
    let fixture = fixture(1_200);
    let cluster = cluster(&fixture);
    let expected = fixture.results_of_snapshot();
    assert!(expected.len() > 10_000);
    let entries = exported(&cluster, JOB, &["--include-results"]);
    let numbers: Vec<&String> = entries.keys().filter(|name| name.contains("_results_")).collect();
    assert!(numbers.len() > 1, "{numbers:?}");
    let results = results(&entries);
    assert_exported(&results, expected);
    assert_in_order(&results);
    for name in numbers {
        assert!(entries[name].lines().count() <= 20_000, "{name}");
    }
}

/// Adds an index to the alias of the results.
fn add_index(cluster: &TestCluster, index: &str) {
    let mappings = cluster.call("GET", "/.ml-anomalies-shared/_mapping", "").value()[".ml-anomalies-shared"].clone();
    assert_eq!(
        cluster.call("PUT", &format!("/{index}"), &mappings.to_string()).status,
        200
    );
    let action = json!({"add": {"index": index, "alias": format!(".ml-anomalies-{JOB}"), "is_hidden": true,
        "filter": {"term": {"job_id": JOB}}}});
    let actions = json!({"actions": [action]});
    assert_eq!(cluster.call("POST", "/_aliases", &actions.to_string()).status, 200);
}

#[test]
fn newest_copy_of_a_result_is_exported() {
    let fixture = fixture(20);
    let cluster = cluster(&fixture);
    let newest = ".ml-anomalies-shared-000002";
    add_index(&cluster, newest);
    // An upgrade with reindexing gives an old index a name that is sorted last.
    add_index(&cluster, ".reindexed-v7-ml-anomalies-shared");
    let mut expected = by_id(fixture.results_of_snapshot());
    let changed: Vec<String> = expected.keys().step_by(3).cloned().collect();
    assert!(changed.len() > 20);
    for id in &changed {
        let put = |index: &str, source: &Value| {
            let path = format!("/{index}/_doc/{}?refresh=true", id.replace(':', "%3A"));
            assert!(cluster.call("PUT", &path, &source.to_string()).status < 300);
        };
        let mut source: Value = serde_json::from_str(&expected[id]).unwrap();
        source["copy"] = json!("stale");
        put(".reindexed-v7-ml-anomalies-shared", &source);
        source["copy"] = json!("newest");
        put(newest, &source);
        expected.insert(id.clone(), source.to_string());
    }
    for more in [
        &[][..],
        &["--page-size", "1", "--slices", "1"],
        &["--pagination", "scroll", "--page-size", "5"],
    ] {
        let entries = exported(&cluster, JOB, &[&["--include-results"], more].concat());
        let results = results(&entries);
        assert_in_order(&results);
        let unique: BTreeMap<String, String> = results.iter().cloned().collect();
        assert_eq!(unique.len(), results.len(), "every result once");
        assert!(unique == expected);
    }
}

#[test]
fn results_with_generated_ids_are_left_out_with_a_warning() {
    let mut fixture = fixture(3);
    let expected = by_id(fixture.results_of_snapshot());
    let (latest, created) = fixture.times_of_snapshot();
    let size = json!({"job_id": JOB, "result_type": "model_size_stats", "timestamp": latest, "log_time": created});
    fixture.results.push(stored("OxNnCaIB5My-sDaVqQo3", size));
    let (binary, cluster) = (Binary::new(), cluster(&fixture));
    let run = cluster
        .run(
            &binary,
            &["export", JOB, "--include-results", "--yes", "-o", "out.tar.gz"],
        )
        .expect(0);
    assert!(
        run.stderr.contains("1 result is missing from the archive"),
        "{}",
        run.stderr
    );
    let entries = crate::support::archive::entries(&binary.path("out.tar.gz"));
    assert_eq!(results(&entries).into_iter().collect::<BTreeMap<_, _>>(), expected);
}
