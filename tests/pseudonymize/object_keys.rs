//! Names of members that are values, and values that only the search finds.

use serde_json::{Value, json};

use super::newest;
use super::shared_archives::{edited_entries, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::test_cluster::TestCluster;

const HOST: &str = "web-05.iad.corp.example";
const CLIENT: &str = "10.1.139.226";

/// Changes each line of an entry.
fn lines(content: &[u8], mut change: impl FnMut(usize, &mut Value)) -> Vec<u8> {
    let text = String::from_utf8_lossy(content);
    let lines = text.lines().enumerate().map(|(number, line)| {
        let mut line: Value = serde_json::from_str(line).unwrap();
        change(number, &mut line);
        format!("{line}\n")
    });
    lines.collect::<String>().into_bytes()
}

#[test]
fn object_keys_that_are_values_become_tokens() {
    let binary = Binary::new();
    let old = edited_entries(&binary, "web-latency", |name, content| {
        if name.ends_with("_input_1.ndjson") {
            *content = lines(content, |number, document| match number {
                1 => document["labels"] = json!({ HOST: 1, "of": { HOST: [{ CLIENT: "x" }] } }),
                3 => document["counts"] = json!({ CLIENT: 2, "304": 5 }),
                5 => document[format!("seen.{HOST}.on")] = json!(1),
                // Every part of the client's token is itself a value, and must not be replaced again.
                22..512 if number % 2 == 1 && ![139, 226].contains(&(number / 2)) => {
                    document["status"] = json!(number / 2)
                }
                _ => {}
            });
        } else if name.ends_with("_annotations.ndjson") {
            *content = lines(content, |_, document| document["x"] = json!({ HOST: 1 }));
        } else if name.ends_with("_config.json") {
            *content = lines(content, |_, config| {
                config["custom_settings"]["of"] = json!({ HOST: { CLIENT: 1 } })
            });
        } else if name.ends_with("_input_mapping.json") {
            *content = lines(content, |_, mapping| {
                let long = json!({"type": "long"});
                let ends = |a: &str, b: &str| json!({"properties": { a: {"properties": { b: long }}}});
                let source = mapping.as_object_mut().unwrap().values_mut().next().unwrap();
                // Elasticsearch maps a name with dots as objects.
                source["mappings"]["properties"]["counts"] = json!({"properties": {
                    "10": {"properties": {"1": ends("139", "226")}}, "304": long, "10x": long,
                }});
                let mut labels = ends("corp", "example");
                labels = json!({"properties": {"web-05": {"properties": {"iad": labels}}}});
                source["mappings"]["properties"]["labels"] = labels;
            });
        }
    });
    let new = pseudonymized(&binary, &old, "new", &[]);
    let token = |value: &str| new.tokens.iter().find(|(_, known)| *known == value).unwrap().0.clone();
    let (host, client) = (token(HOST), token(CLIENT));
    let all = entries(&new.archive);
    for (name, text) in &all {
        assert!(!text.contains(HOST) && !text.contains(CLIENT), "{name}");
    }
    let input: Vec<Value> = entry(&all, "_input_1.ndjson")
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(input[1]["labels"][&host], 1);
    assert!(input[1]["labels"]["of"][&host][0][&client].is_string());
    assert_eq!(input[3]["counts"][&client], 2);
    assert_eq!(input[3]["counts"][token("304")], 5);
    assert_eq!(input[5][format!("seen.{host}.on")], 1);
    let mapping: Value = serde_json::from_str(entry(&all, "_input_mapping.json")).unwrap();
    let properties = &mapping.as_object().unwrap().values().next().unwrap()["mappings"]["properties"];
    assert_eq!(properties["labels"]["properties"][&host]["type"], "long");
    let path = client
        .split('.')
        .fold(&properties["counts"], |found, part| &found["properties"][part]);
    assert_eq!(path["type"], "long", "{}", properties["counts"]);
    assert!(properties["counts"]["properties"]["10"].is_null());
    assert_eq!(properties["counts"]["properties"]["10x"]["type"], "long");
    let cluster = TestCluster::new(newest());
    cluster.import(&binary, &new.archive, &[]).expect(0);
}

#[test]
fn leak_search_finds_values_that_were_not_replaced() {
    for (ending, place) in [
        ("esml_manifest.json", "esml_manifest.json, line 1"),
        ("_data_counts.json", "_data_counts.json, line 1"),
    ] {
        let binary = Binary::new();
        let old = edited_entries(&binary, "web-latency", |name, content| {
            if name.ends_with(ending) {
                let mut document: Value = serde_json::from_slice(content).unwrap();
                let at = match ending {
                    "esml_manifest.json" => &mut document["options"],
                    _ => &mut document,
                };
                at["note"] = format!("exported for {HOST}").into();
                *content = document.to_string().into_bytes();
            }
        });
        let old = old.display().to_string();
        let run = binary.run(["pseudonymize", &old, "-o", "new.tar.gz"]).expect(1);
        run.expect_stderr(place)
            .expect_stderr("a replaced value is still in the new archive");
        assert!(!run.stderr.contains(HOST), "{}", run.stderr);
        assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
    }
}
