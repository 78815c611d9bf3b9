#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::entry::EntrySearch;
use super::matcher::TextLocation;
use super::*;
use crate::job::{InputMappings, JobConfig};
use crate::json::{Kind, Leaf};
use crate::pseudonym::fields::ReplacedFields;
use crate::pseudonym::hashes::TimeShiftRules;
use crate::pseudonym::tokens::{KeyFile, TokenMap, TokenUse};
use crate::state::hash::{scope_hash, value_hash, values_id};

const HOST: &str = "web-05.fra";
const SHORT: &str = "web";
const NUMBER: &str = "404";
const NAME: &str = "service";
/// A word in messages.
const WORD: &str = "password";
const LONG: &str = "C:\\ü\"x\"\n-0123456789-0123456789-0123456789-0123456789-0123456789";

fn config() -> JobConfig {
    let job = json!({
        "job_id": "job",
        "analysis_config": {
            "bucket_span": "15m",
            "detectors": [
                {"function": "mean", "field_name": "bytes", "by_field_name": "status", "partition_field_name": "host"},
            ],
            "influencers": ["host", NAME],
            "categorization_field_name": "message",
        },
        "data_description": {"time_field": "@timestamp"},
    });
    JobConfig::parse(job.to_string().as_bytes()).unwrap()
}

/// Returns the result of searching one entry.
fn judged(name: &str, content: &str) -> Option<String> {
    judged_of(&[HOST, SHORT, NUMBER, NAME, LONG], name, content)
}

fn judged_of(values: &[&str], name: &str, content: &str) -> Option<String> {
    let config = config();
    let fields = ReplacedFields::of(&config, &config, InputMappings::default(), &[], None).unwrap();
    let tokens = TokenMap::new(KeyFile::new().unwrap());
    let mut rewriter = Rewriter::new(tokens, fields, TimeShiftRules::default(), false);
    for value in values {
        rewriter.tokens.note(value, TokenUse::Value).unwrap();
    }
    rewriter.tokens.note(WORD, TokenUse::MessageWord).unwrap();
    rewriter.assign_tokens().unwrap();
    let names: BTreeSet<String> = ["job", "host", "status", NAME, "bytes", "message", "@timestamp"]
        .into_iter()
        .map(str::to_owned)
        .collect();
    let values = ReplacedValues::new(rewriter.tokens.originals());
    let search = LeakMatcher::new(&values, &rewriter, &config, names);
    let read = EntrySearch::new(&search, name).and_then(|mut entry| {
        content.as_bytes().chunks(7).try_for_each(|piece| entry.push(piece))?;
        entry.finish()
    });
    read.err().map(|error| error.to_string())
}

fn finds(name: &str, content: &str) {
    let message = judged(name, content);
    assert!(message.is_some(), "nothing was found in {name}: {content}");
    let message = message.unwrap();
    assert!(message.contains("still in the new archive"), "{message}");
    for value in [HOST, LONG] {
        assert!(!message.contains(value), "the message contains the value: {message}");
    }
}

fn passes(name: &str, content: &str) {
    assert_eq!(judged(name, content), None, "{name}: {content}");
}

fn input(document: &Value) -> String {
    format!("{{\"index\":{{\"_index\":\"logs\",\"_id\":\"1\"}}}}\n{document}\n")
}

fn packed(text: &str) -> String {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(gzip.finish().unwrap())
}

/// Returns an entry of a state with short strings.
fn state(base: &str, text: &str) -> String {
    let packed = packed(text);
    let strings: Vec<&str> = packed
        .as_bytes()
        .chunks(5)
        .map(|part| std::str::from_utf8(part).unwrap())
        .collect();
    let (first, second) = strings.split_at(strings.len() / 2);
    let document = |number, strings: &[&str]| {
        format!(
            "{{\"index\":{{\"_index\":\".ml-state\",\"_id\":\"{base}#{number}\"}}}}\n{}\n",
            json!({"compressed": strings})
        )
    };
    document(1, first) + &document(2, second)
}

