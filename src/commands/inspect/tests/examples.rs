//! A report with a value for every member.

use serde_json::json;

use crate::archive::{Contents, EntrySummary, Finding, Limits, Manifest, Part, Rule, Severity, StateSummary};
use crate::commands::compatibility::MissingPart;
use crate::commands::inspect::facts::{
    self, AnnotationFacts, ArchiveFacts, CategoriesFacts, CategoryFacts, Check, DataCountsFacts, InputFacts, Message,
    PARTS, PartFacts, Pattern, PatternFacts, REPORT_VERSION, Report, ResultCollector,
};
use crate::commands::inspect::values::{UnreadableFacts, ValueCollector};
use crate::job::{JobConfig, Snapshot};
use crate::report::{Histogram, TimeColumns};
use crate::util::timestamp::{EpochMillis, parse_date};
use crate::values::ArchivePart;

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn time(text: &str) -> Option<EpochMillis> {
    parse_date(text).ok()
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The same with values.
pub(in crate::commands::inspect) fn full_with_values() -> Report {
    let mut gathered = ValueCollector::default();
    let config = br#"{"job_id":"web-latency","analysis_config":{"detectors":[{"function":"mean",
        "field_name":"responsetime","partition_field_name":"host"}],"influencers":["host","user"]},
        "description":"of Alice"}"#;
    gathered.config(&JobConfig::parse(config).unwrap());
    for input in [
        r#"{"host":"web-01.corp.example","user":"alice","note":"write to a@example.org <b>now</b>"}"#,
        r#"{"host":"web-01.corp.example","user":"\u001b[2J"}"#,
    ] {
        gathered.document(Part::Inputs, None, input.as_bytes());
    }
    gathered.document(
        Part::Annotations,
        None,
        br#"{"annotation":"seen","create_username":"bob"}"#,
    );
    let mut values = gathered.into_facts(&Contents::default(), Limits::default());
    values.hashes.scopes = 7;
    values.unreadable.push(UnreadableFacts {
        part: ArchivePart::ModelState,
        reason: "at a.b: unknown element `z`".to_owned(),
    });
    let text = "Load test by \u{1b}[2J<b>Bob</b>";
    let report = full();
    Report {
        values: Some(values),
        results: Some(results().into_facts(report.contents.config.as_ref(), true)),
        messages: [
            vec![message("bob", text), message("_xpack", "Detected trend")],
            vec![message("info", "Job opened on node-1")],
        ],
        ..report
    }
}

