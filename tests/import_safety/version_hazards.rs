//! Risks that depend on the version, each on a cluster with that behavior.

use serde_json::{Value, json};

use super::cluster_state::{ALIASES, ClusterState};
use super::{JOB, archive_of, exported_archive, import, is_write, small_fixture};
use crate::support::archive::{blocks, gzip, members};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::cluster::ml::{JobState, MlOptions, MlVersion};
use crate::support::fixtures::{OTHER_JOB, from_python};
use crate::support::sample_step;
use crate::support::test_cluster::TestCluster;

const LOGS: &str = "log-categories";

fn options_of(major: u32, minor: u32, patch: u32) -> MlOptions {
    MlOptions::new(MlVersion::new(major, minor, patch))
}

#[test]
fn import_refuses_state_from_before_8_3_on_9_with_the_upgrade_path() {
    for (written, refused) in [("8.0.0", true), ("7.11.0", true), ("6.4.0", true), ("8.3.0", false)] {
        let (binary, archive) = exported_archive(&small_fixture(JOB).min_version(written), options_of(8, 19, 0));
        let cluster = TestCluster::with(options_of(9, 2, 0));
        let run = cluster.import(&binary, &archive, &[]);
        if refused {
            run.expect(3)
                .expect_stderr("8.3.0")
                .expect_stderr("_upgrade")
                .expect_stderr("8.19");
            assert_eq!(cluster.stand_in.writes().len(), 0, "{written}");
        } else {
            run.expect(0);
            let opened = cluster.call("POST", "/_ml/anomaly_detectors/web-latency/_open", "");
            assert_eq!(opened.status, 200, "{opened:?}");
        }
    }
}

#[test]
fn import_refuses_a_newer_snapshot() {
    let cases = [
        ("9.0.0", options_of(8, 19, 0), options_of(9, 2, 0)),
        ("9.0.0", options_of(7, 17, 29), options_of(9, 2, 0)),
        ("9.9.0", options_of(9, 2, 0), options_of(9, 2, 0)),
        ("8.3.0", options_of(8, 2, 3), options_of(8, 19, 0)),
        ("7.11.0", options_of(7, 10, 2), options_of(7, 17, 29)),
    ];
    for (written, to, from) in cases {
        let (binary, archive) = exported_archive(&small_fixture(JOB).min_version(written), from);
        let requirement = format!("equires Elasticsearch {written} or later");
        let page = binary.run(["inspect", &archive.display().to_string()]).expect(0);
        assert!(page.stdout.contains(&requirement), "{}", page.stdout);
        let cluster = TestCluster::in_memory(to.clone());
        for more in [&[][..], &["--dry-run"], &["--replace"]] {
            let run = cluster.import(&binary, &archive, more).expect(3);
            run.expect_stderr(&requirement)
                .expect_stderr(&to.version.number)
                .expect_stderr("import into a cluster of that version");
        }
        assert_eq!(cluster.stand_in.writes().len(), 0, "{written}");
    }
}

#[test]
fn revert_keeps_results_of_other_jobs() {
    let (binary, archive) = exported_archive(&small_fixture(JOB).min_version("8.3.0"), options_of(8, 19, 0));
    for version in [options_of(8, 19, 0), options_of(9, 1, 0), options_of(9, 2, 0)] {
        assert!(version.version.reverts_delete_results_of_all_jobs());
        let cluster = TestCluster::with(version);
        cluster.seed(&small_fixture("user-population").without_inputs());
        let others = |cluster: &TestCluster| {
            let mut contents = cluster.contents();
            contents.retain(|(_, id), text| id.starts_with(OTHER_JOB) || text.contains("user-population"));
            contents
        };
        let before = others(&cluster);
        assert!(before.len() > 5);
        // This response would be sent for a request with the flag in query or body.
        let flag = "delete_intervening_results";
        cluster.stand_in.faults().add(
            FaultRule::when(move |call| {
                call.uri().contains(flag) || String::from_utf8_lossy(&call.body).contains(flag)
            })
            .always()
            .then(Action::status(500, "{}")),
        );
        cluster.import(&binary, &archive, &[]).expect(0);
        assert_eq!(cluster.stand_in.faults().fired(), [0]);
        assert_eq!(others(&cluster), before);
    }
}

