//! A job that the cluster would not accept: known before the first write, and before `--replace` deletes anything.

use serde_json::json;

use super::state::ClusterState;
use super::{JOB, exported, import, small};
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::world::World;

const LOGS: &str = "log-categories";

fn on(major: u32, minor: u32, patch: u32) -> MlOptions {
    MlOptions::new(MlVersion::new(major, minor, patch))
}

/// A job with options that came with 7.15 and 8.16, and one that no version knows yet.
fn later() -> Fixture {
    small(JOB).min_version("7.11.0").with_job(|job| {
        job["analysis_config"]["model_prune_window"] = json!("45d");
        job["analysis_config"]["detectors"][0]["custom_rules"] = json!([
            {"actions": ["force_time_shift"], "params": {"force_time_shift": {"time_shift_amount": 3600}},
             "conditions": [{"applies_to": "time", "operator": "gt", "value": 1}]},
        ]);
    })
}

#[test]
fn all_unknown_options_are_named_at_once_before_anything_is_written() {
    let (binary, archive) = exported(&later(), on(8, 19, 0));
    for replaces in [false, true] {
        let world = World::in_memory(on(7, 13, 4));
        if replaces {
            world.seed(&small(JOB).without_inputs().with_job(|job| {
                job["description"] = json!("older");
            }));
        }
        let before = ClusterState::of(&world);
        world.stand_in.forget_requests();
        let more: &[&str] = if replaces { &["--replace"] } else { &[] };
        for dry in [&[][..], &["--dry-run"]] {
            let run = import(&world, &binary, &archive, &[more, dry].concat()).expect(1);
            run.says(
                "Elasticsearch 7.13.4 does not know options of the job: analysis_config.model_prune_window, \
                 analysis_config.detectors[0].custom_rules[0].params",
            )
            .says("the archive comes from Elasticsearch 8.19.0");
        }
        assert_eq!(world.stand_in.writes().len(), 0);
        ClusterState::of(&world).assert_same(&before, "refused");
    }
}

#[test]
fn an_analyzer_that_the_cluster_does_not_have_is_refused_in_its_words() {
    let fixture = small(LOGS).min_version("7.11.0").with_job(|job| {
        let analysis = job["analysis_config"].as_object_mut().unwrap();
        analysis.shift_remove("model_prune_window");
        analysis.insert(
            "categorization_analyzer".to_owned(),
            json!({"tokenizer": "ml_standard"}),
        );
    });
    let (binary, archive) = exported(&fixture, on(7, 17, 29));
    let world = World::in_memory(on(7, 13, 4));
    let run = import(&world, &binary, &archive, &["--replace"]).expect(1);
    run.says("the cluster does not accept the job's configuration")
        .says("[ml_standard]");
    assert_eq!(world.stand_in.writes().len(), 0);
}
