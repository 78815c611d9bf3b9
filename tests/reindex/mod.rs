//! Imports whose input documents Elasticsearch copies from another cluster, and copies with `--reindex-inputs`.
//!
//! With `ESML_TEST_REINDEX_SOURCE` and `ESML_TEST_REINDEX_TARGET`, the documents are those of two nodes, whose data is deleted.
//! The target must allow `_reindex` from 127.0.0.1 only.

mod conflicts;
mod continued;
mod copied;
mod failures;
mod nodes;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::support::binary::{Binary, Run};
use crate::support::cluster::Documents;
use crate::support::cluster::auth::Auth;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::RealDocuments;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const INDEX: &str = "web-latency-input";
const SOURCE_KEY: &str = "source-s3cr3t";
const TARGET_KEY: &str = "target-s3cr3t";

/// A source with a job, a target, and an archive of the job without input documents.
struct Clusters {
    source: TestCluster,
    target: TestCluster,
    binary: Binary,
    archive: PathBuf,
    _lock: Option<MutexGuard<'static, ()>>,
}

/// Only one test at a time uses the nodes.
static NODES: Mutex<()> = Mutex::new(());

/// Returns the URL of a node, if the tests use nodes.
fn node(which: &str) -> Option<String> {
    std::env::var(format!("ESML_TEST_REINDEX_{which}")).ok()
}

fn cluster(which: &str, key: &str) -> TestCluster {
    let documents: Arc<dyn Documents> = match node(which) {
        Some(url) => {
            let real = RealDocuments::new(&url);
            real.wipe();
            Arc::new(real)
        }
        None => Arc::new(InMemory::new()),
    };
    let mut options = MlOptions::new(MlVersion::new(9, 2, 0));
    options.cluster_uuid = which.to_owned();
    let ml = MlApi::new(options);
    let mut options = StandInOptions::new(documents.clone());
    options.api = Some(Arc::new(ml.clone()));
    options.auth = Some(Auth::new().api_key("id", key));
    let stand_in = StandIn::start(options);
    TestCluster {
        ml,
        documents,
        stand_in,
    }
}

impl Clusters {
    fn new() -> Self {
        Self::with(&Fixture::load(JOB))
    }

    fn with(fixture: &Fixture) -> Self {
        let lock = node("SOURCE").map(|_| NODES.lock().unwrap_or_else(PoisonError::into_inner));
        let (source, target) = (cluster("SOURCE", SOURCE_KEY), cluster("TARGET", TARGET_KEY));
        source.seed(fixture);
        let binary = Binary::new();
        let archive = binary.path("job.tar.gz");
        let (path, url) = (archive.display().to_string(), source.stand_in.url());
        let export = ["export", fixture.id(), "-o", &path, "--yes", "--url", &url];
        binary
            .run([&export[..], &["--api-key", "id:source-s3cr3t"]].concat())
            .expect(0);
        Self {
            source,
            target,
            binary,
            archive,
            _lock: lock,
        }
    }

    /// The source with its credential, under another host name if given.
    fn source_url(&self, host: &str) -> String {
        let url = self.source.stand_in.url().replace("127.0.0.1", host);
        // An API key cannot be in a URL, so a profile contains it.
        let folder = self.binary.path("config/esml-state");
        std::fs::create_dir_all(&folder).unwrap();
        let profile = format!("[profiles.source]\nurl = '{url}'\napi_key = 'id:{SOURCE_KEY}'\n");
        std::fs::write(folder.join("config.toml"), profile).unwrap();
        "source".to_owned()
    }

    fn arguments(&self, more: &[&str]) -> Vec<String> {
        let (source, target) = (self.source_url("127.0.0.1"), self.target.stand_in.url());
        let archive = self.archive.display().to_string();
        let mut arguments = vec![
            "import",
            &archive,
            "--yes",
            "--url",
            &target,
            "--api-key",
            "id:target-s3cr3t",
        ];
        if !more.contains(&"--inputs-from") {
            arguments.extend(["--inputs-from", &source]);
        }
        arguments.extend(more);
        arguments.into_iter().map(str::to_owned).collect()
    }

    /// Imports with the input documents of the source.
    fn import(&self, more: &[&str]) -> Run {
        self.run(self.arguments(more))
    }

    fn run(&self, arguments: Vec<String>) -> Run {
        let output = self.command(&arguments).output().unwrap();
        Self::ended(arguments, output)
    }

    fn command(&self, arguments: &[String]) -> std::process::Command {
        let mut command = self.binary.command(arguments);
        let variable = if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" };
        command.env(variable, self.binary.path("config"));
        command
    }

    fn ended(args: Vec<String>, output: std::process::Output) -> Run {
        let run = Run {
            args,
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        };
        assert!(
            !format!("{}{}", run.stdout, run.stderr).contains("s3cr3t"),
            "{}",
            run.stderr
        );
        run
    }

    /// Checks that the target has exactly the documents that an export would include.
    #[track_caller]
    fn assert_copied(&self, fixture: &Fixture) {
        let mut expected: Vec<(String, serde_json::Value)> = fixture
            .inputs
            .iter()
            .map(|input| (input.id.clone(), serde_json::from_str(&input.source).unwrap()))
            .collect();
        expected.sort_by(|one, other| one.0.cmp(&other.0));
        let found = self.target.documents_of(INDEX);
        let found: Vec<(String, serde_json::Value)> = found
            .into_iter()
            .map(|((_, id), source)| (id, serde_json::from_str(&source).unwrap()))
            .collect();
        assert_eq!(found.len(), expected.len());
        for ((id, source), (other, whole)) in found.iter().zip(&expected) {
            assert_eq!(id, other);
            assert!(!source.as_object().unwrap().is_empty(), "{id}");
            for (field, value) in source.as_object().unwrap() {
                assert_eq!(*value, whole[field], "{id}");
            }
        }
    }

    /// The aliases of the input index.
    fn aliases(&self) -> serde_json::Map<String, serde_json::Value> {
        let index = self.target.call("GET", &format!("/{INDEX}"), "").value();
        index[INDEX]["aliases"].as_object().cloned().unwrap_or_default()
    }

    /// The mark of the input index.
    fn mark(&self) -> serde_json::Value {
        let index = self.target.call("GET", &format!("/{INDEX}"), "").value();
        index[INDEX]["mappings"]["_meta"]["esml_state"].clone()
    }
}
