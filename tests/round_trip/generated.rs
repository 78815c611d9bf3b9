//! Generated jobs: valid state, and documents with every edge case that a cluster accepts.

use std::io::Write;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use super::archive_contents::json_of;
use crate::support::cluster::real::URL_VARIABLE;
use crate::support::fixtures::{Fixture, StoredDocument};

/// A job, and documents with line breaks as path and text. Bulk requests cannot store line breaks.
#[derive(Clone, Debug)]
pub struct Generated {
    pub fixture: Fixture,
    pub multiline: Vec<(String, String)>,
}

const JOB: &str = "log-categories";
const SOURCE: &str = "generated.source-1";

/// White space between tokens.
fn whitespace() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", " ", "\t", "\n", "\r\n  "])
}

fn number() -> impl Strategy<Value = String> {
    let edge_cases = ["1.10", "1e3", "-0", "0.1E-7", "-1.0e+2", "12345678901234567890123", "0"];
    prop_oneof![
        select(edge_cases.to_vec()).prop_map(str::to_owned),
        any::<i64>().prop_map(|n| n.to_string())
    ]
}

/// A JSON string in one of its possible notations.
fn string() -> impl Strategy<Value = String> {
    let edge_cases = [
        r#""\u0041\ud83e\udd80""#,
        r#""\/ \\ \" \b\f\n\r\t""#,
        "\"\u{2028}\u{FEFF}\u{7f}ж\"",
        r#""\"job_id\": \"x\"""#,
        "\"\"",
    ];
    let any = "\\PC{0,12}".prop_map(|text| Value::from(text).to_string());
    prop_oneof![select(edge_cases.to_vec()).prop_map(str::to_owned), any]
}

fn object(members: Vec<(String, String)>, space: &str) -> String {
    let member = |(n, (key, value)): (usize, &(String, String))| {
        // Current versions refuse duplicate keys, but documents from older versions may contain them.
        let number = if allows_duplicate_keys() {
            String::new()
        } else {
            format!("{n}")
        };
        format!("\"{key}{number}\"{space}:{space}{value}")
    };
    let members: Vec<String> = members.iter().enumerate().map(member).collect();
    format!("{{{space}{}{space}}}", members.join(&format!("{space},")))
}

fn allows_duplicate_keys() -> bool {
    std::env::var_os(URL_VARIABLE).is_none()
}

/// Any JSON value in any notation.
fn value() -> impl Strategy<Value = String> {
    let word = select(vec!["true", "false", "null"]).prop_map(str::to_owned);
    let leaf = prop_oneof![number(), string(), word];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof![Just("a".to_owned()), Just("job_id".to_owned()), "[a-z .é]{1,4}"];
        prop_oneof![
            (vec(inner.clone(), 0..4), whitespace()).prop_map(|(items, space)| {
                let comma = format!("{space},{space}");
                format!("[{space}{}{space}]", items.join(&comma))
            }),
            (vec((key, inner), 0..4), whitespace()).prop_map(|(members, space)| object(members, space)),
        ]
    })
}

/// A document ID, unique by its number.
fn id(number: usize) -> impl Strategy<Value = String> {
    let pieces = [
        "/",
        " ",
        "#",
        "?",
        "%2F",
        "%",
        "é",
        "\u{1F980}",
        "\"",
        "\\",
        "&",
        "+",
        "..",
        "_",
        ",",
        "*",
        ":",
    ];
    let piece = prop_oneof![
        select(pieces.to_vec()).prop_map(str::to_owned),
        "[a-zA-Z0-9]{1,8}",
        "[a-z]{60,100}"
    ];
    vec(piece, 0..5).prop_map(move |pieces| format!("{}{number}", pieces.concat()))
}

fn inputs() -> impl Strategy<Value = Vec<StoredDocument>> {
    let input = |number: usize| {
        (id(number), value(), string(), string(), whitespace(), 0..5_u64).prop_map(
            move |(id, any, message, service, space, second)| StoredDocument {
                index: SOURCE.to_owned(),
                id,
                source: format!(
                    "{{{space}\"any\":{{\"v\":{any}}},{space}\"@timestamp\"{space}: {},\"message\":{message},\
                     \"service\":{service},\"job_id\":\"{JOB}\"{space}}}",
                    1_709_251_286 + second
                ),
            },
        )
    };
    (1..25_usize).prop_flat_map(move |count| (0..count).map(input).collect::<Vec<_>>())
}

/// State documents of one gzip member, split at any positions.
fn state(job: &'static str, kind: &'static str, documents: usize) -> impl Strategy<Value = Vec<StoredDocument>> {
    let plain = vec(any::<u8>(), 200..3000);
    (plain, 1..5_usize, whitespace()).prop_map(move |(plain, pieces, space)| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&plain).expect("in memory");
        let text = STANDARD.encode(gzip.finish().expect("in memory"));
        let size = text.len().div_ceil(documents * pieces).max(1);
        let all: Vec<&str> = (0..documents * pieces)
            .map(|n| &text[(n * size).min(text.len())..((n + 1) * size).min(text.len())])
            .collect();
        let document = |(n, pieces): (usize, &[&str])| {
            let end = if n + 1 == documents { ",\"eos\":true" } else { "" };
            StoredDocument {
                index: String::new(),
                id: format!("{job}{kind}#{}", n + 1),
                source: format!("{{\"compressed\" :{space}{}{end}{space}}}", json!(pieces)),
            }
        };
        all.chunks(pieces).enumerate().map(document).collect()
    })
}

