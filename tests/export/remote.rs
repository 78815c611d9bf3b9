//! Remote clusters that respond, that are skipped, and that respond partially.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{assert_no_open_contexts, exported, failed_export, inputs, version};
use crate::support::archive::entry;
use crate::support::binary::Binary;
use crate::support::cluster::ml::{MlApi, MlOptions, MlVersion};
use crate::support::cluster::real::documents_for_tests;
use crate::support::cluster::remote::{Remote, RemoteClusters};
use crate::support::cluster::stand_in::{StandIn, StandInOptions};
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const LOCAL_INDEX: &str = "weblogs-2024.01";

/// Half of the input documents are on the remote cluster `europe`.
pub(super) fn cluster(
    version: MlVersion,
    change: impl FnOnce(&mut Value),
) -> (TestCluster, Arc<RemoteClusters>, usize) {
    let mut fixture = Fixture::load(JOB)
        .with_small_state()
        .min_version(version.writes_min_version())
        .with_job(|job| {
            job["datafeed_config"]["indices"] = json!([LOCAL_INDEX, "europe:weblogs-*"]);
            change(job);
        });
    for input in fixture.inputs.iter_mut().skip(1).step_by(2) {
        input.index = "europe--weblogs-2024.01".to_owned();
    }
    fixture.sources.push("europe--weblogs-2024.01".to_owned());
    let here = fixture.inputs.iter().filter(|input| input.index == LOCAL_INDEX).count();
    let (cluster, remotes) = cluster_with_remotes(version, &fixture);
    (cluster, remotes, here)
}

fn cluster_with_remotes(version: MlVersion, fixture: &Fixture) -> (TestCluster, Arc<RemoteClusters>) {
    let remotes = RemoteClusters::new(documents_for_tests(), version.since(8, 10));
    remotes.set("europe", Remote::Available);
    let ml = MlApi::new(MlOptions::new(version));
    let stand_in = StandIn::start(StandInOptions {
        api: Some(Arc::new(ml.clone())),
        ..StandInOptions::new(remotes.clone())
    });
    let cluster = TestCluster {
        ml,
        documents: remotes.clone(),
        stand_in,
    };
    cluster.seed(fixture);
    (cluster, remotes)
}

fn run(cluster: &TestCluster, more: &[&str], code: i32) -> (crate::support::binary::Run, Binary) {
    let binary = Binary::new();
    let mut args = vec!["export", "--job-id", JOB, "--yes", "--include-inputs"];
    args.extend(more);
    let run = cluster.run(&binary, &args).expect(code);
    (run, binary)
}

#[test]
fn available_remote_clusters_are_exported() {
    let (cluster, _, here) = cluster(version(), |_| {});
    for pagination in ["pit", "scroll"] {
        let entries = exported(&cluster, JOB, &["--include-inputs", "--pagination", pagination]);
        assert!(inputs(&entries).len() > here);
        let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
        assert_eq!(manifest.get("incomplete_clusters"), None);
    }
    let mapping = |call: &&crate::support::cluster::stand_in::LoggedRequest| {
        call.method == "GET" && call.path.contains("weblogs")
    };
    let requests = cluster.stand_in.requests();
    assert!(requests.iter().filter(mapping).count() > 0);
    assert!(
        requests
            .iter()
            .filter(mapping)
            .all(|call| !call.path.contains("europe"))
    );
}

#[test]
fn skipped_or_partial_remote_cluster_is_an_error_that_names_it() {
    for (version, state, name) in [
        (version(), Remote::Skipped, "europe (skipped: connect_exception)"),
        (version(), Remote::Partial, "europe (partial)"),
        (MlVersion::new(7, 17, 29), Remote::Skipped, "europe (not connected)"),
    ] {
        let (cluster, remotes, _) = cluster(version, |_| {});
        remotes.set("europe", state);
        for pagination in ["pit", "scroll"] {
            let more = ["--include-inputs", "--pagination", pagination];
            failed_export(&cluster, JOB, &more, 1)
                .expect_stderr(name)
                .expect_stderr("--allow-partial");
            run(&cluster, &["--dry-run", "--pagination", pagination], 1)
                .0
                .expect_stderr(name);
        }
        exported(&cluster, JOB, &[]);
    }
}

