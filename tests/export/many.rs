//! Several jobs: selection, one archive for each, the table, and the most severe exit code.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{assert_no_open_contexts, files, version};
use crate::support::archive::{entries, entry};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

/// A small job of the groups `even` or `odd`.
pub(super) fn job(number: usize) -> Fixture {
    let group = if number.is_multiple_of(2) { "even" } else { "odd" };
    let mut job = Fixture::load("log-categories")
        .with_small_state()
        .renamed(&format!("job-{number:02}"))
        .with_small_state()
        .with_job(|job| job["groups"] = json!(["all-jobs", group]));
    if number > 1 {
        job = job.without_inputs();
    }
    job.annotations.clear();
    job
}

/// Jobs `job-01` to `job-<count>`.
pub(super) fn jobs(count: usize) -> TestCluster {
    let cluster = TestCluster::new(version());
    (1..=count).for_each(|number| cluster.seed(&job(number)));
    cluster
}

/// An export of several jobs to the directory `archives`.
pub(super) fn export(cluster: &TestCluster, binary: &Binary, more: &[&str]) -> Run {
    let mut args = vec!["export", "--output-dir", "archives", "--yes"];
    args.extend(more);
    cluster.run(binary, &args)
}

pub(super) fn names(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
    let name = |number| format!("job-{number:02}_state.tar.gz");
    numbers.into_iter().map(name).collect()
}

/// The job IDs in the manifests of the archives.
fn archived_jobs(binary: &Binary) -> Vec<String> {
    let archives = binary.path("archives");
    let job = |name: &String| {
        let entries = entries(&archives.join(name));
        let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
        manifest["job_id"].as_str().unwrap().to_owned()
    };
    files(&archives).iter().map(job).collect()
}

#[test]
fn jobs_are_selected_by_id_wildcard_and_group() {
    let cluster = jobs(12);
    for (selection, expected) in [
        (&["job-03"][..], vec![3]),
        (&["job-03", "--job-id", "job-05"], vec![3, 5]),
        (&["job-03", "job-03", "--job_id", "job-03"], vec![3]),
        (&["job-1*"], vec![10, 11, 12]),
        (&["odd", "job-0*"], vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 11]),
        (&["ev*n"], vec![2, 4, 6, 8, 10, 12]),
        (&["--all"], (1..=12).collect()),
    ] {
        let binary = Binary::new();
        let run = export(&cluster, &binary, selection).expect(0);
        assert_eq!(
            files(&binary.path("archives")),
            names(expected.clone()),
            "{selection:?}"
        );
        let printed: Vec<PathBuf> = run.stdout.lines().map(PathBuf::from).collect();
        let paths: Vec<PathBuf> = names(expected)
            .iter()
            .map(|name| PathBuf::from("archives").join(name))
            .collect();
        assert_eq!(printed, paths);
    }
    let binary = Binary::new();
    export(&cluster, &binary, &["odd"]).expect(0);
    assert_eq!(
        archived_jobs(&binary),
        ["job-01", "job-03", "job-05", "job-07", "job-09", "job-11"]
    );
}

