//! Each kind of error as printed: what failed, on what, why, and what to do next.

mod causes;
mod mistakes;

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::{Fixture, from_python};
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

fn cluster() -> TestCluster {
    let cluster = TestCluster::in_memory(MlOptions::new(MlVersion::new(9, 2, 0)));
    cluster.seed(&Fixture::load(JOB));
    cluster
}

/// The output without ports and temporary directories, which differ between runs.
fn masked_output(binary: &Binary, cluster: &TestCluster, title: &str, run: &Run) -> String {
    let port = cluster.stand_in.url().rsplit(':').next().unwrap_or_default().to_owned();
    let mut text = format!("# {title}\nexit {}\n", run.code);
    let directory = binary.directory().display().to_string();
    let clean = |output: &str| {
        output
            .replace(&directory, "DIR")
            .replace(port.trim_end_matches('/'), "PORT")
            .replace(env!("CARGO_MANIFEST_DIR"), "REPO")
    };
    if !run.stdout.is_empty() {
        let _ = writeln!(text, "stdout: {}", clean(run.stdout.trim_end()));
    }
    let _ = writeln!(text, "{}", clean(run.stderr.trim_end()));
    text
}

fn export(fault: Option<FaultRule>, more: &[&str]) -> impl Fn(&TestCluster, &Binary) -> Run {
    let more: Vec<String> = more.iter().map(|&word| word.to_owned()).collect();
    move |cluster, binary| {
        cluster.stand_in.faults().clear();
        if let Some(fault) = &fault {
            cluster.stand_in.faults().add(fault.clone());
        }
        let mut args = vec!["export", "--job-id", JOB, "--yes", "--retries", "0", "-o", "job.tar.gz"];
        args.extend(more.iter().map(String::as_str));
        cluster.run(binary, &args)
    }
}

fn refused(status: u16, kind: &str, reason: &str) -> Action {
    let body = serde_json::json!({"error": {"type": kind, "reason": reason}, "status": status});
    Action::status(status, body.to_string())
}

#[test]
fn export_errors_match_the_snapshot() {
    let (cluster, other, binary) = (cluster(), cluster(), Binary::new());
    std::fs::write(binary.path("there.tar.gz"), "x").unwrap();
    let on = |part: &str, action: Action| Some(FaultRule::on("*", part).always().then(action));
    let shards = r#"{"took":1,"timed_out":false,"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"shard":0,"reason":{"type":"x","reason":"circuit breaker tripped"}}]},"hits":{"total":{"value":0,"relation":"eq"},"hits":[]}}"#;
    let expired = r#"{"error":{"root_cause":[{"type":"search_context_missing_exception","reason":"No search context found for id [7]"}],"type":"search_phase_execution_exception","reason":"all shards failed"},"status":404}"#;
    type Case<'a> = (&'a str, Option<FaultRule>, &'a [&'a str]);
    let cases: [Case<'_>; 14] = [
        ("no such job", None, &["--job-id", "nosuch"]),
        ("no such snapshot", None, &["--snapshot-id", "7"]),
        ("an existing file", None, &["-o", "there.tar.gz"]),
        ("no directory", None, &["-o", "missing/job.tar.gz"]),
        (
            "a reversed range",
            None,
            &[
                "--include-inputs",
                "--inputs-after-date",
                "2024-02-01",
                "--inputs-before-date",
                "2024-01-01",
            ],
        ),
        (
            "401",
            on(
                "/_ml",
                refused(401, "security_exception", "unable to authenticate user [elastic]"),
            ),
            &[],
        ),
        (
            "403",
            on(
                "/_ml",
                refused(
                    403,
                    "security_exception",
                    "action [x] is unauthorized for user [narrow]",
                ),
            ),
            &[],
        ),
        ("500", on("/_ml", refused(500, "exception", "something broke")), &[]),
        ("a page of a proxy", on("/_ml", Action::html(502)), &[]),
        ("not JSON", on("/_ml", Action::status(200, "nonsense")), &[]),
        ("connection closed", on("/_ml", Action::Close), &[]),
        ("shards failed", on(".ml-state", Action::status(200, shards)), &[]),
        (
            "a search context expired",
            on("/_search", Action::status(404, expired)),
            &[],
        ),
        (
            "a redirect",
            on("/_ml", Action::redirect(&format!("{}/elsewhere", other.stand_in.url()))),
            &[],
        ),
    ];
    let mut text = String::new();
    for (title, fault, more) in cases {
        // These options must not be given twice.
        let run = match more.first() {
            Some(&("--job-id" | "-o")) => {
                cluster.stand_in.faults().clear();
                let mut args = vec!["export", "--yes", "--retries", "0"];
                args.extend(more);
                if more[0] == "-o" {
                    args.extend(["--job-id", JOB]);
                }
                cluster.run(&binary, &args)
            }
            _ => export(fault, more)(&cluster, &binary),
        };
        assert_ne!(run.code, 0, "{title}");
        text += &masked_output(&binary, &cluster, title, &run);
        text.push('\n');
    }
    let elsewhere = other.stand_in.url();
    insta::assert_snapshot!("export", text.replace(&elsewhere, "http://other"));
}

