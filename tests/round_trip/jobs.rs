//! Every recorded job under the same ID, under another one, and as a copy on the original cluster.

use super::scenario::{Destination, RoundTrip};
use crate::support::fixtures::Fixture;

fn round_trip(name: &str) -> RoundTrip {
    RoundTrip::of(Fixture::load(name))
}

#[test]
fn web_latency_under_the_same_id() {
    round_trip("web-latency").run();
}

#[test]
fn web_latency_under_another_id() {
    round_trip("web-latency").renamed("latency.2").run();
}

#[test]
fn web_latency_as_a_copy() {
    round_trip("web-latency")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn log_categories_under_the_same_id() {
    round_trip("log-categories").run();
}

#[test]
fn log_categories_under_another_id() {
    round_trip("log-categories").renamed("categories").run();
}

#[test]
fn log_categories_as_a_copy() {
    round_trip("log-categories")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn user_population_under_the_same_id() {
    round_trip("user-population").run();
}

#[test]
fn user_population_under_another_id() {
    round_trip("user-population").renamed("population").run();
}

#[test]
fn user_population_as_a_copy() {
    round_trip("user-population")
        .renamed("copy")
        .to(Destination::SameCluster)
        .run();
}

#[test]
fn snapshots_under_the_same_id() {
    round_trip("log-categories-multisnap").without_inputs().run();
}

#[test]
fn snapshots_under_another_id() {
    round_trip("log-categories-multisnap")
        .without_inputs()
        .renamed("snapshots")
        .run();
}

#[test]
fn snapshots_as_a_copy() {
    let trip = round_trip("log-categories-multisnap").without_inputs();
    trip.renamed("copy").to(Destination::SameCluster).run();
}
