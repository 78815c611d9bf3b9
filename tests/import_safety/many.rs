//! Several archives in one command: all are checked and planned before the first write, and then each job is imported or
//! rolled back on its own.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, options, target};
use crate::support::archive::{blocks, gzip, members, write_renamed};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::exhaustive;
use crate::support::test_cluster::TestCluster;

/// A directory with archives of jobs that share a filter and a calendar.
fn directory(binary: &Binary, jobs: &[&str]) -> PathBuf {
    let directory = binary.path("archives");
    std::fs::create_dir_all(&directory).unwrap();
    for job in jobs {
        write_renamed(&archive_of(JOB), [JOB, job], &directory.join(format!("{job}.tar.gz")));
    }
    directory
}

fn twelve() -> Vec<String> {
    (1..=12).map(|number| format!("job-{number:02}")).collect()
}

fn twelve_archives(binary: &Binary) -> PathBuf {
    let jobs = twelve();
    directory(binary, &jobs.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Edits an entry of an archive.
fn edit(archive: &Path, ending: &str, edit: impl FnOnce(&mut Value)) {
    let mut all = members(archive);
    let entry = all
        .iter_mut()
        .find(|member| member.name.ends_with(ending))
        .expect(ending);
    let mut value: Value = serde_json::from_slice(&entry.content).unwrap();
    edit(&mut value);
    entry.content = value.to_string().into_bytes();
    std::fs::write(archive, gzip(&blocks(&all))).unwrap();
}

fn import(cluster: &TestCluster, binary: &Binary, archives: &[&Path], more: &[&str]) -> Run {
    let archives: Vec<String> = archives.iter().map(|path| path.display().to_string()).collect();
    let mut args = vec!["import", "--yes", "--retries", "0"];
    args.extend(archives.iter().map(String::as_str));
    args.extend(more);
    cluster.run(binary, &args)
}

/// The jobs in the calendar that all archives share.
fn calendar_members(cluster: &TestCluster) -> Vec<String> {
    let calendar = cluster.call("GET", "/_ml/calendars/maintenance", "").value();
    let jobs = calendar["calendars"][0]["job_ids"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let mut jobs: Vec<String> = jobs.iter().map(|job| job.as_str().unwrap().to_owned()).collect();
    jobs.sort();
    jobs
}

#[test]
fn directory_of_twelve_archives_is_imported_with_a_line_for_each_job() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let run = import(&cluster, &binary, &[&twelve_archives(&binary)], &[]).expect(0);
    let jobs = twelve();
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), jobs);
    assert_eq!(calendar_members(&cluster), jobs);
    run.expect_stderr("Job      Documents  Result\njob-01          74  imported\njob-02          74  imported\n")
        .expect_stderr("POST /_ml/anomaly_detectors/job-12/_open\n  POST /_ml/datafeeds/datafeed-job-12/_start\n");
    assert!(!run.stderr.contains("Created job"), "{}", run.stderr);
    let mut table = run.stderr.lines().filter(|line| line.starts_with("job-"));
    assert!(table.all(|line| line.len() <= 80), "{}", run.stderr);
    for job in &jobs {
        assert_eq!(cluster.job(job)["model_snapshot_id"], "1795432817");
        assert_eq!(cluster.documents_of(&format!("{job}-input")).len(), 12);
    }
}

#[test]
fn directory_with_one_archive_is_reported_as_a_list() {
    let (cluster, binary) = (target(1, 4), Binary::new());
    let archives = directory(&binary, &["job-01"]);
    for more in [&["--json", "--dry-run"][..], &["--json"]] {
        let document = import(&cluster, &binary, &[&archives], more).expect(0).json();
        let imports = document["imports"].as_array().unwrap();
        assert_eq!(imports.len(), 1, "{document}");
        assert_eq!(imports[0]["job_id"], "job-01");
    }
    let refused = import(&cluster, &binary, &[&archives], &["--json"]).expect(3).json();
    assert_eq!(refused["imports"][0]["exit"], 3, "{refused}");
}