#[test]
fn remote_cluster_skipped_after_the_count_is_an_error() {
    for pagination in ["pit", "scroll"] {
        // The count was complete, so only the pages show that documents are missing.
        let (cluster, remotes, _) = cluster(version(), |_| {});
        let faults = cluster.stand_in.faults();
        let opens = move |call: &crate::support::cluster::Call| {
            call.path.ends_with("/_pit") && call.method == "POST"
                || call.param("scroll").is_some_and(|_| call.path.contains("weblogs"))
        };
        faults.add(
            crate::support::cluster::faults::FaultRule::when(opens)
                .run(move |_| remotes.set("europe", Remote::Skipped)),
        );
        failed_export(&cluster, JOB, &["--include-inputs", "--pagination", pagination], 1).expect_stderr("europe");
    }
}

#[test]
fn allow_partial_records_the_missing_remote_cluster() {
    let (cluster, remotes, here) = cluster(version(), |_| {});
    remotes.set("europe", Remote::Skipped);
    for pagination in ["pit", "scroll"] {
        let more = ["--allow-partial", "--pagination", pagination, "-o", "out.tar.gz"];
        let (run, binary) = run(&cluster, &more, 0);
        run.expect_stderr(
            "warning: input documents from remote clusters are missing from the archive (--allow-partial): europe",
        );
        assert_no_open_contexts(&cluster);
        let entries = crate::support::archive::entries(&binary.path("out.tar.gz"));
        assert_eq!(inputs(&entries).len(), here);
        let manifest: Value = serde_json::from_str(entry(&entries, "esml_manifest.json")).unwrap();
        assert_eq!(manifest["incomplete_clusters"], json!(["europe"]));
        assert_eq!(manifest["options"]["allow-partial"], true);
        let missing = "missing from the archive: some input documents from remote clusters";
        let page = binary.run(["inspect", "out.tar.gz"]).expect(0);
        assert!(
            page.stdout
                .contains("Some input documents from remote clusters: europe"),
            "{}",
            page.stdout
        );
        drop(binary.run(["inspect", "--verify", "out.tar.gz"]).expect(0));
        let target = TestCluster::in_memory(MlOptions::new(version()));
        let plan = target.run(&binary, &["import", "out.tar.gz", "--dry-run"]).expect(0);
        let words = format!("{}{}", plan.stdout, plan.stderr);
        assert!(words.contains(missing) && words.contains("europe"), "{words}");
    }
}

#[test]
fn multi_field_of_a_remote_index_includes_its_parent_only() {
    let mut fixture = Fixture::load(JOB).with_small_state().with_job(|job| {
        job["datafeed_config"]["indices"] = json!(["europe:weblogs-*"]);
        job["analysis_config"]["influencers"] = json!(["user.name.keyword", "real.keyword"]);
    });
    let name = json!({"type": "text", "fields": {"keyword": {"type": "keyword"}}});
    fixture.input_mapping["properties"]["user"] = json!({"properties": {"name": name}});
    fixture.input_mapping["properties"]["real"] = json!({"properties": {"keyword": {"type": "keyword"}}});
    fixture.sources = vec!["europe--weblogs-2024.01".to_owned()];
    for input in &mut fixture.inputs {
        input.index = "europe--weblogs-2024.01".to_owned();
        let more = r#"{"user": {"name": "a", "private": "p"}, "real": {"keyword": "b", "private": "p"}, "#;
        input.source = input.source.replacen('{', more, 1);
    }
    let cluster = cluster_with_remotes(version(), &fixture).0;
    let entries = exported(&cluster, JOB, &["--include-inputs"]);
    let first = &inputs(&entries)[0];
    assert_eq!(first["user"], json!({"name": "a"}));
    assert_eq!(first["real"], json!({"keyword": "b"}));
}
