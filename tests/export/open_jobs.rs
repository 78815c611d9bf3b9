//! Open jobs: how old the exported model is, and `--close-job`, which restarts what was running in every case.

use std::sync::Arc;

use serde_json::{Value, json};

use super::many::{export, job, names};
use super::{files, version};
use crate::support::archive::{entries, entry};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlOptions, User};
use crate::support::fixtures::Fixture;
use crate::support::open_jobs::{DATAFEED, JOB, NEW, OLD, call, open, write_snapshot_when_closed};
use crate::support::test_cluster::TestCluster;

/// A job that is open and uses its oldest snapshot; its datafeed is started.
fn open_job() -> TestCluster {
    open_job_on(TestCluster::new(version()))
}

fn open_job_on(cluster: TestCluster) -> TestCluster {
    cluster.seed(&Fixture::load(JOB));
    open(&cluster);
    cluster
}

fn stats(cluster: &TestCluster, path: &str, list: &str) -> Value {
    cluster.call("GET", path, "").value()[list][0]["state"].clone()
}

#[track_caller]
fn assert_running(cluster: &TestCluster) {
    let job = stats(cluster, &format!("/_ml/anomaly_detectors/{JOB}/_stats"), "jobs");
    let datafeed = stats(cluster, &format!("/_ml/datafeeds/{DATAFEED}/_stats"), "datafeeds");
    assert_eq!((job, datafeed), (json!("opened"), json!("started")));
}

fn run(cluster: &TestCluster, binary: &Binary, more: &[&str]) -> Run {
    cluster.run(binary, &[&["export", JOB, "--yes", "-o", "out.tar.gz"], more].concat())
}

/// The changes of states in the order of the requests since the job was opened for the test.
fn changes(cluster: &TestCluster) -> Vec<String> {
    let requests = cluster.stand_in.requests();
    let last = |request: &str| request.rsplit('/').next().unwrap_or_default().to_owned();
    let posts = requests
        .iter()
        .filter(|request| request.method == "POST")
        .map(|request| last(&request.path));
    let states = ["_stop", "_close", "_open", "_start"];
    posts.filter(|path| states.contains(&path.as_str())).collect()
}

fn exported_snapshot(binary: &Binary) -> String {
    let entries = entries(&binary.path("out.tar.gz"));
    let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
    manifest["snapshot_id"].as_str().unwrap().to_owned()
}

#[test]
fn open_job_is_closed_exported_and_restarted() {
    let cluster = Arc::new(open_job());
    write_snapshot_when_closed(&cluster);
    let binary = Binary::new();
    let run = run(&cluster, &binary, &["--close-job"]).expect(0);
    run.expect_stderr(&format!("Stopped datafeed {DATAFEED}\nClosed job {JOB}\n"))
        .expect_stderr(&format!("Opened job {JOB} again\n"));
    assert!(!run.stderr.contains("is open"), "{}", run.stderr);
    assert_eq!(exported_snapshot(&binary), NEW);
    assert_eq!(changes(&cluster), ["_stop", "_close", "_open", "_start"]);
    assert_running(&cluster);
}

#[test]
fn open_job_is_not_closed_with_yes_alone_and_in_a_dry_run() {
    let cluster = open_job();
    let binary = Binary::new();
    run(&cluster, &binary, &[]).expect(0).expect_stderr(&format!(
        "warning: changes since the last snapshot are not included: job {JOB} is open; to include them, add --close-job, or \
         close the job first:\n  POST /_ml/datafeeds/{DATAFEED}/_stop\n  POST /_ml/anomaly_detectors/{JOB}/_close\n"
    ));
    assert_eq!(exported_snapshot(&binary), OLD);
    run(&cluster, &Binary::new(), &["--close-job", "--dry-run"])
        .expect(0)
        .expect_stderr("is open");
    assert_eq!(changes(&cluster), Vec::<String>::new());
}

#[test]
fn warnings_about_a_job_that_is_closed_are_printed_once() {
    let cluster = open_job();
    let binary = Binary::new();
    let more = ["--close-job", "--include-inputs", "--input-field", "unknown"];
    let run = run(&cluster, &binary, &more).expect(0);
    let warning = "warning: field unknown may be missing from the archive";
    assert_eq!(run.stderr.matches(warning).count(), 1, "{}", run.stderr);
}

#[test]
fn job_with_a_failure_that_is_known_before_is_not_closed() {
    let cluster = open_job();
    let missing = FaultRule::when(|call| call.path.ends_with("/_count")).always();
    cluster.stand_in.faults().add(missing.then(Action::status(400, "{}")));
    run(&cluster, &Binary::new(), &["--close-job"]).expect(1);
    assert_eq!(changes(&cluster), Vec::<String>::new());
}

