//! Listing jobs and model snapshots: as tab-separated values, as a table, as JSON, and what is printed if there is nothing
//! to list.

#[cfg(unix)]
mod terminal;

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{MlOptions, MlVersion, User};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories-multisnap";

fn cluster(jobs: &[&str]) -> TestCluster {
    let cluster = TestCluster::new(version());
    jobs.iter().for_each(|job| cluster.seed(&Fixture::load(job)));
    cluster
}

fn version() -> MlVersion {
    MlVersion::new(9, 2, 0)
}

#[track_caller]
fn list(cluster: &TestCluster, more: &[&str]) -> Run {
    let run = cluster.run(&Binary::new(), &[&["list"], more].concat()).expect(0);
    assert_eq!(run.stderr, "");
    run
}

#[track_caller]
fn send(cluster: &TestCluster, method: &str, path: &str, body: &Value) {
    let answer = cluster.call(method, path, &body.to_string());
    assert!(answer.status < 300, "{method} {path}: {}", answer.value());
}

fn create_job(cluster: &TestCluster, id: &str) {
    let body = json!({
        "analysis_config": { "bucket_span": "15m", "detectors": [{ "function": "count" }] },
        "data_description": { "time_field": "@timestamp" },
    });
    send(cluster, "PUT", &format!("/_ml/anomaly_detectors/{id}"), &body);
}

/// Changes which snapshot the job uses, which also stores the size of its model in the results.
fn revert(cluster: &TestCluster, snapshot: &str) {
    let path = format!("/_ml/anomaly_detectors/{JOB}/model_snapshots/{snapshot}/_revert");
    send(cluster, "POST", &path, &json!({}));
}

#[test]
fn jobs_are_sorted_by_id_and_have_tab_separated_values() {
    let cluster = cluster(&["web-latency", JOB]);
    create_job(&cluster, "a.new-job");
    revert(&cluster, "1795433580");
    assert_eq!(
        list(&cluster, &[]).stdout,
        "a.new-job\tclosed\t\t0\t0\t\n\
         log-categories-multisnap\tclosed\t2026-11-23T11:33:00Z\t345600\t23408640\t\n\
         web-latency\tclosed\t2026-11-23T11:20:17Z\t345600\t0\tweb, slo\n"
    );
}

#[test]
fn json_lists_a_job_without_snapshot_and_one_with_an_empty_model() {
    let cluster = cluster(&[JOB]);
    create_job(&cluster, "new");
    revert(&cluster, "empty");
    let document = list(&cluster, &["--json"]).json();
    let jobs = document["jobs"].as_array().unwrap();
    assert_eq!(
        (&jobs[0]["job_id"], &jobs[0]["snapshot_id"]),
        (&json!(JOB), &json!("empty"))
    );
    assert_eq!(
        (&jobs[1]["job_id"], &jobs[1]["snapshot_id"]),
        (&json!("new"), &Value::Null)
    );
    assert!(jobs.iter().all(|job| job["snapshot_created"].is_null()), "{document}");
}

#[test]
fn two_thousand_jobs_are_listed_with_five_requests() {
    let cluster = cluster(&[JOB]);
    let ids: Vec<String> = (0..2000).map(|number| format!("job-{number:04}")).collect();
    // Creating this many jobs would take minutes: the cluster returns a list of them instead.
    let jobs = |member: &dyn Fn(&str) -> Value| {
        let jobs: Vec<Value> = ids.iter().map(|id| member(id)).collect();
        Action::status(200, json!({ "count": jobs.len(), "jobs": jobs }).to_string())
    };
    let faults = cluster.stand_in.faults();
    let stats = |id: &str| json!({ "job_id": id, "state": "opened", "data_counts": { "processed_record_count": 7 } });
    faults.add(FaultRule::on("GET", "/_stats").then(jobs(&stats)));
    let config = |id: &str| json!({ "job_id": id, "model_snapshot_id": "1" });
    faults.add(FaultRule::on("GET", "/_ml/anomaly_detectors").then(jobs(&config)));
    let mut snapshots = String::new();
    for id in &ids {
        let action =
            json!({ "index": { "_index": ".ml-anomalies-shared-000001", "_id": format!("{id}_model_snapshot_1") } });
        let document = json!({ "job_id": id, "snapshot_id": "1", "timestamp": 1_795_433_580_000_i64 });
        let _ = writeln!(snapshots, "{action}\n{document}");
    }
    let loaded = cluster.call("POST", "/_bulk?refresh=true", &snapshots).value();
    assert_eq!(loaded["errors"], false);

    let listed = list(&cluster, &[]).stdout;
    assert_eq!(listed.lines().count(), 2000);
    for (line, id) in listed.lines().zip(&ids) {
        assert_eq!(line, format!("{id}\topened\t2026-11-23T11:33:00Z\t7\t\t"));
    }
    let requests = cluster.stand_in.requests().into_iter();
    let paths: Vec<String> = requests.map(|request| request.path).collect();
    assert_eq!(
        paths,
        [
            "/",
            "/_security/user/_has_privileges",
            "/_ml/anomaly_detectors",
            "/_ml/anomaly_detectors/_stats",
            "/.ml-anomalies-*/_search"
        ]
    );
}

#[test]
fn cluster_without_jobs_has_an_empty_list() {
    let cluster = TestCluster::new(version());
    let run = cluster.run(&Binary::new(), &["list"]).expect(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "The cluster has no anomaly detection jobs.\n");
    let run = cluster.run(&Binary::new(), &["list", "--json", "-q"]).expect(0);
    assert_eq!((run.json(), run.stderr.as_str()), (json!({ "jobs": [] }), ""));
}