fn snapshot(id: &str, documents: usize, texts: &[String], space: &str) -> StoredDocument {
    let [description, quantiles] = texts else {
        panic!("two texts")
    };
    StoredDocument {
        index: String::new(),
        id: format!("{JOB}_model_snapshot_{id}"),
        source: format!(
            "{{{space}\"job_id\" :{space}\"{JOB}\",\"min_version\":\"9.0.0\",\"snapshot_id\":\"{id}\",\
             \"snapshot_doc_count\":{documents},\"timestamp\":1709260000000,\"description\":{description},\
             \"model_size_stats\":{{\"job_id\":\"{JOB}\",\"result_type\":\"model_size_stats\",\"model_bytes\":1.0e3}},\
             \"latest_record_time_stamp\":1709250000000,\"latest_result_time_stamp\":1709249400000,{space}\
             \"quantiles\":{{\"timestamp\":1709249400000,\"job_id\":\"{JOB}\",\"quantile_state\":{quantiles}}}}}"
        ),
    }
}

fn annotation(number: usize, text: &str, space: &str) -> StoredDocument {
    StoredDocument {
        index: String::new(),
        id: format!("{JOB}-generated-{number}"),
        source: format!(
            "{{{space}\"annotation\":{text},\"create_time\":170926000000{number},\"timestamp\":1709250000000,\
             \"job_id\"{space}:\"{JOB}\",\"type\":\"annotation\",\"event\":\"user\",\"detector_index\":0{space}}}"
        ),
    }
}

fn category(number: usize, text: &str, space: &str) -> StoredDocument {
    let number = number + 1;
    StoredDocument {
        index: String::new(),
        id: format!("{JOB}_category_definition_{number}"),
        source: format!(
            "{{\"job_id\":\"{JOB}\",{space}\"category_id\":{number},\"terms\":{text},\"regex\":{text},\
             \"max_matching_length\":9{space},\"examples\":[{text},{space}{text}],\"num_matches\":1}}"
        ),
    }
}

fn numbered(texts: &[String], space: &str, document: fn(usize, &str, &str) -> StoredDocument) -> Vec<StoredDocument> {
    texts
        .iter()
        .enumerate()
        .map(|(number, text)| document(number, text, space))
        .collect()
}

/// Options that users set, and, if the version accepts them, some that no version supports.
fn configure(job: &mut Value, snapshot: &str, description: &str, future: &str) {
    let future = json_of(future);
    job["model_snapshot_id"] = json!(snapshot);
    job["description"] = json_of(description);
    job["custom_settings"] = json!({"future": future, "job_id": JOB});
    job["analysis_config"]["per_partition_categorization"] = json!({"enabled": false, "future": future});
    let datafeed = &mut job["datafeed_config"];
    datafeed["indices"] = json!([SOURCE]);
    datafeed["indices_options"]["future"] = future.clone();
    datafeed["delayed_data_check_config"] = json!({"enabled": false, "future": future});
}

/// A job that could exist on a cluster.
pub fn generated_job() -> impl Strategy<Value = Generated> {
    let documents = (1..13_usize, 0..12_usize, "[0-9]{10}|[a-zA-Z0-9]{1,12}");
    let learned = documents.prop_flat_map(|(model, categorizer, snapshot)| {
        let kind: &'static str = format!("_model_state_{snapshot}").leak();
        let categories = if categorizer == 0 {
            Just(Vec::new()).boxed()
        } else {
            state(JOB, "_categorizer_state", categorizer).boxed()
        };
        (Just(snapshot), state(JOB, kind, model), categories)
    });
    let texts = (
        vec(string(), 2),
        vec(string(), 0..5),
        vec(string(), 0..5),
        string(),
        value(),
    );
    (learned, inputs(), texts, whitespace()).prop_map(|((id, model, categorizer), inputs, texts, space)| {
        let (two, annotations, categories, description, future) = texts;
        let mut fixture = Fixture::load(JOB).with_job(|job| configure(job, &id, &description, &future));
        fixture.snapshots = vec![snapshot(&id, model.len(), &two, space)];
        fixture.state = [model, categorizer].concat();
        fixture.annotations = numbered(&annotations, space, annotation);
        fixture.categories = numbered(&categories, space, category);
        fixture.inputs = inputs;
        fixture.sources = vec![SOURCE.to_owned()];
        fixture.input_mapping["properties"]["any"] = json!({"type": "object", "enabled": false});
        with_line_breaks_apart(fixture)
    })
}

/// Separates documents with line breaks from the others.
fn with_line_breaks_apart(mut fixture: Fixture) -> Generated {
    let results = format!(".ml-anomalies-.write-{JOB}");
    let places = [
        (&mut fixture.snapshots, results.as_str()),
        (&mut fixture.categories, results.as_str()),
        (&mut fixture.state, ".ml-state-write"),
        (&mut fixture.annotations, ".ml-annotations-write"),
        (&mut fixture.inputs, SOURCE),
    ];
    let mut multiline = Vec::new();
    for (documents, index) in places {
        for document in documents.iter_mut().filter(|one| one.source.contains(['\n', '\r'])) {
            let id: String = document.id.bytes().map(|byte| format!("%{byte:02X}")).collect();
            multiline.push((format!("/{index}/_doc/{id}?refresh=true"), document.source.clone()));
            document.source = document.source.replace(['\n', '\r'], " ");
        }
    }
    Generated { fixture, multiline }
}
