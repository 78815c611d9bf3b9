//! A cluster with a job, and the binary to run against it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::binary::{Binary, Run};
use super::cluster::documents::InMemory;
use super::cluster::ml::{MlApi, MlOptions, MlVersion};
use super::cluster::real::documents_for_tests;
use super::cluster::stand_in::{StandIn, StandInOptions};
use super::cluster::tls::Tls;
use super::cluster::{Answer, Documents};
use super::fixtures::Fixture;

/// The initial state that many runs share.
pub struct Template {
    ml: MlApi,
    documents: Arc<InMemory>,
}

impl Template {
    /// Creates a cluster in this state; with `tls`, its port is secured.
    pub fn cluster(&self, tls: Option<Tls>) -> TestCluster {
        TestCluster::of(self.ml.fork(), Arc::new(self.documents.fork()), tls)
    }
}

/// Every document, as stored, by index and ID.
pub type Contents = BTreeMap<(String, String), String>;

/// A stand-in cluster of a version. With a real Elasticsearch, there is only one at a time.
pub struct TestCluster {
    pub ml: MlApi,
    pub documents: Arc<dyn Documents>,
    pub stand_in: StandIn,
}

/// A search response.
#[derive(Deserialize)]
pub struct SearchResponse<'a> {
    #[serde(borrow)]
    pub hits: Hits<'a>,
}

#[derive(Deserialize)]
pub struct Hits<'a> {
    #[serde(borrow)]
    pub hits: Vec<Hit<'a>>,
}

#[derive(Deserialize)]
pub struct Hit<'a> {
    pub _index: String,
    pub _id: String,
    #[serde(borrow)]
    pub _source: &'a RawValue,
}

impl TestCluster {
    /// Creates a cluster where no job was ever opened.
    pub fn new(version: MlVersion) -> Self {
        Self::with(MlOptions::new(version))
    }

    pub fn with(options: MlOptions) -> Self {
        Self::on(documents_for_tests(), options)
    }

    /// Creates a cluster in memory even if the tests use a real node, for tests with many runs.
    pub fn in_memory(options: MlOptions) -> Self {
        Self::on(Arc::new(InMemory::new()), options)
    }

    /// Creates a cluster in memory that can be copied.
    pub fn template(options: MlOptions, seed: impl FnOnce(&Self)) -> Template {
        let (ml, documents) = (MlApi::new(options), Arc::new(InMemory::new()));
        seed(&Self::of(ml.clone(), documents.clone(), None));
        Template { ml, documents }
    }

    fn of(ml: MlApi, documents: Arc<dyn Documents>, tls: Option<Tls>) -> Self {
        let stand_in = StandIn::start(StandInOptions {
            api: Some(Arc::new(ml.clone())),
            tls,
            ..StandInOptions::new(documents.clone())
        });
        Self {
            ml,
            documents,
            stand_in,
        }
    }

    fn on(documents: Arc<dyn Documents>, options: MlOptions) -> Self {
        Self::of(MlApi::new(options), documents, None)
    }

    /// Creates a cluster with a job and its model.
    pub fn seeded(version: MlVersion, fixture: &Fixture) -> Self {
        let cluster = Self::new(version);
        cluster.seed(fixture);
        cluster
    }

    pub fn seed(&self, fixture: &Fixture) {
        fixture.seed_blocking(&self.ml, &self.documents);
    }

    pub fn call(&self, method: &str, path: &str, body: &str) -> Answer {
        self.stand_in.call(method, path, body.to_owned())
    }

    /// Exports to `<name>.tar.gz` in the binary's directory.
    #[track_caller]
    pub fn export(&self, binary: &Binary, job: &str, name: &str, more: &[&str]) -> PathBuf {
        let path = binary.path(&format!("{name}.tar.gz"));
        let output = path.display().to_string();
        let mut args = vec!["export", "--job-id", job, "-o", &output, "--yes"];
        args.extend(more);
        let run = self.run(binary, &args).expect(0);
        assert_eq!(
            run.stdout.trim_end(),
            output,
            "stdout is the archive's path and nothing else"
        );
        path
    }

    /// Runs an import with any result.
    pub fn import(&self, binary: &Binary, archive: &Path, more: &[&str]) -> Run {
        let archive = archive.display().to_string();
        let mut args = vec!["import", &archive, "--yes"];
        args.extend(more);
        self.run(binary, &args)
    }

    /// Runs any command with the address of this cluster.
    pub fn run(&self, binary: &Binary, args: &[&str]) -> Run {
        let url = self.stand_in.url();
        let mut all = args.to_vec();
        all.extend(["--url", &url]);
        binary.run(all)
    }

    /// Returns every document of every index, for comparisons.
    pub fn contents(&self) -> Contents {
        let indices = self
            .call("GET", "/_cat/indices?format=json&expand_wildcards=all", "")
            .value();
        let names: Vec<&str> = indices
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|index| index["index"].as_str())
            .collect();
        names.iter().flat_map(|name| self.documents_of(name)).collect()
    }

    /// Returns every document of an index or alias.
    pub fn documents_of(&self, index: &str) -> Contents {
        self.call("POST", &format!("/{index}/_refresh"), "");
        let answer = self.call(
            "POST",
            &format!("/{index}/_search"),
            r#"{"size":10000,"query":{"match_all":{}}}"#,
        );
        if answer.status == 404 {
            return Contents::new();
        }
        let found: SearchResponse<'_> = serde_json::from_slice(&answer.body).expect("a search answer");
        found
            .hits
            .hits
            .into_iter()
            .map(|hit| ((hit._index, hit._id), hit._source.get().to_owned()))
            .collect()
    }

    /// Returns the job from the API.
    pub fn job(&self, job: &str) -> Value {
        self.call("GET", &format!("/_ml/anomaly_detectors/{job}"), "").value()["jobs"][0].clone()
    }

    /// Returns `data_counts.latest_record_timestamp` from the job's statistics.
    pub fn latest_record(&self, job: &str) -> Option<i64> {
        let stats = self
            .call("GET", &format!("/_ml/anomaly_detectors/{job}/_stats"), "")
            .value();
        stats["jobs"][0]["data_counts"]["latest_record_timestamp"].as_i64()
    }
}
