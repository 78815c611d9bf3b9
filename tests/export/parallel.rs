//! Several jobs at the same time need the connections and the memory of one export.

use std::time::Duration;

use super::many::{export, job, jobs, names};
use super::{files, version};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::test_cluster::TestCluster;

#[test]
fn requests_in_flight_are_limited_by_slices() {
    let cluster = jobs(6);
    let slow = FaultRule::when(|_| true).always();
    let slow = slow.run(|_| std::thread::sleep(Duration::from_millis(10)));
    cluster.stand_in.faults().add(slow.then(Action::Pass));
    for slices in [1, 3] {
        cluster.stand_in.clear_requests();
        let binary = Binary::new();
        let number = slices.to_string();
        let more = [
            "--all",
            "--include-inputs",
            "--parallel",
            "6",
            "--slices",
            &number,
            "--page-size",
            "50",
        ];
        export(&cluster, &binary, &more).expect(0);
        assert_eq!(files(&binary.path("archives")), names(1..=6));
        let in_flight = cluster
            .stand_in
            .requests()
            .iter()
            .map(|request| request.in_flight)
            .max();
        assert_eq!(in_flight, Some(slices));
    }
}

#[cfg(target_os = "linux")]
mod memory {
    use super::*;
    use crate::support::exhaustive;
    use crate::support::signals::SignalTarget;

    /// The peak memory of an export of all jobs in KiB.
    fn peak(cluster: &TestCluster, more: &[&str]) -> u64 {
        let (binary, url) = (Binary::new(), cluster.stand_in.url());
        let export = ["export", "--all", "--yes", "--output-dir", "archives", "--url", &url];
        SignalTarget::peak_memory_of(cluster, binary.command([&export[..], more].concat()))
    }

    #[test]
    fn parallel_exports_hold_one_large_state_document_at_a_time() {
        const PADDING: usize = 12 << 20;
        let cluster = TestCluster::new(version());
        for number in 1..=8 {
            let mut job = job(number).without_inputs();
            for state in &mut job.state {
                state.source = state.source.replacen(':', &format!(":{}", " ".repeat(PADDING)), 1);
            }
            let snapshot = &mut job.snapshots[0].source;
            *snapshot = snapshot.replace("\"model_bytes\": 23142400", "\"model_bytes\": 231424000");
            cluster.seed(&job);
        }
        let (one, eight) = (
            peak(&cluster, &["--parallel", "1"]),
            peak(&cluster, &["--parallel", "8"]),
        );
        assert!(eight < one + (20 << 10), "sequential: {one} KiB, parallel: {eight} KiB");
    }

    #[test]
    fn many_jobs_need_the_memory_of_one() {
        let number = if exhaustive() { 200 } else { 50 };
        // One cluster after the other: a real node has only one at a time.
        let peaks = |number| {
            let cluster = jobs(number);
            ["1", "4"].map(|parallel| peak(&cluster, &["--parallel", parallel]))
        };
        for (one, many) in peaks(1).into_iter().zip(peaks(number)) {
            assert!(many < one + (16 << 10), "one job: {one} KiB, {number} jobs: {many} KiB");
        }
    }
}
