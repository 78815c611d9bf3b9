//! Command lines that are wrong.

use super::{esml_state, output, stderr, stdout};

#[test]
fn a_job_is_needed_where_nobody_can_choose() {
    let output = output(&["export"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "error: no job is named, and there is no terminal to choose one on\nhint: add --job-id JOB\n"
    );
}

#[test]
fn with_json_a_usage_error_is_a_document_too() {
    for arguments in [
        &["export", "--json"][..],
        &["import", "--json"],
        &["import", "-", "--json"],
    ] {
        let output = output(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}");
        let document: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(document["exit"], 2);
        assert!(document["error"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(document["hint"].is_string());
    }
}

#[test]
fn two_credentials_of_the_environment_are_an_error() {
    let mut command = esml_state(&["export", "--job-id", "j"]);
    command
        .env("ELASTICSEARCH_API_KEY", "s3cr3t")
        .env("ELASTICSEARCH_BEARER_TOKEN", "s3cr3t");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = stderr(&output);
    assert!(
        text.contains("ELASTICSEARCH_API_KEY cannot be used with ELASTICSEARCH_BEARER_TOKEN"),
        "{text}"
    );
    assert!(!text.contains("s3cr3t"));
}

#[test]
fn a_wrong_address_does_not_give_its_password_away() {
    let output = output(&["export", "--job-id", "j", "--url", "ftp://u:s3cr3t@h"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("s3cr3t"));
}

#[test]
fn a_user_without_password_and_terminal_is_told_how_to_give_one() {
    let output = output(&["import", "a.tar.gz", "--username", "elastic"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: add --password-file"));
}

#[test]
fn color_is_obeyed() {
    let colored = stderr(&output(&["export", "--color", "always"]));
    assert!(colored.contains("\u{1b}[") && colored.contains("error:"), "{colored:?}");
}
