//! Output that nobody takes, or that there is no room for.

use std::process::{Command, Stdio};

use super::{JOB, files, world};
use crate::import_safety::{archive_of, options};
use crate::support::binary::Binary;
use crate::support::world::World;

/// What prints a result, each with whether it is one of `inspect`.
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
    all.push(vec!["completions", "bash"]);
    all.push(vec!["man"]);
    all
}

#[test]
fn a_reader_that_went_away_is_no_error() {
    let (world, binary) = (world(), Binary::new());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
    for arguments in commands(&url, &archive) {
        let mut child = binary.command(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert!(!said.contains("error"), "{arguments:?}: {said}");
    }
    assert_eq!(files(binary.directory()), ["out.tar.gz"]);
    assert!(world.ml.job_config(JOB).is_some());
}

#[test]
fn a_closed_stdout_is_none_either() {
    let (world, binary) = (world(), Binary::new());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
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
fn an_archive_without_a_stdout_to_go_to_is_a_failure() {
    let (world, binary) = (world(), Binary::new());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
    world.stand_in.forget_requests();
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
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(
            said.contains("standard output is closed") && said.contains("hint: "),
            "{said}"
        );
        assert_eq!(world.stand_in.requests().len(), 0);
        assert!(files(binary.directory()).is_empty());
        let output = run("> /dev/null");
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
        world.stand_in.forget_requests();
        for file in files(binary.directory()) {
            std::fs::remove_file(binary.path(&file)).unwrap();
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_stdout_is_told_with_what_to_do() {
    let (world, binary) = (world(), Binary::new());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
    let mut all = commands(&url, &archive);
    all.push(vec!["export", "--job-id", JOB, "--yes", "-o", "-", "--url", &url]);
    for arguments in all {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = binary.command(&arguments).stdout(full).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        for words in ["error: ", "No space left", "hint: "] {
            assert!(said.contains(words), "{arguments:?}: {said}");
        }
    }
    assert_eq!(world.documents.open_contexts().unwrap_or_default(), 0);
}

/// The import itself is done and verified by then: it stays, and is said to be there.
#[cfg(target_os = "linux")]
#[test]
fn an_import_whose_result_cannot_be_printed_is_there() {
    let (world, binary) = (World::with(options()), Binary::new());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let arguments = ["import", &archive, "--yes", "--url", &url];
    let output = binary.command(arguments).stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("Imported job log-categories"), "{said}");
    assert!(world.ml.job_config(JOB).is_some());
}