#[test]
fn import_never_reverts_to_a_missing_snapshot() {
    let cluster = TestCluster::with(options_of(9, 2, 0));
    let before = ClusterState::of(&cluster);
    cluster.stand_in.faults().add(
        FaultRule::on("POST", "/.ml-anomalies-.write-web-latency/_bulk")
            .always()
            .then(Action::AnswerItems(201)),
    );
    import(&cluster, &Binary::new(), &archive_of(JOB), &[])
        .expect(5)
        .expect_stderr("snapshot")
        .expect_stderr("Rolled back");
    let reverts: Vec<String> = cluster
        .stand_in
        .requests()
        .into_iter()
        .map(|request| request.path)
        .filter(|path| path.ends_with("/_revert"))
        .collect();
    assert_eq!(
        reverts,
        ["/_ml/anomaly_detectors/web-latency/model_snapshots/empty/_revert"]
    );
    assert_eq!(cluster.ml.job_state(JOB), None::<JobState>);
    ClusterState::of(&cluster).assert_unchanged(&before, "swallowed");
}

/// A job as a cluster before 7.14 returns it: without an analyzer, and optionally with filters.
fn fixture_before_7_14(filters: bool) -> crate::support::fixtures::Fixture {
    small_fixture(LOGS).min_version("7.11.0").with_job(move |job| {
        job["job_version"] = json!("7.13.4");
        let analysis = job["analysis_config"].as_object_mut().unwrap();
        analysis.shift_remove("categorization_analyzer");
        analysis.shift_remove("model_prune_window");
        if filters {
            analysis.insert("categorization_filters".to_owned(), json!(["\\[.*?\\]"]));
        }
    })
}

#[test]
fn categorization_job_from_before_7_14_keeps_its_analyzer() {
    for filters in [false, true] {
        for to in [options_of(7, 17, 0), options_of(8, 19, 0)] {
            let (binary, archive) = exported_archive(&fixture_before_7_14(filters), options_of(7, 13, 4));
            let cluster = TestCluster::with(to);
            cluster
                .import(&binary, &archive, &[])
                .expect(0)
                .expect_stderr("analyzer");
            let job = cluster.ml.job_config(LOGS).unwrap();
            let analyzer = &job["analysis_config"]["categorization_analyzer"];
            assert_eq!(analyzer["tokenizer"], "ml_classic", "{job}");
            assert_eq!(analyzer["filter"][0]["stopwords"][0], "Monday");
            let chars = if filters {
                json!([{"type": "pattern_replace", "pattern": "\\[.*?\\]"}])
            } else {
                Value::Null
            };
            assert_eq!(analyzer["char_filter"], chars);
            assert_eq!(job["analysis_config"].get("categorization_filters"), None);
        }
        let (binary, archive) = exported_archive(&fixture_before_7_14(filters), options_of(7, 13, 4));
        let cluster = TestCluster::with(options_of(7, 13, 4));
        cluster.import(&binary, &archive, &[]).expect(0);
        assert_eq!(
            cluster.ml.job_config(LOGS).unwrap()["analysis_config"].get("categorization_analyzer"),
            None
        );
    }
}

#[test]
fn python_archive_from_before_7_14_keeps_its_analyzer() {
    let mut all = members(&from_python("complete"));
    let config = all
        .iter_mut()
        .find(|member| member.name.ends_with("_config.json"))
        .unwrap();
    let mut job: Value = serde_json::from_slice(&config.content).unwrap();
    let id = job["job_id"].as_str().unwrap().to_owned();
    job["job_version"] = json!("7.10.2");
    let analysis = job["analysis_config"].as_object_mut().unwrap();
    analysis.shift_remove("categorization_analyzer");
    analysis.insert("categorization_field_name".to_owned(), json!("message"));
    config.content = job.to_string().into_bytes();
    let binary = Binary::new();
    let path = binary.path("old.tar.gz");
    std::fs::write(&path, gzip(&blocks(&all))).unwrap();
    let cluster = TestCluster::with(options_of(9, 2, 0));
    cluster.import(&binary, &path, &[]).expect(0).expect_stderr("analyzer");
    let job = cluster.ml.job_config(&id).unwrap();
    assert_eq!(
        job["analysis_config"]["categorization_analyzer"]["tokenizer"], "ml_classic",
        "{job}"
    );
}

