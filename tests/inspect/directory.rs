//! A directory of archives: all are checked, and one that cannot be imported does not stop the others.

use serde_json::{Value, json};

use super::{document, exit, inspect, stderr, stdout};
use crate::support::binary::{Binary, Run};
use crate::support::fixtures::from_python;
use crate::support::in_process::InProcess;
use esml_state::error::ExitCode;

/// A binary whose directory `backup` contains these archives of the Python scripts.
fn backup(names: &[&str]) -> Binary {
    let binary = Binary::new();
    std::fs::create_dir(binary.path("backup")).unwrap();
    for name in names {
        std::fs::copy(from_python(name), binary.path(&format!("backup/{name}.tar.gz"))).unwrap();
    }
    binary
}

fn paths(run: &Run) -> Vec<Value> {
    let archives = run.json()["archives"].as_array().unwrap().clone();
    archives.iter().map(|archive| archive["path"].clone()).collect()
}

#[test]
fn all_archives_are_listed_and_the_most_severe_exit_code_is_returned() {
    let output = inspect(&["."]);
    assert_eq!(exit(&output), Some(4));
    insta::assert_snapshot!("directory", stdout(&output));
    let errors: Vec<String> = stderr(&output).lines().map(str::to_owned).collect();
    assert_eq!(
        errors.iter().filter(|line| line.starts_with("error: ")).count(),
        3,
        "{errors:?}"
    );
    assert_eq!(errors.last().unwrap(), "error: 2 of 6 archives failed");
}

#[test]
fn intact_archives_are_listed_with_exit_code_0() {
    let binary = backup(&["complete", "dotted-job-id"]);
    let run = binary.run(["inspect", "backup"]).expect(0);
    assert!(
        run.stdout.contains("Can be imported - 2 of 2 archives"),
        "{}",
        run.stdout
    );
    assert_eq!(binary.run(["inspect", "backup", "--verify", "-q"]).expect(0).stdout, "");
}

#[test]
fn an_archive_in_the_list_has_the_facts_of_its_own_report() {
    let list = document(&inspect(&[".", "--json"]));
    let archives = list["archives"].as_array().unwrap();
    assert_eq!((archives.len(), &list["exit"]), (6, &4.into()));
    for archive in archives {
        let report = document(&inspect(&[archive["path"].as_str().unwrap(), "--json"]));
        assert_eq!(report["exit"], archive["exit"], "{archive}");
        let Some(findings) = report["findings"].as_array() else {
            assert_eq!(archive["importable"], false);
            continue;
        };
        let warnings = findings.iter().filter(|finding| finding["severity"] == "warning");
        let expected = json!([
            report["archive"]["bytes"],
            report["importable"],
            warnings.count(),
            report["archive"]["written"]["at"],
            report["job"]["id"],
            report["snapshot"]["id"],
            report["snapshot"]["created"],
        ]);
        let members = [
            "bytes",
            "importable",
            "warnings",
            "written",
            "job_id",
            "snapshot_id",
            "snapshot_created",
        ];
        assert_eq!(Value::from_iter(members.map(|name| archive[name].clone())), expected);
    }
}

#[test]
fn the_documentation_lists_exactly_the_members() {
    let page = include_str!("../../docs/inspect-json.md");
    let (_, section) = page.split_once("## Directory").unwrap();
    let rows = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let mut documented: Vec<&str> = rows.map(|(member, _)| member).collect();
    let list = document(&inspect(&[".", "--json"]));
    let failed = list["archives"]
        .as_array()
        .unwrap()
        .iter()
        .find(|archive| archive["exit"] == 4);
    let of_archive = failed
        .unwrap()
        .as_object()
        .unwrap()
        .keys()
        .map(|name| format!("archives[].{name}"));
    let of_list = list
        .as_object()
        .unwrap()
        .keys()
        .filter(|name| *name != "archives")
        .cloned();
    let mut members: Vec<String> = of_archive.chain(of_list).collect();
    members.sort();
    documented.sort_unstable();
    assert_eq!(documented, members);
}

#[test]
fn an_error_names_the_archive_that_it_belongs_to() {
    let binary = backup(&["without-snapshot-document"]);
    let run = binary.run(["inspect", "backup"]).expect(4);
    let path = std::path::Path::new("backup").join("without-snapshot-document.tar.gz");
    run.expect_stderr(&format!("error: {}: ", path.display()));
    run.expect_stderr("error: 1 of 1 archive failed");
}

#[test]
fn quiet_verification_prints_only_the_archives_that_failed() {
    let run = backup(&["complete", "empty"])
        .run(["inspect", "backup", "--verify", "-q"])
        .expect(4);
    assert_eq!(run.stdout, "failed  empty.tar.gz\n");
}

#[test]
fn only_archives_in_the_directory_itself_are_checked() {
    let binary = backup(&["complete"]);
    for name in ["notes.txt", ".hidden.tar.gz", "complete.tar.gz.x1.partial"] {
        std::fs::write(binary.path(&format!("backup/{name}")), "not an archive").unwrap();
    }
    std::fs::create_dir(binary.path("backup/older")).unwrap();
    std::fs::copy(from_python("empty"), binary.path("backup/older/empty.tar.gz")).unwrap();
    assert_eq!(
        paths(&binary.run(["inspect", "backup", "--json"]).expect(0)),
        ["complete.tar.gz"]
    );
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let binary = backup(&["complete"]);
    std::fs::create_dir(binary.path("backup/a.tar.gz")).unwrap();
    let run = binary.run(["inspect", "backup", "--json"]).expect(1);
    let archives = &run.json()["archives"];
    assert_eq!(
        (&archives[0]["importable"], &archives[0]["exit"]),
        (&Value::Null, &1.into())
    );
    assert_eq!(
        (&archives[1]["importable"], &archives[1]["exit"]),
        (&true.into(), &Value::Null)
    );
}

#[test]
fn a_directory_without_archives_is_an_error() {
    let run = backup(&[]).run(["inspect", "backup"]).expect(1);
    run.expect_stderr("error: no archives (*.tar.gz) in backup");
}

#[test]
fn options_for_a_single_archive_are_refused_with_a_directory() {
    let binary = backup(&["complete"]);
    for more in [
        &["--list"][..],
        &["--values"],
        &["--show", "x"],
        &["--html", "page.html"],
        &["backup/complete.tar.gz"],
    ] {
        let run = binary.run([&["inspect", "backup"], more].concat()).expect(2);
        assert!(
            run.stdout.is_empty() && run.stderr.contains("with a directory"),
            "{}",
            run.stderr
        );
    }
    binary.run(["inspect", "backup/complete.tar.gz", "backup"]).expect(2);
    assert!(!binary.path("page.html").exists());
}

#[test]
fn an_interruption_stops_all_and_lists_those_that_were_not_checked() {
    let binary = backup(&["complete", "dotted-job-id"]);
    let run = InProcess::new();
    run.interrupter()(ExitCode::Interrupted);
    let run = run.run(&["inspect", &binary.path("backup").display().to_string(), "--json"]);
    let run = run.expect(130);
    let (list, names) = (run.json(), ["complete.tar.gz", "dotted-job-id.tar.gz"]);
    assert_eq!(
        (paths(&run), &list["exit"]),
        (names.map(Value::from).to_vec(), &130.into())
    );
    assert_eq!(
        [0, 1].map(|n| list["archives"][n]["importable"].clone()),
        [Value::Null, Value::Null]
    );
    assert_eq!(run.stderr.matches("error: interrupted").count(), 1, "{}", run.stderr);
}
