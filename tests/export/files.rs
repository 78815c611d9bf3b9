//! The archive's file is complete or does not exist, is only readable by its owner, and replaces another file only if requested.

use std::io::Write as _;

use super::{assert_no_open_contexts, cluster, files, version};
use crate::support::archive::entries;
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";
const EXPORT: [&str; 4] = ["export", "--job-id", JOB, "--yes"];

fn export_args<'a>(more: &[&'a str]) -> Vec<&'a str> {
    EXPORT.into_iter().chain(more.iter().copied()).collect()
}

#[test]
fn default_file_name_contains_the_job_id() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state().renamed("a.b-c_d"));
    let binary = Binary::new();
    let run = cluster.run(&binary, &["export", "--job_id", "a.b-c_d", "-y"]).expect(0);
    assert_eq!(run.stdout, "a_b-c_d_state.tar.gz\n");
    assert_eq!(files(binary.directory()), ["a_b-c_d_state.tar.gz"]);
}

#[cfg(unix)]
#[test]
fn archive_is_readable_by_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    let seen = std::sync::Arc::new(std::sync::Mutex::new(None));
    let (look, folder) = (seen.clone(), binary.directory().to_owned());
    let hook = move |_: &_| {
        let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap());
        let partial = files.find(|entry| entry.file_name().to_string_lossy().ends_with(".partial"));
        *look.lock().unwrap() = partial.map(|entry| entry.metadata().unwrap().permissions().mode());
    };
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("GET", "/_ml/info").run(hook));
    let path = cluster.export(&binary, JOB, "out", &[]);
    assert_eq!(std::fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
    let partial = seen
        .lock()
        .unwrap()
        .expect("the partial file while the archive is being written");
    assert_eq!(partial & 0o777, 0o600);
}

#[test]
fn existing_file_is_refused_before_reading() {
    let cluster = TestCluster::new(version());
    let binary = Binary::new();
    for name in ["log-categories_state.tar.gz", "other.tar.gz"] {
        std::fs::write(binary.path(name), "mine").unwrap();
    }
    for more in [&[][..], &["-o", "other.tar.gz"]] {
        let run = cluster.run(&binary, &export_args(more)).expect(3);
        run.expect_stderr("already exists").expect_stderr("--overwrite");
        assert_eq!(run.stdout, "");
    }
    assert!(cluster.stand_in.requests().is_empty());
    assert_eq!(std::fs::read_to_string(binary.path("other.tar.gz")).unwrap(), "mine");
}

#[test]
fn overwrite_replaces_a_file_only_with_a_complete_archive() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    std::fs::write(binary.path("out.tar.gz"), "mine").unwrap();
    let late = FaultRule::on("GET", "/_ml/info").then(Action::status(500, "{}"));
    cluster.stand_in.faults().add(late);
    cluster
        .run(&binary, &export_args(&["-o", "out.tar.gz", "--overwrite"]))
        .expect(1);
    assert_eq!(std::fs::read_to_string(binary.path("out.tar.gz")).unwrap(), "mine");
    assert_eq!(files(binary.directory()), ["out.tar.gz"]);
    cluster
        .run(&binary, &export_args(&["-o", "out.tar.gz", "--overwrite"]))
        .expect(0);
    assert!(entries(&binary.path("out.tar.gz")).contains_key("esml_manifest.json"));
    assert_eq!(files(binary.directory()), ["out.tar.gz"]);
}

#[test]
fn file_created_during_the_export_is_kept() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    let path = binary.path("out.tar.gz");
    let other = path.clone();
    let hook = move |_: &_| std::fs::write(&other, "mine").unwrap();
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("GET", "/_ml/info").run(hook));
    let run = cluster.run(&binary, &export_args(&["-o", "out.tar.gz"])).expect(3);
    run.expect_stderr("out.tar.gz").expect_stderr("--overwrite");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "mine");
    assert_eq!(files(binary.directory()), ["out.tar.gz"]);
}

#[test]
fn output_that_cannot_be_created_is_refused_before_reading() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    std::fs::write(binary.path("file"), "").unwrap();
    for name in ["no/such/out.tar.gz", "new/", "file/out.tar.gz"] {
        for more in [&["-o", name][..], &["-o", name, "--dry-run"]] {
            let run = cluster.run(&binary, &export_args(more)).expect(1);
            run.expect_stderr(&format!("error: cannot create {name}: "));
        }
        let pseudonymized = ["pseudonymize", "none.tar.gz", "-o", name];
        let key = [
            "pseudonymize",
            "none.tar.gz",
            "-o",
            "new.tar.gz",
            "--key",
            name,
            "--dry-run",
        ];
        for args in [&pseudonymized[..], &key, &["inspect", "none.tar.gz", "--html", name]] {
            let run = binary.run(args).expect(1);
            run.expect_stderr(&format!("error: cannot create {name}"));
        }
    }
    let run = cluster
        .run(&binary, &export_args(&["-o", "no/such/out.tar.gz"]))
        .expect(1);
    run.expect_stderr("hint: create the directory `no/such`, or choose another one\n");
    assert!(cluster.stand_in.requests().is_empty());
    assert_eq!(files(binary.directory()), ["file"]);
}