#[test]
fn failed_job_is_rolled_back_alone_and_shared_objects_remain() {
    for failing in ["job-01", "job-05", "job-12"] {
        let (cluster, binary) = (target(2, 4), Binary::new());
        let archives = twelve_archives(&binary);
        let refused = Action::status(
            400,
            r#"{"error":{"type":"status_exception","reason":"not today"},"status":400}"#,
        );
        let path = format!("/_ml/datafeeds/datafeed-{failing}");
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("PUT", &path).always().then(refused));
        let run = import(&cluster, &binary, &[&archives], &["--json"]).expect(1);
        run.expect_stderr(&format!("error: {failing}: "))
            .expect_stderr("not today")
            .expect_stderr(&format!("{failing}           -  failed\n"))
            .expect_stderr("Rolled back. Removed:")
            .expect_stderr("error: 1 of 12 archives failed");
        let others: Vec<String> = twelve().into_iter().filter(|job| job != failing).collect();
        assert_eq!(calendar_members(&cluster), others);
        assert_eq!(cluster.call("GET", "/_ml/filters/canary-hosts", "").status, 200);
        assert_eq!(cluster.ml.job_state(failing), None);
        assert!(cluster.documents_of(&format!("{failing}-input")).is_empty());
        let document = run.json();
        assert_eq!(document["exit"], 1);
        let imports = document["imports"].as_array().unwrap();
        for (import, job) in imports.iter().zip(twelve()) {
            let result = if job == failing { "failed" } else { "imported" };
            assert_eq!((&import["job_id"], &import["result"]), (&json!(job), &json!(result)));
        }
        assert_eq!(imports.len(), 12);
        cluster.stand_in.faults().clear();
        import(&cluster, &binary, &[&archives.join(format!("{failing}.tar.gz"))], &[]).expect(0);
        assert_eq!(calendar_members(&cluster), twelve());
    }
}

#[test]
fn calendar_and_filter_that_no_job_uses_are_removed() {
    let (cluster, binary) = (target(3, 4), Binary::new());
    let archives = directory(&binary, &["one", "two"]);
    let before = ClusterState::of(&cluster);
    let refused = || {
        Action::status(
            400,
            r#"{"error":{"type":"status_exception","reason":"not today"},"status":400}"#,
        )
    };
    for job in ["one", "two"] {
        let path = format!("/_ml/datafeeds/datafeed-{job}");
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("PUT", &path).always().then(refused()));
    }
    import(&cluster, &binary, &[&archives], &[])
        .expect(1)
        .expect_stderr("error: 2 of 2 archives failed");
    ClusterState::of(&cluster).assert_unchanged(&before, "both rolled back");
}

#[test]
fn every_archive_is_checked_before_the_first_write_and_every_failure_is_reported() {
    let (cluster, binary) = (target(4, 4), Binary::new());
    let archives = twelve_archives(&binary);
    let existing = r#"{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    cluster.call("PUT", "/_ml/anomaly_detectors/job-07", existing);
    edit(&archives.join("job-08.tar.gz"), "_config.json", |job| {
        job["later"] = json!(1)
    });
    cluster.stand_in.clear_requests();
    for dry in [&[][..], &["--dry-run"]] {
        let run = import(&cluster, &binary, &[&archives], dry).expect(3);
        run.expect_stderr("job-07.tar.gz: job job-07 already exists")
            .expect_stderr("job-08.tar.gz: Elasticsearch 9.2.0 does not support these options of the job: later")
            .expect_stderr("Nothing was written.")
            .expect_stderr("error: 2 of 12 archives failed");
    }
    let damaged = archives.join("job-03.tar.gz");
    let bytes = std::fs::read(&damaged).unwrap();
    std::fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let requests = cluster.stand_in.requests().len();
    let missing = binary.path("missing.tar.gz");
    let run = import(&cluster, &binary, &[&archives, &missing], &["--json"]).expect(4);
    run.expect_stderr("job-03.tar.gz: ").expect_stderr("missing.tar.gz");
    let document = run.json();
    assert_eq!(
        (&document["exit"], &document["error"]),
        (&json!(4), &json!("2 of 13 archives failed"))
    );
    let refused = document["imports"].as_array().unwrap().iter();
    let refused: Vec<_> = refused.map(|one| (&one["exit"], &one["result"])).collect();
    let result = &json!("refused");
    assert_eq!(refused, [(&json!(4), result), (&json!(1), result)]);
    assert_eq!(
        cluster.stand_in.requests().len(),
        requests,
        "the archives are checked first"
    );
    assert_eq!(cluster.stand_in.writes().len(), 0);
    assert_eq!(cluster.ml.job_ids(), ["job-07", "user-population"]);
}

