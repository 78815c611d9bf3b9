//! Where the inputs come from: datafeeds inside the job, beside it, absent, on other clusters.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{exported, inputs, nothing_open, refused, version, world};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::remote::WithRemotes;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::Fixture;
use crate::support::world::World;

const JOB: &str = "web-latency";

fn datafeed(entries: &std::collections::BTreeMap<String, String>) -> Value {
    let config: Value = serde_json::from_str(entry(entries, "_config.json")).unwrap();
    config["datafeed_config"].clone()
}

#[test]
fn a_datafeed_that_the_job_does_not_show_is_found_in_the_list() {
    for options in [
        MlOptions::new(MlVersion::new(7, 10, 2)),
        MlOptions {
            listing_leaves_out_datafeeds: true,
            ..MlOptions::new(version())
        },
    ] {
        let fixture = Fixture::load(JOB).min_version("7.9.0");
        let world = World::with(options);
        world.seed(&fixture);
        let entries = exported(&world, JOB, &["--include-inputs"]);
        assert_eq!(datafeed(&entries)["datafeed_id"], "datafeed-web-latency");
        assert_eq!(inputs(&entries).len(), fixture.inputs.len());
        drop(world);
    }
}

#[test]
fn a_job_without_datafeed_has_no_inputs_to_include() {
    let world = world(&Fixture::load(JOB).without_datafeed());
    let entries = exported(&world, JOB, &[]);
    assert_eq!(datafeed(&entries), Value::Null);
    refused(&world, JOB, &["--include-inputs"], 1)
        .says("no datafeed")
        .says("without --include-inputs");
}

#[test]
fn two_indices_with_equal_ids_stay_apart() {
    let fixture = Fixture::load(JOB).on_two_sources("weblogs-2024.02");
    let world = world(&fixture);
    let entries = exported(&world, JOB, &["--include-inputs"]);
    let text: Vec<&str> = entry(&entries, "_input_1.ndjson").lines().collect();
    assert_eq!(text.len(), fixture.inputs.len() * 2);
    let mut actions: Vec<&str> = text.iter().step_by(2).copied().collect();
    actions.sort_unstable();
    actions.dedup();
    assert_eq!(actions.len(), fixture.inputs.len(), "index and id of each are told");
    let mapping: Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
    assert!(mapping["weblogs-2024.01"].is_object() && mapping["weblogs-2024.02"].is_object());
}

#[test]
fn a_pattern_without_an_index_gives_no_input_documents_and_a_warning() {
    for pattern in ["logs-*", "europe:logs-*"] {
        let fixture = Fixture::load(JOB)
            .without_inputs()
            .with_job(|job| job["datafeed_config"]["indices"] = json!([pattern]));
        let remotes = WithRemotes::new(documents_for_tests(), true);
        let ml = MlApi::new(MlOptions::new(version()));
        let stand_in = StandIn::start(StandInOptions {
            api: Some(Arc::new(ml.clone())),
            ..StandInOptions::new(remotes.clone())
        });
        let world = World {
            ml,
            documents: remotes,
            stand_in,
        };
        world.seed(&fixture);
        let warning = format!("warning: the archive will have no input documents: no index matches {pattern}");
        for pagination in ["pit", "scroll"] {
            let entries = exported(&world, JOB, &["--include-inputs", "--pagination", pagination]);
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
                world.run(&Binary::new(), &args).expect(0).says(&warning);
                nothing_open(&world);
            }
        }
    }
}

#[test]
fn a_source_index_that_is_gone_is_named() {
    let world = world(&Fixture::load(JOB).without_inputs());
    refused(&world, JOB, &["--include-inputs"], 1).says("weblogs-2024.01");
    exported(&world, JOB, &[]);
}
