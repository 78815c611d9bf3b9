//! Archives that cannot be imported have a report and exit code 4; other files have one error.

use super::{COMPLETE, archive, document, exit, inspect, piped, stderr, stdout};

#[test]
fn page_without_snapshot_document_matches_the_snapshot() {
    let output = inspect(&["without-snapshot-document.tar.gz"]);
    assert_eq!(exit(&output), Some(4));
    insta::assert_snapshot!("broken_page", stdout(&output));
}

#[test]
fn json_without_snapshot_document_reports_the_failure() {
    let output = inspect(&["without-snapshot-document.tar.gz", "--json"]);
    assert_eq!(exit(&output), Some(4));
    let report = document(&output);
    assert_eq!((&report["importable"], &report["exit"]), (&false.into(), &4.into()));
    let error = report["error"].as_str().unwrap();
    assert!(
        stderr(&output).contains(&format!("error: {error}")),
        "{}",
        stderr(&output)
    );
    insta::assert_snapshot!("broken_json", stdout(&output));
}

#[test]
fn empty_archive_is_refused() {
    let output = inspect(&["empty.tar.gz"]);
    assert_eq!((exit(&output), stdout(&output)), (Some(4), String::new()));
    assert!(stderr(&output).contains("the archive is empty"), "{}", stderr(&output));
}

#[test]
fn file_that_is_not_an_archive_has_one_error_and_no_page() {
    for more in [&[][..], &["--verify"], &["--list"], &["--values"], &["--html", "-"]] {
        let output = piped(&[&["-"], more].concat(), b"not an archive");
        assert_eq!((exit(&output), stdout(&output)), (Some(4), String::new()), "{more:?}");
        let printed = stderr(&output);
        assert!(printed.starts_with("error: -: not a gzip file"), "{printed}");
    }
    let document = document(&piped(&["-", "--json"], b"not an archive"));
    let members: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!((members, &document["exit"]), (vec!["error", "hint", "exit"], &4.into()));
}

#[test]
fn truncated_archive_is_detected() {
    let whole = archive(COMPLETE);
    for tenth in 1..10 {
        let cut = &whole[..whole.len() * tenth / 10];
        let output = piped(&["-", "--json"], cut);
        assert_eq!(exit(&output), Some(4), "{tenth}/10");
        assert_eq!(document(&output)["importable"], false, "{tenth}/10");
    }
}

#[test]
fn flipped_byte_is_detected() {
    let mut archive = archive(COMPLETE);
    let middle = archive.len() / 2;
    archive[middle] ^= 0x10;
    let output = piped(&["-"], &archive);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("failed"), "{}", stdout(&output));
}

#[test]
fn missing_file_is_an_error_document_with_json() {
    let output = inspect(&["no-such-file.tar.gz", "--json"]);
    assert_eq!(exit(&output), Some(1));
    assert_eq!(document(&output)["exit"], 1);
    assert!(stderr(&output).contains("no-such-file.tar.gz"), "{}", stderr(&output));
}

#[test]
fn oversized_entry_is_refused() {
    let output = inspect(&[COMPLETE, "--max-entry-size", "100kb"]);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("--max-entry-size"), "{}", stdout(&output));
}
