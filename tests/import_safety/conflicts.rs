//! What must not be overwritten: exit 3 with the reason and a hint, and nothing is written.

use std::process::Stdio;

use serde_json::json;

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, options, small_fixture, target};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::test_cluster::TestCluster;

type Prepare = fn(&TestCluster);

fn call(cluster: &TestCluster, method: &str, path: &str, body: &str) {
    let answer = cluster.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// The job already exists and is closed.
fn existing_job(cluster: &TestCluster) {
    cluster.seed(&small_fixture(JOB).without_inputs());
}

fn open_job(cluster: &TestCluster) {
    existing_job(cluster);
    call(cluster, "POST", "/_ml/anomaly_detectors/web-latency/_open", "");
}

fn started_datafeed(cluster: &TestCluster) {
    open_job(cluster);
    call(cluster, "POST", "/_ml/datafeeds/datafeed-web-latency/_start", "{}");
}

fn imported_job(cluster: &TestCluster) {
    cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
}

/// The index of an earlier import whose job was deleted completely.
fn own_index(cluster: &TestCluster) {
    imported_job(cluster);
    call(cluster, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
}

fn leftover_state(cluster: &TestCluster) {
    call(
        cluster,
        "PUT",
        "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true",
        "{}",
    );
}

fn leftover_results(cluster: &TestCluster) {
    let body = r#"{"job_id":"web-latency","result_type":"bucket","timestamp":1700000000000}"#;
    call(
        cluster,
        "PUT",
        "/.ml-anomalies-shared/_doc/web-latency_bucket_1_900?refresh=true",
        body,
    );
}

fn unrelated_index(cluster: &TestCluster) {
    call(
        cluster,
        "PUT",
        "/web-latency-input",
        r#"{"mappings":{"_meta":{"owner":"another"}}}"#,
    );
}

fn other_filter(cluster: &TestCluster) {
    call(
        cluster,
        "PUT",
        "/_ml/filters/canary-hosts",
        r#"{"items":["something else"]}"#,
    );
}

fn other_calendar(cluster: &TestCluster) {
    call(
        cluster,
        "PUT",
        "/_ml/calendars/maintenance",
        r#"{"description":"Planned maintenance","job_ids":[]}"#,
    );
    let events = r#"{"events":[{"description":"moving house","start_time":1,"end_time":2}]}"#;
    call(cluster, "POST", "/_ml/calendars/maintenance/events", events);
}

fn group_of_another_job(cluster: &TestCluster) {
    let body =
        r#"{"groups":["web-latency"],"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(cluster, "PUT", "/_ml/anomaly_detectors/another", body);
}

fn job_with_a_group_name(cluster: &TestCluster) {
    let body = r#"{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(cluster, "PUT", "/_ml/anomaly_detectors/web", body);
}

fn datafeed_of_another_job(cluster: &TestCluster) {
    let body = r#"{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(cluster, "PUT", "/_ml/anomaly_detectors/another", body);
    let body = r#"{"job_id":"another","indices":["x"]}"#;
    call(cluster, "PUT", "/_ml/datafeeds/datafeed-web-latency", body);
}

#[test]
fn conflicts_are_named_with_hints_before_the_first_write() {
    let cases: Vec<(&str, Prepare, &[&str], &[&str])> = vec![
        (
            "job",
            existing_job,
            &[],
            &[
                "job web-latency already exists",
                "--as",
                "--replace",
                "esml-state export web-latency",
            ],
        ),
        (
            "open job",
            open_job,
            &["--replace"],
            &[
                "error: job web-latency is open\n",
                "hint: close it with `POST /_ml/anomaly_detectors/web-latency/_close`\n",
            ],
        ),
        (
            "started datafeed",
            started_datafeed,
            &["--replace"],
            &[
                "error: datafeed datafeed-web-latency is started\nhint: stop it with `POST \
                 /_ml/datafeeds/datafeed-web-latency/_stop`\nerror: job web-latency is open\n",
            ],
        ),
        (
            "group",
            group_of_another_job,
            &[],
            &["job another has a group named web-latency", "--as"],
        ),
        (
            "own group",
            |_| {},
            &["--as", "web"],
            &["job web has a group of the same name", "--as"],
        ),
        (
            "own group, even then",
            job_with_a_group_name,
            &["--replace"],
            &["has a group named web, and a job with that ID exists"],
        ),
        (
            "state",
            leftover_state,
            &[],
            &["state documents of an earlier job web-latency", "--replace", "--as"],
        ),
        (
            "results",
            leftover_results,
            &[],
            &["results of an earlier job web-latency", "--replace"],
        ),
        (
            "unrelated index",
            unrelated_index,
            &[],
            &[
                "index web-latency-input already exists",
                "--input-index",
                "--skip-inputs",
            ],
        ),
        (
            "unrelated index, with --replace",
            unrelated_index,
            &["--replace"],
            &["was not created by", "--input-index"],
        ),
        (
            "own index",
            own_index,
            &[],
            &["input index web-latency-input", "--replace"],
        ),
        (
            "filter",
            other_filter,
            &["--replace"],
            &["filter canary-hosts", "--skip-filters"],
        ),
        (
            "calendar",
            other_calendar,
            &["--replace"],
            &["calendar maintenance", "--skip-calendars"],
        ),
        (
            "datafeed",
            datafeed_of_another_job,
            &[],
            &[
                "datafeed datafeed-web-latency",
                "belongs to job another",
                "--skip-datafeed",
            ],
        ),
    ];
    let binary = Binary::new();
    for (run, (name, prepare, more, expected)) in cases.into_iter().enumerate() {
        let cluster = target(run, 6);
        prepare(&cluster);
        let before = ClusterState::of(&cluster);
        cluster.stand_in.clear_requests();
        for extra in [&[][..], &["--json"], &["--dry-run"], &["--dry-run", "--json"]] {
            let run = cluster.import(&binary, &archive_of(JOB), &[more, extra].concat());
            assert_eq!(run.code, 3, "{name} {extra:?}: {}", run.stderr);
            for words in expected {
                assert!(run.stderr.contains(words), "{name}: no `{words}` in {}", run.stderr);
            }
            match extra {
                ["--json"] | ["--dry-run", "--json"] => assert_eq!(run.json()["exit"], 3, "{name}"),
                ["--dry-run"] => assert!(run.stdout.contains("conflict: "), "{name}: {}", run.stdout),
                _ => assert_eq!(run.stdout, "", "{name}"),
            }
        }
        assert_eq!(cluster.stand_in.writes().len(), 0, "{name}");
        ClusterState::of(&cluster).assert_same(&before, name);
    }
}

#[test]
fn other_job_id_is_a_usage_error_that_names_the_as_option() {
    let cluster = TestCluster::with(options());
    let run = cluster
        .import(&Binary::new(), &archive_of(JOB), &["--job-id", "other"])
        .expect(2);
    run.expect_stderr("--as other").expect_stderr("web-latency");
    assert_eq!(cluster.stand_in.writes().len(), 0);
    cluster
        .import(&Binary::new(), &archive_of(JOB), &["--job-id", JOB])
        .expect(0);
}

#[test]
fn import_without_yes_and_terminal_is_refused() {
    let cluster = TestCluster::with(options());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let output = Binary::new()
        .command(["import", &archive, "--url", &url])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--yes"));
    assert!(cluster.stand_in.requests().is_empty());
}

fn without_port(cluster: &TestCluster, text: &str) -> String {
    text.replace(&cluster.stand_in.url(), "http://HOST")
}

#[test]
fn import_dry_run_prints_the_plan_and_writes_nothing() {
    let (cluster, binary) = (target(1, 1), Binary::new());
    let before = ClusterState::of(&cluster);
    let text = cluster
        .import(&binary, &archive_of(JOB), &["--dry-run"])
        .expect(0)
        .stdout;
    insta::assert_snapshot!("plan", without_port(&cluster, &text));
    let run = cluster
        .import(&binary, &archive_of(JOB), &["--dry-run", "--json"])
        .expect(0);
    let plan = run.json();
    assert_eq!((&plan["dry_run"], &plan["job_id"]), (&json!(true), &json!(JOB)));
    assert_eq!(cluster.stand_in.writes().len(), 0);
    ClusterState::of(&cluster).assert_same(&before, "dry run");
}

#[test]
fn import_dry_run_names_conflicts() {
    let (cluster, binary) = (target(1, 1), Binary::new());
    cluster.import(&binary, &archive_of(JOB), &[]).expect(0);
    cluster.call(
        "POST",
        "/_ml/filters/canary-hosts/_update",
        r#"{"add_items":["theirs"]}"#,
    );
    let before = ClusterState::of(&cluster);
    let run = cluster.import(&binary, &archive_of(JOB), &["--dry-run"]).expect(3);
    insta::assert_snapshot!(
        "plan_with_conflicts",
        without_port(&cluster, &format!("{}\n--- stderr\n{}", run.stdout, run.stderr))
    );
    let replacing = ["--dry-run", "--replace", "--skip-filters"];
    let plan = cluster.import(&binary, &archive_of(JOB), &replacing).expect(0).stdout;
    insta::assert_snapshot!("plan_of_a_replacement", without_port(&cluster, &plan));
    ClusterState::of(&cluster).assert_same(&before, "dry run");
}

#[test]
fn default_index_name_avoids_data_stream_templates() {
    let (cluster, binary) = (target(1, 1), Binary::new());
    let before = ClusterState::of(&cluster);
    let reason = "cannot create index with name [web-latency-input], because it matches with template [logs] that \
                  creates data streams only, use create data stream api instead";
    let answer = json!({"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400});
    let fault = FaultRule::on("PUT", "/web-latency-input").then(Action::status(400, answer.to_string()));
    cluster.stand_in.faults().add(fault);
    let run = cluster.import(&binary, &archive_of(JOB), &[]).expect(1);
    run.expect_stderr("creates data streams only")
        .expect_stderr("--input-index");
    ClusterState::of(&cluster).assert_unchanged(&before, "refused");
    let elsewhere = ["--input-index", "elsewhere"];
    cluster.import(&binary, &archive_of(JOB), &elsewhere).expect(0);
}

/// Another user creates an object with that name between our check and our write.
#[test]
fn resources_created_by_others_during_the_import_are_kept() {
    let job =
        r#"{"description":"theirs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    let cases = [
        ("PUT", "/_ml/filters/canary-hosts", r#"{"items":["theirs"]}"#),
        (
            "PUT",
            "/_ml/calendars/maintenance",
            r#"{"description":"theirs","job_ids":[]}"#,
        ),
        (
            "PUT",
            "/web-latency-input",
            r#"{"mappings":{"_meta":{"owner":"another"}}}"#,
        ),
        ("PUT", "/_ml/anomaly_detectors/web-latency", job),
    ];
    for (run, (method, path, body)) in cases.into_iter().enumerate() {
        for lost in [false, true] {
            let cluster = target(run * 2 + usize::from(lost), 4);
            let direct = cluster.stand_in.direct();
            let theirs = move |_: &_| {
                let answer = direct.call(method, path, body);
                assert!(answer.status < 300, "{answer:?}");
            };
            let fault = FaultRule::when(move |call| call.method == method && call.path == path).run(theirs);
            cluster.stand_in.faults().add(match lost {
                true => fault.then(crate::support::cluster::faults::Action::Close),
                false => fault,
            });
            let end: Run = super::import(&cluster, &Binary::new(), &archive_of(JOB), &[]);
            assert_eq!(end.code, 1, "{path}, lost {lost}: {}", end.stderr);
            let there = cluster.call("GET", path, "");
            assert_eq!(there.status, 200, "{path}, lost {lost}");
            // Without the other user's object, the cluster is unchanged.
            call(&cluster, "DELETE", path, "");
            let expected = ClusterState::of(&target(1, usize::MAX));
            let after = ClusterState::of(&cluster);
            assert_eq!(after.configurations, expected.configurations, "{path}, lost {lost}");
            assert!(!after.aliases.contains_key("web-latency-input"), "{path}, lost {lost}");
        }
    }
}
