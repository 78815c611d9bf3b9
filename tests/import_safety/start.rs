//! `--open` and `--start-datafeed`: what is done after the import, which a failure leaves as it is.

use serde_json::json;

use super::{JOB, archive_of, import, target};
use crate::support::archive::write_renamed;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::JobState;
use crate::support::test_cluster::TestCluster;

const OPEN: &str = "/_ml/anomaly_detectors/web-latency/_open";
const START: &str = "/_ml/datafeeds/datafeed-web-latency/_start";
const BOTH: [&str; 2] = ["--open", "--start-datafeed"];

fn datafeed_state(cluster: &TestCluster) -> String {
    let stats = cluster
        .call("GET", "/_ml/datafeeds/datafeed-web-latency/_stats", "")
        .value();
    stats["datafeeds"][0]["state"].as_str().unwrap_or_default().to_owned()
}

fn states(cluster: &TestCluster) -> (Option<JobState>, String) {
    (cluster.ml.job_state(JOB), datafeed_state(cluster))
}

fn open_and(datafeed: &str) -> (Option<JobState>, String) {
    (Some(JobState::Opened), datafeed.to_owned())
}

fn refused() -> Action {
    Action::status(
        400,
        r#"{"error":{"type":"status_exception","reason":"not today"},"status":400}"#,
    )
}

#[test]
fn job_is_opened_and_its_datafeed_started_on_request() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let run = import(&cluster, &binary, &archive_of(JOB), &BOTH).expect(0);
    assert_eq!(run.stdout, "web-latency\n");
    run.expect_stderr("Opened job web-latency\nStarted datafeed datafeed-web-latency\nImported job web-latency.\n");
    assert!(!run.stderr.contains("Next:"), "{}", run.stderr);
    assert_eq!(states(&cluster), open_and("started"));
    let continued = cluster.ml.last_restored(JOB).unwrap().datafeed_start;
    assert_eq!(continued, cluster.latest_record(JOB).map(|latest| latest + 1));
}

#[test]
fn remaining_request_is_printed() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let run = import(&cluster, &binary, &archive_of(JOB), &["--open"]).expect(0);
    run.expect_stderr("Next: start the datafeed, which continues from the end of the snapshot:")
        .expect_stderr(&format!("\n  POST {START}\n"));
    assert!(!run.stderr.contains("/_open"), "{}", run.stderr);
    assert_eq!(states(&cluster), open_and("stopped"));
}

#[test]
fn plan_contains_what_is_done_after_the_import() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let run = import(
        &cluster,
        &binary,
        &archive_of(JOB),
        &[&BOTH[..], &["--dry-run"]].concat(),
    )
    .expect(0);
    assert!(
        run.stdout
            .contains("  open job web-latency\n  start datafeed datafeed-web-latency\n"),
        "{}",
        run.stdout
    );
    assert_eq!(cluster.ml.job_state(JOB), None);
}

#[test]
fn datafeed_starts_at_a_later_date() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let more = [&BOTH[..], &["--datafeed-start", "2030-01-01"]].concat();
    import(&cluster, &binary, &archive_of(JOB), &more).expect(0);
    assert_eq!(
        cluster.ml.last_restored(JOB).unwrap().datafeed_start,
        Some(1_893_456_000_000)
    );
}

#[test]
fn lost_responses_do_not_fail_the_import() {
    for path in [OPEN, START] {
        let (cluster, binary) = (target(1, 4), Binary::new());
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("POST", path).carry_out().then(Action::Close));
        import(&cluster, &binary, &archive_of(JOB), &BOTH).expect(0);
        assert_eq!(states(&cluster), open_and("started"));
    }
}

#[test]
fn failure_to_open_leaves_the_import_and_names_the_requests() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("POST", OPEN).always().then(refused()));
    let run = import(&cluster, &binary, &archive_of(JOB), &[&BOTH[..], &["--json"]].concat()).expect(1);
    run.expect_stderr("Imported job web-latency.")
        .expect_stderr("error: job web-latency was imported, but opening it failed: ")
        .expect_stderr("not today")
        .expect_stderr(&format!("\n  POST {OPEN}\n  POST {START}\n"));
    assert!(!run.stderr.contains("Rolled back"), "{}", run.stderr);
    let document = run.json();
    assert_eq!((&document["job_id"], &document["opened"]), (&json!(JOB), &json!(false)));
    assert_eq!(document["exit"], 1);
    cluster.stand_in.faults().clear();
    for path in [OPEN, START] {
        assert_eq!(cluster.call("POST", path, "").status, 200);
    }
}

#[test]
fn failure_to_start_the_datafeed_leaves_the_job_open() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("POST", START).always().then(refused()));
    let run = import(&cluster, &binary, &archive_of(JOB), &BOTH).expect(1);
    assert_eq!(run.stdout, "web-latency\n");
    run.expect_stderr("error: job web-latency was imported, but starting its datafeed failed: ");
    assert!(!run.stderr.contains(OPEN), "{}", run.stderr);
    assert_eq!(states(&cluster), open_and("stopped"));
}

#[test]
fn failure_to_open_one_of_several_jobs_does_not_stop_the_others() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let second = binary.path("second.tar.gz");
    write_renamed(&archive_of(JOB), [JOB, "second"], &second);
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("POST", OPEN).always().then(refused()));
    let second = second.display().to_string();
    let more = [&BOTH[..], &[&second]].concat();
    let run = import(&cluster, &binary, &archive_of(JOB), &more).expect(1);
    run.expect_stderr("web-latency          74  imported, not opened\n")
        .expect_stderr("second               74  imported, started\n")
        .expect_stderr("error: web-latency: job web-latency was imported, but opening it failed: ")
        .expect_stderr("error: 1 of 2 archives failed");
    assert_eq!(run.stdout, "web-latency\nsecond\n");
    assert_eq!(cluster.ml.job_state("second"), Some(JobState::Opened));
}

#[test]
fn options_require_each_other() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    for more in [
        &["--start-datafeed"][..],
        &["--open", "--datafeed-start", "2030-01-01"],
        &["--open", "--start-datafeed", "--skip-datafeed"],
    ] {
        import(&cluster, &binary, &archive_of(JOB), more).expect(2);
    }
}

#[cfg(unix)]
#[test]
fn ctrl_c_while_the_job_is_opened_leaves_the_import() {
    use crate::support::signals::{Signal, SignalTarget};
    let (cluster, binary, process) = (target(1, 4), Binary::new(), SignalTarget::default());
    let hooked = process.clone();
    let interrupt = move |_: &_| hooked.signal(Signal::INT);
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("POST", OPEN).run(interrupt).then(Action::Hang));
    let (archive, url) = (archive_of(JOB), cluster.stand_in.url());
    let archive = archive.display().to_string();
    let args = ["import", &archive, "--yes", "--open", "--start-datafeed", "--url", &url];
    let output = process.run(binary.command(args));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(
        stderr.contains("error: job web-latency was imported, but opening it failed: interrupted"),
        "{stderr}"
    );
    assert_eq!(cluster.ml.job_state(JOB), Some(JobState::Closed));
}
