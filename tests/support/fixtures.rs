//! Jobs with real model state, and functions to put them on a stand-in cluster.

mod changed;
pub mod results;
mod seed;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use seed::load;

/// A document with its ID, with its bytes as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The index of the document if the fixture determines it (input documents); otherwise empty.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// `_source`.
    pub source: String,
}

/// A job with everything that belongs to it. Tests can change it before it is put on a cluster.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The job as `GET` returns it, including its datafeed.
    pub job: Value,
    /// Snapshot documents, the newest one last.
    pub snapshots: Vec<StoredDocument>,
    /// Model and categorizer state documents.
    pub state: Vec<StoredDocument>,
    /// Annotations of users and of the job.
    pub annotations: Vec<StoredDocument>,
    /// Notifications. Their IDs are generated here.
    pub notifications: Vec<StoredDocument>,
    /// Category definitions, stored as `<job>_category_definition_<n>`.
    pub categories: Vec<StoredDocument>,
    /// Results (see [`Fixture::with_results`]).
    pub results: Vec<StoredDocument>,
    /// `<job>_data_counts`.
    pub data_counts: Value,
    /// Filters.
    pub filters: Vec<Value>,
    /// Calendars with `events`.
    pub calendars: Vec<Value>,
    /// The mapping of each source index.
    pub input_mapping: Value,
    /// The settings of each source index, in addition to shards and replicas.
    pub input_settings: Value,
    /// Source indices with different mappings.
    pub other_mappings: Vec<(String, Value)>,
    /// Source indices that wildcards match only if hidden indices are requested.
    pub hidden_sources: Vec<String>,
    /// The documents of the source indices.
    pub inputs: Vec<StoredDocument>,
    /// The source indices in the order of the datafeed.
    pub sources: Vec<String>,
    /// Results of other jobs in the same index, which must not be changed.
    pub bystanders: Vec<StoredDocument>,
}

/// The job whose results are in the same index.
pub const OTHER_JOB: &str = "bystander";

/// Returns the directory of the fixtures.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// Returns the path of an archive that the Python scripts wrote, such as `complete`.
pub fn from_python(name: &str) -> PathBuf {
    directory().join("from-python").join(format!("{name}.tar.gz"))
}

#[derive(Deserialize)]
struct Action {
    index: Address,
}

#[derive(Deserialize)]
struct Address {
    #[serde(rename = "_index")]
    index: String,
    #[serde(rename = "_id")]
    id: String,
}

#[derive(Deserialize)]
struct WithQuantiles {
    quantiles: Box<RawValue>,
}

fn text(job: &str, file: &str) -> String {
    let path = directory().join("jobs").join(job).join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

fn parsed<T: serde::de::DeserializeOwned>(job: &str, file: &str) -> T {
    serde_json::from_str(&text(job, file)).unwrap_or_else(|why| panic!("{job}/{file}: {why}"))
}

/// Parses alternating action lines and documents.
fn bulk(job: &str, file: &str) -> Vec<StoredDocument> {
    let text = text(job, file);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(2)
        .map(|pair| {
            let Action {
                index: Address { index, id },
            } = serde_json::from_str(pair[0]).unwrap();
            StoredDocument {
                index,
                id,
                source: pair[1].to_owned(),
            }
        })
        .collect()
}

/// Parses documents without IDs.
fn lines(job: &str, file: &str, id: impl Fn(usize, &str) -> String) -> Vec<StoredDocument> {
    let text = text(job, file);
    let stored = |(number, line): (usize, &str)| StoredDocument {
        index: String::new(),
        id: id(number, line),
        source: line.to_owned(),
    };
    text.lines().enumerate().map(stored).collect()
}

impl Fixture {
    /// Loads `web-latency`, `log-categories`, `user-population` or `log-categories-multisnap`.
    pub fn load(name: &str) -> Self {
        let job: Value = parsed(name, "job.json");
        let names = job["datafeed_config"]["indices"].as_array().into_iter().flatten();
        let sources: Vec<String> = names.filter_map(Value::as_str).map(str::to_owned).collect();
        let category = |_: usize, line: &str| {
            let category: Value = serde_json::from_str(line).unwrap();
            format!("{name}_category_definition_{}", category["category_id"])
        };
        Self {
            snapshots: bulk(name, "model_snapshots.ndjson"),
            state: bulk(name, "state.ndjson"),
            annotations: bulk(name, "annotations.ndjson"),
            notifications: lines(name, "notifications.ndjson", |number, _| {
                format!("{name}-notification-{number}")
            }),
            categories: lines(name, "categories.ndjson", category),
            results: Vec::new(),
            data_counts: parsed(name, "data_counts.json"),
            filters: parsed(name, "filters.json"),
            calendars: parsed(name, "calendars.json"),
            input_mapping: parsed(name, "input_mapping.json"),
            input_settings: json!({}),
            other_mappings: Vec::new(),
            hidden_sources: Vec::new(),
            inputs: bulk(name, "inputs.ndjson"),
            bystanders: other_job_documents(),
            sources,
            job,
        }
    }

    /// Returns the ID of the job.
    pub fn id(&self) -> &str {
        self.job["job_id"].as_str().unwrap()
    }

    /// Returns the ID of the snapshot that the job uses.
    pub fn snapshot_id(&self) -> &str {
        self.job["model_snapshot_id"].as_str().unwrap()
    }

    /// Returns the snapshot document that the job uses.
    pub fn snapshot(&self) -> &StoredDocument {
        let id = format!("{}_model_snapshot_{}", self.id(), self.snapshot_id());
        self.snapshots.iter().find(|snapshot| snapshot.id == id).unwrap()
    }

    /// Returns `<job>_quantiles` with the bytes in the snapshot document.
    pub fn quantiles(&self) -> StoredDocument {
        let snapshot: WithQuantiles = serde_json::from_str(&self.snapshot().source).unwrap();
        StoredDocument {
            index: String::new(),
            id: format!("{}_quantiles", self.id()),
            source: snapshot.quantiles.get().to_owned(),
        }
    }
}

/// Returns results of another job, before and after every snapshot, with its data counts and state.
fn other_job_documents() -> Vec<StoredDocument> {
    let mut stored = Vec::new();
    for timestamp in [1_700_000_000_000_i64, 1_800_000_000_000] {
        for kind in ["bucket", "record"] {
            let source = json!({"job_id": OTHER_JOB, "result_type": kind, "timestamp": timestamp, "bucket_span": 900});
            let id = format!("{OTHER_JOB}_{kind}_{timestamp}_900");
            stored.push(StoredDocument {
                index: String::new(),
                id,
                source: source.to_string(),
            });
        }
    }
    let counts = json!({"job_id": OTHER_JOB, "processed_record_count": 7});
    let id = format!("{OTHER_JOB}_data_counts");
    stored.push(StoredDocument {
        index: String::new(),
        id,
        source: counts.to_string(),
    });
    stored
}