#[test]
fn initial_connection_errors_match_the_snapshot() {
    let binary = Binary::new();
    let mut text = String::new();
    let opensearch = TestCluster::in_memory(MlOptions::new(MlVersion::opensearch(2, 19, 0)));
    let serverless = TestCluster::in_memory(MlOptions::new(MlVersion::serverless()));
    for (title, cluster) in [("OpenSearch", &opensearch), ("serverless", &serverless)] {
        let run = cluster.run(&binary, &["export", "--job-id", JOB, "--yes"]);
        text += &masked_output(&binary, cluster, title, &run);
        text.push('\n');
    }
    let gone = binary.run([
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--retries",
        "0",
        "--url",
        "http://127.0.0.1:1",
    ]);
    text += &masked_output(&binary, &opensearch, "connection refused", &gone);
    text.push('\n');
    let json = binary.run([
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--retries",
        "0",
        "--url",
        "http://127.0.0.1:1",
        "--json",
    ]);
    text += &masked_output(&binary, &opensearch, "connection refused, as JSON", &json);
    insta::assert_snapshot!("contact", text);
}

#[test]
fn import_errors_match_the_snapshot() {
    let binary = Binary::new();
    let archive = cluster().export(&binary, JOB, "good", &[]);
    let good = archive.display().to_string();
    let bad = |name: &str| from_python(name).display().to_string();
    let truncated: PathBuf = binary.path("truncated.tar.gz");
    let whole = std::fs::read(&archive).unwrap();
    std::fs::write(&truncated, &whole[..whole.len() / 2]).unwrap();
    let busy = cluster();
    let fresh = || TestCluster::in_memory(MlOptions::new(MlVersion::new(9, 2, 0)));
    let upgrading = fresh();
    upgrading.call("POST", "/_ml/set_upgrade_mode?enabled=true", "");
    let rejecting = fresh();
    rejecting.stand_in.faults().add(
        FaultRule::on("POST", ".ml-state-write/_bulk")
            .always()
            .then(Action::AnswerItems(400)),
    );
    let failing = fresh();
    failing
        .stand_in
        .faults()
        .add(
            FaultRule::on("POST", "_revert")
                .nth(2)
                .always()
                .then(refused(500, "exception", "no shard")),
        );
    let gone = fresh();
    gone.stand_in
        .faults()
        .add(
            FaultRule::on("POST", ".ml-state-write/_bulk")
                .always()
                .then(refused(500, "exception", "broken")),
        );
    gone.stand_in.faults().add(
        FaultRule::on("DELETE", "/_ml")
            .always()
            .then(refused(500, "exception", "broken too")),
    );
    let truncated = truncated.display().to_string();
    let cases: [(&str, &TestCluster, Vec<&str>); 9] = [
        ("a job of that id", &busy, vec![&good]),
        ("an archive of another job", &busy, vec![&good, "--job-id", "other"]),
        ("a truncated archive", &busy, vec![&truncated]),
        ("an archive without its snapshot document", &busy, vec![]),
        ("upgrade mode", &upgrading, vec![&good]),
        ("a document rejected, rolled back", &rejecting, vec![&good]),
        ("a failure, rolled back", &failing, vec![&good]),
        ("a failure that cannot be undone", &gone, vec![&good]),
        ("the same as JSON", &gone, vec![&good, "--as", "copy", "--json"]),
    ];
    let without = bad("without-snapshot-document");
    let mut text = String::new();
    for (title, cluster, mut more) in cases {
        if more.is_empty() {
            more.push(&without);
        }
        let mut args = vec!["import", "--yes", "--retries", "0"];
        args.extend(more);
        let run = cluster.run(&binary, &args);
        assert_ne!(run.code, 0, "{title}");
        text += &masked_output(&binary, cluster, title, &run);
        text.push('\n');
    }
    insta::assert_snapshot!("import", text);
}
