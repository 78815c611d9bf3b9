//! A job that the cluster would not accept is refused before the first write, and before `--replace` deletes anything.

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::{JOB, exported_archive, import, options, small_fixture, target, with_datafeed};
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const LOGS: &str = "log-categories";

fn options_of(major: u32, minor: u32, patch: u32) -> MlOptions {
    MlOptions::new(MlVersion::new(major, minor, patch))
}

/// A job with options that 7.15 and 8.16 added, and one that no version supports.
fn fixture_with_newer_options() -> Fixture {
    small_fixture(JOB).min_version("7.11.0").with_job(|job| {
        job["analysis_config"]["model_prune_window"] = json!("45d");
        job["analysis_config"]["detectors"][0]["custom_rules"] = json!([
            {"actions": ["force_time_shift"], "params": {"force_time_shift": {"time_shift_amount": 3600}},
             "conditions": [{"applies_to": "time", "operator": "gt", "value": 1}]},
        ]);
    })
}

#[test]
fn unknown_job_options_are_named_before_the_first_write() {
    let (binary, archive) = exported_archive(&fixture_with_newer_options(), options_of(8, 19, 0));
    for replaces in [false, true] {
        let test_cluster = TestCluster::in_memory(options_of(7, 13, 4));
        if replaces {
            test_cluster.seed(&small_fixture(JOB).without_inputs().with_job(|job| {
                job["description"] = json!("older");
            }));
        }
        let before = ClusterState::of(&test_cluster);
        test_cluster.stand_in.clear_requests();
        let more: &[&str] = if replaces { &["--replace"] } else { &[] };
        for dry in [&[][..], &["--dry-run"]] {
            let run = import(&test_cluster, &binary, &archive, &[more, dry].concat()).expect(3);
            run.expect_stderr(
                "Elasticsearch 7.13.4 does not support these options of the job: analysis_config.model_prune_window, \
                 analysis_config.detectors[0].custom_rules[0].params",
            )
            .expect_stderr("the archive comes from Elasticsearch 8.19.0");
        }
        if replaces {
            let run = import(&test_cluster, &binary, &archive, &[]).expect(3);
            run.expect_stderr("job web-latency already exists")
                .expect_stderr("does not support these options of the job: analysis_config.model_prune_window");
        }
        assert_eq!(test_cluster.stand_in.writes().len(), 0);
        ClusterState::of(&test_cluster).assert_same(&before, "refused");
    }
}

#[test]
fn missing_analyzer_is_refused_with_the_message_of_the_cluster() {
    let fixture = small_fixture(LOGS).min_version("7.11.0").with_job(|job| {
        let analysis = job["analysis_config"].as_object_mut().unwrap();
        analysis.shift_remove("model_prune_window");
        analysis.insert(
            "categorization_analyzer".to_owned(),
            json!({"tokenizer": "ml_standard"}),
        );
    });
    let (binary, archive) = exported_archive(&fixture, options_of(7, 17, 29));
    let test_cluster = TestCluster::in_memory(options_of(7, 13, 4));
    let run = import(&test_cluster, &binary, &archive, &["--replace"]).expect(3);
    run.expect_stderr("the cluster does not accept the configuration of the job: ")
        .expect_stderr("[ml_standard]");
    assert_eq!(test_cluster.stand_in.writes().len(), 0);
}

#[test]
fn invalid_datafeed_is_refused_before_the_first_write() {
    let unknown = |datafeed: &mut Value| {
        datafeed["later"] = json!(1);
        datafeed["even_later"] = json!({"enabled": true});
    };
    let unreadable = |datafeed: &mut Value| datafeed["query"] = json!({"bool": {"filter": [{"nosuch": {}}]}});
    type Edit = fn(&mut Value);
    let interval = |datafeed: &mut Value| datafeed["aggregations"] = aggregations("7m");
    let cases: [(Edit, [&str; 2]); 3] = [
        (
            unknown,
            [
                "Elasticsearch 9.2.0 does not support these options of the datafeed: ",
                "datafeed_config.later, datafeed_config.even_later",
            ],
        ),
        (
            unreadable,
            [
                "the cluster does not accept the configuration of the datafeed: ",
                "unknown query [nosuch]",
            ],
        ),
        (
            interval,
            [
                "the cluster does not accept the datafeed: the bucket span of its job (15",
                "is not a multiple of the interval of its aggregations (7",
            ],
        ),
    ];
    let binary = Binary::new();
    for (edit, expected) in cases {
        let archive = with_datafeed(&binary, "refused.tar.gz", edit);
        let test_cluster = TestCluster::in_memory(options());
        test_cluster.seed(&small_fixture(JOB).without_inputs());
        let before = ClusterState::of(&test_cluster);
        test_cluster.stand_in.clear_requests();
        for dry in [&[][..], &["--dry-run"]] {
            let run = import(&test_cluster, &binary, &archive, &[&["--replace"], dry].concat()).expect(3);
            run.expect_stderr(expected[0])
                .expect_stderr(expected[1])
                .expect_stderr("--skip-datafeed");
        }
        assert_eq!(test_cluster.stand_in.writes().len(), 0);
        ClusterState::of(&test_cluster).assert_same(&before, "refused");
        import(&test_cluster, &binary, &archive, &["--replace", "--skip-datafeed"]).expect(0);
    }
}

fn aggregations(interval: &str) -> Value {
    json!({"buckets": {
        "date_histogram": {"field": "@timestamp", "fixed_interval": interval},
        "aggregations": {"@timestamp": {"max": {"field": "@timestamp"}}}}})
}

/// Some rules are only checked by the request that creates the datafeed.
#[test]
fn datafeed_refused_at_creation_causes_a_rollback() {
    let binary = Binary::new();
    let archive = with_datafeed(&binary, "frequency.tar.gz", |datafeed| {
        datafeed["aggregations"] = aggregations("5m");
        datafeed["frequency"] = json!("7m");
    });
    let test_cluster = target(1, 4);
    let before = ClusterState::of(&test_cluster);
    let run = import(&test_cluster, &binary, &archive, &[]).expect(1);
    run.expect_stderr("Datafeed frequency [7m] must be a multiple of the aggregation interval [5m]")
        .expect_stderr("import the job without its datafeed (--skip-datafeed)");
    ClusterState::of(&test_cluster).assert_unchanged(&before, "rolled back");
    import(&test_cluster, &binary, &archive, &["--skip-datafeed"]).expect(0);
}
