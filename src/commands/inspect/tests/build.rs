//! Reports on synthetic contents.

use serde_json::json;
use serde_json::value::RawValue;

use crate::archive::{
    Contents, DocumentVisitor, EntryKind, EntrySummary, Finding, Limits, Manifest, Part, Rule, Severity,
};
use crate::commands::inspect::facts::{FactCollector, Report};
use crate::job::{Calendar, Filter, JobConfig, Snapshot};

fn raw(json: &str) -> Option<Box<RawValue>> {
    Some(RawValue::from_string(json.to_owned()).unwrap())
}

fn entry(name: &str, kind: Option<EntryKind>) -> EntrySummary {
    EntrySummary {
        name: name.to_owned(),
        kind,
        documents: 1,
        bytes: 10,
        sha256: "00".repeat(32),
        start: None,
    }
}

/// An archive of the Python scripts, with a job that categorizes and has a rule with a filter.
fn contents() -> Contents {
    let config = br#"{"job_id":"logs","analysis_config":{"bucket_span":"15m","categorization_field_name":"message",
        "detectors":[{"function":"count","by_field_name":"mlcategory","custom_rules":[{"actions":["skip_result"],
        "scope":{"mlcategory":{"filter_id":"quiet","filter_type":"include"}}}]}],"influencers":[]},
        "data_description":{"time_field":"event.created"},
        "datafeed_config":{"datafeed_id":"datafeed-logs","indices":["far:logs"],"query":{"match_all":{}}}}"#;
    let snapshot = r#"{"job_id":"logs","snapshot_id":"9","timestamp":1795432817000,"min_version":"7.9.0",
        "snapshot_doc_count":1,"model_size_stats":{"model_bytes":100,"memory_status":"ok"},
        "latest_record_time_stamp":1706659183000}"#;
    Contents {
        config: Some(JobConfig::parse(config).unwrap()),
        snapshot: Some(Snapshot::parse(raw(snapshot).unwrap()).unwrap()),
        entries: vec![
            entry("logs_config.json", Some(EntryKind::Config)),
            entry("logs_snapshot_docs.ndjson", Some(EntryKind::State)),
            entry("logs_input_1.ndjson", Some(EntryKind::Inputs { number: 1 })),
            entry("logs_input_2.ndjson", Some(EntryKind::Inputs { number: 2 })),
        ],
        input_indices: [("logs-1".to_owned(), 2)].into(),
        ..Contents::default()
    }
}

fn built(contents: &Contents) -> Report {
    let mut collector = FactCollector::default();
    if let Some(config) = &contents.config {
        collector.config(config);
    }
    for source in [
        &br#"{"event":{"created":"2024-01-02"}}"#[..],
        br#"{"event":{"created":1704067212}}"#,
    ] {
        collector.document(Part::Inputs, Some("logs-1"), Some("1"), source);
    }
    collector.report("logs.tar.gz", 99, contents.clone(), Limits::default())
}

fn missing(report: &Report) -> Vec<&str> {
    report.missing.iter().map(|part| part.what).collect()
}

fn fatal(rule: Rule, incomplete: bool) -> Finding {
    Finding {
        severity: Severity::Fatal,
        rule,
        incomplete,
        place: "somewhere".to_owned(),
        what: "wrong".to_owned(),
    }
}

fn failed(report: &Report) -> Vec<&str> {
    report
        .checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| check.what)
        .collect()
}

#[test]
fn facts_are_read_from_the_documents() {
    let report = built(&contents());
    let snapshot = report.snapshot.as_ref().unwrap();
    assert_eq!(snapshot["created"], "2026-11-23T11:20:17Z");
    assert_eq!(
        (&snapshot["state_documents"], &snapshot["model_bytes"]),
        (&json!(1), &json!(100))
    );
    let datafeed = report.datafeed.as_ref().unwrap();
    assert_eq!(
        ["remote", "query", "runtime_mappings"].map(|fact| datafeed[fact] == true),
        [true, false, false]
    );
    let inputs = report.parts.iter().find(|part| part.part == "inputs").unwrap();
    assert_eq!(
        (inputs.entries, inputs.documents, inputs.bytes, inputs.undated),
        (2, 2, 20, 0)
    );
    assert_eq!(inputs.first.unwrap().to_string(), "2024-01-01T00:00:12Z");
    assert_eq!(inputs.last.unwrap().to_string(), "2024-01-02T00:00:00Z");
    assert!(report.importable && failed(&report).is_empty(), "{:?}", report.checks);
}

#[test]
fn missing_parts_of_an_archive_of_the_scripts_are_listed() {
    assert_eq!(
        missing(&built(&contents())),
        [
            "categorizer_state",
            "categories",
            "data_counts",
            "elasticsearch_9",
            "input_mapping",
            "filter",
            "calendars",
            "annotations",
            "notifications"
        ]
    );
}

