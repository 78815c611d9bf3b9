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
        "error: a job is required without a terminal\nhint: list the jobs with `esml-state list`, and run `esml-state export JOB`\n"
    );
}

#[test]
fn all_jobs_and_named_jobs_exclude_each_other() {
    for other in [&["a"][..], &["--job-id", "a"]] {
        let output = run(&[&["export", "--all", "--yes"], other].concat());
        assert_eq!(output.status.code(), Some(2));
        assert!(
            stderr(&output).contains("the argument '--all' cannot be used with"),
            "{}",
            stderr(&output)
        );
    }
}

#[test]
fn unknown_option_suggests_the_documented_one() {
    for (option, suggested) in [
        ("--include_input", Some("--include-inputs")),
        ("--jobid", Some("--job-id")),
        ("--snapshot_before_dat", Some("--snapshot-before-date")),
        ("--insecure", Some("--ignore-certs")),
        ("--cacert", Some("--ca-cert")),
        ("--user", Some("--username")),
        ("--host", Some("--url")),
        ("--es-url", Some("--url")),
        ("--xyz", None),
    ] {
        let output = run(&["export", option, "s3cr3t", "--json"]);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        let tips: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tip: "))
            .collect();
        let expected = suggested.map(|suggested| format!("a similar argument exists: '{suggested}'"));
        assert_eq!(tips, Vec::from_iter(expected), "{text}");
        assert!(
            text.contains(&format!("unexpected argument '{option}' found")),
            "{text}"
        );
        let other = run(&["export", &format!("{option}=s3cr3t"), "--json"]);
        assert!(
            !format!("{}{}", stderr(&other), stdout(&other)).contains("s3cr3t"),
            "{option}"
        );
    }
    let inspect = stderr(&run(&["inspect", "a", "--host", "b"]));
    assert!(!inspect.contains("--url"), "{inspect}");
    let before = stderr(&run(&["--snapshot-id", "1", "export"]));
    assert!(before.contains("tip: 'export --snapshot-id' exists"), "{before}");
}

#[test]
fn value_without_a_unit_is_refused() {
    let duration = "expected a number with a unit, such as 90s or 5m";
    let size = "expected a number above zero with a unit, such as 512kb, 5mb or 10gb";
    let bulk = "expected 1kb to 100mb, the limit of Elasticsearch for a request";
    for (command, option, value, expected) in [
        ("export", "--timeout", "90", duration),
        ("export", "--keep-alive", "5", duration),
        ("export", "--retry-for", "60", duration),
        ("export", "--timeout", "0", "expected a duration above zero, at most 1d"),
        ("import", "--bulk-size", "2", size),
        ("import", "--bulk-size", "2b", bulk),
        ("import", "--model-memory-limit", "512", size),
        ("import", "--max-entry-size", "10", size),
        ("inspect", "--max-entry-size", "10", size),
    ] {
        let output = run(&[command, "a", option, value]);
        assert_eq!(output.status.code(), Some(2));
        let text = stderr(&output);
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(&format!("error: invalid value '{value}' for '{option} <")),
            "{first}"
        );
        assert!(first.ends_with(&format!(">': {expected}")), "{first}");
    }
}

#[test]
fn unclear_dates_are_refused() {
    for (date, expected) in [
        (
            "1714521600",
            "expected milliseconds, but this looks like epoch seconds (did you mean 1714521600000?)",
        ),
        (
            "now-1d/d",
            "rounding is not supported: use a date such as 2024-05-01, or a time before now such as 7d",
        ),
    ] {
        let output = run(&["export", "a", "--after-date", date]);
        assert_eq!(output.status.code(), Some(2));
        let first = format!("error: invalid value '{date}' for '--after-date <DATE>': {expected}\n");
        assert!(stderr(&output).starts_with(&first), "{}", stderr(&output));
    }
    let reversed = stderr(&run(&["export", "a", "--after-date", "7d", "--before-date", "now-8d"]));
    assert!(
        reversed.starts_with("error: empty date range: --after-date ("),
        "{reversed}"
    );
}

#[test]
fn address_without_a_scheme_is_suggested_with_https() {
    let output = run(&["export", "a", "--url", "localhost:9200"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "error: --url has no scheme\nhint: add https:// or http://, as in `https://localhost:9200`\n"
    );
    let with_password = run(&["export", "a", "--url", "elastic:s3cr3t@localhost:9200"]);
    assert!(!stderr(&with_password).contains("s3cr3t"));
}

#[test]
fn empty_address_or_credential_is_refused() {
    for (command, option) in [
        ("export", "--url"),
        ("export", "--cloud-id"),
        ("export", "--username"),
        ("export", "--password"),
        ("export", "--api-key"),
        ("export", "--bearer-token"),
        ("copy", "--from"),
        ("copy", "--to"),
    ] {
        let output = run(&[command, "a", option, "", "--yes"]);
        assert_eq!(output.status.code(), Some(2), "{option}");
        let text = stderr(&output);
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with(&format!("error: invalid value '' for '{option} <")),
            "{first}"
        );
        let hint = ">': the value is empty: if it is that of a variable, set the variable";
        assert!(first.ends_with(hint), "{first}");
    }
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
            "the following required arguments were not provided: <ARCHIVE>...",
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
