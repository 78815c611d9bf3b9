//! Jobs that have learned: real model state, and how it gets onto a stand-in cluster as if learned there.

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::cluster::ml::MlApi;
use super::cluster::{Call, Documents};

/// A document with its id, byte for byte as it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
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
    pub snapshots: Vec<Stored>,
    /// Model and categorizer state documents.
    pub state: Vec<Stored>,
    /// The users' and the job's own annotations.
    pub annotations: Vec<Stored>,
    /// Notifications; their ids are made here.
    pub notifications: Vec<Stored>,
    /// Category definitions, stored as `<job>_category_definition_<n>`.
    pub categories: Vec<Stored>,
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
    pub hidden: Vec<String>,
    /// Documents of the source indices.
    pub inputs: Vec<Stored>,
    /// Source indices, in the order in which the datafeed names them.
    pub sources: Vec<String>,
    /// Results of another job in the same index, which nobody may touch.
    pub bystanders: Vec<Stored>,
}

/// The job whose results lie in the same index.
pub const BYSTANDER: &str = "bystander";

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
fn bulk(job: &str, file: &str) -> Vec<Stored> {
    let text = text(job, file);
    let lines: Vec<&str> = text.lines().collect();
    lines
        .chunks(2)
        .map(|pair| {
            let Action {
                index: Address { index, id },
            } = serde_json::from_str(pair[0]).unwrap();
            Stored {
                index,
                id,
                source: pair[1].to_owned(),
            }
        })
        .collect()
}

/// Documents without ids.
fn lines(job: &str, file: &str, id: impl Fn(usize, &str) -> String) -> Vec<Stored> {
    let text = text(job, file);
    let stored = |(number, line): (usize, &str)| Stored {
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
            hidden: Vec::new(),
            inputs: bulk(name, "inputs.ndjson"),
            bystanders: bystanders(),
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
    pub fn snapshot(&self) -> &Stored {
        let id = format!("{}_model_snapshot_{}", self.id(), self.snapshot_id());
        self.snapshots.iter().find(|snapshot| snapshot.id == id).unwrap()
    }

    /// The same job under another id, as if it had always been called so.
    #[must_use]
    pub fn renamed(mut self, new: &str) -> Self {
        let old = self.id().to_owned();
        let stored = [
            &mut self.snapshots,
            &mut self.state,
            &mut self.annotations,
            &mut self.notifications,
            &mut self.categories,
        ];
        for one in stored.into_iter().flatten() {
            if let Some(rest) = one.id.strip_prefix(&old) {
                one.id = format!("{new}{rest}");
            }
            one.source = one
                .source
                .replace(&format!("\"job_id\": \"{old}\""), &format!("\"job_id\": \"{new}\""));
        }
        self.job["job_id"] = json!(new);
        self.data_counts["job_id"] = json!(new);
        if self.job["datafeed_config"].is_object() {
            self.job["datafeed_config"]["job_id"] = json!(new);
            self.job["datafeed_config"]["datafeed_id"] = json!(format!("datafeed-{new}"));
        }
        for name in self
            .calendars
            .iter_mut()
            .flat_map(|calendar| calendar["job_ids"].as_array_mut())
            .flatten()
        {
            if *name == old.as_str() {
                *name = json!(new);
            }
        }
        self
    }

    /// A job that nobody feeds.
    #[must_use]
    pub fn without_datafeed(mut self) -> Self {
        if let Some(job) = self.job.as_object_mut() {
            job.shift_remove("datafeed_config");
        }
        self
    }

    /// Its sources are gone.
    #[must_use]
    pub fn without_inputs(mut self) -> Self {
        self.inputs.clear();
        self.sources.clear();
        self
    }

    /// The datafeed reads a second index too, whose documents have the same `_id`s and other content.
    #[must_use]
    pub fn on_two_sources(mut self, second: &str) -> Self {
        let contents: Vec<String> = self.inputs.iter().rev().map(|input| input.source.clone()).collect();
        let more: Vec<Stored> = self
            .inputs
            .iter()
            .zip(contents)
            .map(|(input, source)| Stored {
                index: second.to_owned(),
                id: input.id.clone(),
                source,
            })
            .collect();
        self.inputs.extend(more);
        self.sources.push(second.to_owned());
        self.job["datafeed_config"]["indices"] = json!(self.sources);
        self
    }

    /// This source is mapped otherwise.
    #[must_use]
    pub fn with_mapping_of(mut self, source: &str, mapping: Value) -> Self {
        self.other_mappings.push((source.to_owned(), mapping));
        self
    }

    /// Results go elsewhere: `shared`, `custom-security` …; the cluster's version or option decides on a suffix.
    #[must_use]
    pub fn results_index_name(mut self, name: &str) -> Self {
        self.job["results_index_name"] = json!(name);
        self
    }

    /// Snapshots of an older version, such as `7.11.0`.
    #[must_use]
    pub fn min_version(mut self, version: &str) -> Self {
        for snapshot in &mut self.snapshots {
            snapshot.source = snapshot.source.replacen(
                "\"min_version\": \"9.0.0\"",
                &format!("\"min_version\": \"{version}\""),
                1,
            );
        }
        self.job["model_snapshot_min_version"] = json!(version);
        self
    }

    /// Changes the configuration before it is seeded.
    #[must_use]
    pub fn with_job(mut self, change: impl FnOnce(&mut Value)) -> Self {
        change(&mut self.job);
        self
    }

    /// Puts everything on a cluster, as if the job had been made and had learned there, and had been closed.
    pub async fn seed(&self, ml: &MlApi, documents: Arc<dyn Documents>) {
        let job = self.id();
        ml.adopt_job(&self.job, Arc::clone(&documents)).await;
        self.filters.iter().for_each(|filter| ml.adopt_filter(filter));
        self.calendars.iter().for_each(|calendar| ml.adopt_calendar(calendar));
        let put = async |index: &str, stored: &[Stored], require_alias: bool| {
            load(&documents, index, stored, require_alias).await;
        };
        let results = format!(".ml-anomalies-.write-{job}");
        put(&results, &self.snapshots, true).await;
        put(&results, &self.categories, true).await;
        let counts = Stored {
            index: String::new(),
            id: format!("{job}_data_counts"),
            source: self.data_counts.to_string(),
        };
        put(&results, &[counts], true).await;
        put(&results, &self.bystanders, true).await;
        put(".ml-state-write", &self.state, true).await;
        put(".ml-state-write", &[self.quantiles()], true).await;
        put(".ml-annotations-write", &self.annotations, true).await;
        put(&ml.notifications_target(), &self.notifications, false).await;
        for source in &self.sources {
            let other = self.other_mappings.iter().find(|(name, _)| name == source);
            let mapping = other.map_or(&self.input_mapping, |(_, mapping)| mapping);
            let mut settings = self.input_settings.clone();
            settings["number_of_shards"] = json!(2);
            settings["number_of_replicas"] = json!(0);
            if self.hidden.contains(source) {
                settings["hidden"] = json!(true);
            }
            let body = json!({"settings": settings, "mappings": mapping});
            call(&documents, "PUT", &format!("/{source}"), "", body.to_string()).await;
            let inputs: Vec<Stored> = self
                .inputs
                .iter()
                .filter(|input| input.index == *source)
                .cloned()
                .collect();
            put(source, &inputs, false).await;
        }
    }

    /// The same from a test that is not asynchronous.
    pub fn seed_blocking(&self, ml: &MlApi, documents: &Arc<dyn Documents>) {
        std::thread::scope(|scope| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            scope
                .spawn(move || runtime.block_on(self.seed(ml, Arc::clone(documents))))
                .join()
                .unwrap();
        });
    }

    /// `<job>_quantiles`, the bytes of the snapshot's own.
    pub fn quantiles(&self) -> Stored {
        let snapshot: WithQuantiles = serde_json::from_str(&self.snapshot().source).unwrap();
        Stored {
            index: String::new(),
            id: format!("{}_quantiles", self.id()),
            source: snapshot.quantiles.get().to_owned(),
        }
    }
}