#[test]
fn model_pruning_of_an_old_job_causes_a_warning() {
    let fixture = small_fixture(JOB).with_job(|job| {
        job["analysis_config"]
            .as_object_mut()
            .unwrap()
            .shift_remove("model_prune_window");
    });
    let fixture = fixture.min_version("8.0.0");
    let (binary, archive) = exported_archive(&fixture, options_of(8, 0, 0));
    for (to, expected) in [(options_of(8, 1, 0), true), (options_of(8, 0, 0), false)] {
        let cluster = TestCluster::with(to);
        let run = cluster.import(&binary, &archive, &["--dry-run"]);
        assert_eq!(run.stdout.contains("model_prune_window"), expected, "{}", run.stdout);
    }
}

/// Maintenance deletes state whose job does not exist.
#[test]
fn nightly_maintenance_at_any_request_has_no_effect() {
    let binary = Binary::new();
    let requests = {
        let cluster = TestCluster::in_memory(options_of(9, 2, 0));
        cluster.import(&binary, &archive_of(JOB), &[]).expect(0);
        cluster.stand_in.requests().len()
    };
    assert!(requests > 20);
    let cluster = TestCluster::with(options_of(9, 2, 0));
    let (ml, documents) = (cluster.ml.clone(), cluster.documents.clone());
    let night = move |_: &_| {
        let (ml, documents) = (ml.clone(), documents.clone());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let deleted = runtime.block_on(ml.run_nightly_maintenance(documents));
        assert!(deleted.is_empty(), "{deleted:?}");
    };
    cluster
        .stand_in
        .faults()
        .add(FaultRule::when(|_| true).always().run(night));
    cluster.import(&binary, &archive_of(JOB), &[]).expect(0);
    assert!(cluster.stand_in.faults().fired()[0] >= requests);
}

/// Returns the job as a cluster of 7.10 does.
fn fixture_of_7_10() -> crate::support::fixtures::Fixture {
    small_fixture(JOB).min_version("7.9.0").with_job(|job| {
        let analysis = job["analysis_config"].as_object_mut().unwrap();
        analysis.shift_remove("model_prune_window");
        job["datafeed_config"]
            .as_object_mut()
            .unwrap()
            .shift_remove("runtime_mappings");
    })
}

#[test]
fn import_creates_no_index_in_place_of_an_ml_alias() {
    let binary = Binary::new();
    for version in [
        options_of(7, 10, 2),
        options_of(7, 17, 0),
        options_of(8, 19, 0),
        options_of(9, 2, 0),
    ] {
        let (old, archive) = exported_archive(&fixture_of_7_10(), options_of(7, 10, 2));
        let shared = archive_of(JOB);
        let archive = if version.version.since(9, 0) {
            &shared
        } else {
            &*archive
        };
        let name = version.version.number.clone();
        let writes = {
            let cluster = TestCluster::with(version.clone());
            cluster.import(&old, archive, &[]).expect(0);
            let state = ClusterState::of(&cluster);
            state.assert_aliases_intact(&name);
            for alias in [
                ".ml-state-write",
                ".ml-anomalies-.write-web-latency",
                ".ml-annotations-write",
            ] {
                assert!(
                    state.aliases.values().any(|aliases| aliases.contains(alias)),
                    "{name}: {alias}"
                );
            }
            cluster.stand_in.writes().len()
        };
        for k in (1..=writes).step_by(sample_step(4)) {
            let cluster = TestCluster::in_memory(version.clone());
            cluster.stand_in.faults().add(
                FaultRule::when(is_write)
                    .nth(k)
                    .then(Action::status(200, r#"{"errors":false,"items":[]}"#)),
            );
            let run = import(&cluster, &binary, archive, &[]);
            ClusterState::of(&cluster).assert_aliases_intact(&format!("{name}, write {k} swallowed: {}", run.stderr));
        }
    }
    assert_eq!(ALIASES.len(), 4);
}

#[test]
fn import_waits_for_the_annotations_index() {
    let delay = std::time::Duration::from_millis(400);
    let cluster = TestCluster::with(MlOptions {
        annotations_delay: delay,
        ..options_of(7, 13, 0)
    });
    let (binary, archive) = exported_archive(&fixture_of_7_10(), options_of(7, 10, 2));
    cluster.import(&binary, &archive, &[]).expect(0);
    let state = ClusterState::of(&cluster);
    state.assert_aliases_intact("later");
    assert!(
        state
            .aliases
            .values()
            .any(|aliases| aliases.contains(".ml-annotations-write"))
    );
}
