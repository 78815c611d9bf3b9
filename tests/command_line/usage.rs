//! Invalid command lines.

use super::{esml_state, run, stderr, stdout};
#[cfg(unix)]
use crate::support::{binary::Binary, pseudo_terminal::TerminalSession};

#[test]
fn export_without_a_terminal_requires_a_job_id() {
    let output = run(&["export"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(stdout(&output), "");
    assert_eq!(
        stderr(&output),
        "error: --job-id is required without a terminal\nhint: add --job-id JOB\n"
    );
}

#[test]
fn usage_error_with_json_is_a_json_document() {
    for arguments in [
        &["export", "--json"][..],
        &["import", "--json"],
        &["import", "-", "--json"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(stderr(&output).starts_with("error: "), "{arguments:?}");
        let document: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(document["exit"], 2);
        assert!(document["error"].as_str().is_some_and(|text| !text.is_empty()));
        assert!(document["hint"].is_string());
    }
}

#[test]
fn usage_error_document_names_its_argument() {
    for (arguments, error, hint) in [
        (
            &["import", "--json"][..],
            "the following required arguments were not provided: <ARCHIVE>",
            "for more information, try '--help'",
        ),
        (
            &["export", "--json", "--pagination", "x"],
            "invalid value 'x' for '--pagination <HOW>' [possible values: auto, pit, scroll]",
            "for more information, try '--help'",
        ),
        (
            &["export", "--json", "--job-ib", "j"],
            "unexpected argument '--job-ib' found",
            "a similar argument exists: '--job-id'; for more information, try '--help'",
        ),
    ] {
        let output = run(arguments);
        let document: serde_json::Value = serde_json::from_str(&stdout(&output)).unwrap();
        assert_eq!(
            document,
            serde_json::json!({ "error": error, "hint": hint, "exit": 2 }),
            "{arguments:?}"
        );
    }
}

#[test]
fn two_credentials_in_the_environment_are_an_error() {
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
fn invalid_url_error_hides_its_password() {
    let output = run(&["export", "--job-id", "j", "--url", "ftp://u:s3cr3t@h"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!stderr(&output).contains("s3cr3t"));
}

#[test]
fn user_without_password_and_terminal_is_an_error_with_a_hint() {
    let output = run(&["import", "a.tar.gz", "--username", "elastic"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("hint: add --password-file"));
}

#[test]
fn usage_error_follows_the_color_option() {
    let colored = stderr(&run(&["export", "--color", "always"]));
    assert!(colored.contains("\u{1b}[") && colored.contains("error:"), "{colored:?}");
    for (line, colored) in [
        (&["--color", "always", "export", "--bogus"][..], true),
        (&["export", "--bogus", "--color=always"], true),
        (&["export", "--bogus"], false),
    ] {
        let output = run(line);
        assert_eq!(output.status.code(), Some(2), "{line:?}");
        assert_eq!(stderr(&output).contains('\u{1b}'), colored, "{line:?}");
    }
    let help = stdout(&run(&["--color", "always", "-h"]));
    assert!(help.contains('\u{1b}'), "{help}");
}

#[cfg(unix)]
#[test]
fn usage_error_on_a_terminal_is_plain_without_color() {
    for (more, colored) in [(&[][..], true), (&["--color", "never"], false)] {
        let binary = Binary::new();
        let ended = TerminalSession::start(binary.command([&["export", "--bogus"], more].concat())).wait();
        assert_eq!(ended.code, 2, "{}", ended.screen);
        assert_eq!(ended.screen.contains('\u{1b}'), colored, "{more:?}: {:?}", ended.screen);
    }
}