fn model(value: &str) -> String {
    state(
        "job_model_state_1",
        &json!({"detector": {"d": {"c": value}}}).to_string(),
    )
}

fn snapshot(quantiles: &Value) -> String {
    json!({"snapshot_id": "1", "quantiles": {"quantile_state": packed(&quantiles.to_string())}}).to_string()
}

#[test]
fn an_archive_of_tokens_passes() {
    let token = "t_0123456789abcdef";
    passes(
        "job_input_1.ndjson",
        &input(
            &json!({"@timestamp": 404, "host": token, "status": 1_234_567_890, "bytes": 404, NAME: token, "x": 404}),
        ),
    );
    passes(
        "job_config.json",
        r#"{"by_field_name":"service","groups":["web"],"description":"service"}"#,
    );
    passes(
        "job_annotations.ndjson",
        r#"{"event":"user","annotation":"the webs of passwords","by_field_name":"service"}"#,
    );
    passes("job_snapshot_docs.ndjson", &model(token));
    // A value that is also the name of an element.
    assert_eq!(judged_of(&["d"], "job_snapshot_docs.ndjson", &model(token)), None);
    passes(
        "ml-anomalies-snapshot_doc_job.json",
        &snapshot(&json!([{"a": {"g": {"a": {"a": "0"}, "d": "404"}}}])),
    );
}

#[test]
fn value_is_found_in_every_entry() {
    for value in [HOST, LONG] {
        let document = json!({ "a": { "b": ["x", { "c": value }] } });
        for name in [
            "job_config.json",
            "job_input_mapping.json",
            "job_filters.json",
            "job_calendars.json",
            "job_data_counts.json",
            "esml_manifest.json",
            "ml-anomalies-snapshot_doc_job.json",
            "job_annotations.ndjson",
            "job_notifications.ndjson",
            "unknown.json",
        ] {
            finds(name, &document.to_string());
            finds(name, &json!({ "a": { value: 1 } }).to_string());
            finds(name, &json!({ "a": format!("see ({value})") }).to_string());
        }
        for document in [
            &document,
            &json!({ "labels": { value: 1 } }),
            &json!({ "bytes2": format!("{value},x") }),
        ] {
            finds("job_input_1.ndjson", &input(document));
            finds("job_categories.ndjson", &input(document));
        }
        finds("job_snapshot_docs.ndjson", &model(value));
        finds("job_snapshot_docs.ndjson", &model(&format!("x {value}")));
        finds(
            "job_snapshot_docs.ndjson",
            &state("job_model_state_1", &json!({ value: "1" }).to_string()),
        );
        finds(
            "job_snapshot_docs.ndjson",
            &state("job_categorizer_state", &json!({"b": {"a": value}}).to_string()),
        );
        finds(
            "ml-anomalies-snapshot_doc_job.json",
            &snapshot(&json!([{ "a": value }])),
        );
    }
    finds(&format!("{HOST}_config.json"), "{}");
    finds(
        "job_input_1.ndjson",
        "{\"index\":{\"_index\":\"logs\",\"_id\":\"1-web-05.fra\"}}\n{}\n",
    );
}

