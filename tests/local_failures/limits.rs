//! Limits of this process: open files and their size, connections, threads.
#![cfg(target_os = "linux")]

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Output};

use super::{JOB, assert_failed, cluster, files};
use crate::import_safety::archive_of;
use crate::support::binary::Binary;

/// Runs the program after these shell commands.
fn run_with_ulimit(limit: &str, command: &Command, user: Option<u32>) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("{limit} && exec \"$0\" \"$@\"")]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(command.get_current_dir().unwrap());
    if let Some(user) = user {
        shell.uid(user).gid(user);
    }
    shell.output().unwrap()
}

#[test]
fn missing_file_descriptors_are_reported() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    let export = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--include-inputs",
        "--retries",
        "1",
        "--url",
        &url,
    ];
    let mut failed = 0;
    for most in 4..40 {
        let output = run_with_ulimit(&format!("ulimit -n {most}"), &binary.command(export), None);
        let stderr = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(0) {
            break;
        }
        // With fewer descriptors than the program needs to start, the system reports the error.
        if stderr.contains("error while loading shared libraries") {
            continue;
        }
        failed += 1;
        assert_eq!(output.status.code(), Some(1), "{most}: {stderr}");
        assert!(
            stderr.contains("error: ") && stderr.contains("ulimit -n"),
            "{most}: {stderr}"
        );
        assert_eq!(files(binary.directory()), Vec::<String>::new(), "{most}");
    }
    assert!(failed > 3, "{failed}");
}

#[test]
fn missing_threads_are_reported() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    let export = binary.command(["export", "--job-id", JOB, "--yes", "--url", &url]);
    // Processes of other users do not count, and no other process has this user ID. Root has no limit.
    const USER: u32 = 61_613;
    let is_root = rustix::process::getuid().is_root();
    let can_run = Command::new(export.get_program())
        .arg("--version")
        .uid(USER)
        .gid(USER)
        .output();
    if !is_root || !can_run.is_ok_and(|output| output.status.success()) {
        println!("another user cannot run the program here: threads are not limited");
        return;
    }
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(binary.directory(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let limit = "ulimit -u 3 2>/dev/null || ulimit -p 3";
    let output = run_with_ulimit(&format!("({limit}) && {limit}"), &export, Some(USER));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        stderr.contains("error: cannot start: ") && stderr.contains("ulimit -u"),
        "{stderr}"
    );
    assert!(cluster.stand_in.requests().is_empty());
}

/// By default, the signal for this limit ends the program.
#[test]
fn file_size_limit_is_reported() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    let mut export = vec!["export", "--job-id", JOB, "--yes", "--include-inputs", "--url", &url];
    export.extend(["-o", "out.tar.gz"]);
    let shared = archive_of(JOB);
    let archive = shared.display().to_string();
    let page = ["inspect", &archive, "--html", "page.html"];
    for (arguments, file) in [(&export[..], "out.tar.gz"), (&page, "page.html")] {
        let output = run_with_ulimit("ulimit -f 8", &binary.command(arguments), None);
        assert_failed(&output, &[file, "File too large", "ulimit"]);
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
    assert_eq!(cluster.documents.open_contexts().unwrap_or_default(), 0);
}
