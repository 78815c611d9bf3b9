//! Files and directories without read or write permission.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use super::{JOB, cluster, files};
use crate::import_safety::archive_of;
use crate::support::binary::Binary;

/// A user who owns no files.
const UNPRIVILEGED: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Returns the command as a user with restricted permissions, or `None` with a message if root cannot switch to one.
fn as_unprivileged_user(mut command: Command) -> Option<Command> {
    if !rustix::process::getuid().is_root() {
        return Some(command);
    }
    command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
    let can_run = Command::new(command.get_program())
        .arg("--version")
        .uid(UNPRIVILEGED)
        .gid(UNPRIVILEGED)
        .output();
    if can_run.is_ok_and(|output| output.status.success()) {
        return Some(command);
    }
    println!("another user cannot run the program here: permissions are not tried");
    None
}

#[test]
fn read_only_directory_is_named() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    let folder = binary.path("locked");
    std::fs::create_dir(&folder).unwrap();
    set_mode(binary.directory(), 0o755);
    set_mode(&folder, 0o555);
    let command = binary.command([
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--url",
        &url,
        "-o",
        "locked/out.tar.gz",
    ]);
    if let Some(mut command) = as_unprivileged_user(command) {
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        for words in [
            "locked/out.tar.gz",
            "Permission denied",
            "hint: ",
            "check the permissions",
        ] {
            assert!(stderr.contains(words), "{stderr}");
        }
        assert_eq!(cluster.documents.open_contexts().unwrap_or_default(), 0);
    }
    assert_eq!(files(&folder), Vec::<String>::new());
}

#[test]
fn unreadable_archive_is_named_before_the_first_request() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    std::fs::copy(&**archive_of(JOB), binary.path("secret.tar.gz")).unwrap();
    set_mode(binary.directory(), 0o755);
    set_mode(&binary.path("secret.tar.gz"), 0);
    let import = ["import", "secret.tar.gz", "--yes", "--url", &url];
    for arguments in [
        &import[..],
        &["inspect", "secret.tar.gz"],
        &["inspect", "secret.tar.gz", "--show", "x"],
    ] {
        if let Some(mut command) = as_unprivileged_user(binary.command(arguments)) {
            let output = command.output().unwrap();
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
            for words in ["secret.tar.gz", "Permission denied", "hint: "] {
                assert!(stderr.contains(words), "{stderr}");
            }
        }
    }
    assert!(cluster.stand_in.requests().is_empty());
}

#[test]
fn archive_that_is_not_a_file_is_refused() {
    let (cluster, binary) = (cluster(), Binary::new());
    let pipe = Command::new("mkfifo").arg(binary.path("pipe")).status();
    assert!(pipe.is_ok_and(|status| status.success()));
    std::fs::create_dir(binary.path("folder")).unwrap();
    for (name, why) in [
        ("pipe", "pipe: not a regular file"),
        ("folder", "no archives (*.tar.gz) in "),
        ("/dev/null", "null: not a regular file"),
    ] {
        let run = cluster.import(&binary, &binary.path(name), &[]).expect(1);
        run.expect_stderr(why);
        binary.run(["inspect", name]).expect(1).expect_stderr(why);
    }
    let run = cluster.import(&binary, &binary.path("nothing"), &[]).expect(1);
    run.expect_stderr("nothing").expect_stderr("hint: ");
    assert!(cluster.stand_in.requests().is_empty());
}
