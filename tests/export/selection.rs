//! Selection of the snapshot, and of annotations, notifications and input documents by date.

use serde_json::{Value, json};

use super::{cluster, exported, failed_export, inputs, lines, stored, version};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories-multisnap";

fn snapshot_of(cluster: &TestCluster, more: &[&str]) -> String {
    let entries = exported(cluster, JOB, more);
    let document: Value = serde_json::from_str(
        entries
            .iter()
            .find(|(name, _)| name.starts_with("ml-anomalies-snapshot_doc"))
            .unwrap()
            .1,
    )
    .unwrap();
    let id = document["snapshot_id"].as_str().unwrap().to_owned();
    assert!(entry(&entries, "_snapshot_docs.ndjson").contains(&format!("{JOB}_model_state_{id}#1")));
    let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
    assert_eq!(manifest["snapshot_id"], id.as_str());
    id
}

#[test]
fn snapshot_is_selected_by_default_by_id_or_by_date() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    for (args, expected) in [
        (&[][..], "1795433586"),
        (&["--snapshot-id", "1795433575"], "1795433575"),
        (&["--snapshot_id", "1795433580"], "1795433580"),
        (&["--before-date", "1795433580000"], "1795433575"),
        (&["--before-date", "1795433580001"], "1795433580"),
        (&["--snapshot-before-date", "1795433586000"], "1795433580"),
        (&["--before_date", "2026-11-23T11:32:56"], "1795433575"),
        (&["--snapshot_before_date", "2026-11-23T13:33:01+02:00"], "1795433580"),
        (&["--before-date", "2026-11-24"], "1795433586"),
    ] {
        assert_eq!(snapshot_of(&cluster, args), expected, "{args:?}");
    }
}

#[test]
fn reverted_job_is_exported_with_its_current_snapshot() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let path = format!("/_ml/anomaly_detectors/{JOB}/model_snapshots/1795433575/_revert");
    assert_eq!(cluster.call("POST", &path, "").status, 200);
    assert_eq!(snapshot_of(&cluster, &[]), "1795433575");
    let run = cluster
        .run(&Binary::new(), &["export", "--job-id", JOB, "--yes"])
        .expect(0);
    run.expect_stderr("warning: the latest snapshot is not exported: job log-categories-multisnap was reverted")
        .expect_stderr("uses snapshot 1795433575")
        .expect_stderr("--snapshot-id 1795433586");
    assert_eq!(snapshot_of(&cluster, &["--snapshot-id", "1795433586"]), "1795433586");
    assert_eq!(snapshot_of(&cluster, &["--before-date", "2026-11-24"]), "1795433586");
}

#[test]
fn job_reverted_to_empty_requires_a_snapshot_id() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let path = format!("/_ml/anomaly_detectors/{JOB}/model_snapshots/empty/_revert");
    assert_eq!(cluster.call("POST", &path, "").status, 200);
    failed_export(&cluster, JOB, &[], 1)
        .expect_stderr("does not use a model snapshot")
        .expect_stderr("--snapshot-id 1795433586");
    assert_eq!(snapshot_of(&cluster, &["--snapshot-id", "1795433580"]), "1795433580");
}

#[test]
fn missing_snapshot_is_an_error_that_names_it() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    failed_export(&cluster, JOB, &["--snapshot-id", "42"], 1)
        .expect_stderr("snapshot 42 of job log-categories-multisnap does not exist");
    failed_export(&cluster, JOB, &["--before-date", "1795433575000"], 1)
        .expect_stderr("has no model snapshot created before 2026-11-23T11:32:55");
    failed_export(&cluster, "nosuch", &[], 1).expect_stderr("job nosuch does not exist");
}

