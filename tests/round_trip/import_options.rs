//! An import omits what its options exclude, and nothing else.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::archive_contents::ArchiveContents;
use super::scenario::newest;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";

fn archive(binary: &Binary) -> PathBuf {
    let fixture = Fixture::load(JOB);
    TestCluster::seeded(newest(), &fixture).export(binary, JOB, "first", &["--include-inputs"])
}

/// The parts of an archive that are on a cluster.
#[derive(Clone, Debug, PartialEq)]
struct ImportedParts {
    inputs: usize,
    annotations: usize,
    notifications: usize,
    datafeeds: usize,
    filters: usize,
    calendars: usize,
    datafeed_indices: Value,
}

impl ImportedParts {
    fn all(contents: &ArchiveContents) -> Self {
        Self {
            inputs: contents.inputs.len(),
            annotations: contents.annotations.len(),
            notifications: contents.notifications.len(),
            datafeeds: 1,
            filters: 1,
            calendars: 1,
            datafeed_indices: json!(["web-latency-input"]),
        }
    }

    fn of(cluster: &TestCluster, contents: &ArchiveContents) -> Self {
        let length = |kind: &str| cluster.ml.configurations()[kind].as_array().map_or(0, Vec::len);
        let carried: Vec<Value> = contents
            .notifications
            .iter()
            .map(|text| super::archive_contents::json_of(text))
            .collect();
        let notifications = cluster.documents_of(".ml-notifications-*");
        let datafeed = cluster.call("GET", "/_ml/datafeeds", "").value();
        Self {
            inputs: cluster.documents_of("web-latency-input").len(),
            annotations: cluster.documents_of(".ml-annotations-read").len(),
            notifications: notifications
                .values()
                .filter(|text| carried.contains(&super::archive_contents::json_of(text)))
                .count(),
            datafeeds: length("datafeeds"),
            filters: length("filters"),
            calendars: length("calendars"),
            datafeed_indices: datafeed["datafeeds"][0]["indices"].clone(),
        }
    }
}

/// Imports with these options. Everything else must be imported, and the job must use its snapshot and open.
#[track_caller]
fn check_omitted(options: &[&str], out: impl FnOnce(&mut ImportedParts)) -> TestCluster {
    let binary = Binary::new();
    let archive = archive(&binary);
    let contents = ArchiveContents::read(&archive);
    let cluster = TestCluster::new(newest());
    cluster.import(&binary, &archive, options).expect(0);
    let mut expected = ImportedParts::all(&contents);
    out(&mut expected);
    assert_eq!(ImportedParts::of(&cluster, &contents), expected, "{options:?}");
    assert_eq!(cluster.job(JOB)["model_snapshot_id"], contents.snapshot_id());
    assert_eq!(cluster.latest_record(JOB), contents.latest_record());
    cluster
}

#[track_caller]
fn assert_opens(cluster: &TestCluster) {
    let opened = cluster.call("POST", "/_ml/anomaly_detectors/web-latency/_open", "");
    assert_eq!(opened.status, 200, "{}", opened.value());
}

#[test]
fn import_without_skip_options_is_complete() {
    assert_opens(&check_omitted(&[], |_| ()));
}

#[test]
fn skip_inputs_omits_input_documents() {
    let cluster = check_omitted(&["--skip-inputs"], |there| {
        there.inputs = 0;
        there.datafeed_indices = json!(["weblogs-2024.01"]);
    });
    assert_eq!(
        cluster.call("GET", "/web-latency-input", "").status,
        404,
        "no empty index"
    );
    assert_opens(&cluster);
}

#[test]
fn skip_annotations_omits_annotations() {
    assert_opens(&check_omitted(&["--skip-annotations"], |there| there.annotations = 0));
}

#[test]
fn skip_notifications_omits_notifications() {
    assert_opens(&check_omitted(&["--skip-notifications"], |there| {
        there.notifications = 0
    }));
}

#[test]
fn skip_datafeed_omits_the_datafeed() {
    assert_opens(&check_omitted(&["--skip-datafeed"], |there| {
        there.datafeeds = 0;
        there.datafeed_indices = Value::Null;
    }));
}

#[test]
fn skip_filters_uses_existing_filters() {
    let binary = Binary::new();
    let archive = archive(&binary);
    let contents = ArchiveContents::read(&archive);
    let cluster = TestCluster::new(newest());
    let other = json!({"filter_id": "canary-hosts", "description": "another", "items": ["x"]});
    cluster.ml.insert_filter(&other);
    cluster
        .import(&binary, &archive, &[])
        .expect(3)
        .expect_stderr("canary-hosts");
    cluster.import(&binary, &archive, &["--skip-filters"]).expect(0);
    assert_eq!(ImportedParts::of(&cluster, &contents), ImportedParts::all(&contents));
    assert_eq!(cluster.ml.configurations()["filters"], json!([other]), "as it was");
    assert_opens(&cluster);
}

#[test]
fn skip_filters_omits_filters() {
    check_omitted(&["--skip-filters"], |there| there.filters = 0);
}

#[test]
fn skip_calendars_omits_calendars() {
    assert_opens(&check_omitted(&["--skip-calendars"], |there| there.calendars = 0));
}

#[test]
fn skip_options_can_be_combined() {
    let all = [
        "--skip-inputs",
        "--skip-annotations",
        "--skip-notifications",
        "--skip-datafeed",
        "--skip-calendars",
    ];
    assert_opens(&check_omitted(&all, |there| {
        *there = ImportedParts {
            inputs: 0,
            annotations: 0,
            notifications: 0,
            datafeeds: 0,
            filters: 1,
            calendars: 0,
            datafeed_indices: Value::Null,
        }
    }));
}

#[test]
fn datafeed_index_option_sets_the_indices() {
    let options = ["--datafeed-index", "weblogs-new", "--datafeed-index", "weblogs-old"];
    let cluster = check_omitted(&options, |there| {
        there.inputs = 0;
        there.datafeed_indices = json!(["weblogs-new", "weblogs-old"]);
    });
    assert_eq!(
        cluster.call("GET", "/web-latency-input", "").status,
        404,
        "no empty index"
    );
    assert_opens(&cluster);
}

#[test]
fn datafeed_index_option_accepts_patterns_and_remote_clusters() {
    let options = [
        "--datafeed-index",
        "weblogs-*",
        "--datafeed-index",
        "-weblogs-old*",
        "--datafeed-index",
        "<weblogs-{now/d}>",
        "--datafeed-index",
        "europe:weblogs",
    ];
    check_omitted(&options, |there| {
        there.inputs = 0;
        there.datafeed_indices = json!(["weblogs-*", "-weblogs-old*", "<weblogs-{now/d}>", "europe:weblogs"]);
    });
}

#[test]
fn model_memory_limit_option_sets_the_limit() {
    let cluster = check_omitted(&["--model-memory-limit", "64mb"], |_| ());
    assert_eq!(cluster.job(JOB)["analysis_limits"]["model_memory_limit"], "64mb");
    assert_eq!(cluster.job(JOB)["analysis_limits"]["categorization_examples_limit"], 4);
    assert_opens(&cluster);
}
