//! A rollback does not delete what another user replaced or changed during the import, and reports it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, target};
use crate::support::binary::Run;
use crate::support::cluster::Call;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::stand_in::{DirectClient, LoggedRequest};
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;

pub const CALENDAR: &str = "/_ml/calendars/maintenance";
pub const FILTER: &str = "/_ml/filters/canary-hosts";
pub const DATAFEED: &str = "/_ml/datafeeds/datafeed-web-latency";
pub const INDEX: &str = "/web-latency-input";
pub const DETECTOR: &str = "/_ml/anomaly_detectors/web-latency";

pub fn import(test_cluster: &TestCluster, more: &[&str]) -> Run {
    let shared = archive_of(JOB);
    let (url, archive) = (test_cluster.stand_in.url(), shared.display().to_string());
    let line = ["import", &archive, "--yes", "--url", &url, "--retries", "0"];
    InProcess::new().run(&[&line[..], more].concat())
}

#[track_caller]
pub fn send(cluster: &DirectClient, method: &str, path: &str, body: &str) -> Value {
    let answer = cluster.call(method, path, body.to_owned());
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
    answer.value()
}

pub fn reject() -> Action {
    Action::status(400, r#"{"error":{"type":"x","reason":"no"},"status":400}"#)
}

/// The last write of an import before the verification: the job is added to its calendar.
fn is_last_write(call: &Call) -> bool {
    call.method == "PUT" && call.path.ends_with("/jobs/web-latency")
}

/// Imports. Immediately before its last write, another user changes something, and that write is rejected.
fn import_that_fails(test_cluster: &TestCluster, act: impl Fn(&DirectClient) + Send + Sync + 'static) -> Run {
    let direct = test_cluster.stand_in.direct();
    let last = FaultRule::when(is_last_write).run(move |_| act(&direct)).then(reject());
    test_cluster.stand_in.faults().add(last);
    let run = import(test_cluster, &["--json"]);
    assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{}", run.stderr);
    test_cluster.stand_in.faults().clear();
    run
}

fn replaced_index(cluster: &DirectClient) {
    send(cluster, "DELETE", INDEX, "");
    send(cluster, "PUT", INDEX, r#"{"mappings":{"_meta":{"owner":"another"}}}"#);
    send(cluster, "PUT", &format!("{INDEX}/_doc/theirs?refresh=true"), "{}");
}

/// As another import of this job would create it: marked for the job, but not by this run.
fn index_of_another_import(cluster: &DirectClient) {
    let mapping = send(cluster, "GET", INDEX, "")["web-latency-input"]["mappings"].clone();
    let mut mapping = mapping;
    mapping["_meta"]["esml_state"]["run"] = json!("another");
    send(cluster, "DELETE", INDEX, "");
    send(cluster, "PUT", INDEX, &json!({"mappings": mapping}).to_string());
}

fn replaced_calendar(cluster: &DirectClient) {
    send(cluster, "DELETE", CALENDAR, "");
    send(cluster, "PUT", CALENDAR, r#"{"description":"theirs","job_ids":[]}"#);
}

fn added_event(cluster: &DirectClient) {
    let event = r#"{"events":[{"description":"moving","start_time":1,"end_time":2}]}"#;
    send(cluster, "POST", &format!("{CALENDAR}/events"), event);
}

/// Elasticsearch does not delete a filter that a job uses, but any user may edit it.
fn edited_filter(cluster: &DirectClient) {
    send(
        cluster,
        "POST",
        &format!("{FILTER}/_update"),
        r#"{"add_items":["theirs"]}"#,
    );
}

fn datafeed_of_another_job(cluster: &DirectClient) {
    send(cluster, "DELETE", DATAFEED, "");
    delete_datafeed_of_the_other_job(cluster);
    send(
        cluster,
        "PUT",
        DATAFEED,
        r#"{"job_id":"user-population","indices":["theirs"]}"#,
    );
}

fn delete_datafeed_of_the_other_job(cluster: &DirectClient) {
    let datafeeds = send(cluster, "GET", "/_ml/datafeeds", "");
    for datafeed in datafeeds["datafeeds"].as_array().unwrap() {
        if datafeed["job_id"] == "user-population" {
            let id = datafeed["datafeed_id"].as_str().unwrap();
            send(cluster, "DELETE", &format!("/_ml/datafeeds/{id}"), "");
        }
    }
}

type Act = fn(&DirectClient);

#[test]
fn replaced_resources_are_kept_and_reported() {
    let cases: [(&str, &str, &str, Act); 6] = [
        (
            "index",
            INDEX,
            "it is not the index that this import created",
            replaced_index,
        ),
        (
            "index of another import",
            INDEX,
            "it is not the index that this import created",
            index_of_another_import,
        ),
        (
            "calendar",
            CALENDAR,
            "its content differs from what this import created",
            replaced_calendar,
        ),
        (
            "event",
            CALENDAR,
            "it has events that this import did not create",
            added_event,
        ),
        (
            "filter",
            FILTER,
            "its content differs from what this import created",
            edited_filter,
        ),
        (
            "datafeed of another job",
            DATAFEED,
            "it belongs to another job",
            datafeed_of_another_job,
        ),
    ];
    for (name, path, why, act) in cases {
        let test_cluster = target(1, usize::MAX);
        let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
        let shown = move |direct: &DirectClient| {
            (
                direct.call("GET", path, "").value(),
                direct.call("GET", &format!("{CALENDAR}/events"), "").value(),
            )
        };
        let (sender, theirs) = std::sync::mpsc::channel();
        let run = import_that_fails(&test_cluster, move |direct| {
            act(direct);
            sender.send(shown(direct)).unwrap();
        });
        assert_eq!(run.code, 1, "{name}: {}", run.stderr);
        assert!(
            run.json()["kept"]
                .to_string()
                .contains(&format!("was left in place: {why}")),
            "{name}: {}",
            run.stderr
        );
        let theirs = theirs.recv().unwrap();
        assert_eq!(shown(&direct).0, theirs.0, "{name}");
        if path == CALENDAR {
            assert_eq!(shown(&direct).1, theirs.1, "{name}");
        }
        // Without the other user's object, the cluster is unchanged.
        send(&direct, "DELETE", path, "");
        if name == "datafeed of another job" {
            assert!(test_cluster.ml.job_config(JOB).is_none());
            continue;
        }
        ClusterState::of(&test_cluster).assert_unchanged(&before, name);
    }
}

/// Deleting the job would also delete the other user's datafeed: nothing is undone, and everything that remains is
/// listed.
#[test]
fn job_with_another_datafeed_is_not_deleted() {
    for id in ["datafeed-web-latency", "theirs"] {
        let test_cluster = target(1, usize::MAX);
        let (before, direct) = (ClusterState::of(&test_cluster), test_cluster.stand_in.direct());
        let run = import_that_fails(&test_cluster, move |direct| {
            send(direct, "DELETE", DATAFEED, "");
            let body = r#"{"job_id":"web-latency","indices":["theirs"]}"#;
            send(direct, "PUT", &format!("/_ml/datafeeds/{id}"), body);
        });
        assert_eq!(run.code, 6, "{}", run.stderr);
        let expected = format!("datafeed {id}, which this import did not create, uses the job");
        assert!(run.stderr.contains(&expected), "{}", run.stderr);
        let there = send(&direct, "GET", &format!("/_ml/datafeeds/{id}"), "");
        assert_eq!(there["datafeeds"][0]["indices"], json!(["theirs"]));
        super::every_write::run_cleanup_commands(&test_cluster, &run);
        ClusterState::of(&test_cluster).assert_unchanged(&before, id);
    }
}

#[test]
fn replaced_job_keeps_its_documents() {
    let test_cluster = target(1, usize::MAX);
    let direct = test_cluster.stand_in.direct();
    let (sender, theirs) = std::sync::mpsc::channel();
    let run = import_that_fails(&test_cluster, move |direct| {
        send(direct, "DELETE", DETECTOR, "");
        std::thread::sleep(std::time::Duration::from_millis(2));
        let body =
            r#"{"description":"theirs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
        send(direct, "PUT", DETECTOR, body);
        for path in [
            "/.ml-anomalies-web-latency/_doc/x?refresh=true",
            "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true",
        ] {
            direct.call(
                "PUT",
                path,
                r#"{"job_id":"web-latency","result_type":"bucket","timestamp":1}"#,
            );
        }
        sender.send(()).unwrap();
    });
    theirs.recv().unwrap();
    assert_eq!(run.code, 5, "{}", run.stderr);
    let kept = run.json()["kept"].to_string();
    for what in [
        "job web-latency",
        "index web-latency-input",
        "state documents",
        "annotations",
        "calendar",
        "filter",
    ] {
        assert!(kept.contains(what), "{what}: {kept}");
    }
    assert_eq!(test_cluster.ml.job_config(JOB).unwrap()["description"], "theirs");
    assert_eq!(send(&direct, "GET", INDEX, "").as_object().unwrap().len(), 1);
    assert_eq!(run.json()["undone"], json!([]));
}

/// The job is deleted and created again.
fn replaced_job(cluster: &DirectClient) {
    send(cluster, "DELETE", DETECTOR, "");
    // Jobs with the same ID are distinguished by their creation time.
    std::thread::sleep(std::time::Duration::from_millis(2));
    let body =
        r#"{"description":"theirs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    send(cluster, "PUT", DETECTOR, body);
}

/// Each step of an import first checks whether the job is still the one that it created.
#[test]
fn import_writes_nothing_to_a_recreated_job() {
    // The request before which another user replaces the job, and the one that is then not sent.
    let cases = [
        ("/_alias/.ml-state-write", "/.ml-state-write/_bulk"),
        ("-ml-state*/_refresh", "/.ml-anomalies-.write-web-latency/_bulk"),
        (
            "/.ml-anomalies-web-latency/_refresh",
            "/model_snapshots/1795432817/_revert",
        ),
        ("/model_snapshots/1795432817/_revert", "/.ml-annotations-write/_bulk"),
        ("/.ml-annotations-write/_bulk", "/_ml/datafeeds/datafeed-web-latency"),
    ];
    for (during, next) in cases {
        let test_cluster = target(1, usize::MAX);
        let direct = test_cluster.stand_in.direct();
        let created = std::sync::atomic::AtomicBool::new(false);
        let meet = FaultRule::when(move |call| {
            use std::sync::atomic::Ordering::SeqCst;
            if call.method == "PUT" && call.path == DETECTOR {
                created.store(true, SeqCst);
            }
            created.load(SeqCst) && call.path.contains(during)
        });
        test_cluster
            .stand_in
            .faults()
            .add(meet.run(move |_| replaced_job(&direct)));
        let run = import(&test_cluster, &[]);
        assert_eq!(test_cluster.stand_in.faults().fired(), [1], "{during}");
        assert!([1, 5].contains(&run.code), "{during}: {}", run.stderr);
        let requests = test_cluster.stand_in.requests();
        let seen = requests.iter().position(|call| call.path.contains(during)).unwrap();
        let follows = |call: &LoggedRequest| call.method != "GET" && call.path.contains(next);
        let after = requests[seen + 1..].iter().filter(|call| !call.path.contains(during));
        assert_eq!(
            after.filter(|call| follows(call)).count(),
            0,
            "{during}: {}",
            run.stderr
        );
        assert_eq!(
            test_cluster.ml.job_config(JOB).unwrap()["description"],
            "theirs",
            "{during}"
        );
    }
}

/// Another user replaces the job after a rollback found its documents and before it deletes them.
#[test]
fn rollback_keeps_documents_written_during_its_search() {
    let test_cluster = target(1, usize::MAX);
    let (direct, refused) = (test_cluster.stand_in.direct(), Arc::new(AtomicBool::new(false)));
    let seen = Arc::clone(&refused);
    let last = FaultRule::when(is_last_write).run(move |_| refused.store(true, Ordering::SeqCst));
    test_cluster.stand_in.faults().add(last.then(reject()));
    let path = "/.ml-state-write/_doc/web-latency_model_state_1795432817%231?refresh=true&require_alias=true";
    let searches = move |call: &Call| {
        seen.load(Ordering::SeqCst) && call.path.starts_with("/.ml-state") && call.path.ends_with("/_search")
    };
    test_cluster
        .stand_in
        .faults()
        .add(FaultRule::when(searches).run(move |_| {
            replaced_job(&direct);
            send(&direct, "PUT", path, r#"{"theirs":true}"#);
        }));
    let run = import(&test_cluster, &[]);
    assert_eq!(test_cluster.stand_in.faults().fired(), [1, 1], "{}", run.stderr);
    test_cluster.stand_in.faults().clear();
    let there = test_cluster.documents_of(".ml-state-write");
    assert!(
        there.values().any(|text| text.contains("theirs")),
        "{there:?}\n{}",
        run.stderr
    );
}

/// Elasticsearch writes these documents when it reverts a job, even one that is being deleted. They prevent the job
/// from being created again.
#[test]
fn documents_of_a_revert_after_deletion_are_removed() {
    let test_cluster = target(1, usize::MAX);
    let before = ClusterState::of(&test_cluster);
    let run = import_that_fails(&test_cluster, |direct| {
        send(direct, "DELETE", DETECTOR, "");
        let quantiles = "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true";
        send(direct, "PUT", quantiles, "{}");
        let size = "/.ml-anomalies-shared/_doc/web-latency_model_size_stats_1?refresh=true";
        send(
            direct,
            "PUT",
            size,
            r#"{"job_id":"web-latency","result_type":"model_size_stats"}"#,
        );
    });
    assert_eq!(run.code, 5, "{}", run.stderr);
    ClusterState::of(&test_cluster).assert_unchanged(&before, "rolled back");
    import(&test_cluster, &[]).expect(0);
}

/// The response to a creation is lost, the creation was not executed, and another user created an object with that
/// name. The import cannot check it (the cluster is busy), so the entry is still intended when everything is rolled
/// back.
#[test]
fn rollback_skips_creations_that_did_not_happen() {
    let job =
        r#"{"description":"theirs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    let cases = [
        (FILTER, r#"{"items":["theirs"]}"#),
        (CALENDAR, r#"{"description":"theirs","job_ids":[]}"#),
        (
            INDEX,
            r#"{"mappings":{"_meta":{"esml_state":{"job_id":"web-latency"}}}}"#,
        ),
        (DETECTOR, job),
        (DATAFEED, r#"{"job_id":"user-population","indices":["theirs"]}"#),
        (DATAFEED, r#"{"job_id":"web-latency","indices":["theirs"]}"#),
    ];
    for (path, body) in cases {
        let test_cluster = target(1, usize::MAX);
        let direct = test_cluster.stand_in.direct();
        let creation = move |direct: &DirectClient| {
            if body.contains("user-population") {
                delete_datafeed_of_the_other_job(direct);
            }
            send(direct, "PUT", path, body);
        };
        let hook = test_cluster.stand_in.direct();
        let busy = r#"{"error":{"type":"x","reason":"busy"},"status":503}"#;
        // The check after the loss. Requests of the rollback get a response.
        let seen = std::sync::atomic::AtomicBool::new(false);
        let look = FaultRule::when(move |call| {
            use std::sync::atomic::Ordering::SeqCst;
            if call.method == "PUT" && call.path == path {
                seen.store(true, SeqCst);
            }
            call.method == "GET" && call.path == path && seen.load(SeqCst)
        })
        .then(Action::status(503, busy));
        let lost = FaultRule::when(move |call| call.method == "PUT" && call.path == path)
            .run(move |_| creation(&hook))
            .then(Action::Close);
        // The first one must include the creation.
        test_cluster.stand_in.faults().add(look);
        test_cluster.stand_in.faults().add(lost);
        let run = import(&test_cluster, &[]);
        assert!([1, 5, 6].contains(&run.code), "{path}: {}", run.stderr);
        assert_eq!(test_cluster.stand_in.faults().fired(), [1, 1], "{path}: {}", run.stderr);
        let there = send(&direct, "GET", path, "").to_string();
        assert!(there.contains("theirs") || path == INDEX, "{path}: {there}");
    }
}