#[test]
fn conflicts_between_archives_are_found_before_the_first_write() {
    type Edit = fn(&Path);
    let cases: [(Edit, &str); 5] = [
        (
            |archives| drop(std::fs::copy(archives.join("one.tar.gz"), archives.join("two.tar.gz"))),
            "job one is also in ",
        ),
        (
            |archives| {
                edit(&archives.join("two.tar.gz"), "_filters.json", |all| {
                    all[0]["items"] = json!(["x"])
                })
            },
            "filter canary-hosts has different content in ",
        ),
        (
            |archives| {
                edit(&archives.join("two.tar.gz"), "_calendars.json", |all| {
                    all[0]["events"][0]["description"] = json!("moved");
                });
            },
            "calendar maintenance has different content in ",
        ),
        (
            |archives| {
                edit(&archives.join("one.tar.gz"), "_config.json", |job| {
                    job["groups"] = json!(["two"])
                })
            },
            "job two has the name of a group of job one in ",
        ),
        (
            |archives| {
                edit(&archives.join("two.tar.gz"), "_config.json", |job| {
                    job["datafeed_config"]["datafeed_id"] = json!("datafeed-one");
                });
            },
            "datafeed datafeed-one is also in ",
        ),
    ];
    for (edit, expected) in cases {
        let (cluster, binary) = (TestCluster::in_memory(options()), Binary::new());
        let archives = directory(&binary, &["one", "two"]);
        import(&cluster, &binary, &[&archives], &["--dry-run"]).expect(0);
        edit(&archives);
        let run = import(&cluster, &binary, &[&archives], &[]).expect(3);
        run.expect_stderr(&format!("two.tar.gz: {expected}"))
            .expect_stderr("one.tar.gz\n");
        assert_eq!(cluster.stand_in.writes().len(), 0);
    }
}

/// The default name of an input index has a prefix if a built-in index template would match it, so that it may be the one
/// of another job.
#[test]
fn input_index_that_two_archives_need_is_a_conflict() {
    let (cluster, binary) = (TestCluster::in_memory(options()), Binary::new());
    let archives = directory(&binary, &["esml-logs-web", "logs-web"]);
    import(&cluster, &binary, &[&archives], &[])
        .expect(3)
        .expect_stderr("logs-web.tar.gz: input index esml-logs-web-input is also needed for the job in ")
        .expect_stderr("esml-logs-web.tar.gz\nhint: ")
        .expect_stderr("import one of the archives separately, with another job ID (--as)")
        .expect_stderr("Nothing was written.");
    assert_eq!(cluster.stand_in.writes().len(), 0);
    import(&cluster, &binary, &[&archives], &["--skip-inputs", "--dry-run"]).expect(0);
    import(&cluster, &binary, &[&archives], &["--as-prefix", "copy-"]).expect(0);
    for job in ["copy-esml-logs-web", "copy-logs-web"] {
        assert_eq!(cluster.documents_of(&format!("{job}-input")).len(), 12);
    }
}

#[test]
fn dry_run_prints_all_plans() {
    let (cluster, binary) = (TestCluster::in_memory(options()), Binary::new());
    let archives = directory(&binary, &["one", "two"]);
    let run = import(&cluster, &binary, &[&archives], &["--dry-run", "--as-prefix", "copy-"]).expect(0);
    for job in ["copy-one", "copy-two"] {
        let title = format!("Dry run: plan for importing job {job} into cluster");
        assert!(run.stdout.contains(&title), "{}", run.stdout);
    }
    let document = import(
        &cluster,
        &binary,
        &[&archives],
        &["--dry-run", "--json", "--as-suffix=_b"],
    )
    .expect(0)
    .json();
    let jobs: Vec<&Value> = document["imports"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["job_id"])
        .collect();
    assert_eq!(jobs, ["one_b", "two_b"]);
    assert_eq!(document["dry_run"], true);
    assert_eq!(cluster.stand_in.writes().len(), 0);
}

#[test]
fn prefix_and_suffix_rename_all_jobs() {
    let (cluster, binary) = (target(5, 4), Binary::new());
    let archives = directory(&binary, &["one", "two"]);
    import(&cluster, &binary, &[&archives], &[]).expect(0);
    let run = import(
        &cluster,
        &binary,
        &[&archives],
        &["--as-prefix", "a-", "--as-suffix", ".b"],
    )
    .expect(0);
    assert_eq!(run.stdout, "a-one.b\na-two.b\n");
    assert_eq!(calendar_members(&cluster), ["a-one.b", "a-two.b", "one", "two"]);
}

#[test]
fn options_for_one_archive_and_invalid_ids_are_refused_before_the_first_request() {
    let (cluster, binary) = (TestCluster::in_memory(options()), Binary::new());
    let archives = directory(&binary, &["one", "two"]);
    for option in [["--as", "x"], ["--job-id", "one"], ["--input-index", "x"]] {
        let run = import(&cluster, &binary, &[&archives], &option).expect(2);
        run.expect_stderr(&format!("{} requires exactly one archive, but there are 2", option[0]));
    }
    let run = import(&cluster, &binary, &[&archives], &["--as-prefix", "Copy-"]).expect(2);
    run.expect_stderr("invalid job ID `Copy-one`")
        .expect_stderr("--as-prefix");
    let empty = binary.path("empty");
    std::fs::create_dir(&empty).unwrap();
    import(&cluster, &binary, &[&archives, &empty], &[])
        .expect(1)
        .expect_stderr("empty");
    assert_eq!(cluster.stand_in.requests().len(), 0);
    std::fs::remove_file(archives.join("two.tar.gz")).unwrap();
    import(&cluster, &binary, &[&archives], &["--as", "x"]).expect(0);
}

