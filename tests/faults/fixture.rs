//! The job that is exported and imported with faults. It has all parts, but few documents in each.

use std::sync::{Arc, OnceLock};

use serde_json::json;

use crate::support::archive::{ArchiveFile, SharedArchive};
use crate::support::cluster::ml::{JobState, MlOptions, MlVersion};
use crate::support::cluster::tls::Tls;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::{Template, TestCluster};

/// The ID of the job.
pub const JOB: &str = "log-categories";
/// The ID of its datafeed.
pub const DATAFEED: &str = "datafeed-log-categories";

/// Options of every run with faults.
pub const RETRIES: [&str; 6] = [
    "--retries",
    "2",
    // A single slow request advances the clock by two minutes, also for concurrent requests.
    "--retry-for",
    "10m",
    "--ignore-certs",
    "-vv",
];
/// Options of an export in small pages, also in a copy.
pub const EXPORT: [&str; 6] = [
    "--include-inputs",
    "--include-results",
    "--page-size",
    "2",
    "--slices",
    "1",
];
/// The credential of a run, which no output contains.
pub const CREDENTIAL: [&str; 2] = ["--api-key", "id:key-s3cr3t"];

pub fn options() -> MlOptions {
    MlOptions::new(MlVersion::new(9, 2, 0))
}

/// State of model and categorizer, input documents, annotations, notifications, categories, a datafeed, filter and
/// calendar.
pub fn fixture() -> Fixture {
    let other = Fixture::load("web-latency");
    let mut fixture = Fixture::load(JOB).with_small_state().with_job(|job| {
        let detector = &mut job["analysis_config"]["detectors"][0];
        detector["partition_field_name"] = json!("service");
        let scope = json!({"service": {"filter_id": "canary-hosts", "filter_type": "include"}});
        detector["custom_rules"] = json!([{"actions": ["skip_result"], "scope": scope, "conditions": []}]);
    });
    fixture.filters = other.filters;
    fixture.calendars = other.calendars;
    fixture.calendars[0]["job_ids"] = json!([JOB]);
    fixture.inputs.truncate(5);
    fixture.annotations.truncate(3);
    fixture.categories.truncate(3);
    fixture.with_results(1)
}

/// Without TLS, or with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    Plain,
    Secured,
}

impl Port {
    fn tls(self) -> Option<Tls> {
        static TLS: OnceLock<Tls> = OnceLock::new();
        (self == Self::Secured).then(|| TLS.get_or_init(Tls::new).clone())
    }
}

/// A cluster with the job.
pub fn source(port: Port) -> TestCluster {
    static SOURCE: OnceLock<Template> = OnceLock::new();
    let template = SOURCE.get_or_init(|| TestCluster::template(options(), |cluster| cluster.seed(&fixture())));
    template.cluster(port.tls())
}

/// A cluster with another job, which must not change.
pub fn target(port: Port) -> TestCluster {
    static TARGET: OnceLock<Template> = OnceLock::new();
    let mut other = Fixture::load("user-population").with_small_state().without_inputs();
    other.annotations.truncate(2);
    let mut options = options();
    options.cluster_uuid = "target".to_owned();
    let template = TARGET.get_or_init(|| TestCluster::template(options, |cluster| cluster.seed(&other)));
    template.cluster(port.tls())
}

/// Opens the job and starts its datafeed.
pub fn start_job(cluster: &TestCluster) {
    for path in [
        format!("/_ml/anomaly_detectors/{JOB}/_open"),
        format!("/_ml/datafeeds/{DATAFEED}/_start"),
    ] {
        let answer = cluster.call("POST", &path, "");
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
}

/// The states of the job and its datafeed.
pub fn states(cluster: &TestCluster) -> (Option<JobState>, String) {
    let stats = cluster.call("GET", &format!("/_ml/datafeeds/{DATAFEED}/_stats"), "");
    let datafeed = stats.value()["datafeeds"][0]["state"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    (cluster.ml.job_state(JOB), datafeed)
}

/// Returns an archive of the job.
pub fn archive() -> Arc<ArchiveFile> {
    static ARCHIVE: SharedArchive = SharedArchive::new();
    let options = ["--include-inputs", "--include-results"];
    ARCHIVE.file(|binary| source(Port::Plain).export(binary, JOB, "exported", &options))
}
