//! A job with three snapshots.

use super::archive_contents::ArchiveContents;
use super::scenario::{Destination, RoundTrip};
use crate::support::fixtures::Fixture;

const OLDEST: &str = "1795433575";
const MIDDLE: &str = "1795433580";
const LATEST: &str = "1795433586";

fn round_trip() -> RoundTrip {
    RoundTrip::of(Fixture::load("log-categories-multisnap")).without_inputs()
}

/// Checks that the archive contains only the state of this snapshot and of the categorizer.
#[track_caller]
fn assert_contains_snapshot(contents: &ArchiveContents, snapshot: &str) {
    assert_eq!(contents.snapshot_id(), snapshot);
    let job = contents.job();
    let ids: Vec<&str> = contents.state.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            format!("{job}_model_state_{snapshot}#1"),
            format!("{job}_categorizer_state#1")
        ]
    );
    assert_eq!(contents.manifest["snapshot_id"], snapshot);
}

#[test]
fn snapshot_is_exported_by_its_id() {
    let arrived = round_trip().export_options(&["--snapshot-id", OLDEST]).run();
    assert_contains_snapshot(&arrived.first, OLDEST);
    assert_contains_snapshot(&arrived.second, OLDEST);
    assert_eq!(
        arrived.cluster.latest_record("log-categories-multisnap"),
        Some(1_709_660_408_000)
    );
}

#[test]
fn snapshot_is_exported_by_its_id_and_copied_on_its_cluster() {
    let arrived = round_trip()
        .export_options(&["--snapshot-id", MIDDLE])
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
    assert_contains_snapshot(&arrived.second, MIDDLE);
    let original = arrived.cluster.job("log-categories-multisnap");
    assert_eq!(
        original["model_snapshot_id"], LATEST,
        "the original job still uses its snapshot"
    );
}

#[test]
fn latest_snapshot_before_a_date_is_exported() {
    // All annotations and notifications of the recording are older than this.
    let arrived = round_trip().export_options(&["--before-date", "1795433581000"]).run();
    assert_contains_snapshot(&arrived.first, MIDDLE);
    assert_contains_snapshot(&arrived.second, MIDDLE);
}

#[test]
fn latest_snapshot_is_exported_by_default() {
    let arrived = round_trip().run();
    assert_contains_snapshot(&arrived.first, LATEST);
}