/// The peak memory of a dry run in KiB.
#[cfg(target_os = "linux")]
fn peak_of(binary: &Binary, archives: &Path) -> u64 {
    use crate::support::signals::SignalTarget;

    let cluster = TestCluster::in_memory(options());
    let (archives, url) = (archives.display().to_string(), cluster.stand_in.url());
    let command = binary.command(["import", &archives, "--dry-run", "--url", &url]);
    SignalTarget::peak_memory_of(&cluster, command)
}

/// Only hashes and numbers of documents of a waiting archive are in memory, and its plan. The allocator needs more.
#[cfg(target_os = "linux")]
#[test]
fn two_hundred_archives_wait_in_little_memory() {
    let archives = if exhaustive() { 200 } else { 40 };
    let binary = Binary::new();
    let jobs: Vec<String> = (0..archives).map(|number| format!("job-{number:03}")).collect();
    let directory = directory(&binary, &jobs.iter().map(String::as_str).collect::<Vec<_>>());
    let one = peak_of(&binary, &directory.join("job-000.tar.gz"));
    let all = peak_of(&binary, &directory);
    let most = one + (2 << 10) + 160 * archives;
    assert!(all < most, "one archive: {one} KiB, {archives} archives: {all} KiB");
}

/// The snapshot documents of these archives are large. If all were in memory, they would need more than 160 MiB. The
/// allocator keeps some of the memory that is freed.
#[cfg(target_os = "linux")]
#[test]
fn large_snapshot_documents_of_waiting_archives_are_not_in_memory() {
    const PADDING: usize = 8 << 20;
    let binary = Binary::new();
    let archives = directory(&binary, &[]);
    let large = archives.join("large");
    write_renamed(&archive_of(JOB), [JOB, "NAME"], &large);
    edit(&large, "model_snapshot_1795432817.json", |snapshot| {
        snapshot["quantiles"]["quantile_state"] = json!("x".repeat(PADDING));
    });
    for number in 0..20 {
        let job = format!("job-{number:02}");
        write_renamed(&large, ["NAME", &job], &archives.join(format!("{job}.tar.gz")));
    }
    let (one, all) = (
        peak_of(&binary, &archives.join("job-00.tar.gz")),
        peak_of(&binary, &archives),
    );
    assert!(all < one + (32 << 10), "one archive: {one} KiB, 20 archives: {all} KiB");
}

#[cfg(unix)]
mod signals {
    use super::*;
    use crate::support::signals::{Signal, SignalTarget};

    /// Sends a signal at the revert of a job.
    fn import_with_signal(cluster: &TestCluster, binary: &Binary, signal: Signal) -> std::process::Output {
        let process = SignalTarget::default();
        let hooked = process.clone();
        let revert = "/_ml/anomaly_detectors/job-06/model_snapshots/1795432817/_revert";
        let interrupt = move |_: &_| {
            hooked.interrupt(signal, "Interrupted: ");
        };
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("POST", revert).run(interrupt));
        let (archives, url) = (twelve_archives(binary).display().to_string(), cluster.stand_in.url());
        process.run(binary.command(["import", &archives, "--yes", "--url", &url]))
    }

    #[test]
    fn ctrl_c_rolls_the_current_job_back_and_lists_those_not_started() {
        let (cluster, binary) = (target(6, 4), Binary::new());
        let output = import_with_signal(&cluster, &binary, Signal::INT);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(130), "{stderr}");
        for expected in [
            "Interrupted: rolling back the import.",
            "Rolled back. Removed:\n  state documents of job job-06\n",
            "job-06           -  interrupted\n",
            "Not started: job-07, job-08, job-09, job-10, job-11, job-12\n",
        ] {
            assert!(stderr.contains(expected), "{expected}\n{stderr}");
        }
        assert_eq!(calendar_members(&cluster), twelve()[..5]);
        assert_eq!(String::from_utf8(output.stdout).unwrap().lines().count(), 5);
        assert_eq!(cluster.ml.job_state("job-06"), None);
    }

    #[test]
    fn replace_completes_an_import_that_was_killed_in_the_middle() {
        let undisturbed = {
            let (cluster, binary) = (target(7, 4), Binary::new());
            import(&cluster, &binary, &[&twelve_archives(&binary)], &[]).expect(0);
            ClusterState::of(&cluster).comparable()
        };
        let (cluster, binary) = (target(7, 4), Binary::new());
        let output = import_with_signal(&cluster, &binary, Signal::KILL);
        assert_eq!(output.status.code(), None);
        cluster.stand_in.faults().clear();
        import(&cluster, &binary, &[&twelve_archives(&binary)], &["--replace"]).expect(0);
        let completed = ClusterState::of(&cluster).comparable();
        completed.assert_same(&undisturbed, "completed");
    }
}
