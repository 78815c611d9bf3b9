//! Where the inputs come from: datafeeds inside the job, beside it, absent, on other clusters.

use serde_json::{Value, json};

use super::{exported, inputs, nothing_open, refused, version, world};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, Fault};
use crate::support::cluster::ml::{MlOptions, MlVersion};
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
fn remote_indices_are_searched_and_their_mappings_are_missed_with_a_warning() {
    let fixture = Fixture::load(JOB)
        .with_job(|job| job["datafeed_config"]["indices"] = json!(["weblogs-2024.01", "other:weblogs"]));
    let world = world(&fixture);
    // The stand-in has no remote clusters: what is asked of both is answered from its own index.
    let direct = world.stand_in.direct();
    let answer = |method: &str, path: &str, body: &str| {
        let answer = direct.call(method, path, body.to_owned()).value();
        Action::status(200, answer.to_string())
    };
    let of_both =
        |ending: &'static str| Fault::when(move |call| call.path.contains("other") && call.path.ends_with(ending));
    let faults = world.stand_in.faults();
    faults.add(of_both("/_count").then(answer("POST", "/weblogs-2024.01/_count", "{}")));
    faults.add(of_both("/_search").then(answer("POST", "/weblogs-2024.01/_search", "{}")));
    faults.add(of_both("/_pit").then(answer("POST", "/weblogs-2024.01/_pit?keep_alive=1m", "")));
    let binary = Binary::new();
    let run = world
        .run(&binary, &["export", "--job-id", JOB, "--yes", "--include-inputs"])
        .expect(0);
    run.says("warning: mappings of remote indices cannot be read: other:weblogs");
    let requests = world.stand_in.requests();
    let mapping = requests
        .iter()
        .filter(|request| request.method == "GET" && request.path.contains("weblogs"));
    assert!(mapping.clone().count() > 0);
    assert!(
        mapping.clone().all(|request| !request.path.contains("other")),
        "{requests:#?}"
    );
    nothing_open(&world);
}

#[test]
fn a_source_index_that_is_gone_is_named() {
    let world = world(&Fixture::load(JOB).without_inputs());
    refused(&world, JOB, &["--include-inputs"], 1).says("weblogs-2024.01");
    exported(&world, JOB, &[]);
}
