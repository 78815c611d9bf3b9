//! An index that is created after the mappings were read, and matches the datafeed's pattern.

use serde_json::{Value, json};

use super::{cluster, exported, failed_export, inputs};
use crate::support::archive::entry;
use crate::support::cluster::Call;
use crate::support::cluster::faults::FaultRule;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "web-latency";
const NEW: &str = "weblogs-2024.02";
const PAGINATIONS: [&str; 2] = ["pit", "scroll"];

/// Creates the index with a document of these fields before the search is opened.
fn cluster_with_new_index(mapping: Value, document: Value) -> TestCluster {
    let fixture = Fixture::load(JOB)
        .with_small_state()
        .with_job(|job| job["datafeed_config"]["indices"] = json!(["weblogs-*"]));
    let cluster = cluster(&fixture);
    let direct = cluster.stand_in.direct();
    let opens = |call: &Call| {
        let opens = call.path.ends_with("/_pit") || call.param("scroll").is_some();
        opens && call.method == "POST" && call.path.contains("weblogs")
    };
    let create = move |_: &Call| {
        direct.call("PUT", &format!("/{NEW}"), json!({ "mappings": mapping }).to_string());
        direct.call("PUT", &format!("/{NEW}/_doc/new?refresh=true"), document.to_string());
    };
    cluster.stand_in.faults().add(FaultRule::when(opens).run(create));
    cluster
}

fn document() -> Value {
    json!({"@timestamp": 1_704_067_200_000_i64, "host": "new", "responsetime": 7.5, "status": "200"})
}

#[test]
fn index_created_during_the_export_is_exported_with_its_mapping() {
    for pagination in PAGINATIONS {
        let mapping = Fixture::load(JOB).with_small_state().input_mapping;
        let cluster = cluster_with_new_index(mapping, document());
        let entries = exported(&cluster, JOB, &["--include-inputs", "--pagination", pagination]);
        assert_eq!(
            inputs(&entries).len(),
            Fixture::load(JOB).with_small_state().inputs.len() + 1
        );
        let mappings: Value = serde_json::from_str(entry(&entries, "_input_mapping.json")).unwrap();
        assert_eq!(mappings[NEW]["mappings"], mappings["weblogs-2024.01"]["mappings"]);
    }
}

#[test]
fn index_created_with_other_field_types_is_refused() {
    for pagination in PAGINATIONS {
        let mut mapping = Fixture::load(JOB).with_small_state().input_mapping;
        mapping["properties"]["host"] = json!({"type": "alias", "path": "server"});
        mapping["properties"]["server"] = json!({"type": "keyword"});
        let mut document = document();
        document["server"] = "new".into();
        document.as_object_mut().unwrap().shift_remove("host");
        let cluster = cluster_with_new_index(mapping, document);
        failed_export(&cluster, JOB, &["--include-inputs", "--pagination", pagination], 1)
            .expect_stderr(&format!(
                "index {NEW} was added during the export, and some of its fields are not included: server"
            ))
            .expect_stderr("export again");
    }
}
