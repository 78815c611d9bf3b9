//! Archives that change between the check and the import.

use std::path::Path;

use super::JOB;
use crate::import_safety::cluster_state::ClusterState;
use crate::import_safety::{archive_of, options};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::FaultRule;
use crate::support::test_cluster::TestCluster;

/// Imports a copy that `change` modifies at the first write, after it was checked; checks the cluster
/// afterwards.
fn import_while_archive_changes(change: impl Fn(&Path) + Send + Sync + 'static) -> (Run, bool) {
    let binary = Binary::new();
    let archive = binary.path("job.tar.gz");
    std::fs::copy(&**archive_of(JOB), &archive).unwrap();
    let cluster = TestCluster::with(options());
    let before = ClusterState::of(&cluster);
    let path = archive.clone();
    cluster
        .stand_in
        .faults()
        .add(FaultRule::on("PUT", "/").run(move |_| change(&path)));
    let run = cluster.import(&binary, &archive, &["--retries", "0"]);
    if run.code != 0 {
        ClusterState::of(&cluster).assert_unchanged(&before, &run.stderr);
    }
    (run, cluster.ml.job_config(JOB).is_some())
}

fn truncate(path: &Path, to: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(to).unwrap();
}

#[test]
fn archive_truncated_during_the_import_causes_a_rollback() {
    for to in [0, 100, 3000, 20_000] {
        let (run, there) = import_while_archive_changes(move |path| truncate(path, to));
        run.expect(4)
            .expect_stderr("changed while it was being read")
            .expect_stderr("hint: ")
            .expect_stderr("Rolled back");
        assert!(!there, "cut to {to}");
    }
}

#[test]
fn archive_rewritten_during_the_import_is_detected() {
    let other = std::fs::read(&**archive_of("web-latency")).unwrap();
    let (run, there) = import_while_archive_changes(move |path| {
        std::fs::write(path, &other).unwrap();
    });
    run.expect(4)
        .expect_stderr("changed while it was being read")
        .expect_stderr("Rolled back");
    assert!(!there);
    let (run, there) = import_while_archive_changes(|path| {
        let mut bytes = std::fs::read(path).unwrap();
        let length = bytes.len();
        bytes[length / 2..length / 2 + 64].fill(0);
        std::fs::write(path, bytes).unwrap();
    });
    run.expect(4).expect_stderr("Rolled back");
    assert!(!there);
}

/// Replacing the file does not affect the one that is open.
#[cfg(unix)]
#[test]
fn archive_replaced_or_removed_during_the_import_is_still_read() {
    let (run, there) = import_while_archive_changes(|path| {
        let other = path.with_extension("other");
        std::fs::write(&other, "something else").unwrap();
        std::fs::rename(other, path).unwrap();
    });
    run.expect(0);
    assert!(there);
    let (run, there) = import_while_archive_changes(|path| std::fs::remove_file(path).unwrap());
    run.expect(0);
    assert!(there);
}

/// Appended data did not exist when the archive was checked, so it is not read.
#[test]
fn archive_appended_to_during_the_import_is_imported_unchanged() {
    use std::io::Write as _;

    let (run, there) = import_while_archive_changes(|path| {
        let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    });
    run.expect(0);
    assert!(there);
}
