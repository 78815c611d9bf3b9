//! Which jobs are copied, and what is on the target afterward.

use serde_json::json;

use super::{JOB, clusters, copy, small};
use crate::import_safety::cluster_state::ClusterState;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;

#[test]
fn copy_is_the_same_as_an_export_and_an_import() {
    for (more, id) in [
        (&[][..], JOB),
        (&["--as", "renamed"], "renamed"),
        (&["--skip-datafeed"], JOB),
    ] {
        let binary = Binary::new();
        let (source, target) = clusters(&[Fixture::load(JOB)]);
        let before = ClusterState::of(&source);
        let run = copy(&binary, &source, &target, &[&[JOB, "--include-inputs"], more].concat()).expect(0);
        assert_eq!(run.stdout, format!("{id}\n"));
        run.expect_stderr(&format!("Imported job {id}."));
        ClusterState::of(&source).assert_unchanged(&before, "the source");
        assert_eq!(source.documents.open_contexts(), Some(0));

        let (_, other) = clusters(&[]);
        let archive = source.export(&binary, JOB, "archive", &["--include-inputs"]);
        other.import(&binary, &archive, more).expect(0);
        let (copied, imported) = (ClusterState::of(&target), ClusterState::of(&other));
        assert!(copied.comparable() == imported.comparable(), "{more:?}");
        let left = std::fs::read_dir(binary.directory()).unwrap().count();
        assert_eq!(left, 1, "only the archive of the export");
    }
}

#[test]
fn job_is_copied_within_a_cluster_under_another_id() {
    let (source, _) = clusters(&[small("job-1"), small("job-2")]);
    let binary = Binary::new();
    let run = source
        .run(&binary, &["copy", "job-1", "--as", "copy", "--yes"])
        .expect(0);
    assert_eq!(run.stdout, "copy\n");
    assert_eq!(
        source.job("copy")["model_snapshot_id"],
        source.job("job-1")["model_snapshot_id"]
    );
    let run = source
        .run(&binary, &["copy", "job-*", "--as-prefix", "new-", "--yes"])
        .expect(0);
    assert_eq!(run.stdout, "new-job-1\nnew-job-2\n");
    source
        .run(&binary, &["copy", "job-1", "--yes"])
        .expect(2)
        .expect_stderr("error: a copy within a cluster requires another job ID\nhint: add --as NEW");
    source
        .run(&binary, &["copy", "job-*", "--as", "one", "--yes"])
        .expect(2)
        .expect_stderr("--as requires exactly one job, but there are 2\nhint: for several jobs, use --as-prefix");
}

#[test]
fn job_is_never_copied_onto_itself() {
    let (source, _) = clusters(&[small("job-1")]);
    let before = ClusterState::of(&source);
    let other_name = source.stand_in.url().replace("127.0.0.1", "localhost");
    for to in [source.stand_in.url(), other_name] {
        for more in [&[][..], &["--replace"], &["--as", "job-1", "--replace"]] {
            let args = ["copy", "job-1", "--yes", "--to", &to];
            let run = source.run(&Binary::new(), &[&args[..], more].concat()).expect(3);
            run.expect_stderr("error: job job-1 would be copied onto itself: source and target are ");
        }
    }
    ClusterState::of(&source).assert_unchanged(&before, "the cluster");
}

#[test]
fn existing_job_is_refused_before_anything_is_exported() {
    let (source, target) = clusters(&[small("job-1"), small("job-2"), small("job-3")]);
    target.seed(&small("job-1"));
    target.seed(&small("job-3"));
    let before = ClusterState::of(&target);
    let run = copy(&Binary::new(), &source, &target, &["--all"]).expect(3);
    run.expect_stderr("error: job job-1 already exists on ")
        .expect_stderr("error: job job-3 already exists on ");
    assert!(!run.stderr.contains("job-2"), "{}", run.stderr);
    let searches = source.stand_in.requests();
    assert!(!searches.iter().any(|request| request.path.contains("_search")));
    ClusterState::of(&target).assert_unchanged(&before, "the target");
    copy(&Binary::new(), &source, &target, &["--all", "--replace"]).expect(0);
}

#[test]
fn failure_of_a_job_does_not_stop_the_others() {
    let (source, target) = clusters(&[small("job-1"), small("job-2"), small("job-3")]);
    let broken = FaultRule::on("PUT", "/_ml/anomaly_detectors/job-2").always();
    target.stand_in.faults().add(broken.then(Action::status(400, "{}")));
    let run = copy(&Binary::new(), &source, &target, &["job-*", "--json"]).expect(1);
    run.expect_stderr("error: job-2: ")
        .expect_stderr("error: 1 of 3 jobs failed");
    for (job, exists) in [("job-1", true), ("job-2", false), ("job-3", true)] {
        assert_eq!(target.job(job).is_object(), exists, "{job}");
    }
    let document = run.json();
    let copies = document["copies"].as_array().unwrap();
    let results: Vec<_> = copies
        .iter()
        .map(|copy| (&copy["source_job_id"], &copy["result"]))
        .collect();
    assert_eq!(
        json!(results),
        json!([["job-1", "imported"], ["job-2", "failed"], ["job-3", "imported"]])
    );
    assert_eq!(document["exit"], 1);
}

#[test]
fn dry_run_prints_the_plans_and_writes_nothing() {
    let (source, target) = clusters(&[small("job-1"), small("job-2")]);
    let before = ClusterState::of(&target);
    for jobs in [&["job-1"][..], &["--all"]] {
        let run = copy(&Binary::new(), &source, &target, &[jobs, &["--dry-run"]].concat()).expect(0);
        assert!(
            run.stdout
                .starts_with("Dry run: plan for importing job job-1 into cluster "),
            "{}",
            run.stdout
        );
    }
    ClusterState::of(&target).assert_unchanged(&before, "the target");
    assert_eq!(source.documents.open_contexts(), Some(0));
}

#[test]
fn copy_requires_a_job_and_a_confirmation() {
    let (source, target) = clusters(&[small("job-1")]);
    copy(&Binary::new(), &source, &target, &[]).expect(2).expect_stderr(
        "error: a job is required\nhint: list the jobs with `esml-state list`, and run `esml-state copy JOB`",
    );
    let (from, to) = (source.stand_in.url(), target.stand_in.url());
    let unconfirmed = Binary::new()
        .run(["copy", "job-1", "--from", &from, "--to", &to])
        .expect(3);
    unconfirmed.expect_stderr("cannot ask for confirmation without a terminal");
    copy(&Binary::new(), &source, &target, &["jb-1"])
        .expect(1)
        .expect_stderr("error: job jb-1 does not exist on ")
        .expect_stderr("job-1");
    assert!(target.stand_in.writes().is_empty());
}
