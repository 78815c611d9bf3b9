//! The archive that comes along for a first look: `docs/sample/web-latency_state.tar.gz`.
//! Made anew by a run of these tests with `UPDATE_DOCS=1`.

use std::path::PathBuf;

use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
/// More would be a burden on everyone who clones.
const MAX_BYTES: u64 = 500_000;

fn sample() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/sample/web-latency_state.tar.gz")
}

#[test]
fn sample_archive_matches_a_current_export() {
    let binary = Binary::new();
    let fixture = Fixture::load(JOB);
    let fresh =
        TestCluster::seeded(MlVersion::new(9, 2, 0), &fixture).export(&binary, JOB, "fresh", &["--include-inputs"]);
    let stale = || {
        let (fresh, sample) = (entries(&fresh), entries(&sample()));
        let differ = |ending| entry(&fresh, ending) != entry(&sample, ending);
        !fresh.keys().eq(sample.keys()) || differ("_snapshot_docs.ndjson")
    };
    if std::env::var_os("UPDATE_DOCS").is_some() && (!sample().exists() || stale()) {
        std::fs::copy(&fresh, sample()).unwrap();
    }
    assert!(!stale(), "docs/sample is stale; run the tests once with UPDATE_DOCS=1");
}

#[test]
fn sample_archive_is_complete_and_small() {
    let sample = sample();
    let binary = Binary::new();
    let run = binary
        .run(["inspect", "--verify", &sample.display().to_string()])
        .expect(0);
    assert!(
        run.stdout.contains("Can be imported - all 6 checks passed"),
        "{}",
        run.stdout
    );
    assert_eq!(run.stderr, "");
    let bytes = std::fs::metadata(&sample).unwrap().len();
    assert!(bytes <= MAX_BYTES, "{bytes} bytes");
}
