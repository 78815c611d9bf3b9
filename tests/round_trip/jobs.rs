//! Every recorded job under the same ID, under another one, and as a copy on the original cluster.

use super::scenario::{Destination, RoundTrip};
use crate::support::fixtures::Fixture;

fn round_trip(name: &str) -> RoundTrip {
    RoundTrip::of(Fixture::load(name))
}

#[test]
fn web_latency_can_be_imported_under_the_same_id() {
    round_trip("web-latency").run();
}

#[test]
fn web_latency_can_be_imported_under_another_id() {
    round_trip("web-latency").renamed("latency.2").run();
}

#[test]
fn web_latency_can_be_copied_on_its_cluster() {
    round_trip("web-latency")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn log_categories_can_be_imported_under_the_same_id() {
    round_trip("log-categories").run();
}

#[test]
fn log_categories_can_be_imported_under_another_id() {
    round_trip("log-categories").renamed("categories").run();
}

#[test]
fn log_categories_can_be_copied_on_its_cluster() {
    round_trip("log-categories")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn user_population_can_be_imported_under_the_same_id() {
    round_trip("user-population").run();
}

#[test]
fn user_population_can_be_imported_under_another_id() {
    round_trip("user-population").renamed("population").run();
}

#[test]
fn user_population_can_be_copied_on_its_cluster() {
    round_trip("user-population")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn job_with_snapshots_can_be_imported_under_the_same_id() {
    round_trip("log-categories-multisnap").without_inputs().run();
}

#[test]
fn job_with_snapshots_can_be_imported_under_another_id() {
    round_trip("log-categories-multisnap")
        .without_inputs()
        .renamed("snapshots")
        .run();
}

#[test]
fn job_with_snapshots_can_be_copied_on_its_cluster() {
    let trip = round_trip("log-categories-multisnap").without_inputs();
    trip.renamed("copy").to(Destination::SameCluster).run();
}
