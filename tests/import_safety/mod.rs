//! An import is all or nothing: after any failure, the cluster is unchanged, and the message reports it.

mod changed;
pub mod cluster_state;
mod cluster_validation;
mod concurrent_imports;
mod conflicts;
mod deleted_job;
mod every_write;
mod interrupted;
mod lost_responses;
mod many;
mod metadata;
mod moved_aliases;
mod oversized;
mod ownership;
mod preconditions;
mod replace;
mod start;
mod templates;
#[cfg(unix)]
mod terminal;
mod verification;
mod version_hazards;

pub use changed::CHANGE_COUNT;
pub use moved_aliases::add_index;

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use serde_json::Value;

use crate::support::archive::{ArchiveFile, SharedArchive, blocks, gzip, members};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::Call;
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::cluster::real::URL_VARIABLE;
use crate::support::cluster::stand_in::writes;
use crate::support::fixtures::{Fixture, from_python};
use crate::support::test_cluster::{Template, TestCluster};
use crate::support::{exhaustive, sample_step};

/// The job of most tests: with a filter, a calendar with events, annotations and a datafeed.
const JOB: &str = "web-latency";

fn version() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

/// With few documents and a small state, since many runs write them. The state of the categorization job is complete.
fn small_fixture(name: &str) -> Fixture {
    let mut fixture = match name {
        JOB => Fixture::load(name).with_small_state().with_results(1),
        "user-population" => Fixture::load(name).with_small_state(),
        _ => Fixture::load(name),
    };
    fixture.inputs.truncate(12);
    fixture.annotations.truncate(7);
    fixture.categories.truncate(7);
    fixture
}

pub fn options() -> MlOptions {
    MlOptions::new(version())
}

/// Returns a valid archive of the job, exported once from documents in memory.
pub fn archive_of(name: &'static str) -> Arc<ArchiveFile> {
    static WEB: SharedArchive = SharedArchive::new();
    static LOGS: SharedArchive = SharedArchive::new();
    let shared = if name == JOB { &WEB } else { &LOGS };
    shared.file(|binary| export(binary, &small_fixture(name), options()))
}

/// Returns an archive of a job from a cluster.
fn exported_archive(fixture: &Fixture, options: MlOptions) -> (Binary, PathBuf) {
    let binary = Binary::new();
    let path = export(&binary, fixture, options);
    (binary, path)
}

fn export(binary: &Binary, fixture: &Fixture, options: MlOptions) -> PathBuf {
    let cluster = TestCluster::in_memory(options);
    cluster.seed(fixture);
    let options = ["--include-inputs", "--include-results", "--all-results"];
    cluster.export(binary, fixture.id(), "exported", &options)
}

/// A cluster with another job; if a real node is set, every `sample`th run uses it.
fn target(run: usize, sample: usize) -> TestCluster {
    if std::env::var_os(URL_VARIABLE).is_some() && run.is_multiple_of(sample) {
        let cluster = TestCluster::with(options());
        cluster.seed(&other_job_fixture());
        cluster.stand_in.clear_requests();
        return cluster;
    }
    static TARGET: OnceLock<Template> = OnceLock::new();
    TARGET
        .get_or_init(|| TestCluster::template(options(), |cluster| cluster.seed(&other_job_fixture())))
        .cluster(None)
}

/// An archive of the job with input documents, whose datafeed is edited.
fn with_datafeed(binary: &Binary, name: &str, edit: impl FnOnce(&mut Value)) -> PathBuf {
    let mut all = members(&from_python("complete"));
    let config = all.iter_mut().find(|member| member.name.ends_with("_config.json"));
    let config = config.expect("a configuration");
    let mut job: Value = serde_json::from_slice(&config.content).unwrap();
    edit(&mut job["datafeed_config"]);
    config.content = job.to_string().into_bytes();
    let path = binary.path(name);
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    path
}

/// A job that existed before and must not change.
fn other_job_fixture() -> Fixture {
    small_fixture("user-population").without_inputs()
}

fn is_write(call: &Call) -> bool {
    writes(&call.method, &call.path)
}

/// Imports without retries, so that each fault is a failure.
fn import(cluster: &TestCluster, binary: &Binary, archive: &Path, more: &[&str]) -> Run {
    let mut args = vec!["--retries", "0", "--timeout", "20s"];
    args.extend(more);
    cluster.import(binary, archive, &args)
}

/// Returns the number of write requests of an import without faults.
fn write_count(name: &'static str, more: &[&str]) -> usize {
    let cluster = target(1, usize::MAX);
    import(&cluster, &Binary::new(), &archive_of(name), more).expect(0);
    cluster.stand_in.writes().len()
}

/// The numbers of the requests at which a test has a fault: all of them, or a sample.
fn sampled(requests: usize, first: usize, step: usize) -> impl Iterator<Item = usize> {
    let first = if exhaustive() { 1 } else { first };
    (first..=requests).step_by(sample_step(step))
}

/// Kept for hooks that live longer than the borrow of a test cluster.
type Shared<T> = Arc<std::sync::Mutex<T>>;
