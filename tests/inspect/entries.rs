//! `--list` and `--show`.

use super::{COMPLETE, archive, document, exit, inspect, piped, stderr, stdout};

const NOTIFICATIONS: &str = "web-latency_notifications.ndjson";

#[test]
fn entry_list_matches_the_snapshot() {
    let output = inspect(&[COMPLETE, "--list"]);
    assert_eq!(exit(&output), Some(0));
    insta::assert_snapshot!("complete_list", stdout(&output));
}

#[test]
fn entry_list_as_json_is_part_of_the_report() {
    let list = document(&inspect(&[COMPLETE, "--list", "--json"]));
    let report = document(&inspect(&[COMPLETE, "--json"]));
    for member in ["version", "importable", "findings", "entries"] {
        assert_eq!(list[member], report[member], "{member}");
    }
}

#[test]
fn entry_is_printed_unchanged_from_file_and_pipe() {
    let report = document(&inspect(&[COMPLETE, "--json"]));
    let entry = report["entries"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["name"] == NOTIFICATIONS)
        .unwrap();
    let shown = inspect(&[COMPLETE, "--show", NOTIFICATIONS]);
    assert_eq!(exit(&shown), Some(0));
    assert_eq!(Some(shown.stdout.len() as u64), entry["bytes"].as_u64());
    assert!(stdout(&shown).starts_with(r#"{"job_id": "web-latency", "message": "Job created""#));
    assert_eq!(
        piped(&["-", "--show", NOTIFICATIONS], &archive(COMPLETE)).stdout,
        shown.stdout
    );
}

#[test]
fn unknown_entry_error_lists_the_entries() {
    for output in [
        inspect(&[COMPLETE, "--show", "nothing"]),
        piped(&["-", "--show", "nothing"], &archive(COMPLETE)),
    ] {
        assert_eq!((exit(&output), stdout(&output)), (Some(1), String::new()));
        assert!(
            stderr(&output).contains("entry `nothing` not found"),
            "{}",
            stderr(&output)
        );
        assert!(stderr(&output).contains(NOTIFICATIONS), "{}", stderr(&output));
    }
}

#[test]
fn verified_entry_is_printed_only_if_all_checks_pass() {
    let shown = inspect(&[COMPLETE, "--show", NOTIFICATIONS, "--verify"]);
    assert_eq!(exit(&shown), Some(0));
    assert_eq!(shown.stdout, inspect(&[COMPLETE, "--show", NOTIFICATIONS]).stdout);
    // The requested entry is intact, the archive is not.
    let entry = "user-population_notifications.ndjson";
    let damaged = ["without-snapshot-document.tar.gz", "--show", entry];
    assert_eq!(exit(&inspect(&damaged)), Some(0));
    let refused = inspect(&[&damaged[..], &["--verify"]].concat());
    assert_eq!((exit(&refused), stdout(&refused)), (Some(4), String::new()));
    let page = stderr(&inspect(&[damaged[0], "--verify"]));
    assert_eq!(stderr(&refused), page, "the page's verdict");
}

#[test]
fn verified_entry_cannot_be_printed_from_a_pipe() {
    let refused = piped(&["-", "--show", NOTIFICATIONS, "--verify"], &archive(COMPLETE));
    assert_eq!((exit(&refused), stdout(&refused)), (Some(2), String::new()));
    assert!(
        stderr(&refused).contains("hint: specify a file"),
        "{}",
        stderr(&refused)
    );
}
