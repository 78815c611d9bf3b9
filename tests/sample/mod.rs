//! The sample archive: `docs/sample/web-latency_state.tar.gz`.
//! With `UPDATE_DOCS=1`, these tests write it and its picture in the README.

#[cfg(unix)]
mod picture;

use std::path::PathBuf;

use crate::support::archive::{entries, entry};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
#[cfg(unix)]
use crate::support::pseudo_terminal::TerminalSession;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
/// A larger file would slow down every clone of the repository.
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

#[cfg(unix)]
#[test]
fn picture_in_the_readme_shows_the_current_page() {
    let binary = Binary::new().with_env("LANG", "en_US.UTF-8");
    std::fs::copy(sample(), binary.path("web-latency_state.tar.gz")).unwrap();
    let command = ["inspect", "web-latency_state.tar.gz"];
    // Without progress, which would share a line with the beginning of the page.
    let page = TerminalSession::start_with_stdout(binary.command(command.into_iter().chain(["-q"])))
        .wait()
        .screen
        .replace('\r', "");
    let current = picture::svg(&format!("esml-state {}", command.join(" ")), &beginning(&page), 80);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/terminal.svg");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stored == current,
        "docs/terminal.svg is stale; run the tests once with UPDATE_DOCS=1"
    );
}

#[cfg(unix)]
/// The verdict, the snapshot and the parts.
fn beginning(page: &str) -> String {
    let end = page.find("Filters").expect("the parts");
    let lines = page[..page[..end].rfind('\n').unwrap()].lines();
    lines
        .filter(|line| console::measure_text_width(line) <= 80)
        .fold(String::new(), |text, line| text + line + "\n")
}
