//! Archives that cannot be imported: still shown, and told by the exit code.

use super::{COMPLETE, archive, document, exit, inspect, piped, stderr, stdout};

#[test]
fn the_page_of_an_archive_without_snapshot_document() {
    let output = inspect(&["without-snapshot-document.tar.gz"]);
    assert_eq!(exit(&output), Some(4));
    insta::assert_snapshot!("broken_page", stdout(&output));
}

#[test]
fn its_document_tells_the_failure_itself_and_is_the_only_one() {
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
fn an_empty_archive_is_no_archive() {
    let output = inspect(&["empty.tar.gz"]);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("CANNOT be imported"), "{}", stdout(&output));
}

#[test]
fn an_archive_cut_anywhere_is_told_from_a_whole_one() {
    let whole = archive(COMPLETE);
    for tenth in 0..10 {
        let cut = &whole[..whole.len() * tenth / 10];
        let output = piped(&["-", "--json"], cut);
        assert_eq!(exit(&output), Some(4), "{tenth}/10");
        assert_eq!(document(&output)["importable"], false, "{tenth}/10");
    }
}

#[test]
fn a_flipped_byte_is_told() {
    let mut archive = archive(COMPLETE);
    let middle = archive.len() / 2;
    archive[middle] ^= 0x10;
    let output = piped(&["-"], &archive);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("FAILED"), "{}", stdout(&output));
}

#[test]
fn no_file_is_a_failure_and_with_json_one_document() {
    let output = inspect(&["no-such-file.tar.gz", "--json"]);
    assert_eq!(exit(&output), Some(1));
    assert_eq!(document(&output)["exit"], 1);
    assert!(stderr(&output).contains("no-such-file.tar.gz"), "{}", stderr(&output));
}

#[test]
fn an_entry_larger_than_allowed_is_refused() {
    let output = inspect(&[COMPLETE, "--max-entry-size", "100kb"]);
    assert_eq!(exit(&output), Some(4));
    assert!(stdout(&output).contains("--max-entry-size"), "{}", stdout(&output));
}