#[test]
fn annotations_and_notifications_are_selected_by_date() {
    let (after, before) = (1_795_432_850_000_i64, 1_795_432_900_000_i64);
    let moments = [after - 1, after, before - 1, before];
    let mut fixture = Fixture::load("web-latency").with_small_state();
    let made = |kind: &str, field: &str, other: &str| {
        let one = |moment: &i64| {
            let source = json!({"job_id": "web-latency", "annotation": "seen", "message": "seen", field: moment,
                other: 1_704_067_200_000_i64, "type": "annotation"});
            stored(&format!("{kind}-{moment}"), source)
        };
        moments.iter().map(one).collect::<Vec<_>>()
    };
    fixture.annotations = made("a", "create_time", "timestamp");
    fixture.notifications = made("n", "timestamp", "ignored_time");
    let cluster = cluster(&fixture);
    let (from, to) = (after.to_string(), before.to_string());
    for (args, expected) in [
        (vec![], &moments[..]),
        (
            vec!["--annotations-after-date", &from, "--before-date", &to],
            &moments[1..3],
        ),
        (vec!["--annotations_after_date", &from], &moments[1..]),
        (vec!["--after-date", &from], &moments[1..]),
        (
            vec!["--after-date", &to, "--annotations-after-date", &from],
            &moments[1..],
        ),
        (vec!["--snapshot-before-date", &to], &moments[..3]),
    ] {
        let entries = exported(&cluster, "web-latency", &args);
        for (ending, field) in [
            ("_annotations.ndjson", "create_time"),
            ("_notifications.ndjson", "timestamp"),
        ] {
            let mut found: Vec<i64> = lines(&entries, ending)
                .iter()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()[field].as_i64().unwrap())
                .collect();
            found.sort_unstable();
            assert_eq!(found, expected, "{args:?} {ending}");
        }
    }
}

#[test]
fn input_documents_are_selected_by_date_in_time_order() {
    for (name, unit) in [("web-latency", 1), ("log-categories", 1000)] {
        let fixture = Fixture::load(name);
        let mut times: Vec<i64> = fixture
            .inputs
            .iter()
            .map(|input| {
                serde_json::from_str::<Value>(&input.source).unwrap()["@timestamp"]
                    .as_i64()
                    .unwrap()
            })
            .collect();
        times.sort_unstable();
        let (after, before) = (times[50], times[150]);
        assert!(
            times[49] < after && times[149] < before,
            "the boundaries distinguish documents"
        );
        let cluster = cluster(&fixture);
        let (from, to) = ((after * unit).to_string(), (before * unit).to_string());
        for (args, expected) in [
            (vec![], &times[..]),
            (
                vec!["--inputs-after-date", &from, "--inputs-before-date", &to],
                &times[50..150],
            ),
            (vec!["--inputs_after_date", &from], &times[50..]),
            (vec!["--after-date", &to, "--inputs-after-date", &from], &times[50..]),
            (
                vec!["--after-date", &from, "--inputs_before_date", &to],
                &times[50..150],
            ),
        ] {
            let mut all = vec!["--include-inputs"];
            all.extend(&args);
            let entries = exported(&cluster, name, &all);
            let found: Vec<i64> = inputs(&entries)
                .iter()
                .map(|input| input["@timestamp"].as_i64().unwrap())
                .collect();
            assert_eq!(found, expected, "{name} {args:?}");
        }
        drop(cluster);
    }
}

#[test]
fn reversed_and_contradictory_ranges_are_usage_errors() {
    let cluster = TestCluster::new(version());
    for (args, named) in [
        (
            &[
                "--inputs-after-date",
                "2024-02-01",
                "--inputs-before-date",
                "2024-01-01",
            ][..],
            "--inputs-after-date",
        ),
        (
            &["--after-date", "2024-02-01", "--inputs-before-date", "2024-02-01"],
            "--after-date",
        ),
        (
            &["--after-date", "2024-02-01", "--before-date", "2024-01-01"],
            "--before-date",
        ),
        (
            &[
                "--annotations-after-date",
                "2024-02-01",
                "--snapshot-before-date",
                "2024-01-01",
            ],
            "--annotations-after-date",
        ),
        (&["--snapshot-id", "1", "--before-date", "2024-01-01"], "--before-date"),
        (&["--before-date", "yesterday"], "--before-date"),
        (&["--before-date", "2024-13-01"], "--before-date"),
        (&["--all-fields"], "--include-inputs"),
        (
            &["--include-inputs", "--all-fields", "--input-field", "a"],
            "--input-field",
        ),
        (&["--compression-level", "10"], "--compression-level"),
        (&["--page-size", "10001"], "--page-size"),
        (&["--slices", "0"], "--slices"),
        (&["--timeout", "0"], "--timeout"),
        (&["--keep-alive", "soon"], "--keep-alive"),
    ] {
        let mut all = vec!["export", "--job-id", "a", "--yes"];
        all.extend(args);
        let run = cluster.run(&Binary::new(), &all).expect(2);
        run.expect_stderr(named);
        assert_eq!(run.stdout, "");
    }
    assert!(cluster.stand_in.requests().is_empty());
}
