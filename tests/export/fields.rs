//! Exactly the fields that the job needs are exported, with their mappings.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{cluster, exported, failed_export, inputs};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::faults::FaultRule;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// A field of every document that no job reads.
fn with_private_field(mut fixture: Fixture) -> Fixture {
    for input in &mut fixture.inputs {
        input.source = input.source.replacen('{', r#"{"private": {"note": "s3cr3t"}, "#, 1);
    }
    fixture
}

/// Every list of fields that was requested; `*` if a search requested complete documents.
fn record_requested_fields(cluster: &TestCluster, index: &str) -> Arc<Mutex<BTreeSet<String>>> {
    let asked = Arc::new(Mutex::new(BTreeSet::new()));
    let (index, recorded) = (index.to_owned(), Arc::clone(&asked));
    let opened: Mutex<bool> = Mutex::new(false);
    let hook = FaultRule::on("POST", "").always().run(move |call| {
        if call.path.ends_with("/_pit") {
            *opened.lock().unwrap() = call.path.contains(&index);
        }
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let of_inputs = call.path.contains(&index) || (call.path == "/_search" && *opened.lock().unwrap());
        if of_inputs && call.path.ends_with("/_search") && body["size"] != 0 {
            match body["_source"].as_array() {
                Some(fields) => recorded
                    .lock()
                    .unwrap()
                    .extend(fields.iter().map(|field| field.as_str().unwrap().to_owned())),
                None => drop(recorded.lock().unwrap().insert("*".to_owned())),
            }
        }
    });
    cluster.stand_in.faults().add(hook);
    asked
}

fn keys(documents: &[Value]) -> BTreeSet<String> {
    let keys = documents
        .iter()
        .flat_map(|document| document.as_object().unwrap().keys().cloned());
    keys.collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn export_includes_exactly_the_fields_that_the_job_reads() {
    for (name, source, expected) in [
        (
            "web-latency",
            "weblogs-2024.01",
            &["@timestamp", "clientip", "host", "responsetime", "status"][..],
        ),
        ("log-categories", "app-logs", &["@timestamp", "message", "service"]),
        (
            "user-population",
            "endpoint-process",
            &["@timestamp", "bytes", "program", "user"],
        ),
    ] {
        let fixture = with_private_field(Fixture::load(name));
        let cluster = cluster(&fixture);
        let asked = record_requested_fields(&cluster, source);
        let entries = exported(&cluster, name, &["--include-inputs"]);
        assert_eq!(*asked.lock().unwrap(), set(expected), "{name}");
        let documents = inputs(&entries);
        assert_eq!(documents.len(), fixture.inputs.len());
        assert_eq!(keys(&documents), set(expected), "{name}");
        assert!(!entries.values().any(|text| text.contains("s3cr3t")), "{name}");
        let mapping: Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
        let carried = mapping[source]["mappings"]["properties"].as_object();
        let carried: BTreeSet<String> = carried.unwrap_or_else(|| panic!("{mapping}")).keys().cloned().collect();
        assert_eq!(carried, set(expected), "{name}");
    }
}

#[test]
fn multi_fields_are_resolved_by_the_mapping() {
    let mut fixture = Fixture::load("web-latency").with_small_state().with_job(|job| {
        job["analysis_config"]["influencers"] = json!(["service.keyword", "real.keyword", "labels.keyword.name"]);
    });
    fixture.input_mapping["properties"]["service"] =
        json!({"type": "text", "fields": {"keyword": {"type": "keyword"}}});
    fixture.input_mapping["properties"]["real"] = json!({"properties": {"keyword": {"type": "keyword"}}});
    fixture.inputs.truncate(3);
    for input in &mut fixture.inputs {
        let more =
            r#"{"service": "a", "real": {"keyword": "b", "private": "s3cr3t"}, "labels": {"keyword": {"name": "c"}}, "#;
        input.source = input.source.replacen('{', more, 1);
    }
    let cluster = cluster(&fixture);
    let asked = record_requested_fields(&cluster, "weblogs-2024.01");
    let entries = exported(&cluster, "web-latency", &["--include-inputs"]);
    let asked = asked.lock().unwrap();
    for field in ["service", "real.keyword", "labels.keyword.name"] {
        assert!(asked.contains(field), "{field} in {asked:?}");
    }
    assert!(
        !asked.contains("real") && !asked.contains("service.keyword"),
        "{asked:?}"
    );
    let first = &inputs(&entries)[0];
    assert_eq!(first["real"], json!({"keyword": "b"}));
    assert_eq!(first["service"], "a");
    assert_eq!(first["labels"]["keyword"]["name"], "c");
}

#[test]
fn options_add_fields_or_export_all() {
    let mut fixture = with_private_field(Fixture::load("web-latency").with_small_state());
    fixture.inputs.truncate(5);
    // Numbers in different notations: complete documents are exported unchanged.
    fixture.inputs[0].source = fixture.inputs[0].source.replacen('{', r#"{"price": 1.10, "#, 1);
    let cluster = cluster(&fixture);
    let needed = exported(&cluster, "web-latency", &["--include-inputs"]);
    assert!(!keys(&inputs(&needed)).contains("private"));
    let more = exported(
        &cluster,
        "web-latency",
        &["--include-inputs", "--input-field", "private.note"],
    );
    assert_eq!(inputs(&more)[0]["private"]["note"], "s3cr3t");
    assert!(!keys(&inputs(&more)).contains("price"));
    let all = exported(&cluster, "web-latency", &["--include-inputs", "--all-fields"]);
    let text = entry(&all, "_input_1.ndjson");
    for input in &fixture.inputs {
        assert!(
            text.lines().any(|line| line == input.source),
            "byte for byte: {}",
            input.source
        );
    }
    assert!(entry(&all, "_input_mapping.json").contains("price"));
}

/// The stderr of an export.
fn stderr_of_export(cluster: &TestCluster, more: &[&str]) -> String {
    let binary = Binary::new();
    let mut args = vec!["export", "--job-id", "web-latency", "--yes", "--include-inputs"];
    args.extend(more);
    cluster.run(&binary, &args).expect(0).stderr
}

#[test]
fn script_with_unknown_fields_causes_a_warning() {
    let with_script = |source: &str| {
        let script = json!({"weight": {"type": "double", "script": {"source": source}}});
        let fixture = Fixture::load("web-latency").with_small_state().with_job(|job| {
            job["datafeed_config"]["runtime_mappings"] = script;
        });
        cluster(&fixture)
    };
    let warning =
        "runtime field `weight`: `doc` with a name that is computed at run time; to export all fields: --all-fields";
    let unclear = with_script("for (f in params.names) emit(doc[f].value)");
    let stderr = stderr_of_export(&unclear, &[]);
    assert!(stderr.contains(&format!("warning: {warning}")), "{stderr}");
    let whole = stderr_of_export(&unclear, &["--all-fields"]);
    assert!(!whole.contains("to export all fields"), "{whole}");
    drop(unclear);
    let clear = stderr_of_export(&with_script("emit(doc['responsetime'].value)"), &[]);
    assert!(!clear.contains("to export all fields"), "{clear}");
}

#[test]
fn field_excluded_from_source_causes_a_warning() {
    for (source, left_out) in [
        (json!({"excludes": ["host", "other"]}), &["host"][..]),
        (
            json!({"includes": ["@timestamp", "resp*", "status", "clientip"]}),
            &["host"],
        ),
        (json!({"excludes": ["other"]}), &[]),
    ] {
        let mut fixture = Fixture::load("web-latency").with_small_state();
        fixture.input_mapping["_source"] = source;
        let stderr = stderr_of_export(&cluster(&fixture), &[]);
        for field in ["@timestamp", "clientip", "host", "responsetime", "status"] {
            let warning = format!("warning: field {field} of index weblogs-2024.01 is missing from the archive");
            assert_eq!(
                stderr.contains(&warning),
                left_out.contains(&field),
                "{field}: {stderr}"
            );
        }
    }
}

#[test]
fn index_without_source_is_refused_before_reading() {
    let mut fixture = Fixture::load("web-latency").with_small_state();
    fixture.input_mapping["_source"] = json!({"enabled": false});
    let cluster = cluster(&fixture);
    failed_export(&cluster, "web-latency", &["--include-inputs"], 1)
        .expect_stderr("index weblogs-2024.01 does not store _source")
        .expect_stderr("export without --include-inputs");
    let requests = cluster.stand_in.requests();
    assert!(requests.iter().all(|request| !request.path.ends_with("/_pit")));
}

#[test]
fn only_the_mapping_is_read_from_source_indices_without_input_documents() {
    let cluster = cluster(&Fixture::load("web-latency").with_small_state());
    let entries = exported(&cluster, "web-latency", &[]);
    let of_inputs: Vec<&String> = entries.keys().filter(|name| name.contains("_input")).collect();
    assert_eq!(of_inputs, ["web-latency_input_mapping.json"]);
    let mapping: Value = serde_json::from_str(&entries[of_inputs[0]]).unwrap();
    let fields = mapping["weblogs-2024.01"]["mappings"]["properties"]
        .as_object()
        .unwrap();
    assert!(fields.contains_key("@timestamp"), "{fields:?}");
    let requests = cluster.stand_in.requests();
    let mut requests = requests.iter().filter(|request| request.path.contains("weblogs"));
    assert!(requests.all(|request| (&*request.method, &*request.path) == ("GET", "/weblogs-2024.01")));
}
