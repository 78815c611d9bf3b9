//! Jobs that have learned: real model state, and how it gets onto a stand-in cluster as if learned there.

mod changed;
mod seed;

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

pub use seed::load;

/// A document with its id, byte for byte as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// The index that it is stored in, where the fixture decides that (inputs); else empty.
    pub index: String,
    /// `_id`.
    pub id: String,
    /// `_source`.
    pub source: String,
}

/// A job with all that belongs to it. Builders change it before it is seeded; fields say what was (to be) stored.
#[derive(Clone, Debug)]
pub struct Fixture {
    /// The job as `GET` shows it, its datafeed inside.
    pub job: Value,
    /// Snapshot documents, the newest last or alone.
    pub snapshots: Vec<StoredDocument>,
    /// Model and categorizer state documents.
    pub state: Vec<StoredDocument>,
    /// The users' and the job's own annotations.
    pub annotations: Vec<StoredDocument>,
    /// Notifications; their ids are made here.
    pub notifications: Vec<StoredDocument>,
    /// Category definitions, stored as `<job>_category_definition_<n>`.
    pub categories: Vec<StoredDocument>,
    /// `<job>_data_counts`.
    pub data_counts: Value,
    /// Filters.
    pub filters: Vec<Value>,
    /// Calendars with `events`.
    pub calendars: Vec<Value>,
    /// Mapping of each source index.
    pub input_mapping: Value,
    /// Settings of each source index, besides shards and replicas.
    pub input_settings: Value,
    /// Sources whose mapping is another.
    pub other_mappings: Vec<(String, Value)>,
    /// Sources that wildcards do not match unless they ask for hidden ones.
    pub hidden_sources: Vec<String>,
    /// Documents of the source indices.
    pub inputs: Vec<StoredDocument>,
    /// Source indices, in the order in which the datafeed names them.
    pub sources: Vec<String>,
    /// Results of another job in the same index, which nobody may touch.
    pub bystanders: Vec<StoredDocument>,
}

/// The job whose results lie in the same index.
pub const OTHER_JOB: &str = "bystander";

/// The directory of the fixtures.
pub fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// An archive that the Python scripts wrote, such as `complete`.
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

/// Action lines and documents in turn.
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

/// Documents without ids.
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
    /// `web-latency`, `log-categories`, `user-population` or `log-categories-multisnap`.
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

    /// The job's id.
    pub fn id(&self) -> &str {
        self.job["job_id"].as_str().unwrap()
    }

    /// The id of the snapshot that the job stands on.
    pub fn snapshot_id(&self) -> &str {
        self.job["model_snapshot_id"].as_str().unwrap()
    }

    /// The stored document of the snapshot that the job stands on.
    pub fn snapshot(&self) -> &StoredDocument {
        let id = format!("{}_model_snapshot_{}", self.id(), self.snapshot_id());
        self.snapshots.iter().find(|snapshot| snapshot.id == id).unwrap()
    }

    /// `<job>_quantiles`, the bytes of the snapshot's own.
    pub fn quantiles(&self) -> StoredDocument {
        let snapshot: WithQuantiles = serde_json::from_str(&self.snapshot().source).unwrap();
        StoredDocument {
            index: String::new(),
            id: format!("{}_quantiles", self.id()),
            source: snapshot.quantiles.get().to_owned(),
        }
    }
}

/// A bucket and a record before and after every snapshot, data counts and a state of another job.
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
