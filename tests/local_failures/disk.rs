//! A full disk: a small file system, if the system allows mounting one.

use std::process::{Command, Output};

use super::{JOB, assert_failed, cluster};
use crate::support::binary::Binary;
use crate::support::fixtures::from_python;

/// Runs a script with a file system of this size in KiB at `small`. Returns its output, followed by the remaining
/// files, or `None` with a message if no file system can be mounted.
fn on_small_disk(binary: &Binary, kib: u32, environment: &[(&str, &str)], arguments: &[&str]) -> Option<Output> {
    std::fs::create_dir_all(binary.path("small")).unwrap();
    let command = binary.command(arguments);
    let script = format!(
        "mount -t tmpfs -o size={kib}k tmpfs small || exit 99; \"$0\" \"$@\"; code=$?; ls -A small | sed 's/^/left: /'; exit $code"
    );
    let mut shell = Command::new("unshare");
    shell.args(["-rm", "sh", "-c", &script]);
    shell.arg(command.get_program()).args(command.get_args());
    shell.current_dir(binary.directory()).envs(environment.iter().copied());
    let output = shell.output().ok().filter(|output| output.status.code() != Some(99));
    let output = output.filter(|output| !String::from_utf8_lossy(&output.stderr).starts_with("unshare:"));
    if output.is_none() {
        println!("no small file system can be made here: not tried on one");
    }
    output
}

#[test]
fn export_to_a_full_disk_leaves_nothing() {
    let (cluster, binary) = (cluster(), Binary::new());
    let url = cluster.stand_in.url();
    let mut export = vec!["export", "--job-id", JOB, "--yes", "--include-inputs", "--url", &url];
    export.extend(["-o", "small/out.tar.gz"]);
    for kib in [4, 16, 40] {
        if let Some(output) = on_small_disk(&binary, kib, &[], &export) {
            assert_failed(&output, &["small/out.tar.gz", "No space left", "free up space"]);
            assert_eq!(cluster.documents.open_contexts().unwrap_or_default(), 0);
        }
    }
}

#[test]
fn import_without_disk_space_for_spooling_writes_nothing() {
    // State that is not in numeric order is stored in temporary files.
    let binary = Binary::new();
    let archive = from_python("complete").display().to_string();
    let cluster = cluster();
    let url = cluster.stand_in.url();
    let reordered = crate::hostile::valid::valid().lines("_snapshot_docs.ndjson", |lines| {
        // The temporary files are compressed.
        let padding: String = (0..100_000)
            .map(|_| if fastrand::bool() { ' ' } else { '\t' })
            .collect();
        lines[3] = lines[3].replacen(':', &format!(":{padding}"), 1);
        lines.rotate_left(2);
    });
    std::fs::write(binary.path("reordered.tar.gz"), reordered.pack()).unwrap();
    let arguments = ["import", "reordered.tar.gz", "--yes", "--replace", "--url", &url];
    if let Some(output) = on_small_disk(&binary, 4, &[("TMPDIR", "small")], &arguments) {
        assert_failed(&output, &["No space left", "TMPDIR"]);
        assert!(cluster.stand_in.writes().is_empty());
    }
    // State in numeric order needs no temporary file.
    let arguments = ["inspect", &archive, "--json"];
    if let Some(output) = on_small_disk(&binary, 4, &[("TMPDIR", "small")], &arguments) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
    }
}
