//! Copying jobs between two clusters, and within one.

mod clusters;
mod cutover;
#[cfg(unix)]
mod interrupted;
mod jobs;

use crate::support::binary::{Binary, Run};
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

/// A source with this job, and an empty target.
fn clusters(fixtures: &[Fixture]) -> (TestCluster, TestCluster) {
    let options = |uuid: &str| {
        let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
        options.cluster_uuid = uuid.to_owned();
        options
    };
    let (source, target) = (
        TestCluster::in_memory(options("source")),
        TestCluster::in_memory(options("target")),
    );
    fixtures.iter().for_each(|fixture| source.seed(fixture));
    (source, target)
}

/// A small job without input documents.
fn small(id: &str) -> Fixture {
    Fixture::load(JOB).renamed(id).with_small_state().without_inputs()
}

fn copy(binary: &Binary, from: &TestCluster, to: &TestCluster, more: &[&str]) -> Run {
    let (from, to) = (from.stand_in.url(), to.stand_in.url());
    let clusters = ["copy", "--yes", "--retries", "0", "--from", &from, "--to", &to];
    binary.run([&clusters[..], more].concat())
}
