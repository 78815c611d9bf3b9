//! Comparison of two archives.

use super::{COMPLETE, archive, document, exit, inspect, piped, stderr, stdout};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

#[test]
fn archive_equals_itself_read_from_a_pipe() {
    for output in [
        inspect(&[COMPLETE, COMPLETE, "--json", "--values"]),
        inspect(&[COMPLETE, "readme-2025-04-layout.tar.gz", "--json"]),
        piped(&["-", COMPLETE, "--json"], &archive(COMPLETE)),
        piped(&[COMPLETE, "-", "--json"], &archive(COMPLETE)),
    ] {
        assert_eq!(exit(&output), Some(0), "{}", stderr(&output));
        let comparison = document(&output);
        let differ: Vec<&serde_json::Value> = comparison["differences"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|found| found["section"] != "parts")
            .collect();
        assert!(differ.is_empty(), "{differ:?}");
    }
    assert!(stdout(&inspect(&[COMPLETE, COMPLETE])).contains("No differences"));
}

#[test]
fn comparison_shows_what_differs_between_two_snapshots() {
    let fixture = Fixture::load("log-categories-multisnap").with_job(|job| job["groups"] = serde_json::json!(["logs"]));
    let binary = Binary::new();
    let cluster = TestCluster::seeded(MlVersion::new(9, 2, 0), &fixture);
    let [first, second] = ["1795433575", "1795433586"].map(|snapshot| {
        let archive = cluster.export(&binary, fixture.id(), snapshot, &["--snapshot-id", snapshot]);
        archive.display().to_string()
    });
    let arguments = ["inspect", &first, &second, "--values", "--json"];
    let comparison = binary.run(arguments).expect(0).json();
    assert_eq!(comparison["same"], false);
    let found = |section: &str, what: &str| {
        let differences = comparison["differences"].as_array().unwrap();
        let one = differences
            .iter()
            .find(|one| one["section"] == section && one["what"] == what);
        one.map(|one| (one["first"].clone(), one["second"].clone()))
    };
    assert_eq!(
        found("snapshot", "model_bytes"),
        Some((22_753_280.into(), 23_539_712.into()))
    );
    assert_eq!(
        found("snapshot", "categorization.categories"),
        Some((11.into(), 12.into()))
    );
    let sections = comparison["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["section"].as_str().unwrap());
    assert!(
        sections
            .into_iter()
            .all(|section| section != "job" && section != "datafeed")
    );
    let categories = comparison["values"]
        .as_array()
        .unwrap()
        .iter()
        .find(|field| field["field"] == "mlcategory");
    assert_eq!(categories.unwrap()["added"], serde_json::json!(["12"]));
}

#[test]
fn comparison_with_an_invalid_archive_fails_after_printing() {
    let output = inspect(&[COMPLETE, "without-snapshot-document.tar.gz", "--json"]);
    assert_eq!(exit(&output), Some(4));
    let comparison = document(&output);
    assert_eq!((&comparison["exit"], &comparison["same"]), (&4.into(), &false.into()));
    let output = inspect(&[COMPLETE, "without-snapshot-document.tar.gz"]);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("Cannot be imported"));
}

#[test]
fn standard_input_is_read_once() {
    let output = piped(&["-", "-"], &archive(COMPLETE));
    assert_eq!(exit(&output), Some(2));
    assert!(
        stderr(&output).contains("only one of the archives"),
        "{}",
        stderr(&output)
    );
    assert_eq!(exit(&inspect(&[COMPLETE, COMPLETE, "--list"])), Some(2));
}

#[test]
fn archives_of_the_same_name_are_distinguished_by_their_directories() {
    let binary = Binary::new();
    for (folder, content) in [("before", COMPLETE), ("after", "without-categorizer.tar.gz")] {
        std::fs::create_dir(binary.path(folder)).unwrap();
        std::fs::write(binary.path(folder).join("job.tar.gz"), archive(content)).unwrap();
    }
    let [first, second] = ["before", "after"].map(|folder| {
        let path = std::path::Path::new(folder).join("job.tar.gz");
        path.display().to_string()
    });
    let run = binary.run(["inspect", &first, &second]).expect(0);
    let title = format!("{first} compared with {second}\n");
    assert!(run.stdout.starts_with(&title), "{}", run.stdout);
    let run = binary.run(["inspect", &first, &second, "--html", "-"]).expect(0);
    for name in [&first, &second] {
        let heading = format!("<th scope=\"col\" class=\"long\">{name}</th>");
        assert!(run.stdout.contains(&heading), "{}", run.stdout);
    }
    assert!(run.stdout.contains("<span class=\"removed\">") && run.stdout.contains("<span class=\"added\">"));
}

#[test]
fn comparison_names_the_reason_why_an_archive_cannot_be_imported() {
    let output = inspect(&[COMPLETE, "without-snapshot-document.tar.gz"]);
    let page = stdout(&output);
    let reason = "Cannot be imported - without-snapshot-document.tar.gz: the snapshot document";
    assert!(page.contains(reason), "{page}");
}
