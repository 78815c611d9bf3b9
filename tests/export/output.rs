//! The result is printed to stdout, everything else to stderr.

use std::process::Stdio;

use super::{cluster, version};
use crate::support::binary::{Binary, Run};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

fn export(cluster: &TestCluster, more: &[&str]) -> Run {
    let mut args = vec!["export", "--job-id", JOB, "--yes"];
    args.extend(more);
    cluster.run(&Binary::new(), &args)
}

#[test]
fn piped_stdout_is_the_plain_path() {
    let cluster = cluster(&Fixture::load(JOB));
    let run = export(&cluster, &[]).expect(0);
    assert_eq!(run.stdout, "log-categories_state.tar.gz\n");
    assert!(
        !run.stderr.contains('\u{1b}') && !run.stderr.contains('\r'),
        "{:?}",
        run.stderr
    );
    for line in [
        "Model state: 1 document, categorizer state: 1",
        "Annotations: 6",
        "Notifications: 4",
        "Categories: ",
        "Exported job log-categories: ",
    ] {
        run.expect_stderr(line);
    }
}

#[test]
fn quiet_prints_nothing_and_verbose_prints_more() {
    let cluster = cluster(&Fixture::load(JOB));
    let quiet = export(&cluster, &["-q"]).expect(0);
    assert_eq!(
        (quiet.stdout.as_str(), quiet.stderr.as_str()),
        ("log-categories_state.tar.gz\n", "")
    );
    let plain = export(&cluster, &[]).expect(0).stderr;
    let verbose = export(&cluster, &["-v"]).expect(0);
    verbose.expect_stderr("connected to http://127.0.0.1");
    let debug = export(&cluster, &["-vv"]).expect(0);
    debug
        .expect_stderr("GET /: 200 in ")
        .expect_stderr("POST /_search: 200");
    assert!(plain.len() < verbose.stderr.len() && verbose.stderr.len() < debug.stderr.len());
    export(&cluster, &["-q", "-v"]).expect(2);
}

#[test]
fn color_option_and_no_color_are_respected() {
    let cluster = TestCluster::new(version());
    let error = |binary: Binary, more: &[&str]| {
        let mut args = vec!["export", "--job-id", JOB, "--yes"];
        args.extend(more);
        cluster.run(&binary, &args).expect(1).stderr
    };
    assert!(error(Binary::new(), &["--color", "always"]).contains('\u{1b}'));
    assert!(!error(Binary::new(), &["--color", "never"]).contains('\u{1b}'));
    assert!(!error(Binary::new().with_env("NO_COLOR", "1"), &[]).contains('\u{1b}'));
}

#[test]
fn json_prints_one_document_on_success_and_failure() {
    let fixture = Fixture::load(JOB);
    let cluster = cluster(&fixture);
    let good = export(&cluster, &["--json"]).expect(0);
    let document = good.json();
    assert_eq!(document["archive"], "log-categories_state.tar.gz");
    assert_eq!(document["job_id"], JOB);
    assert_eq!(document["snapshot_id"], fixture.snapshot_id());
    assert!(document["bytes"].as_u64().unwrap() > 1000 && document["entries"].as_array().unwrap().len() > 5);
    assert_eq!(good.stdout.lines().count(), 1);
    let bad = export(&cluster, &["--json", "--snapshot-id", "42"]).expect(1);
    let document = bad.json();
    assert_eq!(document["exit"], 1);
    assert!(bad.stderr.contains(document["error"].as_str().unwrap()));
    assert!(bad.stderr.contains(document["hint"].as_str().unwrap()));
    let refused = cluster
        .run(&Binary::new(), &["export", "--job-id", JOB, "--json"])
        .expect(3);
    assert_eq!(refused.json()["exit"], 3);
}

#[test]
fn closed_stdout_is_not_an_error() {
    let cluster = cluster(&Fixture::load(JOB));
    let binary = Binary::new();
    let url = cluster.stand_in.url();
    for more in [&["--dry-run"][..], &["--yes"], &["--yes", "--json", "--overwrite"]] {
        let mut command = binary.command(["export", "--job-id", JOB, "--url", &url].iter().chain(more));
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        assert!(!stderr.contains("error"), "{stderr}");
    }
}

#[test]
fn export_without_yes_and_terminal_sends_no_request() {
    let cluster = TestCluster::new(version());
    let run = cluster.run(&Binary::new(), &["export", "--job-id", JOB]).expect(3);
    run.expect_stderr("values of your data").expect_stderr("--yes");
    assert!(cluster.stand_in.requests().is_empty());
    let run = cluster.run(&Binary::new(), &["export"]).expect(2);
    run.expect_stderr("esml-state export JOB");
    assert!(cluster.stand_in.requests().is_empty());
}
