//! The result does not depend on how documents are read and written.

use super::archive_contents::{ArchiveContents, ArchivedDocument, json_of};
use super::scenario::{RoundTrip, RoundTripResult};
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// Returns the entries without times and versions in the manifest. Documents of the same time are sorted.
#[track_caller]
fn assert_same_documents(one: &ArchiveContents, other: &ArchiveContents) {
    let sorted = |inputs: &[ArchivedDocument]| {
        let mut inputs = inputs.to_vec();
        inputs.sort_unstable();
        inputs
    };
    assert!(sorted(&one.inputs) == sorted(&other.inputs), "inputs");
    assert!(one.state == other.state, "state");
    let names = |contents: &ArchiveContents| contents.entries.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(one), names(other), "entries");
    for (name, text) in &one.entries {
        let mut lines: [Vec<&str>; 2] = [text.lines().collect(), other.entries[name].lines().collect()];
        lines.iter_mut().for_each(|lines| lines.sort_unstable());
        assert!(name == "esml_manifest.json" || lines[0] == lines[1], "{name}");
    }
}

fn export(cluster: &TestCluster, binary: &Binary, name: &str, options: &[&str]) -> ArchiveContents {
    let all = [&["--include-inputs", "--all-fields"], options].concat();
    ArchiveContents::read(&cluster.export(binary, "web-latency", name, &all))
}

#[test]
fn page_size_slices_and_compression_do_not_change_the_result() {
    let binary = Binary::new();
    let fixture = Fixture::load("web-latency").with_second_source("weblogs-2024.02");
    let cluster = TestCluster::seeded(super::scenario::newest(), &fixture);
    let export = |name: &str, options: &[&str]| export(&cluster, &binary, name, options);
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
        assert_same_documents(&usual, &export(name, options));
    }
    let size = |name: &str| std::fs::metadata(binary.path(&format!("{name}.tar.gz"))).unwrap().len();
    assert!(size("stored") > size("usual") && size("stored") > size("small"));
    assert_eq!(
        cluster.documents.open_contexts().unwrap_or_default(),
        0,
        "nothing stays open"
    );
}

#[test]
fn documents_of_equal_time_may_exceed_a_page() {
    let binary = Binary::new();
    let mut fixture = Fixture::load("web-latency");
    for input in &mut fixture.inputs {
        let at = json_of(&input.source)["@timestamp"].as_i64().unwrap();
        let hour = at - at % 3_600_000;
        input.source = input.source.replace(&at.to_string(), &hour.to_string());
    }
    let cluster = TestCluster::seeded(super::scenario::newest(), &fixture);
    let export = |name: &str, options: &[&str]| export(&cluster, &binary, name, options);
    let usual = export("usual", &[]);
    assert_eq!(usual.inputs.len(), fixture.inputs.len());
    assert_same_documents(&usual, &export("crowded", &["--page-size", "3"]));
}

fn round_trip(export: &[&'static str], import: &[&'static str]) -> RoundTripResult {
    let trip = RoundTrip::of(Fixture::load("log-categories")).renamed("copy");
    trip.export_options(export).import_options(import).run()
}

#[test]
fn small_pages_and_bulk_requests_do_not_change_the_result() {
    let arrived = round_trip(
        &["--slices", "3", "--page-size", "7", "--compression-level", "0"],
        &["--bulk-size", "1kb", "--bulk-concurrency", "3"],
    );
    let bulk = arrived.cluster.stand_in.requests();
    let bulk = bulk.iter().filter(|request| request.path.ends_with("_bulk"));
    assert!(bulk.count() > 40, "many requests");
}

#[test]
fn single_scroll_and_single_writer_do_not_change_the_result() {
    round_trip(
        &["--slices", "1", "--pagination", "scroll", "--compression-level", "9"],
        &["--bulk-concurrency", "1"],
    );
}
