//! Backups (`--skip-unchanged`): unchanged jobs are skipped, changed ones replace their own archive.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::many::{export, job, jobs, names};
use super::{files, version};
use crate::support::archive::{entries, entry};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

fn backup(cluster: &TestCluster, binary: &Binary, more: &[&str]) -> Run {
    export(
        cluster,
        binary,
        &[&["--all", "--skip-unchanged", "--json"], more].concat(),
    )
}

/// The numbers of the jobs that were exported and not skipped.
fn written(run: &Run) -> Vec<String> {
    let document = run.json();
    let archives = document["archives"].as_array().unwrap().iter();
    let written = archives.filter(|archive| archive["unchanged"] != true && archive.get("error").is_none());
    written
        .map(|archive| archive["job_id"].as_str().unwrap().to_owned())
        .collect()
}

fn contents(binary: &Binary) -> BTreeMap<String, Vec<u8>> {
    let archives = binary.path("archives");
    let read = |name: String| (name.clone(), std::fs::read(archives.join(&name)).unwrap());
    files(&archives).into_iter().map(read).collect()
}

fn call(cluster: &TestCluster, method: &str, path: &str, body: &Value) {
    let answer = cluster.call(method, path, &body.to_string());
    assert!(answer.status < 300, "{method} {path}: {:?}", answer.body);
}

#[test]
fn unchanged_jobs_are_skipped() {
    let (cluster, binary) = (jobs(3), Binary::new());
    assert_eq!(
        written(&backup(&cluster, &binary, &[]).expect(0)),
        ["job-01", "job-02", "job-03"]
    );
    let first = contents(&binary);
    let again = export(&cluster, &binary, &["--all", "--skip-unchanged"]).expect(0);
    assert_eq!(again.stdout, "", "only the paths of archives that were written");
    again.expect_stderr("job-02  1795433132     7.8 KiB  unchanged");
    export(&cluster, &binary, &["job-02", "--skip-unchanged"]).expect(0);
    assert_eq!(contents(&binary), first);
}

#[test]
fn each_change_is_noticed() {
    let fixture = {
        let mut fixture = Fixture::load("web-latency").with_small_state();
        fixture.annotations.truncate(3);
        fixture
    };
    let cluster = TestCluster::seeded(version(), &fixture);
    cluster.seed(&job(1));
    let binary = Binary::new();
    let include = ["--include-inputs"];
    backup(&cluster, &binary, &include).expect(0);
    assert_eq!(
        written(&backup(&cluster, &binary, &include).expect(0)),
        Vec::<String>::new()
    );
    let annotation =
        json!({"job_id": "web-latency", "annotation": "a", "timestamp": 1, "create_time": 1, "type": "annotation"});
    let index = "/.ml-annotations-write/_doc";
    let filter = &fixture.filters[0]["filter_id"].as_str().unwrap();
    let calendar = fixture.calendars[0]["calendar_id"].as_str().unwrap();
    let event = json!({"description": "e", "start_time": 1, "end_time": 2});
    let source = fixture.sources[0].as_str();
    for (method, path, body) in [
        ("PUT", format!("{index}/new?refresh=true"), annotation.clone()),
        ("PUT", format!("{index}/new?refresh=true"), annotation),
        (
            "POST",
            "/_ml/anomaly_detectors/web-latency/_update".to_owned(),
            json!({"description": "new"}),
        ),
        (
            "POST",
            format!("/_ml/calendars/{calendar}/events"),
            json!({"events": [event]}),
        ),
        (
            "PUT",
            format!("/{source}/_doc/new?refresh=true"),
            serde_json::from_str(&fixture.inputs[0].source).unwrap(),
        ),
        (
            "POST",
            format!("/_ml/filters/{filter}/_update"),
            json!({"add_items": ["new"]}),
        ),
    ] {
        call(&cluster, method, &path, &body);
        assert_eq!(
            written(&backup(&cluster, &binary, &include).expect(0)),
            ["web-latency"],
            "{method} {path}"
        );
        assert_eq!(
            written(&backup(&cluster, &binary, &include).expect(0)),
            Vec::<String>::new()
        );
    }
    assert_eq!(
        written(&backup(&cluster, &binary, &[]).expect(0)),
        ["job-01", "web-latency"],
        "other options"
    );
}

