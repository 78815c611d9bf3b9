//! Conditions that a cluster must meet after every import.

use std::collections::BTreeSet;

use serde_json::Value;

use super::archive_contents::ArchiveContents;
use crate::support::test_cluster::{Contents, TestCluster};

/// The contents of a cluster before an import.
pub struct StateBeforeImport {
    contents: Contents,
    configurations: Value,
}

impl StateBeforeImport {
    pub fn of(cluster: &TestCluster) -> Self {
        Self {
            contents: cluster.contents(),
            configurations: cluster.ml.configurations(),
        }
    }

    /// Every existing document is unchanged, and every new one belongs to the job or is one of its input documents.
    #[track_caller]
    pub fn assert_unchanged(&self, cluster: &TestCluster, job: &str, targets: &BTreeSet<String>) {
        let after = cluster.contents();
        for (place, source) in &self.contents {
            assert_eq!(after.get(place), Some(source), "{place:?} is as it was");
        }
        for ((index, id), source) in after.iter().filter(|(place, _)| !self.contents.contains_key(place)) {
            let own = id.starts_with(&format!("{job}_"))
                || serde_json::from_str::<Value>(source).expect("JSON")["job_id"] == job;
            assert!(own || targets.contains(index), "{index}/{id} is unexpected: {source}");
        }
        self.assert_configurations_unchanged(cluster, job);
    }

    fn assert_configurations_unchanged(&self, cluster: &TestCluster, job: &str) {
        let after = cluster.ml.configurations();
        for kind in ["jobs", "datafeeds", "filters"] {
            for was in self.configurations[kind].as_array().into_iter().flatten() {
                let there = after[kind].as_array().expect("a list").contains(was);
                assert!(there, "{kind} {was} is as it was");
            }
        }
        let members_aside = |calendar: &Value| {
            let mut calendar = calendar.clone();
            if let Some(members) = calendar["job_ids"].as_array_mut() {
                members.retain(|member| *member != job);
            }
            calendar
        };
        let after: Vec<Value> = after["calendars"]
            .as_array()
            .into_iter()
            .flatten()
            .map(members_aside)
            .collect();
        for was in self.configurations["calendars"].as_array().into_iter().flatten() {
            assert!(after.contains(&members_aside(was)), "calendar {was} is as it was");
        }
    }
}

/// `.ml-state-write` is an alias of an index that Elasticsearch named.
#[track_caller]
pub fn assert_state_alias(cluster: &TestCluster) {
    let aliases = cluster.call("GET", "/_alias/.ml-state-write", "").value();
    let indices: Vec<&String> = aliases.as_object().expect("an alias").keys().collect();
    assert_eq!(indices, [".ml-state-000001"]);
}

/// The job uses the snapshot, opens with all of its state, and its datafeed continues from the end of the snapshot.
#[track_caller]
pub fn assert_job_continues(cluster: &TestCluster, contents: &ArchiveContents) {
    let job = contents.job();
    let latest = contents.latest_record();
    assert!(latest.is_some(), "a snapshot with records");
    assert_eq!(cluster.latest_record(job), latest, "latest record");
    assert_eq!(cluster.job(job)["model_snapshot_id"], contents.snapshot_id());
    assert!(cluster.job(job).get("blocked").is_none(), "the revert ended");
    let path = format!(
        "/_ml/anomaly_detectors/{job}/model_snapshots/{}",
        contents.snapshot_id()
    );
    assert_eq!(
        cluster.call("GET", &path, "").value()["count"],
        1,
        "the snapshot is listed"
    );

    let opened = cluster.call("POST", &format!("/_ml/anomaly_detectors/{job}/_open"), "");
    assert_eq!(opened.status, 200, "{}", opened.value());
    let restored = cluster.ml.last_restored(job).expect("an opened job");
    assert_eq!(
        restored.model_docs as usize,
        contents.state_of("_model_state_").len(),
        "model"
    );
    assert_eq!(
        restored.categorizer_docs as usize,
        contents.state_of("_categorizer_state#").len(),
        "categorizer"
    );
    assert!(restored.quantiles, "quantiles");
    assert_eq!(restored.latest_record_timestamp, latest);
    if let Some(datafeed) = contents.config["datafeed_config"]["datafeed_id"].as_str() {
        let started = cluster.call("POST", &format!("/_ml/datafeeds/{datafeed}/_start"), "");
        assert_eq!(started.status, 200, "{}", started.value());
        let start = cluster
            .ml
            .last_restored(job)
            .and_then(|restored| restored.datafeed_start);
        assert_eq!(
            start,
            latest.map(|latest| latest + 1),
            "one millisecond behind the last record"
        );
        cluster.call("POST", &format!("/_ml/datafeeds/{datafeed}/_stop"), "{}");
    }
    cluster.call("POST", &format!("/_ml/anomaly_detectors/{job}/_close"), "");
}
