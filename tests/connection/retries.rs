//! How long requests are retried, and which failures are not retried.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{JOB, cluster_with, dry_run};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

const COUNT: &str = "/.ml-annotations-read/_count";

/// Runs a dry run while this request fails for the given time, with a simulated clock.
fn export_during(outage: Duration, more: &[&str]) -> (Run, usize) {
    let (cluster, own) = (cluster_with(|_| {}), InProcess::new());
    let (faults, clock) = (cluster.stand_in.faults(), Arc::clone(&own.clock));
    let (cleared, began) = (faults.clone(), AtomicU64::new(u64::MAX));
    let tries = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&tries);
    let now = move || u64::try_from(esml_state::cluster::Clock::now(&*clock).as_millis()).unwrap();
    faults.add(
        FaultRule::on("POST", COUNT)
            .always()
            .run(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                let _ = began.compare_exchange(u64::MAX, now(), Ordering::SeqCst, Ordering::SeqCst);
                if now() - began.load(Ordering::SeqCst) >= u64::try_from(outage.as_millis()).unwrap() {
                    cleared.clear();
                }
            })
            .then(Action::status(503, "{}")),
    );
    let run = own.run(&line(&cluster.stand_in.url(), more));
    (run, usize::try_from(tries.load(Ordering::SeqCst)).unwrap())
}

fn line<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut line = vec!["export", "--job-id", JOB, "--dry-run", "--url", url];
    line.extend(more);
    line
}

#[test]
fn mostly_unavailable_node_is_retried_until_it_responds() {
    for _ in 0..20 {
        let (run, tries) = export_during(Duration::from_secs(45), &[]);
        run.expect(0);
        assert!((8..=20).contains(&tries), "{tries}");
    }
}

#[test]
fn retries_are_limited_in_time_and_number() {
    let long = Duration::from_secs(3600);
    let (run, tries) = export_during(long, &[]);
    run.expect(1).expect_stderr("503").expect_stderr("--retry-for");
    assert!((8..=21).contains(&tries), "{tries}");
    assert_eq!(export_during(long, &["--retries", "3"]).1, 4);
    assert_eq!(export_during(long, &["--retries", "0"]).1, 1);
    assert_eq!(export_during(long, &["--retry-for", "0s"]).1, 1);
    let (run, _) = export_during(Duration::from_secs(400), &["--retry-for", "10m"]);
    run.expect(0);
}

#[test]
fn unknown_host_and_closed_port_are_not_retried() {
    for (url, cause) in [
        ("http://nowhere.invalid:9200", "cannot resolve the host name"),
        (
            "http://127.0.0.1:1",
            "cannot connect to http://127.0.0.1:1/: Connection refused",
        ),
    ] {
        let run = dry_run(&Binary::new(), url, &["-v"]).expect(1);
        run.expect_stderr(cause).expect_stderr("--url");
        assert!(!run.stderr.contains("(attempt "), "{}", run.stderr);
    }
}

/// After a first response, a refused connection may be a node that restarts. The job is read early by a single request, and
/// many requests follow.
#[cfg(target_os = "linux")]
#[test]
fn connection_refused_after_the_initial_response_is_retried() {
    let (cluster, own): (TestCluster, _) = (cluster_with(|_| {}), InProcess::new());
    let (network, restored) = (cluster.stand_in.network(), cluster.stand_in.network());
    own.clock.on_pause(move || restored.listen());
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("GET", "/_ml/anomaly_detectors/").run(move |_| network.refuse()));
    own.run(&line(&cluster.stand_in.url(), &["-v"]))
        .expect(0)
        .expect_stderr("(attempt 2)");
}

#[test]
fn starting_cluster_is_retried_and_blocked_cluster_is_not() {
    let block = |status: u16, reason: &str| {
        let error = serde_json::json!({"type": "cluster_block_exception", "reason": reason});
        Action::status(
            status,
            serde_json::json!({"error": error, "status": status}).to_string(),
        )
    };
    let starting = block(
        503,
        "blocked by: [SERVICE_UNAVAILABLE/1/state not recovered / initialized];",
    );
    let (cluster, own) = (cluster_with(|_| {}), InProcess::new());
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("POST", COUNT).times(3).then(starting));
    own.run(&line(&cluster.stand_in.url(), &[])).expect(0);
    for (status, reason) in [
        (403, "[FORBIDDEN/8/index write (api)]"),
        (429, "disk usage exceeded flood-stage"),
    ] {
        let (cluster, own) = (cluster_with(|_| {}), InProcess::new());
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("POST", COUNT).always().then(block(status, reason)));
        own.run(&line(&cluster.stand_in.url(), &[]))
            .expect(1)
            .expect_stderr(reason);
        assert_eq!(cluster.stand_in.faults().fired(), [1], "{status}");
    }
}