/// A bucket and a record before and after every snapshot, data counts and a state of another job.
fn bystanders() -> Vec<Stored> {
    let mut stored = Vec::new();
    for timestamp in [1_700_000_000_000_i64, 1_800_000_000_000] {
        for kind in ["bucket", "record"] {
            let source = json!({"job_id": BYSTANDER, "result_type": kind, "timestamp": timestamp, "bucket_span": 900});
            let id = format!("{BYSTANDER}_{kind}_{timestamp}_900");
            stored.push(Stored {
                index: String::new(),
                id,
                source: source.to_string(),
            });
        }
    }
    let counts = json!({"job_id": BYSTANDER, "processed_record_count": 7});
    let id = format!("{BYSTANDER}_data_counts");
    stored.push(Stored {
        index: String::new(),
        id,
        source: counts.to_string(),
    });
    stored
}

/// Stores documents byte for byte and refreshes.
pub async fn load(documents: &Arc<dyn Documents>, index: &str, stored: &[Stored], require_alias: bool) {
    if stored.is_empty() {
        return;
    }
    let mut body = String::new();
    for one in stored {
        body += &json!({"index": {"_index": index, "_id": one.id}}).to_string();
        body.push('\n');
        body += &one.source;
        body.push('\n');
    }
    let query = if require_alias {
        "refresh=true&require_alias=true"
    } else {
        "refresh=true"
    };
    let answer = call(documents, "POST", "/_bulk", query, body).await;
    assert_eq!(answer["errors"], false, "{index}: {answer}");
}

async fn call(documents: &Arc<dyn Documents>, method: &str, path: &str, query: &str, body: String) -> Value {
    let kind = if path.ends_with("_bulk") {
        "application/x-ndjson"
    } else {
        "application/json"
    };
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let call = Call {
        method: method.to_owned(),
        path: path.to_owned(),
        query: pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: Bytes::from(body),
    };
    let answer = documents.call(call).await;
    let said: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    assert!(answer.status < 300, "{method} {path}: {} {said}", answer.status);
    said
}