#[test]
fn snapshots_are_listed_with_the_latest_first() {
    let cluster = cluster(&[JOB]);
    let snapshots = format!("/_ml/anomaly_detectors/{JOB}/model_snapshots");
    let change = json!({ "retain": true, "description": "before\tthe\nupgrade \u{1b}[2J 更新" });
    send(&cluster, "POST", &format!("{snapshots}/1795433575/_update"), &change);
    revert(&cluster, "1795433580");
    insta::assert_snapshot!("snapshots", list(&cluster, &[JOB]).stdout);
    let document = list(&cluster, &[JOB, "--json"]).json();
    let of_all = |member: &str| {
        let snapshots = document["snapshots"].as_array().unwrap().iter();
        Value::Array(snapshots.map(|snapshot| snapshot[member].clone()).collect())
    };
    assert_eq!(document["job_id"], JOB);
    assert_eq!(of_all("snapshot_id"), json!(["1795433586", "1795433580", "1795433575"]));
    assert_eq!(of_all("in_use"), json!([false, true, false]));
    assert_eq!(of_all("retain"), json!([false, false, true]));
    assert_eq!(document["snapshots"][2]["description"], change["description"]);
}

#[test]
fn job_without_snapshots_has_an_empty_list() {
    let cluster = cluster(&[JOB]);
    create_job(&cluster, "new");
    let run = cluster.run(&Binary::new(), &["list", "new"]).expect(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr, "Job new has no model snapshots.\n");
    let run = cluster.run(&Binary::new(), &["list", "new", "--json"]).expect(0);
    assert_eq!(run.json(), json!({ "job_id": "new", "snapshots": [] }));
}

#[test]
fn unknown_job_suggests_similar_ones() {
    let cluster = cluster(&[JOB, "web-latency"]);
    create_job(&cluster, "log-categories");
    for command in [&["list"][..], &["export", "--yes"]] {
        for (job, hint) in [
            (
                "web-latnecy",
                "did you mean web-latency? Otherwise, list all jobs with `esml-state list`",
            ),
            (
                "log-category",
                "did you mean log-categories or log-categories-multisnap? Otherwise, list all jobs with `esml-state list`",
            ),
            ("nosuch", "list all jobs with `esml-state list`"),
        ] {
            let run = cluster.run(&Binary::new(), &[command, &[job]].concat()).expect(1);
            run.expect_stderr(&format!("error: job {job} does not exist on http://"))
                .expect_stderr(&format!("\nhint: {hint}\n"));
            assert_eq!(run.stdout, "");
        }
    }
}

#[test]
fn unknown_snapshot_suggests_similar_ones() {
    let cluster = cluster(&[JOB]);
    for (snapshot, hint) in [
        (
            "17954335800",
            "did you mean 1795433580, 1795433586 or 1795433575? Otherwise, list the snapshots with",
        ),
        ("42", "list the snapshots with"),
    ] {
        let args = ["export", "--job-id", JOB, "--yes", "--snapshot-id", snapshot];
        let run = cluster.run(&Binary::new(), &args).expect(1);
        run.expect_stderr(&format!("hint: {hint} `esml-state list {JOB}`\n"));
    }
}

#[test]
fn uppercase_job_id_suggests_the_lowercase_one() {
    let cluster = TestCluster::new(version());
    for command in [&["list"][..], &["export"]] {
        let run = cluster
            .run(&Binary::new(), &[command, &["Web-Latency"]].concat())
            .expect(2);
        run.expect_stderr("invalid job ID `Web-Latency`: job IDs are lowercase (did you mean `web-latency`?)");
    }
    assert!(cluster.stand_in.requests().is_empty());
}

const CREDENTIALS: [&str; 4] = ["--username", "reader", "--password", "secret"];

fn secured(user: User) -> TestCluster {
    let cluster = TestCluster::in_memory(MlOptions {
        users: Some(vec![user]),
        allows_requests_without_credentials: true,
        ..MlOptions::new(version())
    });
    cluster.seed(&Fixture::load(JOB));
    cluster
}

#[test]
fn documented_privileges_suffice_and_each_missing_one_is_named() {
    let all = ["monitor", "monitor_ml"];
    let reader = |cluster: &[&str]| User::new("reader", "secret").cluster(cluster);
    let complete = secured(reader(&all).indices(&[".ml-anomalies-*"], &["read"]));
    for more in [&[][..], &[JOB]] {
        list(&complete, &[more, &CREDENTIALS].concat());
    }
    let without_read = secured(reader(&all));
    let without_monitor = secured(reader(&["monitor_ml"]).indices(&[".ml-anomalies-*"], &["read"]));
    for (cluster, missing) in [
        (without_read, "`read` on .ml-anomalies-*"),
        (without_monitor, "`monitor` on the cluster"),
    ] {
        let run = cluster
            .run(&Binary::new(), &[&["list"], &CREDENTIALS[..]].concat())
            .expect(1);
        run.expect_stderr(&format!("the user is missing privileges: {missing}\n"));
        assert_eq!(run.stdout, "");
    }
}

#[test]
fn wrong_credentials_are_an_error() {
    let cluster = secured(User::superuser("reader", "other"));
    let args = [&["list", "--json"], &CREDENTIALS[..]].concat();
    let run = cluster.run(&Binary::new(), &args).expect(1);
    assert_eq!(run.json()["exit"], 1);
    run.expect_stderr("the cluster does not accept the credentials");
}

#[test]
fn serverless_project_has_no_snapshots_to_list() {
    let cluster = TestCluster::in_memory(MlOptions::new(MlVersion::serverless()));
    create_job(&cluster, "job");
    let run = cluster.run(&Binary::new(), &["list", "job"]).expect(1);
    run.expect_stderr("serverless");
}
