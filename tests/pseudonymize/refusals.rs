//! Refusals, questions, and files that remain.

use serde_json::json;

use super::newest;
use super::shared_archives::{exported, exported_of, pseudonymized};
use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::fixtures::{Fixture, from_python};
use crate::support::test_cluster::TestCluster;

#[test]
fn existing_files_are_not_replaced() {
    let binary = Binary::new();
    let archive = from_python("complete").display().to_string();
    let (target, key) = (binary.path("a.tar.gz"), binary.path("a.key.json"));
    let output = target.display().to_string();
    std::fs::write(&key, "precious").unwrap();
    binary
        .run(["pseudonymize", &archive, "-o", &output])
        .expect(3)
        .expect_stderr("a.key.json already exists");
    binary
        .run([
            "pseudonymize",
            &archive,
            "-o",
            &output,
            "--key",
            &key.display().to_string(),
        ])
        .expect(1)
        .expect_stderr("not a key file");
    let missing = binary.path("nosuch.json").display().to_string();
    binary
        .run(["reveal", &missing, "t_1"])
        .expect(1)
        .expect_stderr("check the path of the file");
    assert_eq!(std::fs::read_to_string(&key).unwrap(), "precious");
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&target, "precious").unwrap();
    binary
        .run(["pseudonymize", &archive, "-o", &output])
        .expect(3)
        .expect_stderr("--overwrite");
    assert!(!key.exists() && std::fs::read_to_string(&target).unwrap() == "precious");
    binary
        .run(["pseudonymize", &archive, "-o", &output, "--overwrite", "--keep-order"])
        .expect(2)
        .expect_stderr("--keep-order");
    binary
        .run(["pseudonymize", &archive, "-o", &output, "--overwrite"])
        .expect(0);
    #[cfg(unix)]
    for path in [&key, &target] {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn pseudonymize_checks_its_arguments() {
    let binary = Binary::new();
    let archive = from_python("complete").display().to_string();
    let run = |more: &[&str]| {
        let mut arguments = vec!["pseudonymize", &archive];
        arguments.extend(more);
        binary.run(&arguments)
    };
    run(&["-o", "-"]).expect(2).expect_stderr("--key FILE");
    run(&["-o", "a.tar.gz", "--key", "a.tar.gz"])
        .expect(2)
        .expect_stderr("the same file");
    run(&["-o", "a.tar.gz", "--fields", "host,nothing"])
        .expect(2)
        .expect_stderr("clientip, host, status");
    let dry = run(&["-o", "a.tar.gz", "--dry-run"]).expect(0);
    assert_eq!(dry.stdout.trim_end(), "Would write a.tar.gz and a.key.json");
    assert!(std::fs::read_dir(binary.directory()).unwrap().next().is_none());
    binary
        .run([
            "pseudonymize",
            &from_python("empty").display().to_string(),
            "-o",
            "a.tar.gz",
        ])
        .expect(4);
    assert!(std::fs::read_dir(binary.directory()).unwrap().next().is_none());
}

#[test]
fn tokens_are_revealed_in_texts() {
    let binary = Binary::new();
    let new = pseudonymized(&binary, &from_python("complete"), "new", &[]);
    let key = new.key.to_str().unwrap();
    let (token, value) = new
        .tokens
        .iter()
        .find(|(_, value)| value.ends_with(".corp.example"))
        .unwrap();
    assert_eq!(
        binary.run(["reveal", key, token]).expect(0).stdout,
        format!("{value}\n")
    );
    let text = format!("what is host {token}?");
    let two = binary.run(["reveal", key, &text, token]).expect(0).stdout;
    assert_eq!(two, format!("{text}\twhat is host {value}?\n{token}\t{value}\n"));
    binary
        .run(["reveal", key, "t_unknown"])
        .expect(1)
        .expect_stderr("does not contain a token");
}

#[test]
fn options_keep_fields_and_texts() {
    let binary = Binary::new();
    let old = exported(&binary, "web-latency");
    let new = pseudonymized(&binary, &old, "new", &["--fields", "host", "--keep-text"]);
    assert_eq!(
        new.output["fields"].as_object().unwrap().keys().collect::<Vec<_>>(),
        ["host"]
    );
    let (old, new) = (entries(&old), entries(&new.archive));
    let inputs = |entries| entry(entries, "_input_1.ndjson").to_owned();
    assert!(inputs(&old).contains("web-05.iad.corp.example") && !inputs(&new).contains("web-05.iad.corp.example"));
    assert!(inputs(&new).contains("\"status\":\"304\"") && inputs(&new).contains("10.1.139.226"));
    let annotations = entry(&new, "_annotations.ndjson");
    assert!(annotations.contains("Load test by the platform team") && !annotations.contains("mueller"));
    assert!(entry(&new, "_filters.json").contains("Hosts that take canary traffic"));
    assert!(!entry(&new, "_filters.json").contains("web-01"));
}

#[test]
fn names_that_contain_values_must_be_accepted() {
    let (binary, mut fixture) = (Binary::new(), Fixture::load("web-latency"));
    fixture.job["groups"] = json!(["web", "mueller-jobs"]);
    let old = exported_of(&binary, &fixture).display().to_string();
    let run = binary.run(["pseudonymize", &old, "-o", "new.tar.gz"]).expect(3);
    run.expect_stderr("mueller-jobs").expect_stderr("--accept-names");
    assert!(!binary.path("new.tar.gz").exists() && !binary.path("new.key.json").exists());
    binary
        .run(["pseudonymize", &old, "-o", "new.tar.gz", "--accept-names"])
        .expect(0);
}

#[test]
fn export_can_pseudonymize_directly() {
    let (binary, fixture) = (Binary::new(), Fixture::load("web-latency"));
    // Exported first, since clusters on the same Elasticsearch node wait for each other.
    let old = entries(&exported(&binary, "web-latency"));
    let cluster = TestCluster::seeded(newest(), &fixture);
    let run = |more: &[&str]| {
        let mut arguments = vec![
            "export",
            "--job-id",
            "web-latency",
            "--yes",
            "--include-inputs",
            "-o",
            "a.tar.gz",
        ];
        arguments.extend(more);
        cluster.run(&binary, &arguments)
    };
    run(&["--keep-text"]).expect(2).expect_stderr("add --pseudonymize");
    let report = run(&["--pseudonymize", "--json"]).expect(0).json();
    assert_eq!(report["pseudonymized"]["key_file"], "a.key.json");
    let new = entries(&binary.path("a.tar.gz"));
    super::leak_check::assert_no_leak("export", &new, &super::leak_check::values(&old));
    run(&["--pseudonymize"]).expect(3).expect_stderr("already exists");
    assert!(entry(&new, "_config.json").contains("datafeed_config"));
    for name in ["a.tar.gz", "a.key.json"] {
        std::fs::remove_file(binary.path(name)).unwrap();
    }
    run(&["--pseudonymize", "--skip-datafeed"]).expect(0);
    let new = entries(&binary.path("a.tar.gz"));
    assert!(!entry(&new, "_config.json").contains("datafeed_config"));
}

#[test]
fn pseudonymized_archive_can_be_written_to_stdout() {
    let binary = Binary::new();
    let archive = from_python("complete").display().to_string();
    let mut command = binary.command(["pseudonymize", &archive, "-o", "-", "--key", "k.json"]);
    let output = command.output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let copy = binary.path("copy.tar.gz");
    std::fs::write(&copy, output.stdout).unwrap();
    binary
        .run(["inspect", "--verify", &copy.display().to_string()])
        .expect(0);
    assert!(binary.path("k.json").exists());
}
