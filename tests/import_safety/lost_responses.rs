//! What a rollback may delete, and what an import considers its own, if a response was lost or an object with that
//! name existed before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::cluster_state::ClusterState;
use super::ownership::{CALENDAR, DATAFEED, DETECTOR, FILTER, INDEX, import, reject, send};
use super::{JOB, target};
use crate::support::cluster::faults::{Action, FaultRule};

const LAST_WRITE: (&str, &str) = ("PUT", "/jobs/web-latency");

/// Documents of an earlier import remain after its job was deleted. A later import finds the same documents, and fails.
#[test]
fn rollback_keeps_annotations_and_notifications_of_an_earlier_import() {
    let cluster = target(1, usize::MAX);
    import(&cluster, &[]).expect(0);
    let direct = cluster.stand_in.direct();
    send(&direct, "DELETE", DETECTOR, "");
    send(&direct, "DELETE", INDEX, "");
    send(&direct, "DELETE", CALENDAR, "");
    send(&direct, "DELETE", FILTER, "");
    // Another user edits one of them.
    let hits = send(&direct, "POST", "/.ml-annotations-read/_search", r#"{"size":100}"#);
    let first = hits["hits"]["hits"]
        .as_array()
        .unwrap()
        .iter()
        .find(|hit| hit["_id"].as_str().unwrap().starts_with("esml-"))
        .unwrap();
    let path = format!(
        "/{}/_doc/{}?refresh=true",
        first["_index"].as_str().unwrap(),
        first["_id"].as_str().unwrap()
    );
    send(
        &direct,
        "PUT",
        &path,
        r#"{"job_id":"web-latency","annotation":"edited","timestamp":1}"#,
    );
    let before = ClusterState::of(&cluster);
    let ours = before.contents.keys().filter(|(_, id)| id.starts_with("esml-")).count();
    assert!(ours > 3, "{ours}");
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on(LAST_WRITE.0, LAST_WRITE.1).then(reject()));
    import(&cluster, &[]).expect(1);
    cluster.stand_in.faults().clear();
    ClusterState::of(&cluster).assert_unchanged(&before, "rolled back");
    // A successful import keeps them too, including the edited one.
    import(&cluster, &[]).expect(0);
    let after = ClusterState::of(&cluster).contents;
    for (key, text) in before.contents.iter().filter(|((_, id), _)| id.starts_with("esml-")) {
        assert_eq!(after.get(key), Some(text), "{key:?}");
    }
}

/// The creation is executed, but its response and that of the check are lost: the object was created by this import.
#[test]
fn creation_with_a_lost_response_is_rolled_back() {
    for path in [DETECTOR, FILTER, CALENDAR, INDEX, DATAFEED] {
        let cluster = target(1, usize::MAX);
        let before = ClusterState::of(&cluster);
        let created = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&created);
        let busy = r#"{"error":{"type":"x","reason":"busy"},"status":503}"#;
        let look = FaultRule::when(move |call| {
            if call.method == "PUT" && call.path == path {
                seen.store(true, Ordering::SeqCst);
            }
            call.method == "GET" && call.path == path && seen.load(Ordering::SeqCst)
        });
        cluster.stand_in.faults().add(look.then(Action::status(503, busy)));
        let lost = FaultRule::when(move |call| call.method == "PUT" && call.path == path);
        cluster.stand_in.faults().add(lost.carry_out().then(Action::Close));
        // If the filter exists after all, the import continues.
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on(LAST_WRITE.0, LAST_WRITE.1).then(reject()));
        let run = import(&cluster, &[]);
        assert_eq!(cluster.stand_in.faults().fired()[..2], [1, 1], "{path}: {}", run.stderr);
        assert_eq!(run.code, 1, "{path}: {}", run.stderr);
        ClusterState::of(&cluster).assert_unchanged(&before, path);
    }
}

/// The creation is executed, its response is lost, and the cluster does not show the object yet: the second attempt is
/// rejected, but the object was created by this import.
#[test]
fn retried_creation_after_a_lost_response_is_recognized() {
    for path in [DETECTOR, INDEX, DATAFEED] {
        let cluster = target(1, usize::MAX);
        let tries = AtomicUsize::new(0);
        let missing = r#"{"error":{"type":"resource_not_found_exception","reason":"not yet"},"status":404}"#;
        let look = FaultRule::when(move |call| {
            if call.method == "PUT" && call.path == path {
                tries.fetch_add(1, Ordering::SeqCst);
            }
            let about = call.path == path || call.path.starts_with(&format!("{path}/_stats"));
            call.method == "GET" && about && tries.load(Ordering::SeqCst) == 1
        });
        cluster
            .stand_in
            .faults()
            .add(look.always().then(Action::status(404, missing)));
        let lost = FaultRule::when(move |call| call.method == "PUT" && call.path == path);
        cluster.stand_in.faults().add(lost.carry_out().then(Action::Close));
        let shared = super::archive_of(JOB);
        let (archive, url) = (shared.display().to_string(), cluster.stand_in.url());
        let line = ["import", &archive, "--yes", "--url", &url, "--retries", "2"];
        let run = crate::support::in_process::InProcess::new().run(&line);
        assert_eq!(run.code, 0, "{path}: {}", run.stderr);
    }
}

#[test]
fn job_is_reverted_after_its_input_documents_are_written() {
    let cluster = target(1, usize::MAX);
    let direct = cluster.stand_in.direct();
    let (sender, counted) = std::sync::mpsc::channel();
    let late = FaultRule::when(|call| call.path.starts_with("/web-latency-input") && call.path.ends_with("/_bulk"));
    let late = late
        .always()
        .run(|_| std::thread::sleep(std::time::Duration::from_millis(300)));
    let revert = FaultRule::when(|call| call.path.ends_with("/_revert") && !call.path.contains("/empty/"));
    cluster.stand_in.faults().add(late);
    cluster.stand_in.faults().add(revert.run(move |_| {
        direct.call("POST", &format!("{INDEX}/_refresh"), "");
        sender
            .send(send(&direct, "GET", &format!("{INDEX}/_count"), "")["count"].clone())
            .unwrap();
    }));
    import(&cluster, &[]).expect(0);
    assert_eq!(counted.recv().unwrap(), 12);
}
