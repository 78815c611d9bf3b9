//! Archives that violate one rule each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{EntryType, Header};

use crate::archive::{Contents, Error, Limits, Part, Severity, check};
use crate::util::atomic_file::FileError;
use crate::util::format::hex;

/// An archive to be damaged.
#[derive(Clone)]
struct Tar {
    entries: Vec<(String, Vec<u8>, EntryType)>,
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

fn state(kind: &str, number: u64, chunk: &str, eos: bool) -> String {
    let end = if eos { r#","eos":true"# } else { "" };
    format!(
        "{{\"index\":{{\"_index\":\".ml-state\",\"_id\":\"{kind}#{number}\"}}}}\n{{\"compressed\":[\"{chunk}\"]{end}}}\n"
    )
}

const MODEL: &str = "a_model_state_17";
const CATEGORIZER: &str = "a_categorizer_state";

/// Three documents of the model and one of the categorizer.
fn states() -> [String; 4] {
    let text = STANDARD.encode(gzip(b"some state"));
    let (one, rest) = text.split_at(5);
    let (two, three) = rest.split_at(7);
    [
        state(MODEL, 1, one, false),
        state(MODEL, 2, two, false),
        state(MODEL, 3, three, true),
        state(CATEGORIZER, 1, &text, true),
    ]
}

fn good() -> Tar {
    let config = r#"{"job_id":"a","analysis_config":{"bucket_span":"5m","categorization_field_name":"m","detectors":[{"function":"count","by_field_name":"mlcategory"}]},"data_description":{"time_field":"t"}}"#;
    let snapshot = r#"{"job_id":"a","snapshot_id":"17","timestamp":1,"snapshot_doc_count":3,"quantiles":{"job_id":"a","timestamp":1,"quantile_state":""}}"#;
    let entries = [
        (
            "ml-anomalies-snapshot_doc_a_model_snapshot_17.json",
            snapshot.to_owned(),
        ),
        ("a_config.json", config.to_owned()),
        ("a_snapshot_docs.ndjson", states().concat()),
        (
            "a_annotations.ndjson",
            "{\"job_id\":\"a\"}\n{\"job_id\":\"a\"}\n".to_owned(),
        ),
        (
            "a_input_1.ndjson",
            "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"job_id\":\"any\"}\n".to_owned(),
        ),
        ("a_data_counts.json", r#"{"job_id":"a"}"#.to_owned()),
        ("a_filters.json", r#"[{"filter_id":"f"}]"#.to_owned()),
    ];
    let entries = entries
        .into_iter()
        .map(|(name, text)| (name.to_owned(), text.into_bytes(), EntryType::Regular));
    Tar {
        entries: entries.collect(),
    }
}

impl Tar {
    fn blocks(&self) -> Vec<u8> {
        let mut blocks = Vec::new();
        for (name, content, kind) in &self.entries {
            let mut header = Header::new_ustar();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_size(content.len() as u64);
            header.set_entry_type(*kind);
            header.set_cksum();
            blocks.extend_from_slice(header.as_bytes());
            blocks.extend_from_slice(content);
            blocks.resize(blocks.len().next_multiple_of(512), 0);
        }
        blocks
    }

    fn build(&self) -> Vec<u8> {
        gzip(&[self.blocks(), vec![0; 1024]].concat())
    }

    fn content(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.entries.iter_mut().find(|(entry, ..)| entry == name).unwrap().1
    }

    fn with(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        match self.entries.iter().any(|(entry, ..)| entry == name) {
            true => *self.content(name) = content.into(),
            false => self.entries.push((name.to_owned(), content.into(), EntryType::Regular)),
        }
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.entries.retain(|(entry, ..)| entry != name);
        self
    }

    fn also(mut self, name: &str, kind: EntryType) -> Self {
        self.entries.push((name.to_owned(), b"{}".to_vec(), kind));
        self
    }

    fn state(self, documents: &[&str]) -> Self {
        self.with("a_snapshot_docs.ndjson", documents.concat())
    }
}

fn read(bytes: &[u8]) -> Contents {
    check(bytes, Limits::default(), &mut (), &|_| {}).unwrap()
}

fn fatal(contents: &Contents) -> Vec<String> {
    let fatal = contents
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Fatal);
    fatal
        .map(|finding| format!("{}: {}", finding.place, finding.what))
        .collect()
}

#[test]
fn valid_archive_is_importable() {
    let contents = read(&good().build());
    assert_eq!(contents.findings, []);
    assert_eq!(
        (contents.state.model_documents, contents.state.categorizer_documents),
        (3, 1)
    );
    assert_eq!(contents.state.model_bytes, 10);
    assert_eq!((contents.count(Part::State), contents.count(Part::Annotations)), (4, 2));
    assert_eq!(contents.input_indices.get("i"), Some(&1));
}

#[test]
fn state_is_accepted_in_any_order_and_position() {
    let [one, two, three, categorizer] = states();
    let mut tar = good().state(&[&three, &categorizer, &two, &one]);
    tar.entries.reverse();
    assert_eq!(read(&tar.build()).findings, []);
}

#[test]
fn each_rule_is_applied() {
    let [one, two, three, _] = states();
    let chunk = STANDARD.encode(gzip(b"other"));
    let snapshot = "ml-anomalies-snapshot_doc_a_model_snapshot_17.json";
    let cases: Vec<(&str, Tar, &str)> = vec![
        ("empty", Tar { entries: vec![] }, "empty"),
        ("no config", good().without("a_config.json"), "configuration"),
        ("no snapshot", good().without(snapshot), "snapshot document"),
        (
            "no state",
            good().without("a_snapshot_docs.ndjson"),
            "no model to import",
        ),
        ("link", good().also("x", EntryType::Symlink), "not a regular file"),
        (
            "directory",
            good().also("x/", EntryType::Directory),
            "not a regular file",
        ),
        (
            "absolute",
            good().also("/a_calendars.json", EntryType::Regular),
            "unsafe path",
        ),
        (
            "up",
            good().also("x/../a_calendars.json", EntryType::Regular),
            "unsafe path",
        ),
        (
            "backslash",
            good().also("x\\a_calendars.json", EntryType::Regular),
            "unsafe path",
        ),
        (
            "drive",
            good().also("C:a_calendars.json", EntryType::Regular),
            "unsafe path",
        ),
        (
            "path twice",
            good().also("a_config.json", EntryType::Regular),
            "duplicate entry",
        ),
        (
            "kind twice",
            good().also("b_config.json", EntryType::Regular),
            "of this kind",
        ),
        ("gap", good().state(&[&one, &three]), "`a_model_state_17#2` is missing"),
        (
            "duplicate",
            good().state(&[&one, &one, &two, &three]),
            "duplicate state document",
        ),
        ("last missing", good().state(&[&one, &two]), "does not have `eos`"),
        (
            "one too many",
            good().state(&[&one, &two, &three, &state(MODEL, 4, "", true)]),
            "follows the document",
        ),
        (
            "count",
            good().state(&[&state(MODEL, 1, &chunk, true)]),
            "is 3, but the archive has 1",
        ),
        (
            "truncated categorizer state",
            good().state(&[&one, &two, &three, &state(CATEGORIZER, 2, "", true)]),
            "#1` is missing",
        ),
        (
            "other job",
            good().state(&[&state("b_model_state_17", 1, &chunk, true)]),
            "not state of job `a`",
        ),
        (
            "other snapshot",
            good().state(&[&state("a_model_state_18", 1, &chunk, true)]),
            "not state of job `a`",
        ),
        (
            "quantiles",
            good().state(&[&one, &two, &three, &state("a_quantiles", 1, "", true)]),
            "not the ID",
        ),
        (
            "bad chunk",
            good().state(&[&one, &state(MODEL, 2, "!!!!", false), &three]),
            "invalid base64",
        ),
        (
            "state not json",
            good().state(&[&one.replace("]}", "]"), &two, &three]),
            "not a state document",
        ),
        (
            "no document",
            good().state(&[&one, &two, &three, "{\"index\":{\"_id\":\"a\"}}"]),
            "without a document",
        ),
        (
            "not an action",
            good().with("a_input_1.ndjson", "{\"delete\":{}}\n{}\n"),
            "not an action line",
        ),
        (
            "no index",
            good().with("a_input_1.ndjson", "{\"index\":{\"_id\":\"1\"}}\n{}\n"),
            "does not have an `_index`",
        ),
        (
            "not json",
            good().with("a_annotations.ndjson", "{}\n{\n"),
            "line 2: not a JSON object",
        ),
        (
            "an array",
            good().with("a_notifications.ndjson", "[]\n"),
            "not a JSON object",
        ),
        (
            "annotation of another job",
            good().with("a_annotations.ndjson", "{\"job_id\":\"b\"}\n"),
            "belongs to job `b`",
        ),
        (
            "category under another job's id",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"b_category_definition_1\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "belongs to job `b`",
        ),
        (
            "category under the id of something else",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_model_snapshot_1\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "not the ID of a category",
        ),
        (
            "category with a suffix",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_category_definition_1_x\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "not the ID of a category",
        ),
        (
            "category with a sign",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_category_definition_+1\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "not the ID of a category",
        ),
        (
            "category twice",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_category_definition_1\"}}\n{\"job_id\":\"a\"}\n".repeat(2),
            ),
            "the same ID",
        ),
        (
            "gap in the inputs",
            good().with("a_input_3.ndjson", ""),
            "no entry of input documents with number 2",
        ),
        (
            "both forms of inputs",
            good().with("a_input.ndjson", ""),
            "imported twice",
        ),
        (
            "annotation of no job",
            good().with("a_annotations.ndjson", "{}\n"),
            "does not have a `job_id`",
        ),
        (
            "snapshot of another job",
            good().with(
                snapshot,
                r#"{"job_id":"b","snapshot_id":"17","timestamp":1,"snapshot_doc_count":3}"#,
            ),
            "job `b`",
        ),
        (
            "no count",
            good().with(snapshot, r#"{"job_id":"a","snapshot_id":"17","timestamp":1}"#),
            "no state documents",
        ),
        (
            "data counts of another job",
            good().with("a_data_counts.json", r#"{"job_id":"b"}"#),
            "does not belong to job `a`",
        ),
        (
            "bad filter",
            good().with("a_filters.json", r#"[{"filter_id":"../x"}]"#),
            "filter ID",
        ),
        (
            "bad calendar",
            good().with("a_calendars.json", r#"[{"x":1}]"#),
            "missing field `calendar_id`",
        ),
        (
            "bad mapping",
            good().with("a_input_mapping.json", "[]"),
            "expected an object",
        ),
        (
            "bad manifest",
            good().with("esml_manifest.json", "{}"),
            "cannot be read",
        ),
    ];
    for (name, tar, expected) in cases {
        let contents = read(&tar.build());
        let findings = fatal(&contents);
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{name}: {findings:?}"
        );
    }
}

#[test]
fn missing_categorizer_state_of_a_categorization_job_is_a_warning() {
    let [one, two, three, _] = states();
    let contents = read(&good().state(&[&one, &two, &three]).build());
    assert!(contents.importable());
    assert!(
        contents
            .findings
            .iter()
            .any(|finding| finding.what.contains("starts from the beginning"))
    );
}

#[test]
fn control_characters_in_names_are_escaped() {
    let contents = read(&good().also("\u{1b}[2J\u{202e}x", EntryType::Regular).build());
    let finding = &contents.findings[0];
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.place, "\\u{1b}[2J\\u{202e}x");
}

#[test]
fn read_errors_are_not_findings() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let error = check(Failing, Limits::default(), &mut (), &|_| {}).unwrap_err();
    assert!(
        matches!(error, Error::File(FileError::Read(_, cause)) if cause.kind() == std::io::ErrorKind::PermissionDenied)
    );
}

#[test]
fn archives_of_the_python_scripts_are_valid() {
    let folder = format!("{}/tests/fixtures/from-python", env!("CARGO_MANIFEST_DIR"));
    let cases = [
        ("complete", true, ""),
        ("dotted-job-id", true, "starts from the beginning"),
        ("readme-2025-04-layout", true, ""),
        ("without-categorizer", true, "starts from the beginning"),
        ("without-snapshot-document", false, "snapshot document"),
        ("empty", false, "empty"),
    ];
    for (name, importable, expected) in cases {
        let contents = read(&std::fs::read(format!("{folder}/{name}.tar.gz")).unwrap());
        assert_eq!(contents.importable(), importable, "{name}: {:?}", contents.findings);
        let is_found = contents.findings.iter().any(|finding| finding.what.contains(expected));
        assert!(
            is_found || expected.is_empty() && contents.findings.is_empty(),
            "{name}: {:?}",
            contents.findings
        );
    }
}

#[test]
fn truncation_is_detected_at_any_position() {
    let whole = good().build();
    for length in 0..whole.len() {
        assert!(!read(&whole[..length]).importable(), "{length} of {}", whole.len());
    }
    let blocks = good().blocks();
    for end in [&[][..], &[0; 512]] {
        assert!(!read(&gzip(&[&blocks[..], end].concat())).importable());
    }
    // The file ends between two gzip members: every block is complete, but the end marker is missing.
    let members: Vec<u8> = blocks.chunks(512).flat_map(gzip).collect();
    assert!(
        fatal(&read(&members))
            .iter()
            .any(|finding| finding.contains("truncated"))
    );
    assert_eq!(read(&[members, gzip(&[0; 1024])].concat()).findings, []);
}

#[test]
fn data_after_the_end_is_detected() {
    let blocks = [good().blocks(), vec![0; 1024]].concat();
    assert!(!read(&gzip(&[&blocks[..], b"x"].concat())).importable());
    assert!(!read(&[good().build(), b"x".to_vec()].concat()).importable());
    assert!(read(&[good().build(), vec![0; 600]].concat()).importable());
    assert!(!read(&[good().build(), gzip(b"more")].concat()).importable());
    // Also after zeros, regardless of where the buffer of compressed bytes ends.
    for zeros in [1, 600, 200 << 10] {
        for more in [&b"x"[..], b"\x1f\x8b", &gzip(b"more")] {
            let contents = read(&[&good().build()[..], &vec![0; zeros], more].concat());
            let findings = fatal(&contents);
            assert!(
                findings.iter().any(|finding| finding.contains("unexpected data")),
                "{zeros}, {more:?}: {findings:?}"
            );
        }
    }
    for more in [&b"\x1f"[..], b"\x1f\x8b", b"\x1f\x8b\x08", b"\n"] {
        assert!(!read(&[&good().build()[..], more].concat()).importable(), "{more:?}");
    }
}

#[test]
fn flipped_byte_is_detected_by_the_check() {
    let whole = good().build();
    // The gzip header's time and system are not relevant, nor are the bits that fill the last byte before the checksum.
    for at in (10..whole.len()).step_by(7).filter(|at| *at != whole.len() - 9) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        assert!(!read(&bytes).importable(), "{at}");
    }
}

#[test]
fn limits_are_enforced_while_reading() {
    let limited = |limits| fatal(&check(&good().build()[..], limits, &mut (), &|_| {}).unwrap());
    let (entry, total, state) = (100, 300, 5);
    let limits = Limits::default();
    assert!(limited(Limits { entry, ..limits })[0].contains("--max-entry-size"));
    assert!(limited(Limits { total, ..limits })[0].contains("exceeds 300 bytes"));
    assert!(limited(Limits { state, ..limits })[0].contains("more than 5 bytes"));
    // Repetitive content alone is not a reason to refuse an archive.
    assert!(read(&good().with("x", vec![0; 80 << 20]).build()).importable());
    let mut long = good();
    long.entries
        .insert(0, ("l".to_owned(), vec![b'a'; 1 << 20], EntryType::GNULongName));
    assert!(fatal(&read(&long.build()))[0].contains("larger than 64 KiB"));
}

const MANIFEST: &str = "esml_manifest.json";

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

/// Returns the valid archive with its manifest, both changed by the arguments.
fn with_manifest(change: impl Fn(&mut Value), after: impl Fn(Tar) -> Tar) -> Contents {
    let mut manifest = manifest(&good());
    change(&mut manifest);
    let tar = after(good()).with(MANIFEST, manifest.to_string());
    read(&tar.build())
}

#[test]
fn matching_manifest_is_accepted() {
    let contents = with_manifest(|_| {}, |tar| tar);
    assert_eq!(contents.findings, []);
    assert!(contents.manifest.is_some());
}

#[test]
fn each_difference_from_the_manifest_is_detected() {
    type Change = fn(&mut Value);
    type After = fn(Tar) -> Tar;
    let cases: [(Change, After, &str); 10] = [
        (
            |manifest| manifest["format_version"] = json!(2),
            |tar| tar,
            "format version 2",
        ),
        (
            |manifest| manifest["job_id"] = json!("b"),
            |tar| tar,
            "belongs to job `b`",
        ),
        (
            |manifest| manifest["snapshot_id"] = json!("18"),
            |tar| tar,
            "snapshot `18`",
        ),
        (
            |manifest| manifest["entries"][3]["documents"] = json!(9),
            |tar| tar,
            "has 2 documents, but the manifest lists 9",
        ),
        (
            |manifest| manifest["entries"][3]["bytes"] = json!(9),
            |tar| tar,
            "bytes, but the manifest lists 9",
        ),
        (
            |manifest| manifest["entries"][3]["sha256"] = json!(""),
            |tar| tar,
            "the entry was changed",
        ),
        (
            |manifest| manifest["entries"][1]["name"] = json!("a_config.json2"),
            |tar| tar,
            "not in the manifest",
        ),
        (
            |manifest| manifest["entries"][1] = manifest["entries"][0].clone(),
            |tar| tar,
            "duplicate entry",
        ),
        (|_| {}, |tar| tar.without("a_annotations.ndjson"), "but it is missing"),
        (
            |_| {},
            |tar| tar.with("a_annotations.ndjson", "{\"job_id\":\"a\"}\n[]\n"),
            "not a JSON object",
        ),
    ];
    for (change, after, expected) in cases {
        let findings = fatal(&with_manifest(change, after));
        assert!(
            findings.iter().any(|finding| finding.contains(expected)),
            "{expected}: {findings:?}"
        );
    }
}

#[test]
fn entries_after_the_manifest_are_refused() {
    let tar = good()
        .with(MANIFEST, manifest(&good()).to_string())
        .with("a_calendars.json", "[]");
    assert!(
        fatal(&read(&tar.build()))
            .iter()
            .any(|finding| finding.contains("must be the last"))
    );
}
