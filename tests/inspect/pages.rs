//! The pages of all archives and jobs in the fixtures.

use super::{exit, inspect, stdout};
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlOptions, MlVersion};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

#[test]
fn pages_of_python_archives_match_the_snapshots() {
    for (name, code) in [
        ("readme-2025-04-layout", 0),
        ("dotted-job-id", 0),
        ("without-categorizer", 0),
        ("without-snapshot-document", 4),
    ] {
        let output = inspect(&[&format!("{name}.tar.gz")]);
        assert_eq!(exit(&output), Some(code), "{name}");
        insta::assert_snapshot!(format!("scripts_{name}"), stdout(&output));
    }
}

#[test]
fn pages_of_exported_jobs_match_the_snapshots() {
    for name in [
        "web-latency",
        "log-categories",
        "user-population",
        "log-categories-multisnap",
    ] {
        let fixture = Fixture::load(name);
        let (cluster, binary) = (
            TestCluster::in_memory(MlOptions::new(MlVersion::new(9, 2, 0))),
            Binary::new(),
        );
        cluster.seed(&fixture);
        let inputs = ["--include-inputs"];
        let more = if fixture.sources.is_empty() {
            &[][..]
        } else {
            &inputs[..]
        };
        cluster.export(&binary, name, "job", more);
        let run = binary.run(["inspect", "job.tar.gz"]).expect(0);
        insta::assert_snapshot!(format!("job_{name}"), without_volatile_parts(&run.stdout));
    }
}

/// Without the parts that differ between runs: the time of creation and the compressed size.
fn without_volatile_parts(page: &str) -> String {
    let lines = page.lines().map(|line| {
        let label = line.trim_start();
        if let Some((title, _)) = line.rsplit_once(", ").filter(|_| line.starts_with("Job ")) {
            return format!("{title}, …");
        }
        let differs = label.starts_with("Archive ") || label.starts_with("Created by ");
        let kept = &line[..line.len() - label.len()];
        match differs {
            true => format!("{kept}{} …", label.split("  ").next().unwrap_or_default()),
            false => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}
