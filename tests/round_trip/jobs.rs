//! Every recorded job under the same id, under another one, and as a copy beside the original.

use super::scenario::{Destination, RoundTrip};
use crate::support::fixtures::Fixture;

fn trip(name: &str) -> RoundTrip {
    RoundTrip::of(Fixture::load(name))
}

#[test]
fn web_latency_under_the_same_id() {
    trip("web-latency").run();
}

#[test]
fn web_latency_under_another_id() {
    trip("web-latency").renamed("latency.2").run();
}

#[test]
fn web_latency_as_a_copy() {
    trip("web-latency").renamed("copy").to(Destination::Beside).run();
}

#[test]
fn log_categories_under_the_same_id() {
    trip("log-categories").run();
}

#[test]
fn log_categories_under_another_id() {
    trip("log-categories").renamed("categories").run();
}

#[test]
fn log_categories_as_a_copy() {
    trip("log-categories").renamed("copy").to(Destination::Beside).run();
}

#[test]
fn user_population_under_the_same_id() {
    trip("user-population").run();
}

#[test]
fn user_population_under_another_id() {
    trip("user-population").renamed("population").run();
}

#[test]
fn user_population_as_a_copy() {
    trip("user-population").renamed("copy").to(Destination::Beside).run();
}

#[test]
fn snapshots_under_the_same_id() {
    trip("log-categories-multisnap").without_inputs().run();
}

#[test]
fn snapshots_under_another_id() {
    trip("log-categories-multisnap")
        .without_inputs()
        .renamed("snapshots")
        .run();
}

#[test]
fn snapshots_as_a_copy() {
    let trip = trip("log-categories-multisnap").without_inputs();
    trip.renamed("copy").to(Destination::Beside).run();
}
