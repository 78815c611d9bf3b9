//! What an import is told to leave out stays out, and nothing else does.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::held::Held;
use super::trip::newest;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::world::World;

const JOB: &str = "web-latency";

fn archive(binary: &Binary) -> PathBuf {
    let fixture = Fixture::load(JOB);
    World::seeded(newest(), &fixture).export(binary, JOB, "first", &["--include-inputs"])
}

/// What of an archive is on a cluster.
#[derive(Clone, Debug, PartialEq)]
struct There {
    inputs: usize,
    annotations: usize,
    notifications: usize,
    datafeeds: usize,
    filters: usize,
    calendars: usize,
    reads: Value,
}

impl There {
    fn all(held: &Held) -> Self {
        Self {
            inputs: held.inputs.len(),
            annotations: held.annotations.len(),
            notifications: held.notifications.len(),
            datafeeds: 1,
            filters: 1,
            calendars: 1,
            reads: json!(["web-latency-input"]),
        }
    }

    fn of(world: &World, held: &Held) -> Self {
        let length = |kind: &str| world.ml.configurations()[kind].as_array().map_or(0, Vec::len);
        let carried: Vec<Value> = held
            .notifications
            .iter()
            .map(|text| super::held::json_of(text))
            .collect();
        let notifications = world.documents_of(".ml-notifications-*");
        let datafeed = world.call("GET", "/_ml/datafeeds", "").value();
        Self {
            inputs: world.documents_of("web-latency-input").len(),
            annotations: world.documents_of(".ml-annotations-read").len(),
            notifications: notifications
                .values()
                .filter(|text| carried.contains(&super::held::json_of(text)))
                .count(),
            datafeeds: length("datafeeds"),
            filters: length("filters"),
            calendars: length("calendars"),
            reads: datafeed["datafeeds"][0]["indices"].clone(),
        }
    }
}

/// Imports with an option; the rest is there, the job stands on its snapshot and opens.
#[track_caller]
fn leaves_out(options: &[&str], out: impl FnOnce(&mut There)) -> World {
    let binary = Binary::new();
    let archive = archive(&binary);
    let held = Held::read(&archive);
    let world = World::new(newest());
    world.import(&binary, &archive, options).expect(0);
    let mut expected = There::all(&held);
    out(&mut expected);
    assert_eq!(There::of(&world, &held), expected, "{options:?}");
    assert_eq!(world.job(JOB)["model_snapshot_id"], held.snapshot_id());
    assert_eq!(world.latest_record(JOB), held.latest_record());
    world
}

#[track_caller]
fn opens(world: &World) {
    let opened = world.call("POST", "/_ml/anomaly_detectors/web-latency/_open", "");
    assert_eq!(opened.status, 200, "{}", opened.value());
}

#[test]
fn nothing() {
    opens(&leaves_out(&[], |_| ()));
}

#[test]
fn inputs() {
    let world = leaves_out(&["--skip-inputs"], |there| {
        there.inputs = 0;
        there.reads = json!(["weblogs-2024.01"]);
    });
    assert_eq!(
        world.call("GET", "/web-latency-input", "").status,
        404,
        "no empty index"
    );
    opens(&world);
}

#[test]
fn annotations() {
    opens(&leaves_out(&["--skip-annotations"], |there| there.annotations = 0));
}

#[test]
fn notifications() {
    opens(&leaves_out(&["--skip-notifications"], |there| there.notifications = 0));
}

#[test]
fn the_datafeed() {
    opens(&leaves_out(&["--skip-datafeed"], |there| {
        there.datafeeds = 0;
        there.reads = Value::Null;
    }));
}

#[test]
fn filters_that_are_there_already() {
    let binary = Binary::new();
    let archive = archive(&binary);
    let held = Held::read(&archive);
    let world = World::new(newest());
    let other = json!({"filter_id": "canary-hosts", "description": "another", "items": ["x"]});
    world.ml.adopt_filter(&other);
    world.import(&binary, &archive, &[]).expect(3).says("canary-hosts");
    world.import(&binary, &archive, &["--skip-filters"]).expect(0);
    assert_eq!(There::of(&world, &held), There::all(&held));
    assert_eq!(world.ml.configurations()["filters"], json!([other]), "as it was");
    opens(&world);
}

#[test]
fn filters() {
    leaves_out(&["--skip-filters"], |there| there.filters = 0);
}

#[test]
fn calendars() {
    opens(&leaves_out(&["--skip-calendars"], |there| there.calendars = 0));
}

#[test]
fn everything_that_can_be() {
    let all = [
        "--skip-inputs",
        "--skip-annotations",
        "--skip-notifications",
        "--skip-datafeed",
        "--skip-calendars",
    ];
    opens(&leaves_out(&all, |there| {
        *there = There {
            inputs: 0,
            annotations: 0,
            notifications: 0,
            datafeeds: 0,
            filters: 1,
            calendars: 0,
            reads: Value::Null,
        }
    }));
}

#[test]
fn the_datafeed_reads_what_it_is_told_to() {
    let options = ["--datafeed-index", "weblogs-new", "--datafeed-index", "weblogs-old"];
    let world = leaves_out(&options, |there| {
        there.inputs = 0;
        there.reads = json!(["weblogs-new", "weblogs-old"]);
    });
    assert_eq!(
        world.call("GET", "/web-latency-input", "").status,
        404,
        "no empty index"
    );
    opens(&world);
}

#[test]
fn the_datafeed_may_read_patterns_and_other_clusters() {
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
    leaves_out(&options, |there| {
        there.inputs = 0;
        there.reads = json!(["weblogs-*", "-weblogs-old*", "<weblogs-{now/d}>", "europe:weblogs"]);
    });
}

#[test]
fn a_smaller_model_memory_limit() {
    let world = leaves_out(&["--model-memory-limit", "64mb"], |_| ());
    assert_eq!(world.job(JOB)["analysis_limits"]["model_memory_limit"], "64mb");
    assert_eq!(world.job(JOB)["analysis_limits"]["categorization_examples_limit"], 4);
    opens(&world);
}