#[test]
fn uncompressed_quantiles_are_searched_and_other_texts_are_not_decoded() {
    let name = "ml-anomalies-snapshot_doc_job.json";
    let plain = |quantiles: &str| json!({"quantiles": {"quantile_state": quantiles}}).to_string();
    // Only decoded, the escaped value and the hash of a value are found.
    let escaped = r#"{"a": "web\u002d05.fra"}"#;
    for quantiles in [escaped.to_owned(), format!("[{escaped}]")] {
        finds(name, &plain(&quantiles));
    }
    passes(name, &plain(r#"{"a": "t_0123456789abcdef"}"#));
    passes(name, &plain(""));
    for text in ["", "[a", "{a"] {
        passes(name, &json!({ "description": text }).to_string());
    }
}

#[test]
fn encoded_value_is_found() {
    let encoded = [
        STANDARD.encode(HOST),
        STANDARD.encode(format!("xy:{HOST}")),
        URL_SAFE.encode(format!("user:{LONG}")),
        "web%2D05%2Efra".to_owned(),
        r"web\-05\.fra".to_owned(),
        r#"{"host":"web\u002d05.fra"}"#.to_owned(),
        // Encoded twice.
        STANDARD.encode(r"web\-05\.fra"),
    ];
    for text in encoded {
        finds("job_input_1.ndjson", &input(&json!({ "note": &text })));
        finds(
            "job_config.json",
            &json!({ "custom_settings": { "note": &text } }).to_string(),
        );
    }
    finds("job_config.json", r#"{"a":"\u0077eb-05.fra"}"#);
    finds("job_config.json", r#"{"a":"\ud800 web-05.fra"}"#);
}

#[test]
fn ambiguous_value_is_found_only_where_values_are_expected() {
    for value in [SHORT, NUMBER, NAME] {
        for document in [
            json!({ "host": value }),
            json!({ NAME: value }),
            json!({"other": {"field": [value]}}),
        ] {
            finds("job_input_1.ndjson", &input(&document));
        }
        finds(
            "job_annotations.ndjson",
            &json!({ "by_field_value": value }).to_string(),
        );
        finds("job_filters.json", &json!([{ "items": ["x", value] }]).to_string());
        finds("job_snapshot_docs.ndjson", &model(value));
    }
    finds("job_input_1.ndjson", &input(&json!({ "status": 404 })));
    finds("job_input_1.ndjson", &input(&json!({ "counts": { NUMBER: 1 } })));
    finds("job_annotations.ndjson", &json!({ "annotation": SHORT }).to_string());
    finds(
        "job_config.json",
        &json!({ "model_plot_config": { "terms": "a, web" } }).to_string(),
    );
    // A number of six digits or more is searched for in every field that is not a metric.
    for (document, found) in [
        (json!({ "other": 123_456 }), true),
        (json!({ "other": "123456" }), true),
        (json!({ "bytes": 123_456 }), false),
        (json!({ "other": 1_234_567 }), false),
    ] {
        let message = judged_of(&["123456"], "job_input_1.ndjson", &input(&document));
        assert_eq!(message.is_some(), found, "{document}");
    }
}

#[test]
fn message_word_is_found_only_in_messages() {
    finds("job_input_1.ndjson", &input(&json!({ "message": "wrong password." })));
    finds("job_categories.ndjson", &input(&json!({ "terms": "wrong password" })));
    finds(
        "job_categories.ndjson",
        &input(&json!({ "regex": ".*?wrong.+?password.*" })),
    );
    finds(
        "job_snapshot_docs.ndjson",
        &state("job_categorizer_state", r#"{"b":{"c":{"a":"a password"}}}"#),
    );
    passes("job_config.json", r#"{"description":"password"}"#);
    passes(
        "job_input_1.ndjson",
        &input(&json!({ "message": "passwords password-1" })),
    );
}

#[test]
fn a_hash_of_a_value_is_found() {
    for key in [
        scope_hash(["", "", NAME, SHORT]),
        scope_hash(["host", HOST, "", ""]),
        scope_hash(["host", HOST, "status", ""]),
        scope_hash(["host", HOST, "status", NUMBER]),
        value_hash(LONG),
        // Matches nothing that is known.
        17,
    ] {
        let key = key.to_string();
        finds(
            "ml-anomalies-snapshot_doc_job.json",
            &snapshot(&json!([{"a": {"g": {"a": {"a": &key}}}}])),
        );
        if key != "17" {
            finds(
                "ml-anomalies-snapshot_doc_job.json",
                &snapshot(&json!([{"anywhere": &key}])),
            );
            finds("job_snapshot_docs.ndjson", &model(&key));
        }
    }
}

#[test]
fn finding_names_entry_and_line() {
    let lines = format!("{{}}\n{{}}\n{}\n", json!({ "a": HOST }));
    let message = judged("job_notifications.ndjson", &lines).unwrap();
    assert!(message.contains("job_notifications.ndjson, line 3"), "{message}");
    assert!(
        judged("job_config.json", "{\"a\":")
            .unwrap()
            .contains("cannot be searched")
    );
}

#[test]
fn values_in_accepted_names_are_not_findings() {
    let config = config();
    let fields = ReplacedFields::of(&config, &config, InputMappings::default(), &[], None).unwrap();
    let tokens = TokenMap::new(KeyFile::new().unwrap());
    let mut rewriter = Rewriter::new(tokens, fields, TimeShiftRules::default(), false);
    rewriter.tokens.note("latency", TokenUse::Value).unwrap();
    rewriter.assign_tokens().unwrap();
    let names = BTreeSet::from(["web-latency".to_owned()]);
    let values = ReplacedValues::new(rewriter.tokens.originals());
    let search = LeakMatcher::new(&values, &rewriter, &config, names);
    let contains_value = |place, text: &str| {
        let item = Leaf {
            path: "a",
            kind: Kind::Text,
            text: text.into(),
        };
        search.contains_value(place, &item)
    };
    assert!(!contains_value(TextLocation::Other, "Job web-latency was opened"));
    assert!(!contains_value(TextLocation::Other, "web-latency_model_state_1#1"));
    assert!(contains_value(TextLocation::Other, "Job web-latency has a latency"));
    assert!(contains_value(TextLocation::Input, "web-latency"));
}

#[test]
fn values_are_found_in_results_and_as_hashes_in_their_ids() {
    let entry = |hash: &str, member: &Value| {
        let action = json!({"index": {"_id": format!("job_record_1700000000000_900_0_{hash}")}});
        let source = json!({"job_id": "job", "result_type": "record", "function": "mean", "typical": [404.0],
            "by_field_name": "status", "causes": [member]});
        format!("{action}\n{source}\n")
    };
    let (name, token) = ("job_results_1.ndjson", json!({"by_field_value": "t_0123456789abcdef"}));
    assert_eq!(judged(name, &entry(&values_id("t_0123456789abcdef"), &token)), None);
    for value in [HOST, SHORT, NUMBER] {
        finds(name, &entry(&values_id(value), &token));
        finds(name, &entry("0_0", &json!({"by_field_value": value})));
        finds(name, &entry("0_0", &json!({"influencer_field_values": ["x", value]})));
    }
    // The tokens of two values, with the hash of the values.
    let config = config();
    let fields = ReplacedFields::of(&config, &config, InputMappings::default(), &[], None).unwrap();
    let tokens = TokenMap::new(KeyFile::new().unwrap());
    let mut rewriter = Rewriter::new(tokens, fields, TimeShiftRules::default(), false);
    for value in [HOST, SHORT] {
        rewriter.tokens.note(value, TokenUse::Value).unwrap();
    }
    rewriter.assign_tokens().unwrap();
    let [host, short] = [HOST, SHORT].map(|value| rewriter.tokens.token(value).unwrap().to_owned());
    let values = ReplacedValues::new(rewriter.tokens.originals());
    let search = LeakMatcher::new(&values, &rewriter, &config, BTreeSet::new());
    let members = json!({"by_field_value": short, "partition_field_value": host, "over_field_value": "kept"});
    for (hashed, leak) in [
        (format!("{SHORT}kept{HOST}"), true),
        (format!("{short}kept{host}"), false),
    ] {
        let action = json!({"index": {"_id": format!("job_record_1700000000000_900_0_{}", values_id(&hashed))}});
        let mut entry = EntrySearch::new(&search, name).unwrap();
        let read = entry.push(format!("{action}\n{members}\n").as_bytes());
        assert_eq!(read.is_err(), leak, "{hashed}");
    }
}