#[test]
fn new_results_are_noticed() {
    let fixture = Fixture::load("web-latency").with_small_state().with_results(3);
    let cluster = TestCluster::seeded(version(), &fixture);
    let binary = Binary::new();
    let include = ["--include-results"];
    assert_eq!(written(&backup(&cluster, &binary, &include).expect(0)), ["web-latency"]);
    assert_eq!(
        written(&backup(&cluster, &binary, &include).expect(0)),
        Vec::<String>::new()
    );
    let result = fixture.results_of_snapshot()[0];
    let source = serde_json::from_str(&result.source).unwrap();
    let path = format!("/.ml-anomalies-.write-web-latency/_doc/{}1?refresh=true", result.id);
    call(&cluster, "PUT", &path, &source);
    assert_eq!(written(&backup(&cluster, &binary, &include).expect(0)), ["web-latency"]);
    assert_eq!(
        written(&backup(&cluster, &binary, &include).expect(0)),
        Vec::<String>::new()
    );
}

#[test]
fn files_that_are_not_archives_of_the_job_are_refused() {
    let (cluster, binary) = (jobs(3), Binary::new());
    backup(&cluster, &binary, &[]).expect(0);
    let path = |number: usize| binary.path("archives").join(&names([number])[0]);
    std::fs::copy(path(3), path(1)).unwrap();
    std::fs::write(path(2), "mine").unwrap();
    let run = backup(&cluster, &binary, &[]).expect(3);
    run.expect_stderr("already exists, and is an archive of job job-03")
        .expect_stderr("already exists, and is not an archive of this tool");
    assert_eq!(std::fs::read(path(2)).unwrap(), b"mine");
    assert_eq!(
        written(&backup(&cluster, &binary, &["--overwrite"]).expect(0)),
        ["job-01", "job-02"]
    );
}

#[test]
fn archives_without_a_fingerprint_are_replaced() {
    let (cluster, binary) = (jobs(2), Binary::new());
    export(&cluster, &binary, &["--all"]).expect(0);
    assert_eq!(written(&backup(&cluster, &binary, &[]).expect(0)), ["job-01", "job-02"]);
    let entries = entries(&binary.path("archives").join("job-01_state.tar.gz"));
    let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
    assert_eq!(manifest["fingerprint"].as_str().unwrap().len(), 64);
}

#[test]
fn directory_and_original_values_are_required() {
    let (cluster, binary) = (jobs(1), Binary::new());
    let run = cluster
        .run(&binary, &["export", "--all", "--skip-unchanged", "--yes"])
        .expect(2);
    run.expect_stderr("--output-dir <DIR>");
    backup(&cluster, &binary, &["--pseudonymize"]).expect(2);
}

#[test]
fn same_command_completes_a_killed_run() {
    let (cluster, binary) = (jobs(4), Binary::new());
    let url = cluster.stand_in.url();
    let arguments = [
        "export",
        "--all",
        "--skip-unchanged",
        "--output-dir",
        "archives",
        "--yes",
        "--url",
        &url,
    ];
    let (sender, reached) = std::sync::mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let rule = FaultRule::when(|call| call.path == "/_ml/anomaly_detectors/job-03/model_snapshots");
    let rule = rule.run(move |_| sender.lock().unwrap().send(()).unwrap());
    cluster.stand_in.faults().add(rule.then(Action::Hang));
    let mut child = binary.command(arguments).spawn().unwrap();
    reached.recv().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(files(&binary.path("archives")), names([1, 2]));
    cluster.stand_in.faults().clear();
    assert_eq!(written(&backup(&cluster, &binary, &[]).expect(0)), ["job-03", "job-04"]);
    assert_eq!(files(&binary.path("archives")), names(1..=4));
}