/// A report with a value for every member, and text that would control a terminal.
pub(in crate::commands::inspect) fn full() -> Report {
    let contents = contents();
    Report {
        version: REPORT_VERSION,
        archive: ArchiveFacts {
            path: "web-latency_state.tar.gz".to_owned(),
            bytes: 412_961,
            written: contents.manifest.as_ref().map(facts::origin),
        },
        importable: false,
        job: contents.config.as_ref().map(facts::job),
        datafeed: contents
            .config
            .as_ref()
            .and_then(JobConfig::datafeed)
            .map(facts::datafeed),
        snapshot: facts::snapshot(&contents),
        state: StateSummary {
            model_documents: 1,
            model_bytes: 2_000_000,
            categorizer_documents: 1,
            categorizer_bytes: 1_000,
        },
        data_counts: Some(DataCountsFacts {
            records: Some(345_600),
            first_record: time("2024-01-01T00:00:12Z"),
            latest_record: time("2024-01-30T23:59:43Z"),
            buckets: Some(2879),
            empty_buckets: Some(0),
            missing_fields: Some(2),
            out_of_order: Some(3),
        }),
        patterns: vec![
            pattern("seasonality", text("1d"), Some("weekdays")),
            pattern("trend", None, None),
            pattern("other", None, None),
        ],
        categories: Some(CategoriesFacts {
            more: false,
            list: vec![category(3, 1200), category(1, 7)],
        }),
        parts: vec![
            part("state", 2, false),
            part("annotations", 12, true),
            part("notifications", 1, true),
            part("results", 1_200, true),
            part("inputs", 300_000, true),
        ],
        results: Some(results().into_facts(contents.config.as_ref(), false)),
        inputs: Some(InputFacts {
            indices: [("weblogs-2024.01".to_owned(), 300_000)].into(),
            mapping: true,
            histogram: Some(Histogram {
                columns: TimeColumns {
                    from: parse_date("2024-01-01").unwrap(),
                    column_millis: 67_108_864,
                    number: 5,
                },
                counts: vec![10, 20, 0, 80, 1],
            }),
        }),
        annotations: AnnotationFacts {
            by_job: 97,
            by_users: 1,
        },
        filters: texts(&["canary-hosts"]),
        calendars: vec![json!({"id": "holidays", "events": 3})],
        checks: vec![
            Check {
                what: "The archive is complete",
                passed: true,
            },
            Check {
                what: "All other entries are valid JSON",
                passed: false,
            },
        ],
        findings: vec![
            finding(Severity::Fatal, "web-latency_filters.json", "not JSON: expected value"),
            finding(Severity::Warning, "notes\n\u{1b}[2J.txt", "unknown entry, ignored"),
        ],
        missing: vec![MissingPart {
            what: "calendars",
            consequence: "Calendars".to_owned(),
        }],
        entries: vec![EntrySummary {
            kind: None,
            start: None,
            name: "web-latency_config.json".to_owned(),
            documents: 1,
            bytes: 3641,
            sha256: "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8".to_owned(),
        }],
        values: None,
        failure: Some(json!({"error": "web-latency_filters.json: not JSON", "hint": "look at it", "exit": 4})),
        messages: [vec![message("", "")], vec![message("", "")]],
        contents,
    }
}

fn contents() -> Contents {
    let manifest = json!({
        "format_version": 1, "tool_version": "0.1.0", "created": "2026-11-23T11:25:00Z",
        "source": {"cluster_version": "9.2.0", "cluster_name": "production", "cluster_uuid": "xAhsTO1RRz6tGljHAiU2Pw"},
        "job_id": "web-latency", "snapshot_id": "1795432817", "options": {"include-inputs": true}, "entries": [],
    });
    let event = |from: &str, to: &str| json!({"description": "<i>New year</i>", "start_time": time(from).unwrap().0, "end_time": time(to).unwrap().0});
    let events = [
        event("2023-12-31", "2024-01-02"),
        event("2024-01-03", "2024-01-04"),
        event("2025-01-01", "2025-01-02"),
    ];
    let calendar = json!({"calendar_id": "holidays", "events": events});
    Contents {
        manifest: Some(serde_json::from_value::<Manifest>(manifest).unwrap()),
        config: Some(job()),
        snapshot: Some(snapshot()),
        calendars: vec![serde_json::from_value(calendar).unwrap()],
        ..Contents::default()
    }
}

fn job() -> JobConfig {
    let detectors = ["mean(responsetime) partitionfield=host", "high_count by status"].map(|description| {
        json!({
            "detector_description": description,
            "function": "mean",
            "field_name": "responsetime",
            "partition_field_name": "host",
            "custom_rules": [{
                "actions": ["skip_result"],
                "conditions": [{"applies_to": "actual", "operator": "lt", "value": 100}],
                "scope": {"host": {"filter_id": "canary-hosts", "filter_type": "include"}},
            }],
        })
    });
    let job = json!({
        "job_id": "web-latency",
        "description": "Response time\nof the \u{1b}[31mweb\u{9b} tier",
        "groups": ["web", "slo"],
        "job_version": "12.0.0",
        "analysis_config": {
            "bucket_span": "15m",
            "detectors": detectors,
            "influencers": ["host", "clientip"],
            "categorization_field_name": "message",
            "summary_count_field_name": "doc_count",
        },
        "analysis_limits": {"model_memory_limit": "512mb"},
        "data_description": {"time_field": "@timestamp"},
        "datafeed_config": {
            "datafeed_id": "datafeed-web-latency",
            "indices": ["weblogs-*", "other:weblogs"],
            "query": {"term": {"status": 200}},
            "runtime_mappings": {"hour": {"type": "long"}},
        },
    });
    JobConfig::parse(job.to_string().as_bytes()).unwrap()
}