/// Before the job is closed, its documents are counted, and other jobs may be exported.
#[test]
fn job_that_another_client_closes_before_is_not_restarted() {
    let cluster = Arc::new(open_job());
    let closed = Arc::downgrade(&cluster);
    let close = move |_: &_| {
        let closed = closed.upgrade().expect("it receives the request");
        call(&closed, &format!("/_ml/datafeeds/{DATAFEED}/_stop"));
        call(&closed, &format!("/_ml/anomaly_detectors/{JOB}/_close"));
    };
    let counting = FaultRule::when(|call| call.path.ends_with("/_count"));
    cluster.stand_in.faults().add(counting.run(close).then(Action::Pass));
    run(&cluster, &Binary::new(), &["--close-job"]).expect(0);
    assert_eq!(changes(&cluster), Vec::<String>::new(), "by the export");
    let state = stats(&cluster, &format!("/_ml/anomaly_detectors/{JOB}/_stats"), "jobs");
    assert_eq!(state, "closed");
}

#[test]
fn job_is_restarted_after_a_failure() {
    for (failing, action) in [
        ("/model_snapshots", Action::status(400, "{}")),
        ("/_close", Action::status(500, "{}")),
        ("/_stop", Action::status(400, "{}")),
    ] {
        let cluster = open_job();
        let stopped = std::sync::atomic::AtomicBool::new(false);
        let rule = FaultRule::when(move |call| {
            let first = call.path.ends_with("/_stop") && failing != "/_stop";
            let was_stopped = stopped.fetch_or(first, std::sync::atomic::Ordering::SeqCst);
            call.path.ends_with(failing) && (was_stopped || failing == "/_stop")
        });
        cluster.stand_in.faults().add(rule.always().then(action));
        let binary = Binary::new();
        run(&cluster, &binary, &["--close-job", "--retries", "0"]).expect(1);
        assert_running(&cluster);
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
}

#[test]
fn lost_responses_do_not_leave_the_job_closed() {
    for lost in ["/_stop", "/_close", "/_open", "/_start"] {
        let cluster = open_job();
        let rule = FaultRule::when(move |call| call.path.ends_with(lost)).carry_out();
        cluster.stand_in.faults().add(rule.then(Action::Close));
        run(&cluster, &Binary::new(), &["--close-job"]).expect(0);
        assert_running(&cluster);
    }
}

#[test]
fn job_that_cannot_be_restarted_is_reported_with_the_requests() {
    let cluster = open_job();
    let rule = FaultRule::when(|call| call.path.ends_with("/_open")).always();
    cluster.stand_in.faults().add(rule.then(Action::status(400, "{}")));
    let run = run(&cluster, &Binary::new(), &["--close-job", "--json"]).expect(6);
    run.expect_stderr(&format!("error: job {JOB} was closed and cannot be restarted: "))
        .expect_stderr(&format!(
            "  POST /_ml/anomaly_detectors/{JOB}/_open\n  POST /_ml/datafeeds/{DATAFEED}/_start\n"
        ));
    assert_eq!(run.json()["exit"], 6);
}

#[test]
fn datafeed_that_was_started_with_an_end_is_not_stopped() {
    let cluster = open_job();
    let stats = json!({"count": 1, "datafeeds": [{"datafeed_id": DATAFEED, "state": "started",
        "running_state": {"real_time_configured": false, "real_time_running": false}}]});
    let rule = FaultRule::when(|call| call.path == format!("/_ml/datafeeds/{DATAFEED}/_stats")).always();
    cluster
        .stand_in
        .faults()
        .add(rule.then(Action::status(200, stats.to_string())));
    run(&cluster, &Binary::new(), &["--close-job"])
        .expect(3)
        .expect_stderr("was started with an end, which a restart would lose");
    assert_eq!(changes(&cluster), Vec::<String>::new());
}

/// Exporting a job without filters does not require the privilege.
#[test]
fn job_is_not_closed_without_the_privilege_to_start_it_again() {
    let ml = [".ml-state*", ".ml-annotations*", ".ml-notifications*", ".ml-anomalies*"];
    let user = User::new("reader", "pass")
        .cluster(&["monitor", "monitor_ml"])
        .indices(&ml, &["read", "view_index_metadata"]);
    let cluster = open_job_on(TestCluster::with(MlOptions {
        users: Some(vec![user]),
        allows_requests_without_credentials: true,
        ..MlOptions::new(version())
    }));
    let login = ["--username", "reader", "--password", "pass"];
    run(&cluster, &Binary::new(), &login).expect(0);
    let binary = Binary::new();
    run(&cluster, &binary, &[&login[..], &["--close-job"]].concat())
        .expect(1)
        .expect_stderr("the user is missing privileges: `manage_ml` on the cluster\n");
    assert_eq!(changes(&cluster), Vec::<String>::new());
    assert_running(&cluster);
    assert_eq!(files(binary.directory()), Vec::<String>::new());
}

#[test]
fn results_that_are_newer_than_the_snapshot_are_reported() {
    let cluster = TestCluster::seeded(version(), &Fixture::load("web-latency"));
    let snapshot: Value = serde_json::from_str(&Fixture::load("web-latency").snapshot().source).unwrap();
    let latest = snapshot["latest_result_time_stamp"].as_i64().unwrap();
    let put = |id: &str, time: i64, is_interim: bool| {
        let bucket =
            json!({"job_id": "web-latency", "result_type": "bucket", "timestamp": time, "is_interim": is_interim});
        let path = format!("/.ml-anomalies-.write-web-latency/_doc/{id}?refresh=true");
        assert!(cluster.call("PUT", &path, &bucket.to_string()).status < 300);
    };
    let warning = "changes since the last snapshot";
    let export = |more: &[&str]| {
        cluster
            .run(
                &Binary::new(),
                &[&["export", "web-latency", "--dry-run"], more].concat(),
            )
            .expect(0)
            .stderr
    };
    put("at-the-snapshot", latest, false);
    put("interim", latest + 3_600_000, true);
    assert!(!export(&[]).contains(warning), "{}", export(&[]));
    put("newer", latest + 7_200_000, false);
    let expected = "job web-latency is closed, and its results are 2 h 00 min newer than the snapshot; for a newer snapshot, \
                    open the job, and close it when it has processed documents:\n  POST /_ml/anomaly_detectors/web-latency/_open\n";
    assert!(export(&[]).contains(expected), "{}", export(&[]));
    let chosen = export(&["--snapshot-id", snapshot["snapshot_id"].as_str().unwrap()]);
    assert!(!chosen.contains(warning), "{chosen}");
    call(&cluster, "/_ml/anomaly_detectors/web-latency/_open");
    assert!(export(&[]).contains("is open, and its results are 2 h 00 min newer than the snapshot; to include them"));
}

#[test]
fn only_open_jobs_are_closed() {
    let cluster = TestCluster::new(version());
    (1..=3).for_each(|number| cluster.seed(&job(number)));
    call(&cluster, "/_ml/anomaly_detectors/job-02/_open");
    let binary = Binary::new();
    let opened = cluster.stand_in.requests().len();
    export(&cluster, &binary, &["--all", "--close-job", "--parallel", "2"]).expect(0);
    assert_eq!(files(&binary.path("archives")), names(1..=3));
    let requests = cluster.stand_in.requests();
    let changes = requests.iter().skip(opened).map(|request| request.path.as_str());
    let changes = changes.filter(|path| path.ends_with("_open") || path.ends_with("_close"));
    let expected = [
        "/_ml/anomaly_detectors/job-02/_close",
        "/_ml/anomaly_detectors/job-02/_open",
    ];
    assert_eq!(changes.collect::<Vec<_>>(), expected);
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::support::pseudo_terminal::TerminalSession;
    use crate::support::signals::{Signal, SignalTarget};

    #[test]
    fn job_is_restarted_after_an_interruption() {
        for at in ["/_stop", "/_close", "/_pit"] {
            let cluster = open_job();
            let (binary, target) = (Binary::new(), SignalTarget::default());
            let signal = target.clone();
            let rule = FaultRule::when(move |call| call.path.ends_with(at)).carry_out();
            let rule = rule.run(move |_| signal.interrupt(Signal::INT, "Interrupted: "));
            cluster.stand_in.faults().add(rule.then(Action::Pass));
            let url = cluster.stand_in.url();
            let command = binary.command(["export", JOB, "--close-job", "--yes", "--url", &url]);
            let output = target.run(command);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(130), "{at}: {stderr}");
            assert!(stderr.contains("restarting what was closed"), "{stderr}");
            assert_running(&cluster);
            assert_eq!(files(binary.directory()), Vec::<String>::new());
        }
    }

    #[test]
    fn closing_is_offered_on_a_terminal() {
        for (answer, expected) in [("y", &["_stop", "_close", "_open", "_start"][..]), ("n", &[])] {
            let (cluster, binary) = (open_job(), Binary::new());
            let url = cluster.stand_in.url();
            let command = binary.command(["export", JOB, "--url", &url]);
            let mut session = TerminalSession::start_with_columns(command, 200);
            session.expect("Export job log-categories-multisnap").send_keys("y");
            session
                .expect("Close job log-categories-multisnap for a newer snapshot")
                .send_keys(answer);
            let ended = session.wait();
            assert_eq!(ended.code, 0, "{}", ended.screen);
            assert_eq!(changes(&cluster), expected);
            assert_running(&cluster);
        }
    }
}
