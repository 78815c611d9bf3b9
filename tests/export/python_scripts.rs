//! The importer of the Python scripts can read archives of esml-state.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::cluster;
use crate::support::archive::entries;
use crate::support::binary::Binary;
use crate::support::cluster::Answer;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// Entry names in the order of the tar.
fn names(archive: &Path) -> Vec<String> {
    let file = std::fs::File::open(archive).unwrap();
    let mut tar = tar::Archive::new(flate2::read::MultiGzDecoder::new(file));
    let names = tar.entries().unwrap().map(|entry| {
        let entry = entry.unwrap();
        assert!(entry.header().entry_type().is_file());
        entry.path().unwrap().display().to_string()
    });
    names.collect()
}

/// As the importer: the first path that contains the text.
fn first<'a>(names: &'a [String], part: &str) -> Option<&'a String> {
    names.iter().find(|name| name.contains(part))
}

/// As the importer: every path that contains `<safe>_input_<digits>.ndjson`.
fn is_input(name: &str, safe: &str) -> bool {
    let start = format!("{safe}_input_");
    name.match_indices(&start).any(|(at, _)| {
        let rest = &name[at + start.len()..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        digits > 0 && rest[digits..].starts_with(".ndjson")
    })
}

#[test]
fn python_importer_finds_the_entries_of_any_job_id() {
    for (fixture, id) in [
        ("web-latency", "web-latency"),
        ("log-categories", "log-categories"),
        ("user-population", "user-population"),
        ("log-categories", "logs.prod.eu-1"),
        ("log-categories", "a_config.json"),
        ("log-categories", "job_snapshot_docs.ndjson"),
        ("log-categories", "x_input_1.ndjson"),
        ("log-categories", "ml-anomalies-snapshot_doc"),
    ] {
        let fixture = Fixture::load(fixture).renamed(id);
        let cluster = cluster(&fixture);
        let binary = Binary::new();
        let archive = cluster.export(&binary, id, "out", &["--include-inputs"]);
        let names = names(&archive);
        let contents = entries(&archive);
        let safe: String = id
            .chars()
            .map(|c| {
                if c.is_ascii_alphanumeric() || "_-".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .collect();
        assert!(names.iter().all(|name| !name.contains('/')), "{names:?}");
        assert_eq!(names.last().unwrap(), "esml_manifest.json");

        let config = first(&names, "_config.json").unwrap();
        assert!(contents[config].contains(&format!("\"{id}\"")) && contents[config].contains("analysis_config"));
        let state = first(&names, "_snapshot_docs.ndjson").unwrap();
        assert!(contents[state].contains(&format!("{id}_model_state_{}#1", fixture.snapshot_id())));
        let snapshot = first(&names, "ml-anomalies-snapshot_doc").unwrap();
        assert!(contents[snapshot].contains("\"quantiles\""), "{id}: {snapshot}");
        let inputs: Vec<&String> = names.iter().filter(|name| is_input(name, &safe)).collect();
        assert!(!inputs.is_empty());
        for input in inputs {
            assert!(
                contents[input].starts_with(r#"{"index""#) && input.starts_with(&safe),
                "{input}"
            );
        }
        drop(cluster);
    }
}

/// The lines that the importer sends: pairs up to the first blank line, with the IDs of the action lines.
fn upload_like_python(cluster: &TestCluster, index: &str, text: &str) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut body = String::new();
    for pair in lines
        .chunks(2)
        .take_while(|pair| pair.iter().all(|line| !line.is_empty()))
    {
        let action: Value = serde_json::from_str(pair[0]).unwrap();
        let id = action["index"]["_id"].as_str().unwrap();
        body += &format!("{}\n{}\n", json!({"index": {"_index": index, "_id": id}}), pair[1]);
    }
    let answer = cluster.call("POST", "/_bulk?refresh=true", &body).value();
    assert_eq!(answer["errors"], false, "{index}");
}

/// The steps of the importer: input documents into an index without mapping, the job with the settings that it supports, the
/// state, the snapshot with an ID derived from the entry's name, the revert.
fn import_like_python(cluster: &TestCluster, job: &str, archive: &Path) -> Answer {
    let (names, contents) = (names(archive), entries(archive));
    let index = format!("{job}-input");
    cluster.call("PUT", &format!("/{index}"), "");
    for input in names.iter().filter(|name| is_input(name, job)) {
        upload_like_python(cluster, &index, &contents[input]);
    }
    let config = first(&names, &format!("{job}_config.json")).unwrap();
    let mut config: Value = serde_json::from_str(&contents[config]).unwrap();
    const KNOWN: [&str; 10] = [
        "allow_lazy_open",
        "analysis_config",
        "analysis_limits",
        "custom_settings",
        "data_description",
        "datafeed_config",
        "description",
        "job_id",
        "model_snapshot_retention_days",
        "results_index_name",
    ];
    config
        .as_object_mut()
        .unwrap()
        .retain(|key, _| KNOWN.contains(&key.as_str()));
    let datafeed = config["datafeed_config"].as_object_mut().unwrap();
    datafeed.shift_remove("authorization");
    datafeed.shift_remove("job_id");
    datafeed["indices"] = json!([index]);
    let made = cluster.call("PUT", &format!("/_ml/anomaly_detectors/{job}"), &config.to_string());
    assert_eq!(made.status, 200, "{:?}", made.value());
    let state = first(&names, &format!("{job}_snapshot_docs.ndjson")).unwrap();
    upload_like_python(cluster, ".ml-state-write", &contents[state]);
    let snapshot = first(&names, "ml-anomalies-snapshot_doc").unwrap();
    let id = snapshot.replace("ml-anomalies-snapshot_doc_", "").replace(".json", "");
    let place = format!("/.ml-anomalies-shared/_doc/{id}?refresh=true");
    cluster.call("PUT", &place, &contents[snapshot]);
    let snapshot: Value = serde_json::from_str(&contents[snapshot]).unwrap();
    let snapshot = snapshot["snapshot_id"].as_str().unwrap();
    let revert = format!("/_ml/anomaly_detectors/{job}/model_snapshots/{snapshot}/_revert");
    cluster.call("POST", &revert, "")
}

#[test]
fn python_importer_creates_the_job_of_an_archive() {
    // With the results index `.ml-anomalies-shared`: otherwise the importer fails with its own archives too.
    let version = MlVersion::new(8, 19, 0);
    for name in ["web-latency", "log-categories"] {
        let fixture = Fixture::load(name);
        let binary = Binary::new();
        let archive = {
            let source = TestCluster::seeded(version.clone(), &fixture);
            source.export(&binary, name, "out", &["--include-inputs"])
        };
        // The importer breaks a cluster that has never had a job.
        let target = TestCluster::seeded(version.clone(), &Fixture::load("user-population"));
        // The importer does not support filters: its users create them.
        for filter in &fixture.filters {
            let path = format!("/_ml/filters/{}", filter["filter_id"].as_str().unwrap());
            let items = json!({"items": filter["items"]});
            assert_eq!(target.call("PUT", &path, &items.to_string()).status, 200);
        }
        let reverted = import_like_python(&target, name, &archive);
        assert_eq!(reverted.status, 200, "{:?}", reverted.value());
        assert_eq!(target.job(name)["model_snapshot_id"], fixture.snapshot_id());
        let moved = target.documents_of(&format!("{name}-input")).len();
        assert_eq!(moved, fixture.inputs.len().min(10_000));
        let opened = target.call("POST", &format!("/_ml/anomaly_detectors/{name}/_open"), "");
        assert_eq!(opened.status, 200, "{:?}", opened.value());
    }
}

#[test]
fn python_reads_the_archive() {
    let python = ["python3", "python"].into_iter().find(|name| {
        Command::new(name)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    let Some(python) = python else {
        return;
    };
    let cluster = cluster(&Fixture::load("log-categories"));
    let binary = Binary::new();
    let archive = cluster.export(&binary, "log-categories", "out", &["--include-inputs"]);
    let script = "import sys, tarfile\n\
        with tarfile.open(sys.argv[1], 'r:gz') as tar:\n\
        \x20   for member in tar.getmembers():\n\
        \x20       print(member.name, member.size, len(tar.extractfile(member).read()), oct(member.mode))\n";
    let output = Command::new(python)
        .arg("-c")
        .arg(script)
        .arg(&archive)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let expected: Vec<String> = names(&archive)
        .iter()
        .map(|name| {
            let length = entries(&archive)[name].len();
            format!("{name} {length} {length} 0o600")
        })
        .collect();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}
