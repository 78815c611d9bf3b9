#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod damage;
mod made;
mod manifest;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tar::EntryType;

use self::made::{CATEGORIZER, MODEL, Tar, good, gzip, state, states};
use super::*;
use crate::archive::Severity;

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
fn a_good_archive_is_importable() {
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
fn state_may_come_in_any_order_and_before_the_rest() {
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
        ("no state", good().without("a_snapshot_docs.ndjson"), "nothing learned"),
        ("link", good().also("x", EntryType::Symlink), "not a plain file"),
        ("folder", good().also("x/", EntryType::Directory), "not a plain file"),
        (
            "absolute",
            good().also("/a_calendars.json", EntryType::Regular),
            "leads elsewhere",
        ),
        (
            "up",
            good().also("x/../a_calendars.json", EntryType::Regular),
            "leads elsewhere",
        ),
        (
            "backslash",
            good().also("x\\a_calendars.json", EntryType::Regular),
            "leads elsewhere",
        ),
        (
            "drive",
            good().also("C:a_calendars.json", EntryType::Regular),
            "leads elsewhere",
        ),
        (
            "path twice",
            good().also("a_config.json", EntryType::Regular),
            "there twice",
        ),
        (
            "kind twice",
            good().also("b_config.json", EntryType::Regular),
            "of this kind",
        ),
        ("gap", good().state(&[&one, &three]), "`a_model_state_17#2` is missing"),
        ("duplicate", good().state(&[&one, &one, &two, &three]), "there twice"),
        ("last missing", good().state(&[&one, &two]), "lacks `eos`"),
        (
            "one too many",
            good().state(&[&one, &two, &three, &state(MODEL, 4, "", true)]),
            "follows the document",
        ),
        (
            "count",
            good().state(&[&state(MODEL, 1, &chunk, true)]),
            "has 3 documents, the archive has 1",
        ),
        (
            "categorizer cut",
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
            "not the id",
        ),
        (
            "bad chunk",
            good().state(&[&one, &state(MODEL, 2, "!!!!", false), &three]),
            "not base64",
        ),
        (
            "state not json",
            good().state(&[&one.replace("]}", "]"), &two, &three]),
            "not a state document",
        ),
        (
            "no document",
            good().state(&[&one, &two, &three, "{\"index\":{\"_id\":\"a\"}}"]),
            "without its document",
        ),
        (
            "not an action",
            good().with("a_input_1.ndjson", "{\"delete\":{}}\n{}\n"),
            "not an action line",
        ),
        (
            "no index",
            good().with("a_input_1.ndjson", "{\"index\":{\"_id\":\"1\"}}\n{}\n"),
            "names no `_index`",
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
            "foreign annotation",
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
            "not the id of a category",
        ),
        (
            "category with a suffix",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_category_definition_1_x\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "not the id of a category",
        ),
        (
            "category with a sign",
            good().with(
                "a_categories.ndjson",
                "{\"index\":{\"_id\":\"a_category_definition_+1\"}}\n{\"job_id\":\"a\"}\n",
            ),
            "not the id of a category",
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
            "names no job",
        ),
        (
            "foreign snapshot",
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
            "foreign counts",
            good().with("a_data_counts.json", r#"{"job_id":"b"}"#),
            "not of job `a`",
        ),
        (
            "bad filter",
            good().with("a_filters.json", r#"[{"filter_id":"../x"}]"#),
            "filter id",
        ),
        (
            "bad calendar",
            good().with("a_calendars.json", r#"[{"x":1}]"#),
            "missing field `calendar_id`",
        ),
        (
            "bad mapping",
            good().with("a_input_mapping.json", "[]"),
            "not a JSON object",
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
fn a_categorization_job_without_categorizer_state_is_warned_of() {
    let [one, two, three, _] = states();
    let contents = read(&good().state(&[&one, &two, &three]).build());
    assert!(contents.importable());
    assert!(
        contents
            .findings
            .iter()
            .any(|finding| finding.what.contains("start anew"))
    );
}

#[test]
fn names_cannot_reach_the_terminal_raw() {
    let contents = read(&good().also("\u{1b}[2J\u{202e}x", EntryType::Regular).build());
    let finding = &contents.findings[0];
    assert_eq!(finding.severity, Severity::Warning);
    assert_eq!(finding.place, "\\u{1b}[2J\\u{202e}x");
}

#[test]
fn a_failing_reader_is_no_finding() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::PermissionDenied.into())
        }
    }
    let error = check(Failing, Limits::default(), &mut (), &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Io { cause, .. } if cause.kind() == std::io::ErrorKind::PermissionDenied));
}

#[test]
fn archives_of_the_scripts_are_read() {
    let folder = format!("{}/tests/fixtures/from-python", env!("CARGO_MANIFEST_DIR"));
    let cases = [
        ("complete", true, ""),
        ("dotted-job-id", true, "start anew"),
        ("readme-2025-04-layout", true, ""),
        ("without-categorizer", true, "start anew"),
        ("without-snapshot-document", false, "snapshot document"),
        ("empty", false, "empty"),
    ];
    for (name, importable, expected) in cases {
        let contents = read(&std::fs::read(format!("{folder}/{name}.tar.gz")).unwrap());
        assert_eq!(contents.importable(), importable, "{name}: {:?}", contents.findings);
        let told = contents.findings.iter().any(|finding| finding.what.contains(expected));
        assert!(
            told || expected.is_empty() && contents.findings.is_empty(),
            "{name}: {:?}",
            contents.findings
        );
    }
}
