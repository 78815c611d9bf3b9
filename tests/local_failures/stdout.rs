//! Outputs that are closed or full.

use std::process::{Command, Stdio};

use super::{JOB, cluster, files};
use crate::import_safety::{archive_of, options};
use crate::support::binary::Binary;
use crate::support::test_cluster::TestCluster;

/// Commands that print a result, each with whether it is `inspect`.
fn commands<'a>(url: &'a str, archive: &'a str) -> Vec<Vec<&'a str>> {
    let export = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--overwrite",
        "-o",
        "out.tar.gz",
        "--url",
        url,
    ];
    let import = ["import", archive, "--yes", "--replace", "--url", url];
    let inspect = ["inspect", archive];
    let mut all = Vec::new();
    for more in [&[][..], &["--json"], &["--dry-run"]] {
        all.push([&export[..], more].concat());
        all.push([&import[..], more].concat());
    }
    let show = ["--show", "log-categories_config.json"];
    for more in [
        &[][..],
        &["--json"],
        &["--list"],
        &["--values"],
        &["--html", "-"],
        &show,
    ] {
        all.push([&inspect[..], more].concat());
    }
    all.push(vec!["list", "--url", url]);
    all.push(vec!["list", JOB, "--json", "--url", url]);
    all.push(vec!["completions", "bash"]);
    all.push(vec!["man"]);
    all
}

#[test]
fn closed_pipe_is_not_an_error() {
    let (cluster, binary) = (cluster(), Binary::new());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    for arguments in commands(&url, &archive) {
        let mut child = binary.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert!(!stderr.contains("error"), "{arguments:?}: {stderr}");
    }
    assert_eq!(files(binary.directory()), ["out.tar.gz"]);
    assert!(cluster.ml.job_config(JOB).is_some());
}

#[test]
fn closed_stdout_is_not_an_error() {
    let (cluster, binary) = (cluster(), Binary::new());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    for arguments in commands(&url, &archive) {
        let command = binary.command(&arguments);
        let output = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" >&-"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(binary.directory())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
}

#[cfg(unix)]
#[test]
fn archive_to_a_closed_stdout_is_an_error() {
    let (cluster, binary) = (cluster(), Binary::new());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    cluster.stand_in.clear_requests();
    for arguments in [
        vec!["export", "--job-id", JOB, "--yes", "-o", "-", "--url", &url],
        vec!["pseudonymize", &archive, "-o", "-", "--key", "new.key.json"],
    ] {
        let command = binary.command(&arguments);
        let run = |redirection: &str| {
            Command::new("sh")
                .args(["-c", &format!("exec \"$0\" \"$@\" {redirection}")])
                .arg(command.get_program())
                .args(command.get_args())
                .current_dir(binary.directory())
                .output()
                .unwrap()
        };
        let output = run(">&-");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        assert!(
            stderr.contains("stdout is closed") && stderr.contains("hint: "),
            "{stderr}"
        );
        assert_eq!(cluster.stand_in.requests().len(), 0);
        assert!(files(binary.directory()).is_empty());
        let output = run("> /dev/null");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        cluster.stand_in.clear_requests();
        for file in files(binary.directory()) {
            std::fs::remove_file(binary.path(&file)).unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn full_stdout_is_an_error_with_a_hint() {
    let (cluster, binary) = (cluster(), Binary::new());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let mut all = commands(&url, &archive);
    all.push(vec!["export", "--job-id", JOB, "--yes", "-o", "-", "--url", &url]);
    for arguments in all {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = binary.command(&arguments).stdout(full).output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
        for words in ["error: ", "No space left", "hint: "] {
            assert!(stderr.contains(words), "{arguments:?}: {stderr}");
        }
    }
    assert_eq!(cluster.documents.open_contexts().unwrap_or_default(), 0);
}

/// The import is complete and verified before the output fails, so it is kept and reported.
#[cfg(target_os = "linux")]
#[test]
fn import_with_unprintable_result_succeeds() {
    let (cluster, binary) = (TestCluster::with(options()), Binary::new());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = ["import", &archive, "--yes", "--url", &url];
    let output = binary.command(arguments).stdout(full).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("Imported job log-categories"), "{stderr}");
    assert!(cluster.ml.job_config(JOB).is_some());
}
