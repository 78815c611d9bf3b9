//! Archives that cannot be imported: still shown, and told by the exit code.

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
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("CANNOT be imported"), "{}", stdout(&output));
}

#[test]
fn truncated_archive_is_detected() {
    let whole = archive(COMPLETE);
    for tenth in 0..10 {
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
    assert!(stdout(&output).contains("FAILED"), "{}", stdout(&output));
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
