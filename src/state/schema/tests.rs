#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod real;
mod synthetic;

use std::io::Write;

use super::*;
use crate::state::ChunkDecoder;

const MAX_BYTES: u64 = 1 << 30;
const JOBS: [&str; 4] = [
    "log-categories",
    "log-categories-multisnap",
    "user-population",
    "web-latency",
];

fn fixture(job: &str, file: &str) -> String {
    let path = format!("{}/tests/fixtures/jobs/{job}/{file}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path).unwrap()
}

/// Returns the decoded states of a job with their kinds.
fn states(job: &str) -> Vec<(StateStream, Vec<u8>)> {
    let text = fixture(job, "state.ndjson");
    let lines: Vec<&str> = text.lines().collect();
    let mut states = Vec::new();
    for pair in lines.chunks(2) {
        let action: serde_json::Value = serde_json::from_str(pair[0]).unwrap();
        let id = action["index"]["_id"].as_str().unwrap();
        if id.ends_with("_quantiles") {
            continue;
        }
        assert!(id.ends_with("#1"), "the fixtures' states have one document each");
        let mut decoder = ChunkDecoder::new(Vec::new(), MAX_BYTES);
        decoder.document(id, pair[1].as_bytes()).unwrap();
        let stream = match id.contains("_categorizer_state") {
            true => StateStream::Categorizer,
            false => StateStream::Model,
        };
        states.push((stream, decoder.finish().unwrap().1));
    }
    states
}

/// Returns the `quantile_state` of each snapshot.
fn quantiles(job: &str) -> Vec<String> {
    let text = fixture(job, "model_snapshots.ndjson");
    let documents = text.lines().filter_map(|line| {
        serde_json::from_str::<serde_json::Value>(line).unwrap()["quantiles"]["quantile_state"]
            .as_str()
            .map(str::to_owned)
    });
    documents.collect()
}

fn walk(stream: StateStream, state: &[u8], visitor: impl Visitor) -> Result<String, Error> {
    let mut texts = StateRewriter::new(stream, visitor, Vec::new());
    let written = texts.write_all(state).and_then(|()| texts.finish());
    let (_, out) = written.map_err(|cause| Cause::from(cause).of("state"))?;
    Ok(String::from_utf8(out).unwrap())
}
