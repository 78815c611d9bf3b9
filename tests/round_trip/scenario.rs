//! A round trip: a job is exported, imported and exported again, and everything is compared.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use super::after_import::{StateBeforeImport, assert_job_continues, assert_state_alias};
use super::against_cluster::assert_equals_cluster;
use super::archive_comparison::{TargetIndices, assert_same_contents};
use super::archive_contents::ArchiveContents;
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// The target of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A cluster where another job has results in the same index.
    ClusterWithOtherJob,
    /// A cluster where no job was ever opened.
    EmptyCluster,
    /// The source cluster; requires another ID.
    SameCluster,
}

/// A round trip to run.
pub struct RoundTrip {
    fixture: Fixture,
    from: MlOptions,
    to: MlOptions,
    destination: Destination,
    rename: Option<&'static str>,
    export: Vec<&'static str>,
    import: Vec<&'static str>,
    fields: Option<&'static [&'static str]>,
    target_indices: Option<TargetIndices>,
    source_requests: Vec<(String, String, String)>,
}

/// The result of a round trip.
pub struct RoundTripResult {
    pub cluster: TestCluster,
    pub first: ArchiveContents,
    pub second: ArchiveContents,
    /// The stderr of the import.
    pub stderr: String,
}

/// The latest supported version.
pub fn newest() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

impl RoundTrip {
    /// With complete input documents, to another cluster of the same version.
    pub fn of(fixture: Fixture) -> Self {
        Self {
            fixture,
            from: MlOptions::new(newest()),
            to: MlOptions::new(newest()),
            destination: Destination::ClusterWithOtherJob,
            rename: None,
            export: vec!["--include-inputs", "--all-fields"],
            import: Vec::new(),
            fields: None,
            target_indices: None,
            source_requests: Vec::new(),
        }
    }

    /// Changes the configuration before the job is put on any cluster.
    pub fn change(&mut self, change: impl FnOnce(&mut Value)) {
        change(&mut self.fixture.job);
    }

    pub fn to(mut self, destination: Destination) -> Self {
        self.destination = destination;
        self
    }

    pub fn renamed(mut self, id: &'static str) -> Self {
        self.rename = Some(id);
        self
    }

    pub fn between(mut self, from: MlVersion, to: MlVersion) -> Self {
        (self.from, self.to) = (MlOptions::new(from), MlOptions::new(to));
        self
    }

    pub fn between_clusters(mut self, from: MlOptions, to: MlOptions) -> Self {
        (self.from, self.to) = (from, to);
        self
    }

    /// Sets the fields that the job needs. The archive must contain these and no others.
    pub fn only_fields(mut self, fields: &'static [&'static str]) -> Self {
        self.fields = Some(fields);
        self.export.retain(|option| *option != "--all-fields");
        self
    }

    pub fn without_inputs(mut self) -> Self {
        self.export.clear();
        self
    }

    pub fn export_options(mut self, options: &[&'static str]) -> Self {
        self.export.extend(options);
        self
    }

    pub fn import_options(mut self, options: &[&'static str]) -> Self {
        self.import.extend(options);
        self
    }

    /// Documents to store on the source cluster unchanged, with their line breaks: path and text.
    pub fn multiline_documents(mut self, documents: &[(String, String)]) -> Self {
        let put = |(path, text): &(String, String)| ("PUT".to_owned(), path.clone(), text.clone());
        self.source_requests.extend(documents.iter().map(put));
        self
    }

    /// Adds a request to the source cluster: method, path and body.
    pub fn source_request(mut self, method: &str, path: &str, body: &str) -> Self {
        self.source_requests
            .push((method.to_owned(), path.to_owned(), body.to_owned()));
        self
    }

    /// Sets the expected target indices of input documents if they are not all in `<job>-input`.
    pub fn expecting_inputs_in(mut self, places: &[(&str, &str)]) -> Self {
        let owned = places
            .iter()
            .map(|(source, target)| ((*source).to_owned(), (*target).to_owned()));
        self.target_indices = Some(owned.collect());
        self
    }

    fn id(&self) -> &str {
        self.rename.unwrap_or(self.fixture.id())
    }

    fn target_indices(&self) -> TargetIndices {
        let target = format!("{}-input", self.id());
        let usual = || {
            self.fixture
                .sources
                .iter()
                .map(|source| (source.clone(), target.clone()))
                .collect()
        };
        self.target_indices.clone().unwrap_or_else(usual)
    }

    /// Exports from the source cluster and compares the archive with it.
    fn export_from_source(&self, binary: &Binary) -> (TestCluster, PathBuf, ArchiveContents) {
        let cluster = TestCluster::with(self.from.clone());
        cluster.seed(&self.fixture);
        for (method, path, body) in &self.source_requests {
            let answer = cluster.call(method, path, body);
            assert!(answer.status < 300, "{method} {path}: {}", answer.value());
        }
        let before = cluster.contents();
        let archive = cluster.export(binary, self.fixture.id(), "first", &self.export);
        assert!(cluster.contents() == before, "an export changes nothing");
        let contents = ArchiveContents::read(&archive);
        assert_equals_cluster(&contents, &cluster, &self.fixture, self.fields);
        (cluster, archive, contents)
    }

    fn target_cluster(&self, source: TestCluster) -> TestCluster {
        if self.destination == Destination::SameCluster {
            return source;
        }
        drop(source);
        let cluster = TestCluster::with(self.to.clone());
        if self.destination == Destination::ClusterWithOtherJob {
            cluster.seed(&other_job(&self.fixture));
        }
        cluster
    }

    #[track_caller]
    pub fn run(self) -> RoundTripResult {
        let binary = Binary::new();
        let (source, archive, first) = self.export_from_source(&binary);
        let cluster = self.target_cluster(source);
        let before = StateBeforeImport::of(&cluster);
        let mut options = self.import.clone();
        if let Some(id) = self.rename {
            options.extend(["--as", id]);
        }
        let run = cluster.import(&binary, &archive, &options).expect(0);
        assert_eq!(
            run.stdout,
            format!("{}\n", self.id()),
            "stdout is the job's id and nothing else"
        );
        let places = self.target_indices();
        let targets: BTreeSet<String> = places.values().cloned().collect();
        before.assert_unchanged(&cluster, self.id(), &targets);
        assert_state_alias(&cluster);

        let again = cluster.export(&binary, self.id(), "second", &self.export);
        let second = ArchiveContents::read(&again);
        let mut members = vec![self.id()];
        if self.destination == Destination::SameCluster {
            members.push(self.fixture.id());
            members.sort_unstable();
        }
        assert_same_contents(&first, &second, &places, &members);
        assert_job_continues(&cluster, &second);
        RoundTripResult {
            cluster,
            first,
            second,
            stderr: run.stderr,
        }
    }
}

/// Adds another job whose results are in the same index, with results of a third one.
fn other_job(fixture: &Fixture) -> Fixture {
    let results = fixture.job["results_index_name"].as_str().expect("a name");
    let neighbour = Fixture::load("log-categories").renamed("neighbour").without_datafeed();
    neighbour.without_inputs().results_index_name(results)
}