#[test]
fn one_line_per_job_fits_into_80_columns() {
    let cluster = jobs(2);
    let long = "j".repeat(64);
    cluster.seed(&job(3).without_datafeed().renamed(&long));
    let run = export(&cluster, &Binary::new(), &["--all"]).expect(0);
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.stderr);
    assert!(
        lines[0].starts_with("Job  ") && lines[0].ends_with("  Result"),
        "{}",
        run.stderr
    );
    for (line, job) in lines[1..].iter().zip(["jjjj", "job-01", "job-02"]) {
        assert!(line.starts_with(job) && line.ends_with("KiB  exported"), "{line}");
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn calendar_of_two_jobs_is_in_both_archives() {
    let cluster = jobs(2);
    let body = r#"{"job_ids":["job-01","job-02"],"description":"shared"}"#;
    assert_eq!(cluster.call("PUT", "/_ml/calendars/shared", body).status, 200);
    let event = r#"{"events":[{"description":"e","start_time":1,"end_time":2}]}"#;
    let events = "/_ml/calendars/shared/events";
    assert_eq!(cluster.call("POST", events, event).status, 200);
    let binary = Binary::new();
    export(&cluster, &binary, &["--all", "--parallel", "2"]).expect(0);
    for name in names(1..=2) {
        let entries = entries(&binary.path("archives").join(name));
        let calendars: Value = serde_json::from_str(entry(&entries, "_calendars.json")).unwrap();
        let shared = calendars.as_array().unwrap().iter();
        let shared = shared.filter(|calendar| calendar["calendar_id"] == "shared");
        let events: Vec<usize> = shared
            .map(|calendar| calendar["events"].as_array().unwrap().len())
            .collect();
        assert_eq!(events, [1]);
    }
    drop(cluster);
    let target = TestCluster::new(version());
    target.run(&binary, &["import", "archives", "--yes"]).expect(0);
    let calendar = target.call("GET", "/_ml/calendars/shared", "").value()["calendars"][0].clone();
    assert_eq!(calendar["job_ids"], json!(["job-01", "job-02"]));
}

#[test]
fn selection_that_matches_nothing_suggests_similar_jobs() {
    let cluster = jobs(2);
    let binary = Binary::new();
    for (name, message) in [
        ("job-3", "job job-3 does not exist"),
        ("job-3*", "no job on "),
        ("jobs-*", "matches jobs-*"),
    ] {
        let run = export(&cluster, &binary, &["job-01", name]).expect(1);
        run.expect_stderr(message).expect_stderr("did you mean job-01");
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
}

#[test]
fn all_of_no_jobs_is_a_warning() {
    let cluster = TestCluster::new(version());
    let binary = Binary::new();
    for more in [&["--all"][..], &["--all", "--output-dir", "archives"]] {
        let run = cluster
            .run(&binary, &[&["export", "--yes", "--json"], more].concat())
            .expect(0);
        run.expect_stderr("warning: nothing is exported: no anomaly detection jobs on ");
        assert_eq!(run.json(), json!({"archives": []}));
    }
    assert_eq!(files(binary.directory()), Vec::<String>::new());
}

#[test]
fn several_jobs_require_a_directory() {
    let cluster = jobs(2);
    let binary = Binary::new();
    for more in [&[][..], &["--output", "one.tar.gz"], &["--output", "-"]] {
        let run = cluster
            .run(&binary, &[&["export", "--all", "--yes"], more].concat())
            .expect(2);
        run.expect_stderr("2 jobs are selected, and each has its own archive: job-01, job-02")
            .expect_stderr("--output-dir DIR");
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
    cluster
        .run(&binary, &["export", "job-*2", "-o", "one.tar.gz", "--yes"])
        .expect(0);
    assert_eq!(files(binary.directory()), ["one.tar.gz"]);
}

#[test]
fn jobs_with_the_same_file_name_are_refused_before_anything_is_written() {
    let cluster = TestCluster::new(version());
    for id in ["a.b", "a_b", "c"] {
        cluster.seed(&job(2).renamed(id));
    }
    let binary = Binary::new();
    let run = export(&cluster, &binary, &["--all"]).expect(3);
    run.expect_stderr("jobs a.b and a_b would have the same archive")
        .expect_stderr("esml-state export a_b --output FILE");
    assert_eq!(files(binary.directory()), Vec::<String>::new());
}

#[test]
fn existing_archives_are_refused_one_by_one() {
    let cluster = jobs(3);
    let binary = Binary::new();
    export(&cluster, &binary, &["job-02"]).expect(0);
    let path = binary.path("archives").join("job-02_state.tar.gz");
    std::fs::write(&path, "mine").unwrap();
    let run = export(&cluster, &binary, &["--all"]).expect(3);
    run.expect_stderr("error: job-02: ").expect_stderr("already exists");
    assert_eq!(files(&binary.path("archives")), names(1..=3));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    export(&cluster, &binary, &["--all", "--overwrite"]).expect(0);
    assert_eq!(archived_jobs(&binary), ["job-01", "job-02", "job-03"]);
}

#[test]
fn one_failure_does_not_stop_the_others() {
    for parallel in ["1", "3"] {
        let cluster = jobs(11);
        let mut broken = job(12);
        broken.state.truncate(0);
        cluster.seed(&broken);
        let path = "/_ml/anomaly_detectors/job-03/_open";
        assert_eq!(cluster.call("POST", path, "").status, 200);
        let binary = Binary::new();
        let run = export(&cluster, &binary, &["--all", "--json", "--parallel", parallel]).expect(1);
        assert_eq!(files(&binary.path("archives")), names(1..=11));
        run.expect_stderr("error: job-12: ")
            .expect_stderr("warning: job-03: ")
            .expect_stderr("error: 1 of 12 jobs failed");
        assert_no_open_contexts(&cluster);
        let document = run.json();
        assert_eq!(
            (&document["exit"], &document["error"]),
            (&json!(1), &json!("1 of 12 jobs failed"))
        );
        let archives = document["archives"].as_array().unwrap();
        let jobs: Vec<&str> = archives
            .iter()
            .map(|archive| archive["job_id"].as_str().unwrap())
            .collect();
        assert_eq!(
            jobs,
            (1..=12).map(|number| format!("job-{number:02}")).collect::<Vec<_>>()
        );
        assert_eq!(archives[11]["exit"], 1);
        assert!(archives[11]["hint"].is_string());
        let size = std::fs::metadata(binary.path("archives").join("job-03_state.tar.gz"))
            .unwrap()
            .len();
        assert_eq!(archives[2]["bytes"], size);
    }
}

#[test]
fn most_severe_exit_code_is_returned() {
    let cluster = jobs(2);
    let mut broken = job(3);
    broken.state.truncate(0);
    cluster.seed(&broken);
    let binary = Binary::new();
    export(&cluster, &binary, &["job-01"]).expect(0);
    let run = export(&cluster, &binary, &["--all"]).expect(3);
    run.expect_stderr("error: job-01: ")
        .expect_stderr("error: job-03: ")
        .expect_stderr("2 of 3 jobs failed");
}

#[test]
fn a_job_that_a_request_fails_for_does_not_affect_the_others() {
    let cluster = jobs(3);
    let of_second = FaultRule::when(|call| call.path == "/_ml/anomaly_detectors/job-02/model_snapshots").always();
    cluster.stand_in.faults().add(of_second.then(Action::status(400, "{}")));
    let binary = Binary::new();
    let run = export(&cluster, &binary, &["--all", "--retries", "0"]).expect(1);
    run.expect_stderr("error: job-02: ");
    assert_eq!(files(&binary.path("archives")), names([1, 3]));
}

#[test]
fn dry_run_prints_the_plan_of_each_job_and_writes_nothing() {
    let cluster = jobs(3);
    let binary = Binary::new();
    let run = export(&cluster, &binary, &["--all", "--dry-run"]).expect(0);
    let plans = run.stdout.matches("Would export to archives").count();
    assert_eq!((plans, files(binary.directory()).len()), (3, 0), "{}", run.stdout);
    let document = export(&cluster, &binary, &["--all", "--dry-run", "--json"])
        .expect(0)
        .json();
    assert_eq!(document["archives"].as_array().unwrap().len(), 3);
    assert_eq!(document["archives"][1]["dry_run"], true);
    assert_eq!(document["archives"][1]["job_id"], "job-02");
}

#[cfg(unix)]
mod interrupted {
    use super::*;
    use crate::support::signals::{Signal, SignalTarget};

    #[test]
    fn interruption_stops_all_and_lists_those_not_started() {
        let cluster = jobs(4);
        let (binary, target) = (Binary::new(), SignalTarget::default());
        let signal = target.clone();
        let rule = FaultRule::when(|call| call.path == "/_ml/anomaly_detectors/job-02/model_snapshots");
        let rule = rule.carry_out().run(move |_| signal.signal(Signal::INT));
        cluster.stand_in.faults().add(rule.then(Action::Hang));
        let url = cluster.stand_in.url();
        let command = binary.command([
            "export",
            "--all",
            "--output-dir",
            "archives",
            "--yes",
            "--json",
            "--url",
            &url,
        ]);
        let output = target.run(command);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        assert!(stderr.contains("Not started: job-03, job-04"), "{stderr}");
        assert_eq!(files(&binary.path("archives")), names([1]));
        assert_no_open_contexts(&cluster);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let archives = document["archives"].as_array().unwrap();
        assert_eq!(
            (&document["exit"], &document["error"]),
            (&json!(130), &json!("interrupted"))
        );
        assert_eq!(archives[0]["archive"], "archives/job-01_state.tar.gz");
        assert_eq!(archives[1]["exit"], 130);
        assert_eq!(archives[2], json!({"job_id": "job-03", "result": "not started"}));
    }
}
