//! However documents are read and written, they are the same.

use super::held::{Held, Placed, json_of};
use super::trip::{Arrived, Trip};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::world::World;

/// Everything but times and versions in the manifest, in an order of its own where documents of one instant may swap.
#[track_caller]
fn hold_the_same_documents(one: &Held, other: &Held) {
    let sorted = |inputs: &[Placed]| {
        let mut inputs = inputs.to_vec();
        inputs.sort_unstable();
        inputs
    };
    assert!(sorted(&one.inputs) == sorted(&other.inputs), "inputs");
    assert!(one.state == other.state, "state");
    let names = |held: &Held| held.entries.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "entries");
    for (name, text) in &one.entries {
        let mut lines: [Vec<&str>; 2] = [text.lines().collect(), other.entries[name].lines().collect()];
        lines.iter_mut().for_each(|lines| lines.sort_unstable());
        assert!(name == "esml_manifest.json" || lines[0] == lines[1], "{name}");
    }
}

fn export(world: &World, binary: &Binary, name: &str, options: &[&str]) -> Held {
    let all = [&["--include-inputs", "--all-fields"], options].concat();
    Held::read(&world.export(binary, "web-latency", name, &all))
}

#[test]
fn pages_slices_and_compression_make_no_difference() {
    let binary = Binary::new();
    let fixture = Fixture::load("web-latency").on_two_sources("weblogs-2024.02");
    let world = World::seeded(super::trip::newest(), &fixture);
    let export = |name: &str, options: &[&str]| export(&world, &binary, name, options);
    let usual = export("usual", &[]);
    for (name, options) in [
        ("sliced", &["--slices", "3", "--page-size", "7"][..]),
        ("alone", &["--slices", "1", "--page-size", "97"]),
        ("scrolled", &["--pagination", "scroll", "--page-size", "11"]),
        (
            "scrolled-alone",
            &["--pagination", "scroll", "--slices", "1", "--page-size", "400"],
        ),
        ("pit", &["--pagination", "pit", "--slices", "5", "--page-size", "50"]),
        ("stored", &["--compression-level", "0"]),
        ("small", &["--compression-level", "9"]),
    ] {
        hold_the_same_documents(&usual, &export(name, options));
    }
    let size = |name: &str| std::fs::metadata(binary.path(&format!("{name}.tar.gz"))).unwrap().len();
    assert!(size("stored") > size("usual") && size("stored") > size("small"));
    assert_eq!(
        world.documents.open_contexts().unwrap_or_default(),
        0,
        "nothing stays open"
    );
}

#[test]
fn inputs_of_one_moment_may_be_more_than_a_page() {
    let binary = Binary::new();
    let mut fixture = Fixture::load("web-latency");
    for input in &mut fixture.inputs {
        let at = json_of(&input.source)["@timestamp"].as_i64().unwrap();
        let hour = at - at % 3_600_000;
        input.source = input.source.replace(&at.to_string(), &hour.to_string());
    }
    let world = World::seeded(super::trip::newest(), &fixture);
    let export = |name: &str, options: &[&str]| export(&world, &binary, name, options);
    let usual = export("usual", &[]);
    assert_eq!(usual.inputs.len(), fixture.inputs.len());
    hold_the_same_documents(&usual, &export("crowded", &["--page-size", "3"]));
}

fn arrived(export: &[&'static str], import: &[&'static str]) -> Arrived {
    let trip = Trip::of(Fixture::load("log-categories")).renamed("copy");
    trip.exporting(export).importing(import).run()
}

#[test]
fn many_small_pages_and_bulk_requests() {
    let arrived = arrived(
        &["--slices", "3", "--page-size", "7", "--compression-level", "0"],
        &["--bulk-size", "1kb", "--bulk-concurrency", "3"],
    );
    let bulk = arrived.world.stand_in.requests();
    let bulk = bulk.iter().filter(|request| request.path.ends_with("_bulk"));
    assert!(bulk.count() > 40, "many requests");
}

#[test]
fn one_reader_that_scrolls_and_one_writer() {
    arrived(
        &["--slices", "1", "--pagination", "scroll", "--compression-level", "9"],
        &["--bulk-concurrency", "1"],
    );
}