fn snapshot() -> Snapshot {
    let snapshot = json!({
        "job_id": "web-latency",
        "snapshot_id": "1795432817",
        "timestamp": "2026-11-23T11:20:17Z",
        "description": "State persisted due to job close",
        "min_version": "9.0.0",
        "snapshot_doc_count": 1,
        "model_size_stats": {
            "model_bytes": 19_763_200,
            "peak_model_bytes": 21_763_200,
            "model_bytes_memory_limit": 512 << 20,
            "model_bytes_exceeded": 0,
            "memory_status": "ok",
            "bucket_allocation_failures_count": 0,
            "total_by_field_count": 39,
            "total_over_field_count": 0,
            "total_partition_field_count": 32,
            "categorization_status": "warn",
            "categorized_doc_count": 43_131,
            "total_category_count": 12,
            "frequent_category_count": 11,
            "rare_category_count": 1,
            "dead_category_count": 0,
            "failed_category_count": 0,
        },
        "latest_record_time_stamp": "2024-01-30T23:59:43Z",
        "latest_result_time_stamp": "2024-01-30T23:30:00Z",
    });
    Snapshot::parse(serde_json::value::to_raw_value(&snapshot).unwrap()).unwrap()
}

/// Buckets with scores of every severity, one without results, and the records and influencers of some of them.
fn results() -> ResultCollector {
    let mut results = ResultCollector::default();
    for number in 0..20 {
        let time = parse_date("2024-01-29").unwrap().0 + number * 3_600_000;
        let score = [0.5, 0.0, 12.25, 30.0, 1.0, 62.5, 97.75][number as usize % 7];
        let result = |result_type: &str, more: serde_json::Value| {
            let mut result = json!({"result_type": result_type, "timestamp": time, "bucket_span": 3600});
            result
                .as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            result
        };
        if number != 9 {
            results.add(&result("bucket", json!({"anomaly_score": score})));
        }
        if score > 3.0 {
            let value = ["web-07.corp.example", "192.0.2.7", "\u{1b}[2J<b>"][number as usize % 3];
            let field = ["host", "clientip", "alice"][number as usize % 3];
            results.add(&result(
                "influencer",
                json!({"influencer_field_name": field, "influencer_field_value": value, "influencer_score": score}),
            ));
            results.add(&result(
                "record",
                json!({"record_score": score, "detector_index": number % 3, "typical": [12.5], "actual": [1234.5],
                    "partition_field_name": "host", "partition_field_value": value}),
            ));
        }
    }
    results
}

fn pattern(kind: &'static str, period: Option<String>, days: Option<&'static str>) -> PatternFacts {
    PatternFacts {
        pattern: Pattern { kind, period, days },
        detector: Some(0),
        series: 31,
    }
}

fn category(id: u64, matches: u64) -> CategoryFacts {
    CategoryFacts {
        id,
        matches: Some(matches),
        example: text("login of \u{1b}[2Jalice <script>alert(1)</script> failed"),
    }
}

fn finding(severity: Severity, place: &str, what: &str) -> Finding {
    Finding {
        severity,
        rule: Rule::File,
        incomplete: false,
        place: place.to_owned(),
        what: what.to_owned(),
    }
}

fn message(origin: &str, text: &str) -> Message {
    Message {
        time: time("2024-01-02T12:00:00Z"),
        end: time("2024-01-02T18:00:00Z"),
        origin: origin.to_owned(),
        text: text.to_owned(),
    }
}

fn part(part: &'static str, documents: u64, dated: bool) -> PartFacts {
    let (.., heading) = PARTS.into_iter().find(|(_, name, _)| *name == part).unwrap();
    PartFacts {
        part,
        heading,
        entries: 1,
        documents,
        bytes: documents * 100,
        first: time("2024-01-01T00:00:12Z").filter(|_| dated),
        last: time("2024-01-30T23:59:43Z").filter(|_| dated),
        undated: u64::from(dated),
    }
}
