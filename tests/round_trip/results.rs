//! Results are the same after a round trip, under the same and under another ID, and other jobs' results in the same index
//! are not changed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::versions;
use crate::support::archive::{by_id, entries};
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, OTHER_JOB};
use crate::support::test_cluster::TestCluster;

const JOB: &str = "user-population";
const INCLUDE: [&str; 2] = ["--include-results", "--all-results"];

/// The fixture with results of all types: a few, or about as many as the environment specifies.
fn fixture() -> Fixture {
    let fixture = versions::fixture_of(version(), JOB).without_inputs().with_small_state();
    let few = fixture.clone().with_results(20);
    match std::env::var("ESML_TEST_RESULTS") {
        Err(_) => few,
        Ok(count) => {
            let per_bucket = few.results.len() as i64 / 23;
            fixture.with_results(count.parse::<i64>().expect("a number of results") / per_bucket)
        }
    }
}

/// The version of the cluster; if the environment specifies a real node, it should also specify its version.
fn version() -> (u32, u32) {
    let Ok(version) = std::env::var("ESML_TEST_VERSION") else {
        return (9, 2);
    };
    let (major, minor) = version.split_once('.').expect("a version such as 8.19");
    (major.parse().unwrap(), minor.parse().unwrap())
}

fn new_cluster() -> TestCluster {
    TestCluster::new(versions::version(version()))
}

fn seeded(fixture: &Fixture) -> TestCluster {
    TestCluster::seeded(versions::version(version()), fixture)
}

/// The results in an archive by ID.
fn results(archive: &Path) -> BTreeMap<String, String> {
    let entries = entries(archive);
    let results = entries.iter().filter(|(name, _)| name.contains("_results_"));
    results.flat_map(|(_, text)| by_id(text)).collect()
}

/// Each revert adds a document about the size of the model.
fn without_sizes(mut results: BTreeMap<String, String>) -> BTreeMap<String, String> {
    results.retain(|id, _| !id.contains("_model_size_stats_"));
    results
}

/// The results under the ID of another job.
fn renamed(results: &BTreeMap<String, String>, to: &str) -> BTreeMap<String, String> {
    let member = |job: &str| format!("\"job_id\":\"{job}\"");
    let new = |(id, source): (&String, &String)| {
        let id = id.replacen(&format!("/{JOB}_"), &format!("/{to}_"), 1);
        (id, source.replace(&member(JOB), &member(to)))
    };
    results.iter().map(new).collect()
}

/// Every document of the neighbors, byte for byte.
fn neighbors(cluster: &TestCluster) -> BTreeMap<String, String> {
    let jobs = [OTHER_JOB.to_owned(), format!("{JOB}_bucket")];
    let query = json!({"size": 10_000, "query": {"terms": {"job_id": jobs}}});
    cluster.call("POST", "/.ml-anomalies-*/_refresh", "");
    let answer = cluster.call("POST", "/.ml-anomalies-*/_search", &query.to_string());
    let found: crate::support::test_cluster::SearchResponse<'_> = serde_json::from_slice(&answer.body).unwrap();
    let hits = found.hits.hits.into_iter();
    let all: BTreeMap<String, String> = hits.map(|hit| (hit._id, hit._source.get().to_owned())).collect();
    assert!(all.len() > 100, "{}", all.len());
    all
}

fn export(cluster: &TestCluster, binary: &Binary, job: &str, name: &str) -> PathBuf {
    cluster.export(binary, job, name, &INCLUDE)
}

#[test]
fn results_are_the_same_under_the_same_id() {
    let (binary, fixture) = (Binary::new(), fixture());
    let source = seeded(&fixture);
    let first = export(&source, &binary, JOB, "first");
    let all = results(&first);
    assert_eq!(all.len(), fixture.results.len());
    for result in &fixture.results {
        assert_eq!(all.get(&format!("/{}", result.id)), Some(&result.source));
    }
    // There is one real node, which a test cluster locks until it is dropped.
    drop(source);
    let cluster = new_cluster();
    let mut other = Fixture::load("web-latency").without_inputs().with_small_state();
    other.bystanders.clone_from(&fixture.bystanders);
    cluster.seed(&other);
    let before = neighbors(&cluster);
    cluster.import(&binary, &first, &[]).expect(0);
    assert!(neighbors(&cluster) == before);
    let second = results(&export(&cluster, &binary, JOB, "second"));
    assert_eq!(second.len(), all.len() + reverts(&second, &all));
    assert!(without_sizes(second) == without_sizes(all.clone()));
    // A second import replaces all of them.
    cluster.import(&binary, &first, &["--replace"]).expect(0);
    let third = results(&export(&cluster, &binary, JOB, "third"));
    assert_eq!(third.len(), all.len() + reverts(&third, &all));
    assert!(without_sizes(third) == without_sizes(all));
    assert!(neighbors(&cluster) == before);
}

/// The number of results that reverts added; those of the archive are the same.
fn reverts(after: &BTreeMap<String, String>, before: &BTreeMap<String, String>) -> usize {
    for (id, source) in before {
        assert_eq!(after.get(id), Some(source), "{id}");
    }
    let added = after.keys().filter(|id| !before.contains_key(*id));
    let added: Vec<&String> = added.collect();
    assert!(added.iter().all(|id| id.contains("_model_size_stats_")), "{added:?}");
    assert!((1..=2).contains(&added.len()), "{added:?}");
    added.len()
}

#[test]
fn results_are_the_same_under_another_id() {
    let (binary, fixture) = (Binary::new(), fixture());
    let cluster = seeded(&fixture);
    let first = export(&cluster, &binary, JOB, "first");
    let (all, before) = (results(&first), neighbors(&cluster));
    let copy = "copy_of_a_bucket";
    cluster
        .import(&binary, &first, &["--as", copy, "--skip-datafeed"])
        .expect(0);
    assert!(neighbors(&cluster) == before);
    assert!(results(&export(&cluster, &binary, JOB, "second")) == all);
    let copied = results(&export(&cluster, &binary, copy, "copied"));
    reverts(&copied, &renamed(&all, copy));
}

#[test]
fn skipped_results_are_not_written() {
    let (binary, fixture) = (Binary::new(), fixture());
    let first = {
        let source = seeded(&fixture);
        export(&source, &binary, JOB, "first")
    };
    let cluster = new_cluster();
    let run = cluster.import(&binary, &first, &["--skip-results", "--json"]).expect(0);
    let report: Value = run.json();
    assert_eq!(report["documents"]["results"], 0);
    let documents = cluster.documents_of(&format!(".ml-anomalies-{JOB}"));
    let results = documents
        .values()
        .filter(|source| source.contains("\"result_type\":\"bucket\""));
    assert_eq!(results.count(), 0);
}
