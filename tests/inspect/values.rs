//! `--values`: compared with the input documents of the fixtures and with strings decoded from their model state.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{COMPLETE, document, exit, inspect, stderr, stdout};
use crate::support::archive::{TarMember, blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::decoded_state::strings_in_state;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOBS: [&str; 3] = ["web-latency", "user-population", "log-categories"];

/// Exports the job with its input documents and lists its values.
fn report(fixture: &Fixture) -> Value {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), fixture);
    let archive = cluster.export(&binary, fixture.id(), "job", &["--include-inputs"]);
    let archive = archive.display().to_string();
    binary.run(["inspect", &archive, "--values", "--json"]).expect(0).json()
}

/// The values of a field, each with the parts that contain it.
fn values<'a>(report: &'a Value, field: &str) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let fields = report["values"]["fields"].as_array().unwrap();
    let field = fields.iter().find(|one| one["name"] == field).unwrap_or(&Value::Null);
    let values = field["values"].as_array().into_iter().flatten();
    let parts = |value: &'a Value| value["parts"].as_object().unwrap().keys().map(String::as_str).collect();
    values
        .map(|value| (value["value"].as_str().unwrap(), parts(value)))
        .collect()
}

/// Fields that split the data and influencers, each with its name in the input documents.
fn fields(fixture: &Fixture) -> BTreeMap<String, String> {
    let analysis = &fixture.job["analysis_config"];
    let detectors = analysis["detectors"].as_array().unwrap();
    let named = ["partition_field_name", "by_field_name", "over_field_name"];
    let mut names: BTreeSet<&str> = detectors
        .iter()
        .flat_map(|detector| named.iter().filter_map(|name| detector[*name].as_str()))
        .collect();
    names.extend(
        analysis["influencers"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str),
    );
    names.remove("mlcategory");
    names
        .into_iter()
        .map(|name| (name.to_owned(), name.trim_end_matches(".keyword").to_owned()))
        .collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[test]
fn values_lists_every_value_of_inputs_and_model() {
    for job in JOBS {
        let fixture = Fixture::load(job);
        let report = report(&fixture);
        assert_inputs_found(job, &fixture, &report);
        assert_state_values_found(job, &fixture, &report);
    }
}

/// Values of input documents are found there and, if the model contains them, in the model state.
fn assert_inputs_found(job: &str, fixture: &Fixture, report: &Value) {
    let known = strings_in_state(fixture, "_model_state_");
    let inputs: Vec<Value> = fixture
        .inputs
        .iter()
        .map(|input| serde_json::from_str(&input.source).unwrap())
        .collect();
    let mut both = 0;
    for (field, source) in fields(fixture) {
        let found = values(report, &field);
        for value in inputs
            .iter()
            .map(|input| &input[&source])
            .filter(|value| !value.is_null())
        {
            let value = text(value);
            let parts = found.get(value.as_str());
            let parts = parts.unwrap_or_else(|| panic!("{job}: `{value}` of {field} is not found"));
            assert!(parts.contains("inputs"), "{job}: `{value}` of {field} in {parts:?}");
            if known.contains(&value) {
                both += 1;
                assert!(
                    parts.contains("model_state"),
                    "{job}: `{value}` of {field} in {parts:?}"
                );
            }
        }
    }
    assert!(both > 100, "{job}: only {both} values are in both");
}

/// Every string in the state is a listed value or a name.
fn assert_state_values_found(job: &str, fixture: &Fixture, report: &Value) {
    let fields = report["values"]["fields"].as_array().unwrap();
    let found: BTreeSet<&str> = fields
        .iter()
        .flat_map(|field| field["values"].as_array().unwrap())
        .filter_map(|value| value["value"].as_str())
        .collect();
    let config = fixture.job["analysis_config"].to_string();
    for kind in ["_model_state_", "_categorizer_state"] {
        for string in strings_in_state(fixture, kind) {
            let numbers = string.chars().all(|c| !c.is_alphabetic() || "einfat".contains(c));
            let named =
                config.contains(&format!("\"{string}\"")) || ["count", "-", "true", "false"].contains(&string.as_str());
            assert!(
                numbers || named || found.contains(string.as_str()),
                "{job}: `{string}` of {kind} is not found"
            );
        }
    }
}

#[test]
fn report_without_values_lists_none() {
    let hidden = "web-21.ams.corp.example";
    for arguments in [
        &[COMPLETE][..],
        &[COMPLETE, "--json"],
        &[COMPLETE, "--html", "-"],
        &[COMPLETE, COMPLETE],
    ] {
        let output = inspect(arguments);
        assert_eq!(exit(&output), Some(0), "{}", stderr(&output));
        assert!(!stdout(&output).contains(hidden), "{arguments:?}");
        let mut with = arguments.to_vec();
        with.push("--values");
        let lists_values = stdout(&inspect(&with)).contains(hidden);
        assert_eq!(
            lists_values,
            arguments.len() != 2 || arguments[1] != COMPLETE,
            "{with:?}"
        );
    }
}

#[test]
fn values_page_matches_the_snapshot() {
    let output = inspect(&[COMPLETE, "--values"]);
    assert_eq!(exit(&output), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("values_page", stdout(&output));
}

#[test]
fn values_report_their_kind() {
    let report = document(&inspect(&[COMPLETE, "--values", "--json"]));
    let looks = |field: &str| {
        let fields = report["values"]["fields"].as_array().unwrap();
        let field = fields.iter().find(|one| one["name"] == field).unwrap();
        field["looks_like"][0]["what"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        [
            looks("host"),
            looks("clientip"),
            looks("status"),
            looks("annotation authors")
        ],
        ["host name", "IPv4 address", "number", "user name"]
    );
}

#[test]
fn values_in_texts_are_listed() {
    let report = report(&Fixture::load("log-categories"));
    let messages = values(&report, "message");
    let everywhere = BTreeSet::from(["categories", "categorizer_state", "inputs"]);
    assert!(messages.values().any(|parts| *parts == everywhere));
    assert!(values(&report, "category tokens").contains_key("alice.muster"));
    assert_eq!(
        values(&report, "annotation authors").keys().collect::<Vec<_>>(),
        [&"mueller"]
    );
    assert!(report["values"]["hashes"]["scopes"].as_u64() > Some(0));
    assert!(report["categories"]["list"][0]["example"].is_string());
}

/// The archive with changed content of one entry.
fn changed_archive(ending: &str, change: impl Fn(&[u8]) -> Vec<u8>) -> (Binary, String) {
    let binary = Binary::new();
    let mut entries = members(&super::folder().join(COMPLETE));
    for TarMember { name, content, .. } in &mut entries {
        if name.ends_with(ending) {
            *content = change(content);
        }
    }
    let path = binary.path("changed.tar.gz");
    std::fs::write(&path, gzip(&blocks(&entries))).unwrap();
    let path = path.display().to_string();
    (binary, path)
}

/// The archive with a text replaced in the decoded state.
fn with_state(from: &'static str, to: &'static str) -> (Binary, String) {
    changed_archive("_snapshot_docs.ndjson", move |content| {
        let text = String::from_utf8(content.to_vec()).unwrap();
        let (action, document) = text.trim_end().split_once('\n').unwrap();
        let document: Value = serde_json::from_str(document).unwrap();
        let base64: String = document["compressed"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut json = String::new();
        let compressed = STANDARD.decode(base64).unwrap();
        flate2::read::GzDecoder::new(&compressed[..])
            .read_to_string(&mut json)
            .unwrap();
        assert!(json.contains(from));
        let compressed = STANDARD.encode(gzip(json.replacen(from, to, 1).as_bytes()));
        let chunks: Vec<String> = compressed
            .as_bytes()
            .chunks(4096)
            .map(|chunk| format!("\"{}\"", String::from_utf8_lossy(chunk)))
            .collect();
        format!("{action}\n{{\"compressed\":[{}],\"eos\":true}}\n", chunks.join(",")).into_bytes()
    })
}

#[test]
fn unknown_state_format_is_reported() {
    let (binary, archive) = with_state("{\"a\":\"1706658300\",", "{\"zz\":\"alice\",\"a\":\"1706658300\",");
    let run = binary.run(["inspect", &archive, "--values", "--json"]).expect(0);
    let report = run.json();
    assert_eq!(report["values"]["unreadable"][0]["part"], "model_state");
    run.expect_stderr("values may be missing");
    let page = binary.run(["inspect", &archive, "--values"]).expect(0);
    assert!(page.stdout.contains("incomplete"), "{}", page.stdout);
    // Without --values there is no warning.
    assert_eq!(binary.run(["inspect", &archive]).expect(0).stderr, "");
}

#[test]
fn unreadable_input_document_is_reported() {
    let (binary, archive) = changed_archive("_input_1.ndjson", |content| {
        let text = String::from_utf8(content.to_vec()).unwrap();
        let deep = format!("{{\"deep\": {}{}, ", "[".repeat(20_000), "]".repeat(20_000));
        text.replacen("{\"@timestamp\"", &format!("{deep}\"@timestamp\""), 3)
            .into_bytes()
    });
    let run = binary.run(["inspect", &archive, "--values", "--json"]).expect(0);
    let unreadable = &run.json()["values"]["unreadable"];
    assert_eq!(
        (&unreadable[0]["part"], &unreadable[1]),
        (&"inputs".into(), &Value::Null)
    );
}

#[test]
fn control_characters_in_values_are_escaped() {
    let (binary, archive) = changed_archive("_input_1.ndjson", |content| {
        let text = String::from_utf8(content.to_vec()).unwrap();
        text.replace("web-21.ams.corp.example", "evil\\u001b[2J\\u0007\\u009b")
            .into_bytes()
    });
    for arguments in [
        &["--values"][..],
        &["--values", "--json"],
        &["--values", "--html", "-"],
        &["--values", "--color", "always"],
    ] {
        let mut all = vec!["inspect", &archive];
        all.extend(arguments);
        let run = binary.run(all).expect(0);
        assert!(run.stdout.contains("evil"), "{arguments:?}");
        let text = console::strip_ansi_codes(&run.stdout);
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{arguments:?}");
        assert!(!run.stdout.contains("\u{1b}[2J"), "{arguments:?}");
    }
}
