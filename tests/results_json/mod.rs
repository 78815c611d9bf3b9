//! `docs/results-json.md` documents exactly the members of the documents that `--json` prints.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::archive::write_renamed;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const DOCUMENTATION: &str = include_str!("../../docs/results-json.md");
const JOB: &str = "web-latency";

/// Members as the documentation lists them: `documents.inputs`, `entries[].name`.
fn members(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                let path = if path.is_empty() {
                    name.clone()
                } else {
                    format!("{path}.{name}")
                };
                members(value, &path, found);
            }
        }
        Value::Array(items) if items.is_empty() => {
            found.insert(format!("{path}[]"));
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, &format!("{path}[]"), found)),
        _ => {
            found.insert(path.to_owned());
        }
    }
}

fn members_of(document: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    members(document, "", &mut found);
    found
}

/// The members that one section documents.
fn documented(section: &str) -> BTreeSet<String> {
    let (_, rest) = DOCUMENTATION.split_once(&format!("\n## {section}\n")).expect(section);
    let text = rest.split("\n## ").next().unwrap_or_default();
    let rows = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(member, _)| member.to_owned()).collect()
}

#[test]
fn json_of_an_export_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let export = [
        "export",
        "--job-id",
        JOB,
        "--include-inputs",
        "--include-results",
        "--json",
        "--yes",
    ];
    let planned = cluster
        .run(&binary, &[&export[..], &["--dry-run"]].concat())
        .expect(0)
        .json();
    assert_eq!(members_of(&planned), documented("export --dry-run"));
    assert_eq!(planned["dry_run"], true);
    assert_eq!(planned["documents"]["inputs"], 200);

    let written = cluster.run(&binary, &export).expect(0).json();
    assert_eq!(members_of(&written), documented("export"));
    assert_eq!(written["archive"], planned["archive"]);
    let bytes = std::fs::metadata(binary.path("web-latency_state.tar.gz"))
        .unwrap()
        .len();
    assert_eq!(written["bytes"], bytes);

    let refused = cluster.run(&binary, &export).expect(3).json();
    assert_eq!(refused["exit"], 3);
    assert!(members_of(&refused).is_subset(&documented("Failures")), "{refused}");
}

#[test]
fn json_of_an_export_of_several_jobs_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    cluster.seed(&Fixture::load("log-categories"));
    let export = ["export", "--all", "--output-dir", "archives", "--json", "--yes"];
    cluster
        .run(&binary, &[&export[..], &["--pagination", "scroll"]].concat())
        .expect(0);
    std::fs::remove_file(binary.path("archives").join("log-categories_state.tar.gz")).unwrap();
    let document = cluster.run(&binary, &export).expect(3).json();
    let mut expected = documented("export --output-dir");
    assert!(expected.remove("archives[].unchanged"), "only with --skip-unchanged");
    assert_eq!(members_of(&document), expected);
}

#[test]
fn json_of_list_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let jobs = cluster.run(&binary, &["list", "--json"]).expect(0).json();
    assert_eq!(members_of(&jobs), documented("list"));
    let snapshots = cluster.run(&binary, &["list", JOB, "--json"]).expect(0).json();
    assert_eq!(members_of(&snapshots), documented("list JOB"));
}

#[test]
fn json_of_pseudonymize_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let archive = cluster.export(&binary, JOB, "archive", &["--include-inputs"]);
    let archive = archive.display().to_string();
    let document = binary
        .run(["pseudonymize", &archive, "-o", "new.tar.gz", "--json"])
        .expect(0)
        .json();
    let mut found = members_of(&document);
    assert!(found.remove("fields.host") && found.remove("fields.clientip") && found.remove("fields.status"));
    found.insert("fields".to_owned());
    let mut expected = documented("export");
    expected.remove("snapshot_id");
    expected.extend(documented("pseudonymize"));
    assert_eq!(found, expected);
}

#[test]
fn json_of_an_import_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let archive = cluster.export(&binary, JOB, "archive", &["--include-inputs"]);
    let planned = cluster
        .import(&binary, &archive, &["--as", "copy", "--dry-run", "--json"])
        .expect(0)
        .json();
    let done = cluster
        .import(&binary, &archive, &["--as", "copy", "--json"])
        .expect(0)
        .json();
    for (document, dry_run) in [(&planned, true), (&done, false)] {
        assert_eq!(members_of(document), documented("import"));
        assert_eq!(document["dry_run"], dry_run);
        assert_eq!(document["input_indices"], json!(["copy-input"]));
    }
    let again = cluster
        .import(&binary, &archive, &["--as", "copy", "--replace", "--json"])
        .expect(0)
        .json();
    assert_eq!(members_of(&again), documented("import"));
    assert_ne!(again["replaced"], json!([]));
}

#[test]
fn json_of_several_imports_is_documented() {
    let binary = Binary::new();
    let source = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let archive = source.export(&binary, JOB, "archive", &[]);
    let second = binary.path("second.tar.gz");
    write_renamed(&archive, [JOB, "second"], &second);
    drop(source);
    let cluster = TestCluster::new(MlVersion::new(9, 2, 0));
    let both = |more: &[&str]| {
        let archives = [&archive, &second].map(|path| path.display().to_string());
        let args = [&["import", &archives[0], &archives[1], "--yes", "--json"], more].concat();
        cluster.run(&binary, &args)
    };
    let mut seen = members_of(&both(&["--dry-run"]).expect(0).json());
    let refused = Action::status(400, "{}");
    let datafeed = "/_ml/datafeeds/datafeed-second";
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("PUT", datafeed).then(refused));
    let failed = both(&["--skip-inputs"]).expect(1).json();
    assert_eq!(failed["imports"][0]["result"], "imported");
    assert_eq!(failed["imports"][1]["result"], "failed");
    seen.extend(members_of(&failed));
    let inner = documented("import").into_iter().chain(documented("Failures"));
    let mut expected: BTreeSet<String> = inner.map(|member| format!("imports[].{member}")).collect();
    expected.extend(documented("import of several archives"));
    let unknown: Vec<&String> = seen.difference(&expected).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    for member in documented("import of several archives") {
        assert!(seen.contains(&member), "{member}");
    }
}

#[test]
fn json_of_a_failed_import_is_documented() {
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &Fixture::load(JOB));
    let archive = cluster.export(&binary, JOB, "archive", &[]);
    let conflict = cluster
        .import(&binary, &archive, &["--dry-run", "--json"])
        .expect(3)
        .json();
    let mut seen = members_of(&conflict);

    let refused = || {
        Action::status(
            403,
            r#"{"error":{"type":"security_exception","reason":"no"},"status":403}"#,
        )
    };
    let faults = cluster.stand_in.faults();
    faults.add(FaultRule::on("PUT", "/_ml/datafeeds/").always().then(refused()));
    let undone = cluster
        .import(&binary, &archive, &["--as", "copy", "--json"])
        .expect(1)
        .json();
    assert_ne!(undone["undone"], json!([]));
    seen.extend(members_of(&undone));

    faults.add(
        FaultRule::on("DELETE", "/_ml/anomaly_detectors/")
            .always()
            .then(refused()),
    );
    let remains = cluster
        .import(&binary, &archive, &["--as", "copy", "--json"])
        .expect(6)
        .json();
    assert_eq!(remains["remains"][0]["remove"], "DELETE /_ml/anomaly_detectors/copy");
    seen.extend(members_of(&remains));
    assert_eq!(seen, documented("Failures"));
}
