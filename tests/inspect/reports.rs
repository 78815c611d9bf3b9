//! The page and the JSON document of an archive.

use super::{COMPLETE, archive, document, exit, inspect, piped, stderr, stdout};
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

#[test]
fn page_of_a_complete_archive_matches_the_snapshot() {
    let output = inspect(&[COMPLETE]);
    assert_eq!(exit(&output), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("complete_page", stdout(&output));
}

#[test]
fn json_of_a_complete_archive_matches_the_snapshot() {
    let output = inspect(&[COMPLETE, "--json"]);
    assert_eq!(exit(&output), Some(0), "{}", stderr(&output));
    insta::assert_snapshot!("complete_json", stdout(&output));
}

#[test]
fn older_layout_has_the_same_report() {
    let newer = document(&inspect(&[COMPLETE, "--json"]));
    let older = document(&inspect(&["readme-2025-04-layout.tar.gz", "--json"]));
    for member in ["job", "datafeed", "snapshot", "state", "inputs"] {
        assert_eq!(older[member], newer[member], "{member}");
    }
    assert_eq!(older["importable"], true);
}

#[test]
fn piped_archive_has_the_same_report() {
    let file = document(&inspect(&[COMPLETE, "--json"]));
    let mut pipe = document(&piped(&["-", "--json"], &archive(COMPLETE)));
    assert_eq!(pipe["archive"]["path"], "-");
    pipe["archive"]["path"] = COMPLETE.into();
    assert_eq!(pipe, file);
}

#[test]
fn dotted_job_id_is_read_from_the_documents() {
    let report = document(&inspect(&["dotted-job-id.tar.gz", "--json"]));
    assert_eq!(report["job"]["id"], "app.log-categories");
    assert_eq!(report["importable"], true);
}

#[test]
fn input_times_in_epoch_seconds_are_read() {
    let report = document(&inspect(&["without-categorizer.tar.gz", "--json"]));
    let inputs = report["parts"]
        .as_array()
        .unwrap()
        .iter()
        .find(|part| part["part"] == "inputs")
        .unwrap();
    assert_eq!(
        (&inputs["first"], &inputs["undated"]),
        (&"2024-03-01T00:01:26Z".into(), &0.into())
    );
    let counts = report["inputs"]["histogram"]["counts"].as_array().unwrap();
    assert_eq!(
        counts.iter().filter_map(serde_json::Value::as_u64).sum::<u64>(),
        inputs["documents"].as_u64().unwrap()
    );
}

#[test]
fn missing_categorizer_state_is_reported() {
    let output = inspect(&["without-categorizer.tar.gz"]);
    assert_eq!(exit(&output), Some(0));
    assert!(
        stdout(&output).contains("Categorizer state: the job starts without categories"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn verify_accepts_warnings_as_an_import_does() {
    assert_eq!(exit(&inspect(&[COMPLETE, "--verify"])), Some(0));
    let output = inspect(&["without-categorizer.tar.gz", "--verify", "--json"]);
    let report = document(&output);
    assert_eq!(
        (exit(&output), &report["importable"], report.get("exit")),
        (Some(0), &true.into(), None)
    );
    assert_eq!(report["findings"][0]["severity"], "warning");
}

#[test]
fn quiet_verify_prints_only_failures() {
    for name in [COMPLETE, "without-categorizer.tar.gz"] {
        let output = inspect(&[name, "--verify", "-q"]);
        assert_eq!(
            (exit(&output), stdout(&output), stderr(&output)),
            (Some(0), String::new(), String::new())
        );
    }
    let output = inspect(&["without-snapshot-document.tar.gz", "--verify", "-q"]);
    let printed = stdout(&output);
    assert_eq!(exit(&output), Some(4));
    assert_eq!(printed, "failed  The snapshot document exists and belongs to the job\n");
    let error = stderr(&output);
    assert!(
        error.contains("error: without-snapshot-document.tar.gz: the snapshot document"),
        "{error}"
    );
}

#[test]
fn report_contains_no_values_by_default() {
    let fixture = Fixture::load("log-categories");
    let binary = Binary::new();
    let cluster = TestCluster::in_memory(MlOptions::new(MlVersion::new(9, 2, 0)));
    cluster.seed(&fixture);
    let archive = cluster.export(&binary, fixture.id(), "job", &[]).display().to_string();
    let output = |more: &[&str]| {
        let run = binary.run([&["inspect", archive.as_str()], more].concat()).expect(0);
        run.stdout
    };
    // Names and addresses in the messages.
    let values = ["alice", "192.168.", "DE00", "insufficient_funds"];
    for more in [
        &[][..],
        &["--json"],
        &["--html", "-"],
        &["--list"],
        &["--list", "--json"],
        &["--verify"],
        &["--color", "always"],
        &[archive.as_str()],
        &[archive.as_str(), "--json"],
    ] {
        let printed = output(more);
        assert!(
            values.iter().all(|value| !printed.contains(value)),
            "{more:?}: {printed}"
        );
    }
    for more in [&[][..], &["--json"], &["--html", "-"]] {
        let printed = output(&[more, &["--values"]].concat());
        assert!(printed.contains("User alice.muster logged in from"), "{more:?}");
    }
}

#[test]
fn report_contains_the_file_name_without_its_path() {
    let binary = Binary::new();
    let folder = binary.path("of-alice");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("job.tar.gz"), super::archive(COMPLETE)).unwrap();
    std::fs::write(folder.join("text.tar.gz"), "text").unwrap();
    let [good, text] = ["job.tar.gz", "text.tar.gz"].map(|name| folder.join(name).display().to_string());
    for more in [&[][..], &["--json"], &["--html", "-"], &["--values"], &[good.as_str()]] {
        let run = binary.run([&["inspect", good.as_str()], more].concat()).expect(0);
        assert!(
            run.stdout.contains("job.tar.gz") && !run.stdout.contains("of-alice"),
            "{more:?}: {}",
            run.stdout
        );
    }
    for command in [&["inspect"][..], &["import", "--yes"]] {
        let run = binary.run([command, &[text.as_str(), "--json"]].concat()).expect(4);
        assert!(
            run.stderr
                .contains("text.tar.gz: not a gzip file, so not an esml-state archive"),
            "{}",
            run.stderr
        );
        assert!(command.len() == 2 || !run.stdout.contains("of-alice"), "{}", run.stdout);
    }
}
