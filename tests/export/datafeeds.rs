//! The source of input documents: datafeeds in the job, separate, missing, and with remote clusters.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{assert_no_open_contexts, cluster, exported, failed_export, inputs, version};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::remote::RemoteClusters;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";

fn datafeed(entries: &std::collections::BTreeMap<String, String>) -> Value {
    let config: Value = serde_json::from_str(entry(entries, "_config.json")).unwrap();
    config["datafeed_config"].clone()
}

#[test]
fn datafeed_missing_from_the_job_is_found_in_the_list() {
    for options in [
        MlOptions::new(MlVersion::new(7, 10, 2)),
        MlOptions {
            listing_omits_datafeeds: true,
            ..MlOptions::new(version())
        },
    ] {
        let fixture = Fixture::load(JOB).with_small_state().min_version("7.9.0");
        let cluster = TestCluster::with(options);
        cluster.seed(&fixture);
        let entries = exported(&cluster, JOB, &["--include-inputs"]);
        assert_eq!(datafeed(&entries)["datafeed_id"], "datafeed-web-latency");
        assert_eq!(inputs(&entries).len(), fixture.inputs.len());
        drop(cluster);
    }
}

#[test]
fn job_without_datafeed_exports_no_input_documents() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state().without_datafeed());
    let entries = exported(&cluster, JOB, &[]);
    assert_eq!(datafeed(&entries), Value::Null);
    failed_export(&cluster, JOB, &["--include-inputs"], 1)
        .expect_stderr("does not have a datafeed")
        .expect_stderr("without --include-inputs");
}

#[test]
fn equal_ids_in_two_source_indices_stay_separate() {
    let fixture = Fixture::load(JOB)
        .with_small_state()
        .with_second_source("weblogs-2024.02");
    let cluster = cluster(&fixture);
    let entries = exported(&cluster, JOB, &["--include-inputs"]);
    let text: Vec<&str> = entry(&entries, "_input_1.ndjson").lines().collect();
    assert_eq!(text.len(), fixture.inputs.len() * 2);
    let mut actions: Vec<&str> = text.iter().step_by(2).copied().collect();
    actions.sort_unstable();
    actions.dedup();
    assert_eq!(actions.len(), fixture.inputs.len(), "each has an action line");
    let mapping: Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
    assert!(mapping["weblogs-2024.01"].is_object() && mapping["weblogs-2024.02"].is_object());
}

#[test]
fn pattern_without_an_index_exports_no_input_documents_with_a_warning() {
    for pattern in ["logs-*", "europe:logs-*"] {
        let fixture = Fixture::load(JOB)
            .with_small_state()
            .without_inputs()
            .with_job(|job| job["datafeed_config"]["indices"] = json!([pattern]));
        let remotes = RemoteClusters::new(documents_for_tests(), true);
        let ml = MlApi::new(MlOptions::new(version()));
        let stand_in = StandIn::start(StandInOptions {
            api: Some(Arc::new(ml.clone())),
            ..StandInOptions::new(remotes.clone())
        });
        let cluster = TestCluster {
            ml,
            documents: remotes,
            stand_in,
        };
        cluster.seed(&fixture);
        let warning = format!("warning: the archive will not contain input documents: no index matches {pattern}");
        for pagination in ["pit", "scroll"] {
            let entries = exported(&cluster, JOB, &["--include-inputs", "--pagination", pagination]);
            assert_eq!(inputs(&entries).len(), 0);
            for more in [&[][..], &["--dry-run"]] {
                let mut args = vec![
                    "export",
                    "--job-id",
                    JOB,
                    "--yes",
                    "--include-inputs",
                    "--pagination",
                    pagination,
                ];
                args.extend(more);
                cluster.run(&Binary::new(), &args).expect(0).expect_stderr(&warning);
                assert_no_open_contexts(&cluster);
            }
        }
    }
}

#[test]
fn missing_source_index_is_named() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state().without_inputs());
    failed_export(&cluster, JOB, &["--include-inputs"], 1).expect_stderr("weblogs-2024.01");
    exported(&cluster, JOB, &[]);
}
