//! Generated jobs are the same after an export and an import.

use std::panic::{AssertUnwindSafe, catch_unwind};

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::generated::{Generated, generated_job};
use super::scenario::{Destination, RoundTrip};
use crate::support::cluster::real::URL_VARIABLE;

/// On a real node, a round trip takes several seconds.
fn cases() -> u32 {
    if std::env::var_os(URL_VARIABLE).is_some() {
        3
    } else {
        24
    }
}

fn check_round_trip(generated: &Generated, id: &str, destination: Destination) {
    let mut trip = RoundTrip::of(generated.fixture.clone())
        .multiline_documents(&generated.multiline)
        .to(destination);
    if id != generated.fixture.id() {
        trip = trip.renamed(id.to_owned().leak());
    }
    trip.run();
}

#[test]
fn generated_jobs_are_unchanged_after_a_round_trip() {
    let mut runner = TestRunner::new(Config {
        cases: cases(),
        max_shrink_iters: 30,
        failure_persistence: None,
        ..Config::default()
    });
    let id = prop_oneof![Just("log-categories".to_owned()), "j[a-z0-9_.-]{0,62}[a-z0-9]"];
    let destination = prop_oneof![
        Just(Destination::ClusterWithOtherJob),
        Just(Destination::EmptyCluster),
        Just(Destination::SameCluster)
    ];
    runner
        .run(&(generated_job(), id, destination), |(generated, id, destination)| {
            prop_assume!(destination != Destination::SameCluster || id != generated.fixture.id());
            let run = catch_unwind(AssertUnwindSafe(|| check_round_trip(&generated, &id, destination)));
            prop_assert!(run.is_ok(), "see above");
            Ok(())
        })
        .unwrap();
}