#[test]
fn filter_in_the_archive_is_not_reported_as_missing() {
    let mut contents = contents();
    let filter = raw(r#"{"filter_id":"quiet","items":["a"]}"#).unwrap();
    contents.filters = vec![Filter::parse(&filter).unwrap()];
    let calendar = r#"{"calendar_id":"c","job_ids":["logs"],"events":[{"description":"x"},{}]}"#;
    contents.calendars = vec![serde_json::from_str::<Calendar>(calendar).unwrap()];
    let text = raw(&format!("[{calendar}]")).unwrap();
    contents.texts.insert(EntryKind::Calendars, text);
    let report = built(&contents);
    assert_eq!(report.filters, ["quiet"]);
    assert_eq!(report.calendars, [json!({"id": "c", "events": 2})]);
    assert!(!missing(&report).contains(&"filter") && !missing(&report).contains(&"calendars"));
}

#[test]
fn a_fatal_finding_fails_the_check_of_its_rule() {
    let mut contents = contents();
    contents.findings.push(fatal(Rule::State, false));
    contents.findings.push(Finding {
        severity: Severity::Warning,
        ..fatal(Rule::OtherEntry, false)
    });
    let report = built(&contents);
    assert!(!report.importable);
    let state = "The model state is complete and can be decoded";
    assert_eq!(failed(&report), [state]);
    // An incomplete entry.
    contents.findings.push(fatal(Rule::State, true));
    assert_eq!(
        failed(&built(&contents)),
        ["The archive is complete: gzip, tar, sizes, entries", state]
    );
    // An unreadable manifest.
    contents.findings = vec![fatal(Rule::Manifest, false)];
    assert_eq!(
        failed(&built(&contents)),
        ["All entries match the manifest: documents, bytes, SHA-256"]
    );
    contents.findings.clear();
    contents.snapshot = None;
    assert_eq!(
        failed(&built(&contents)),
        ["The snapshot document exists and belongs to the job"]
    );
}

#[test]
fn entries_are_compared_with_the_manifest() {
    let listed = |contents: &Contents, sha256: &str| -> Manifest {
        let entries: Vec<_> = contents
            .entries
            .iter()
            .map(|e| json!({"name": e.name, "documents": 1, "bytes": 10, "sha256": sha256}))
            .collect();
        serde_json::from_value(json!({
            "format_version": 1, "tool_version": "0.1.0", "created": "2026-11-23T11:25:00Z",
            "source": {"cluster_version": "9.2.0", "cluster_name": "n", "cluster_uuid": "u"},
            "job_id": "logs", "snapshot_id": "9", "options": {}, "entries": entries
        }))
        .unwrap()
    };
    let mut contents = contents();
    contents.entries.push(entry("notes.txt", None));
    contents.manifest = Some(listed(&contents, &"00".repeat(32)));
    contents
        .entries
        .push(entry("esml_manifest.json", Some(EntryKind::Manifest)));
    assert!(failed(&built(&contents)).is_empty());
    contents.manifest = contents.manifest.map(|mut manifest| {
        manifest.entries[1].sha256 = "11".repeat(32);
        manifest
    });
    assert_eq!(
        failed(&built(&contents)),
        ["All entries match the manifest: documents, bytes, SHA-256"]
    );
}

#[test]
fn time_field_is_read_before_the_input_documents() {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, content) in [
        (
            "logs_config.json",
            r#"{"job_id":"logs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{"time_field":"at"}}"#,
        ),
        (
            "logs_input_1.ndjson",
            "{\"index\":{\"_index\":\"i\",\"_id\":\"1\"}}\n{\"@timestamp\":1,\"at\":\"2024-01-02\"}\n",
        ),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        tar.append_data(&mut header, name, content.as_bytes()).unwrap();
    }
    let archive = tar.into_inner().unwrap().finish().unwrap();
    let mut collector = FactCollector::default();
    crate::archive::check(&archive[..], crate::archive::Limits::default(), &mut collector, &|_| {}).unwrap();
    let report = collector.report("-", 0, contents(), Limits::default());
    let inputs = report.parts.iter().find(|part| part.part == "inputs").unwrap();
    assert_eq!(inputs.first.unwrap().to_string(), "2024-01-02T00:00:00Z");
}

#[test]
fn annotations_without_timestamp_have_their_creation_time() {
    let mut collector = FactCollector::default();
    for source in [
        r#"{"timestamp": 1704300000000, "create_time": 1}"#,
        r#"{"create_time": 1795432900000}"#,
        "{}",
    ] {
        collector.document(Part::Annotations, None, None, source.as_bytes());
    }
    let report = collector.report("-", 0, contents(), Limits::default());
    let annotations = report.parts.iter().find(|part| part.part == "annotations").unwrap();
    assert_eq!(annotations.first.unwrap().0, 1_704_300_000_000);
    assert_eq!(
        (annotations.last.unwrap().0, annotations.undated),
        (1_795_432_900_000, 1)
    );
}