#[test]
fn directory_as_output_is_refused() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    std::fs::create_dir(binary.path("out")).unwrap();
    cluster.run(&binary, &export_args(&["-o", "out"])).expect(3);
    let run = cluster
        .run(&binary, &export_args(&["-o", "out", "--overwrite"]))
        .expect(3);
    run.expect_stderr("cannot create out: it is a directory");
    assert!(run.stdout.is_empty(), "{run:?}");
    assert_eq!(files(binary.directory()), ["out"]);
    assert!(cluster.stand_in.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn export_refuses_to_replace_what_is_not_a_regular_file() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    std::fs::write(binary.path("mine"), "mine").unwrap();
    std::os::unix::fs::symlink(binary.path("mine"), binary.path("link")).unwrap();
    let made = std::process::Command::new("mkfifo")
        .arg(binary.path("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    for (name, what) in [
        ("link", "a symbolic link"),
        ("pipe", "a named pipe"),
        ("/dev/null", "a device"),
    ] {
        for more in [
            &["-o", name, "--overwrite"][..],
            &["-o", name, "--overwrite", "--dry-run"],
            &["-o", name],
        ] {
            cluster
                .run(&binary, &export_args(more))
                .expect(3)
                .expect_stderr(&format!("cannot create {name}: it is {what}"));
        }
        let page = ["inspect", "none.tar.gz", "--html", name, "--overwrite"];
        binary
            .run(page)
            .expect(3)
            .expect_stderr(&format!("cannot create {name}: it is {what}"));
        let key = ["pseudonymize", "none.tar.gz", "-o", "new.tar.gz", "--key", name];
        binary
            .run(key)
            .expect(3)
            .expect_stderr(&format!("cannot create {name}: it is {what}"));
        let pseudonymized = ["pseudonymize", "none.tar.gz", "--overwrite", "-o", name];
        binary
            .run(pseudonymized)
            .expect(3)
            .expect_stderr(&format!("cannot create {name}: it is {what}"));
    }
    assert!(cluster.stand_in.requests().is_empty());
    assert_eq!(files(binary.directory()), ["link", "mine", "pipe"]);
}

/// A second export to the same file runs during the first.
#[test]
fn concurrent_exports_to_one_file_publish_complete_archives() {
    for overwrite in [false, true] {
        let cluster = cluster(&Fixture::load(JOB).with_small_state());
        let binary = Binary::new();
        let url = cluster.stand_in.url();
        let mut arguments = export_args(&["-o", "out.tar.gz", "--url", &url]);
        arguments.extend(overwrite.then_some("--overwrite"));
        let (command, done) = (
            std::sync::Mutex::new(binary.command(&arguments)),
            std::sync::atomic::AtomicBool::new(false),
        );
        let second = move |_: &_| {
            if !done.swap(true, std::sync::atomic::Ordering::SeqCst) {
                let output = command.lock().unwrap().output().unwrap();
                assert!(output.status.success(), "{output:?}");
            }
        };
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on("GET", "/_ml/info").run(second));
        let first = binary.run(&arguments);
        assert_eq!(first.code, if overwrite { 0 } else { 3 }, "{first:?}");
        binary.run(["inspect", "--verify", "out.tar.gz"]).expect(0);
        assert_eq!(files(binary.directory()), ["out.tar.gz"]);
    }
}

#[test]
fn stdout_receives_only_the_archive() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let binary = Binary::new();
    for more in [&["-o", "-"][..], &["-o", "-", "--json"]] {
        let url = cluster.stand_in.url();
        let mut args = export_args(more);
        args.extend(["--url", &url]);
        let output = binary.command(&args).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let path = binary.path("caught");
        std::fs::File::create(&path).unwrap().write_all(&output.stdout).unwrap();
        let found = entries(&path);
        assert!(found.contains_key("esml_manifest.json"), "{:?}", found.keys());
        assert_eq!(files(binary.directory()), ["caught"]);
    }
}

#[test]
fn export_dry_run_counts_and_writes_nothing() {
    let fixture = Fixture::load(JOB).with_small_state();
    let cluster = cluster(&fixture);
    let binary = Binary::new();
    let text = cluster
        .run(&binary, &["export", "--job-id", JOB, "--dry-run", "--include-inputs"])
        .expect(0)
        .stdout;
    insta::assert_snapshot!(text, @r"
    Would export to log-categories_state.tar.gz
    Job log-categories, snapshot 1795433132 of 2026-11-23T11:25:32Z
                       documents
      model state              1
      annotations              6
      notifications            4
      categories              12
      results               none  not included (add --include-results)
      input documents        200  about 25.1 KiB before compression
    Input fields: @timestamp, message, service
    ");
    let run = cluster
        .run(
            &binary,
            &["export", "--job-id", JOB, "--dry-run", "--include-inputs", "--json"],
        )
        .expect(0);
    let document = run.json();
    assert_eq!(document["dry_run"], true);
    assert_eq!(document["archive"], "log-categories_state.tar.gz");
    assert_eq!(document["snapshot_id"], fixture.snapshot_id());
    assert_eq!(document["documents"]["inputs"], fixture.inputs.len());
    assert_eq!(
        document["input_fields"],
        serde_json::json!(["@timestamp", "message", "service"])
    );
    assert_eq!(document["documents"]["annotations"], fixture.annotations.len());
    assert_eq!(document["documents"]["notifications"], fixture.notifications.len());
    let mut categories: Vec<&str> = fixture.categories.iter().map(|category| category.id.as_str()).collect();
    categories.sort_unstable();
    categories.dedup();
    assert_eq!(document["documents"]["categories"], categories.len());
    assert_eq!(files(binary.directory()), Vec::<String>::new());
    assert!(cluster.stand_in.writes().is_empty());
    assert_no_open_contexts(&cluster);
}
