//! The manifest against the entries before it.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::util::hex::hex;

const NAME: &str = "esml_manifest.json";

fn manifest(tar: &Tar) -> Value {
    let documents = |name: &str, content: &[u8]| match name {
        "a_snapshot_docs.ndjson" => 4,
        "a_input_1.ndjson" => 1,
        _ if name.ends_with(".json") => 1,
        _ => content.iter().filter(|byte| **byte == b'\n').count(),
    };
    let entries = tar.entries.iter().map(|(name, content, _)| {
        let sha256 = hex(&Sha256::digest(content));
        json!({"name": name, "documents": documents(name, content), "bytes": content.len(), "sha256": sha256})
    });
    json!({
        "format_version": 1, "tool_version": "0", "created": "2026-01-01T00:00:00Z",
        "source": {"cluster_version": "9.0.0", "cluster_name": "c", "cluster_uuid": "u"},
        "job_id": "a", "snapshot_id": "17", "options": {}, "entries": entries.collect::<Vec<_>>(),
    })
}

/// The good archive with a manifest of it, both changed as told.
fn with(change: impl Fn(&mut Value), after: impl Fn(Tar) -> Tar) -> Contents {
    let mut manifest = manifest(&good());
    change(&mut manifest);
    let tar = after(good()).with(NAME, manifest.to_string());
    read(&tar.build())
}

#[test]
fn a_true_manifest_is_taken() {
    let contents = with(|_| {}, |tar| tar);
    assert_eq!(contents.findings, []);
    assert!(contents.manifest.is_some());
}

#[test]
fn each_difference_is_told() {
    type Change = fn(&mut Value);
    type After = fn(Tar) -> Tar;
    let cases: [(Change, After, &str); 10] = [
        (
            |manifest| manifest["format_version"] = json!(2),
            |tar| tar,
            "format version 2",
        ),
        (|manifest| manifest["job_id"] = json!("b"), |tar| tar, "names job `b`"),
        (
            |manifest| manifest["snapshot_id"] = json!("18"),
            |tar| tar,
            "snapshot `18`",
        ),
        (
            |manifest| manifest["entries"][3]["documents"] = json!(9),
            |tar| tar,
            "has 2 documents, not 9",
        ),
        (
            |manifest| manifest["entries"][3]["bytes"] = json!(9),
            |tar| tar,
            "bytes, not 9",
        ),
        (
            |manifest| manifest["entries"][3]["sha256"] = json!(""),
            |tar| tar,
            "it was changed",
        ),
        (
            |manifest| manifest["entries"][1]["name"] = json!("a_config.json2"),
            |tar| tar,
            "does not list it",
        ),
        (
            |manifest| manifest["entries"][1] = manifest["entries"][0].clone(),
            |tar| tar,
            "twice",
        ),
        (|_| {}, |tar| tar.without("a_annotations.ndjson"), "but it is missing"),
        (
            |_| {},
            |tar| tar.with("a_annotations.ndjson", "{\"job_id\":\"a\"}\n[]\n"),
            "not a JSON object",
        ),
    ];
    for (change, after, expected) in cases {
        let findings = fatal(&with(change, after));
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{expected}: {findings:?}"
        );
    }
}

#[test]
fn nothing_follows_the_manifest() {
    let tar = good()
        .with(NAME, manifest(&good()).to_string())
        .with("a_calendars.json", "[]");
    assert!(
        fatal(&read(&tar.build()))
            .iter()
            .any(|finding| finding.contains("must be the last"))
    );
}
