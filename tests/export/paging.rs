//! Points in time and scrolls, all of which are closed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{assert_no_open_contexts, exported, failed_export, inputs, version};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const SMALL_PAGES: [&str; 3] = ["--include-inputs", "--page-size", "37"];

fn parts(entries: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
    let same = entries.iter().filter(|(name, _)| name.as_str() != "esml_manifest.json");
    same.map(|(name, text)| (name.as_str(), text.as_str())).collect()
}

fn used_paginations(cluster: &TestCluster) -> (bool, bool) {
    let requests = cluster.stand_in.requests();
    let pit = requests.iter().any(|request| request.path.ends_with("/_pit"));
    let scroll = requests
        .iter()
        .any(|request| request.query.iter().any(|(name, _)| name == "scroll"));
    (pit, scroll)
}

#[test]
fn pagination_depends_on_the_version() {
    let fixture = Fixture::load(JOB).with_small_state().min_version("7.9.0");
    for (version, pit) in [
        (MlVersion::new(7, 10, 2), false),
        (MlVersion::new(7, 11, 2), false),
        (MlVersion::new(7, 12, 0), true),
        (MlVersion::new(7, 17, 29), true),
        (MlVersion::new(8, 19, 0), true),
        (MlVersion::new(9, 2, 0), true),
    ] {
        let cluster = TestCluster::seeded(version.clone(), &fixture);
        let entries = exported(&cluster, JOB, &SMALL_PAGES);
        assert_eq!(inputs(&entries).len(), fixture.inputs.len(), "{version:?}");
        assert_eq!(used_paginations(&cluster), (pit, !pit), "{version:?}");
        assert_time_order(&entries);
        assert_no_open_contexts(&cluster);
        assert!(cluster.stand_in.writes().is_empty());
    }
}

fn assert_time_order(entries: &BTreeMap<String, String>) {
    let times = inputs(entries).into_iter().map(|input| input["@timestamp"].as_i64());
    assert!(times.is_sorted());
}

#[test]
fn scroll_is_a_single_search_in_time_order() {
    let fixture = Fixture::load(JOB).with_small_state();
    let cluster = TestCluster::seeded(version(), &fixture);
    let entries = exported(
        &cluster,
        JOB,
        &[
            "--include-inputs",
            "--pagination",
            "scroll",
            "--slices",
            "5",
            "--page-size",
            "37",
        ],
    );
    assert_eq!(inputs(&entries).len(), fixture.inputs.len());
    assert_time_order(&entries);
    let requests = cluster.stand_in.requests();
    let opened: Vec<_> = requests
        .iter()
        .filter(|request| {
            request.path.starts_with("/weblogs") && request.query.iter().any(|(name, _)| name == "scroll")
        })
        .collect();
    assert_eq!(opened.len(), 1, "{opened:#?}");
    assert_no_open_contexts(&cluster);
}

#[test]
fn every_pagination_exports_the_same_archive() {
    let fixture = Fixture::load(JOB).with_small_state();
    let cluster = TestCluster::seeded(version(), &fixture);
    let reference = exported(&cluster, JOB, &["--include-inputs"]);
    for more in [
        &["--pagination", "pit", "--slices", "1"][..],
        &["--pagination", "pit", "--slices", "5"],
        &["--pagination", "scroll", "--slices", "1"],
        &["--pagination", "scroll", "--slices", "3"],
        &["--page-size", "7"],
        &["--compression-level", "0"],
        &["--compression-level", "9"],
    ] {
        let mut args = SMALL_PAGES.to_vec();
        args.truncate(1);
        args.extend(more);
        let entries = exported(&cluster, JOB, &args);
        // The order of documents with the same time may differ: compares the order by time, then the documents.
        let (mut ours, mut theirs) = (inputs(&entries), inputs(&reference));
        let times = |documents: &[Value]| -> Vec<i64> {
            documents
                .iter()
                .map(|document| document["@timestamp"].as_i64().unwrap())
                .collect()
        };
        assert_eq!(times(&ours), times(&theirs), "{more:?}");
        ours.sort_by_key(ToString::to_string);
        theirs.sort_by_key(ToString::to_string);
        assert_eq!(ours, theirs, "{more:?}");
        assert_eq!(
            parts(&entries).keys().collect::<Vec<_>>(),
            parts(&reference).keys().collect::<Vec<_>>()
        );
        assert_no_open_contexts(&cluster);
    }
}

#[test]
fn exports_of_unchanged_data_are_equal() {
    let cluster = TestCluster::seeded(version(), &Fixture::load("log-categories").with_small_state());
    let first = exported(&cluster, "log-categories", &["--include-inputs"]);
    let second = exported(&cluster, "log-categories", &["--include-inputs"]);
    assert_eq!(parts(&first), parts(&second));
}

#[test]
fn unsupported_pagination_is_an_error() {
    let fixture = Fixture::load(JOB).with_small_state().min_version("7.9.0");
    // 7.10 and 7.11 have points in time without a tiebreak.
    for (major, minor, patch) in [(7, 10, 2), (7, 11, 2)] {
        let cluster = TestCluster::seeded(MlVersion::new(major, minor, patch), &fixture);
        failed_export(&cluster, JOB, &["--pagination", "pit"], 1)
            .expect_stderr(&format!(
                "requires Elasticsearch 7.12 or later, and this cluster has {major}.{minor}.{patch}"
            ))
            .expect_stderr("--pagination scroll");
        assert_eq!(used_paginations(&cluster), (false, false));
    }
}

#[test]
fn keep_alive_is_sent_to_the_cluster() {
    let cluster = TestCluster::seeded(version(), &Fixture::load(JOB).with_small_state());
    exported(&cluster, JOB, &["--keep-alive", "42s"]);
    let requests = cluster.stand_in.requests();
    let opened: Vec<_> = requests
        .iter()
        .filter(|request| request.path.ends_with("/_pit") && request.method == "POST")
        .collect();
    assert!(!opened.is_empty());
    let expected = ("keep_alive".to_owned(), "42s".to_owned());
    assert!(opened.iter().all(|request| request.query.contains(&expected)));
}

/// Time ranges are read concurrently. They do not separate documents with the same time, and are not used if a document has
/// several times, because it would be in several ranges.
#[test]
fn documents_with_equal_times_are_read_once() {
    type Times = fn(usize, i64) -> Value;
    let one_instant: Times = |_, _| json!(1_704_067_200_000_i64);
    let several_times: Times = |number, time| match number % 3 {
        0 => json!([time, time + 86_400_000]),
        _ => json!(time),
    };
    for times in [one_instant, several_times] {
        let mut fixture = Fixture::load(JOB).with_small_state();
        for (number, input) in fixture.inputs.iter_mut().enumerate() {
            let mut document: Value = serde_json::from_str(&input.source).unwrap();
            document["@timestamp"] = times(number, document["@timestamp"].as_i64().unwrap());
            input.source = document.to_string();
        }
        let cluster = TestCluster::seeded(version(), &fixture);
        // The number of counts is limited.
        let endless = FaultRule::on("POST", "/_search").nth(300).always();
        cluster.stand_in.faults().add(endless.then(Action::status(500, "{}")));
        let more = ["--page-size", "7", "--slices", "3", "--pagination", "pit"];
        let entries = exported(&cluster, JOB, &[&["--include-inputs"], &more[..]].concat());
        assert_eq!(inputs(&entries).len(), fixture.inputs.len());
        assert_no_open_contexts(&cluster);
    }
}
