//! Archives that can be imported, but refer to data outside of the job.

use std::collections::BTreeSet;

use serde_json::json;

use super::valid::{CATEGORIES, CONFIG, INPUTS, JOB, RESULTS, STATE, valid};
use crate::import_safety::options;
use crate::support::binary::Binary;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

#[test]
fn index_names_in_action_lines_are_ignored() {
    let binary = Binary::new();
    let system_index = ".security-7";
    let renamed = |line: &mut String| {
        let mut action: serde_json::Value = serde_json::from_str(line).unwrap();
        action["index"]["_index"] = system_index.into();
        *line = action.to_string();
    };
    let mut all = valid();
    for part in [STATE, INPUTS, CATEGORIES, RESULTS] {
        all = all.lines(part, |lines| lines.iter_mut().step_by(2).for_each(renamed));
    }
    let path = binary.path("steered.tar.gz");
    std::fs::write(&path, all.pack()).unwrap();
    binary.run(["inspect", "--verify", "steered.tar.gz"]).expect(0);
    let cluster = TestCluster::with(options());
    let other = Fixture::load("user-population").without_inputs();
    cluster.seed(&other);
    cluster.call(
        "PUT",
        &format!("/{system_index}/_doc/user?refresh=true"),
        r#"{"mine":1}"#,
    );
    let before = cluster.contents();
    cluster.import(&binary, &path, &[]).expect(0);
    let after = cluster.contents();
    for (place, source) in &before {
        assert_eq!(after.get(place), Some(source), "{place:?} is as it was");
    }
    let new: BTreeSet<&str> = after
        .keys()
        .filter(|place| !before.contains_key(*place))
        .map(|(index, _)| index.as_str())
        .collect();
    let strange = |index: &&&str| !index.starts_with(".ml-") && **index != format!("{JOB}-input");
    assert_eq!(new.iter().find(strange), None, "{new:?}");
}

#[test]
fn unknown_entry_is_ignored_with_a_warning() {
    let binary = Binary::new();
    let path = binary.path("more.tar.gz");
    std::fs::write(&path, valid().with_entry("README.txt", tar::EntryType::Regular).pack()).unwrap();
    let cluster = TestCluster::with(options());
    cluster
        .import(&binary, &path, &[])
        .expect(0)
        .expect_stderr("README.txt")
        .expect_stderr("ignored");
    let run = binary.run(["inspect", "more.tar.gz"]).expect(0);
    assert!(run.stdout.contains("README.txt"), "{}", run.stdout);
}

#[test]
fn remote_clusters_and_scripts_of_a_datafeed_cause_a_warning() {
    let binary = Binary::new();
    let all = valid().without(INPUTS).json(CONFIG, |job| {
        let datafeed = &mut job["datafeed_config"];
        datafeed["indices"] = json!(["logs", "elsewhere:logs-*"]);
        datafeed["script_fields"] = json!({"stolen": {"script": {"source": "doc['x'].value"}}});
        datafeed["runtime_mappings"] = json!({
            "made": {"type": "keyword", "script": {"source": "emit('x')"}},
            "plain": {"type": "keyword"},
        });
    });
    let path = binary.path("remote.tar.gz");
    std::fs::write(&path, all.pack()).unwrap();
    let cluster = TestCluster::with(options());
    let plan = cluster.import(&binary, &path, &["--dry-run"]).expect(0).stdout;
    assert!(plan.contains("reads remote clusters: elsewhere:logs-*"), "{plan}");
    assert!(plan.contains("runs scripts from the archive: made, stolen"), "{plan}");
    let plan = cluster
        .import(&binary, &path, &["--dry-run", "--skip-datafeed"])
        .expect(0)
        .stdout;
    assert!(!plan.contains("scripts"), "{plan}");
    let elsewhere = valid().without(INPUTS).json(CONFIG, |job| {
        let datafeed = &mut job["datafeed_config"];
        datafeed["query"] = json!({"bool": {"filter": [{"script": {"script": "doc['x'].value == 1"}}]}});
        datafeed["aggregations"] = json!({"times": {
            "date_histogram": {"field": "@timestamp", "fixed_interval": "5m"},
            "aggregations": {
                "@timestamp": {"max": {"field": "@timestamp"}},
                "grouped": {"terms": {"script": {"source": "doc['x'].value"}}},
                "made": {"scripted_metric": {"map_script": "state.n = 1"}},
                "sent": {"bucket_script": {"buckets_path": {"n": "made"}, "script": "params.n"}},
            },
        }});
    });
    std::fs::write(&path, elsewhere.pack()).unwrap();
    let plan = cluster.import(&binary, &path, &["--dry-run"]).expect(0).stdout;
    let places = "its query, aggregation grouped, aggregation made, aggregation sent";
    assert!(
        plan.contains(&format!("runs scripts from the archive: {places}")),
        "{plan}"
    );
    assert!(cluster.stand_in.writes().is_empty());
}

#[test]
fn imported_calendar_names_only_the_imported_job() {
    let binary = Binary::new();
    let calendar = json!([{"calendar_id": "theirs", "job_ids": ["_all", "user-population", JOB], "events": []}]);
    let path = binary.path("calendar.tar.gz");
    std::fs::write(&path, valid().set("_calendars.json", calendar.to_string()).pack()).unwrap();
    let cluster = TestCluster::with(options());
    cluster.import(&binary, &path, &[]).expect(0);
    let made = cluster.call("GET", "/_ml/calendars/theirs", "").value();
    assert_eq!(made["calendars"][0]["job_ids"], json!([JOB]), "{made}");
}
