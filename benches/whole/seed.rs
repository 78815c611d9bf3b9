//! The data on the cluster: a job with many input documents, and another job with large state.

use std::io::Write;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use crate::bare_http;
use crate::support::cluster::Documents;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::{Fixture, StoredDocument};

/// The job that is exported and imported.
pub const JOB: &str = "web-latency";
/// The job with large state.
pub const LARGE: &str = "large-state";
/// The job with results.
pub const WITH_RESULTS: &str = "with-results";
/// The index of the input documents.
pub const INDEX: &str = "weblogs-2024.01";
/// The fields that the job needs.
pub const FIELDS: [&str; 5] = ["@timestamp", "clientip", "host", "responsetime", "status"];

/// The size of a state document in bytes, as autodetect splits it.
const STATE_DOCUMENT: usize = 16 << 20;
const STATE_STRING: usize = 16 << 10;

/// Creates the ML API with the job after a change, and what the node is missing of Elasticsearch.
pub fn cluster(documents: &Arc<dyn Documents>, change: impl FnOnce(&mut Fixture)) -> (MlApi, StandIn) {
    let ml = MlApi::new(MlOptions::new(MlVersion::new(9, 2, 0)));
    let stand_in = StandIn::start(StandInOptions {
        api: Some(Arc::new(ml.clone())),
        ..StandInOptions::new(Arc::clone(documents))
    });
    let mut fixture = Fixture::load(JOB);
    fixture.inputs.clear();
    let more = json!({
        "method": {"type": "keyword"}, "path": {"type": "keyword"}, "bytes": {"type": "long"},
        "agent": {"type": "text"},
    });
    if let (Some(known), Some(more)) = (fixture.input_mapping["properties"].as_object_mut(), more.as_object()) {
        known.extend(more.clone());
    }
    change(&mut fixture);
    fixture.seed_blocking(&ml, documents);
    (ml, stand_in)
}

/// The index of the job. Input documents are in time order, have 9 fields, and are the same in every run.
pub struct Inputs {
    count: usize,
    random: fastrand::Rng,
}

impl Inputs {
    pub fn new() -> Self {
        Self {
            count: 0,
            random: fastrand::Rng::with_seed(5),
        }
    }

    /// Adds input documents up to this number.
    pub fn grow(&mut self, node: SocketAddr, count: usize) {
        let send = |method: &str, what: &str, body: &Value| {
            bare_http::json(node, method, &format!("/{INDEX}/{what}"), body);
        };
        send("PUT", "_settings", &json!({"index": {"refresh_interval": "-1"}}));
        load(node, INDEX, self.count..count, |lines, number| {
            input(lines, number, &mut self.random)
        });
        self.count = count;
        send("POST", "_forcemerge?max_num_segments=1", &Value::Null);
        send("POST", "_refresh", &Value::Null);
    }
}

/// Sends documents, each with its action line.
pub fn load(node: SocketAddr, index: &str, numbers: Range<usize>, mut write: impl FnMut(&mut Vec<u8>, usize)) {
    let mut lines = Vec::new();
    let last = numbers.end.saturating_sub(1);
    for number in numbers {
        write(&mut lines, number);
        if lines.len() > 64 << 20 || number == last {
            bare_http::import(node, index, &bare_http::bulk_requests(&lines));
            lines.clear();
        }
    }
}

fn input(lines: &mut Vec<u8>, number: usize, random: &mut fastrand::Rng) {
    let document = json!({
        "@timestamp": 1_704_067_200_000_u64 + number as u64 * 1009,
        "host": format!("web-{:02}.iad.corp.example", random.u8(..32)),
        "responsetime": f64::from(random.u32(5_000..900_000)) / 1000.0,
        "status": random.choice(["200", "200", "200", "304", "404", "500"]),
        "clientip": format!("2001:db8::{:x}:{:x}", random.u16(..64), random.u16(..)),
        "method": random.choice(["GET", "GET", "POST", "PUT"]),
        "path": format!("/api/v2/orders/{}/items", random.u32(..100_000)),
        "bytes": random.u32(200..60_000),
        "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    });
    let _ = writeln!(lines, r#"{{"index":{{"_id":"i{number:09}"}}}}"#);
    let _ = writeln!(lines, "{document}");
}

/// Adds a second job with this number of state documents of 16 MiB.
pub fn large_state(ml: &MlApi, documents: &Arc<dyn Documents>, stand_in: &StandIn, count: usize) {
    let mut fixture = Fixture::load(JOB).renamed(LARGE).without_datafeed().without_inputs();
    fixture.calendars.clear();
    let state = state(&fixture, count);
    fixture.state.clear();
    for snapshot in &mut fixture.snapshots {
        snapshot.source = snapshot.source.replacen(
            "\"snapshot_doc_count\": 1,",
            &format!("\"snapshot_doc_count\": {count},"),
            1,
        );
        snapshot.id = snapshot.id.replacen(JOB, LARGE, 1);
    }
    fixture.seed_blocking(ml, documents);
    for document in state {
        let path = format!(
            "/.ml-state-write/_doc/{}?refresh=true&require_alias=true",
            document.id.replace('#', "%23")
        );
        let answer = stand_in.call("PUT", &path, document.source);
        assert!(answer.status < 300, "{path}: {answer:?}");
    }
}

/// Adds a third job with about this number of results; returns the number that an export includes.
pub fn results(ml: &MlApi, documents: &Arc<dyn Documents>, count: usize) -> usize {
    let job = || {
        let job = Fixture::load(JOB).renamed(WITH_RESULTS);
        let mut job = job.without_datafeed().without_inputs().with_small_state();
        job.calendars.clear();
        job
    };
    let buckets = 100;
    let per_bucket = job().with_results(buckets).results.len() / buckets as usize;
    let fixture = job().with_results((count / per_bucket) as i64);
    fixture.seed_blocking(ml, documents);
    fixture.results_of_snapshot().len()
}

/// Returns random bytes as gzip in base64, split into strings and documents.
fn state(fixture: &Fixture, count: usize) -> Vec<StoredDocument> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut noise = vec![0; STATE_DOCUMENT / 4 * 3 * count - (1 << 20)];
    random.fill(&mut noise);
    let mut gzip = GzEncoder::new(Vec::new(), Compression::none());
    gzip.write_all(&noise).expect("memory");
    let text = STANDARD.encode(gzip.finish().expect("memory"));
    let documents: Vec<&[u8]> = text.as_bytes().chunks(STATE_DOCUMENT).collect();
    assert_eq!(documents.len(), count);
    let last = documents.len() - 1;
    let stored = documents.into_iter().enumerate().map(|(number, document)| {
        let strings: Vec<String> = document
            .chunks(STATE_STRING)
            .map(|string| format!("\"{}\"", String::from_utf8_lossy(string)))
            .collect();
        let eos = if number == last { ",\"eos\":true" } else { "" };
        StoredDocument {
            index: String::new(),
            id: format!("{LARGE}_model_state_{}#{}", fixture.snapshot_id(), number + 1),
            source: format!("{{\"compressed\":[{}]{eos}}}", strings.join(",")),
        }
    });
    stored.collect()
}
