//! `--replace` deletes the existing data of the job and nothing else, and running it twice gives the same result as
//! once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::cluster_state::ClusterState;
use super::ownership::{DATAFEED, DETECTOR, INDEX, import, reject};
use super::{JOB, archive_of, small_fixture, target};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

fn call(cluster: &TestCluster, method: &str, path: &str, body: &str) {
    let answer = cluster.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// Leaves the cluster as an import does that is killed.
fn partly_created_calendar(cluster: &TestCluster) {
    let calendar = r#"{"description":"Planned maintenance","job_ids":[]}"#;
    call(cluster, "PUT", "/_ml/calendars/maintenance", calendar);
    let event = r#"{"events":[{"description":"kernel patching","start_time":1704499200000,"end_time":1704506400000}]}"#;
    call(cluster, "POST", "/_ml/calendars/maintenance/events", event);
}

fn baseline() -> ClusterState {
    let cluster = target(1, usize::MAX);
    cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
    ClusterState::of(&cluster).comparable()
}

#[test]
fn replace_replaces_the_job_and_is_idempotent() {
    type Prepare = fn(&TestCluster);
    let cases: [(&str, Prepare); 6] = [
        ("nothing", |_| {}),
        ("an import of the same archive", |cluster| {
            cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
        }),
        ("leftovers", |cluster| {
            let path = "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true";
            call(cluster, "PUT", path, "{}");
            let body = r#"{"job_id":"web-latency","result_type":"bucket","timestamp":1700000000000}"#;
            call(
                cluster,
                "PUT",
                "/.ml-anomalies-shared/_doc/web-latency_bucket_1_900?refresh=true",
                body,
            );
        }),
        ("what a job leaves that is deleted", |cluster| {
            cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
            for (index, id) in [
                (".ml-annotations-write", "by-a-user"),
                (".ml-notifications-000002", "n1"),
            ] {
                let path = format!("/{index}/_doc/{id}?refresh=true");
                call(
                    cluster,
                    "PUT",
                    &path,
                    r#"{"job_id":"web-latency","timestamp":1700000000000}"#,
                );
            }
            call(cluster, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
            call(cluster, "DELETE", "/web-latency-input", "");
        }),
        ("an input index of an earlier import", |cluster| {
            cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
            call(cluster, "PUT", "/web-latency-input/_doc/later?refresh=true", "{}");
            call(cluster, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
        }),
        ("a half-made calendar", partly_created_calendar),
    ];
    let expected = baseline();
    let binary = Binary::new();
    for (run, (name, prepare)) in cases.into_iter().enumerate() {
        let cluster = target(run, 4);
        prepare(&cluster);
        for time in ["once", "twice"] {
            let run = cluster.import(&binary, &archive_of(JOB), &["--replace"]);
            assert_eq!(run.code, 0, "{name}, {time}: {}", run.stderr);
            ClusterState::of(&cluster)
                .comparable()
                .assert_same(&expected, &format!("{name}, {time}"));
        }
    }
}

#[test]
fn replace_removes_all_previous_content() {
    let cluster = target(1, 1);
    let mut before = small_fixture(JOB);
    before.bystanders.clear();
    cluster.seed(
        &before
            .without_inputs()
            .with_job(|job| job["description"] = "before".into()),
    );
    let run = cluster
        .import(&Binary::new(), &archive_of(JOB), &["--replace"])
        .expect(0);
    assert_eq!(run.stdout, "web-latency\n");
    ClusterState::of(&cluster)
        .comparable()
        .assert_same(&baseline(), "another content");
}

#[test]
fn failed_replacement_reports_what_it_deleted() {
    let cluster = target(1, 1);
    cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
    cluster.stand_in.faults().add(
        FaultRule::on("PUT", "/_ml/anomaly_detectors/web-latency")
            .always()
            .then(Action::status(400, "{}")),
    );
    let run = super::import(&cluster, &Binary::new(), &archive_of(JOB), &["--replace"]).expect(1);
    run.expect_stderr(
        "the existing job web-latency will be deleted and cannot be restored; to keep a copy, first run `esml-state export",
    )
    .expect_stderr("\nNot rolled back:\n  datafeed datafeed-web-latency: deleted by --replace")
    .expect_stderr("\n  job web-latency with its state and results: deleted by --replace")
    .expect_stderr("\n  index web-latency-input: deleted by --replace, cannot be restored");
    assert_eq!(cluster.job(JOB), serde_json::Value::Null);
}

/// What `--replace` deletes of a job with a datafeed and an input index, as reported.
const DELETED: [(&str, &str); 3] = [
    (DATAFEED, "datafeed datafeed-web-latency"),
    (DETECTOR, "job web-latency with its state and results"),
    (INDEX, "index web-latency-input"),
];

/// Replaces an imported job. The response to the deletion at `path` is replaced, and the new job is refused.
fn failing_replacement(
    path: &'static str,
    retries: &str,
    fault: impl FnOnce(FaultRule) -> FaultRule,
) -> (TestCluster, Run) {
    let cluster = target(1, usize::MAX);
    import(&cluster, &[]).expect(0);
    let deletion = FaultRule::when(move |call| call.method == "DELETE" && call.path == path);
    cluster.stand_in.faults().add(fault(deletion));
    let creation = FaultRule::when(|call| call.method == "PUT" && call.path == DETECTOR).always();
    cluster.stand_in.faults().add(creation.then(reject()));
    let shared = archive_of(JOB);
    let (archive, url) = (shared.display().to_string(), cluster.stand_in.url());
    let line = [
        "import",
        &archive,
        "--yes",
        "--url",
        &url,
        "--replace",
        "--json",
        "--retries",
        retries,
    ];
    let run = InProcess::new().run(&line).expect(1);
    assert_eq!(cluster.stand_in.faults().fired()[0], 1, "{path}: {}", run.stderr);
    cluster.stand_in.faults().clear();
    (cluster, run)
}

/// Checks that the report lists each object as deleted if and only if it no longer exists.
fn check_reported_deletions(cluster: &TestCluster, run: &Run, name: &str) {
    let kept = run.json()["kept"].to_string();
    assert!(!kept.contains("may have been deleted"), "{name}: {kept}");
    for (path, what) in DELETED {
        let gone = cluster.call("GET", path, "").status == 404;
        assert_eq!(
            kept.contains(&format!("{what}: deleted by --replace")),
            gone,
            "{name}, {what}: {kept}"
        );
    }
}

#[test]
fn failed_deletion_is_not_reported_as_deleted() {
    for (path, what) in DELETED {
        for status in [400, 403, 409, 500] {
            let no = r#"{"error":{"type":"x","reason":"no"}}"#;
            let (cluster, run) = failing_replacement(path, "0", |deletion| deletion.then(Action::status(status, no)));
            assert_eq!(cluster.call("GET", path, "").status, 200, "{what} {status}");
            check_reported_deletions(&cluster, &run, &format!("{what} {status}"));
        }
        let (cluster, run) = failing_replacement(path, "0", |deletion| deletion.then(Action::Close));
        check_reported_deletions(&cluster, &run, what);
    }
}

#[test]
fn deletion_with_a_lost_response_is_reported_as_deleted() {
    for (path, what) in DELETED {
        // With a retry, the second attempt finds nothing.
        for retries in ["0", "3"] {
            for response in [Action::Close, Action::status(503, "{}"), Action::html(502)] {
                let name = format!("{what}, {retries} retries, {response:?}");
                let (cluster, run) = failing_replacement(path, retries, |deletion| deletion.carry_out().then(response));
                assert_eq!(cluster.call("GET", path, "").status, 404, "{name}");
                check_reported_deletions(&cluster, &run, &name);
            }
        }
    }
}

#[test]
fn deletion_with_unknown_outcome_is_reported_as_uncertain() {
    for (path, what) in DELETED {
        let lost = Arc::new(AtomicBool::new(false));
        let cluster = target(1, usize::MAX);
        import(&cluster, &[]).expect(0);
        let seen = Arc::clone(&lost);
        let deletion = FaultRule::when(move |call| call.method == "DELETE" && call.path == path);
        let deletion = deletion.run(move |_| lost.store(true, Ordering::SeqCst));
        cluster.stand_in.faults().add(deletion.carry_out().then(Action::Close));
        let any = FaultRule::when(move |_| seen.load(Ordering::SeqCst)).always();
        cluster.stand_in.faults().add(any.then(Action::Close));
        let kept = import(&cluster, &["--replace", "--json"]).json()["kept"].to_string();
        assert!(
            kept.contains(&format!("{what}: may have been deleted by --replace")),
            "{kept}"
        );
    }
}

#[test]
fn successful_replacement_reports_deletions_with_lost_responses() {
    for (path, what) in DELETED {
        let cluster = target(1, usize::MAX);
        import(&cluster, &[]).expect(0);
        let lost = FaultRule::when(move |call| call.method == "DELETE" && call.path == path);
        cluster.stand_in.faults().add(lost.carry_out().then(Action::Close));
        let shared = archive_of(JOB);
        let (archive, url) = (shared.display().to_string(), cluster.stand_in.url());
        let line = ["import", &archive, "--yes", "--url", &url, "--replace", "--json"];
        let replaced = InProcess::new().run(&line).expect(0).json()["replaced"].to_string();
        assert!(
            DELETED.iter().all(|(_, what)| replaced.contains(what)),
            "{what}: {replaced}"
        );
    }
}

/// An interrupted import created a part of the calendar.
#[test]
fn rollback_restores_a_partly_created_calendar() {
    let cluster = target(1, 1);
    partly_created_calendar(&cluster);
    let before = ClusterState::of(&cluster);
    cluster.stand_in.faults().add(
        FaultRule::on("PUT", "/_ml/datafeeds/")
            .always()
            .then(Action::status(400, "{}")),
    );
    let run = super::import(&cluster, &Binary::new(), &archive_of(JOB), &["--replace"]).expect(1);
    run.expect_stderr(" of calendar maintenance\n");
    ClusterState::of(&cluster).assert_unchanged(&before, "rolled back");
}

#[test]
fn job_refused_by_the_cluster_reports_that_nothing_was_written() {
    let cluster = target(1, 1);
    let before = ClusterState::of(&cluster);
    let refused =
        r#"{"error":{"type":"x_content_parse_exception","reason":"unknown field [new_option]"},"status":400}"#;
    cluster.stand_in.faults().add(
        FaultRule::on("PUT", "/_ml/anomaly_detectors/web-latency")
            .always()
            .then(Action::status(400, refused)),
    );
    let run = super::import(&cluster, &Binary::new(), &archive_of(JOB), &["--json"]).expect(1);
    run.expect_stderr("unknown field [new_option]")
        .expect_stderr(
            "the archive comes from Elasticsearch 9.2.0, and the cluster runs Elasticsearch 9.2.0: it may not support an option of the job",
        )
        .expect_stderr("\nNothing was written.\n");
    assert_eq!(run.json()["undone"], serde_json::json!([]));
    ClusterState::of(&cluster).assert_unchanged(&before, "refused");
}
