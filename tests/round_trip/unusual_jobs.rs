//! Unusual jobs and clusters.

use serde_json::json;

use super::after_import::assert_job_continues;
use super::archive_contents::ArchiveContents;
use super::scenario::{Destination, RoundTrip, newest};
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlOptions;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

fn options_with_suffix(suffix: &str) -> MlOptions {
    MlOptions {
        results_suffix: Some(suffix.to_owned()),
        ..MlOptions::new(newest())
    }
}

#[test]
fn import_creates_missing_ml_indices() {
    RoundTrip::of(Fixture::load("web-latency"))
        .to(Destination::EmptyCluster)
        .run();
}

#[test]
fn import_under_another_id_creates_missing_ml_indices() {
    let trip = RoundTrip::of(Fixture::load("log-categories")).renamed("first.ever");
    trip.to(Destination::EmptyCluster).run();
}

#[test]
fn job_id_may_contain_dots() {
    let fixture = Fixture::load("log-categories").renamed("app.log.categories-1");
    let arrived = RoundTrip::of(fixture).run();
    assert!(arrived.first.entries.contains_key("app_log_categories-1_config.json"));
    let state = &arrived.second.state[0];
    assert!(
        state.id.starts_with("app.log.categories-1_model_state_"),
        "{}",
        state.id
    );
}

#[test]
fn job_id_with_dots_is_distinguished_from_a_similar_one() {
    let fixture = Fixture::load("user-population").renamed("a.b");
    let arrived = RoundTrip::of(fixture).renamed("a_b").to(Destination::SameCluster).run();
    assert_eq!(arrived.second.inputs[0].index, "a_b-input");
}

#[test]
fn job_without_datafeed_is_imported() {
    let fixture = Fixture::load("user-population").without_datafeed().without_inputs();
    let arrived = RoundTrip::of(fixture).without_inputs().run();
    assert!(arrived.second.config.get("datafeed_config").is_none());
    assert!(arrived.cluster.ml.datafeed_ids().is_empty());
}

#[test]
fn job_without_datafeed_is_imported_under_another_id() {
    let fixture = Fixture::load("log-categories").without_datafeed().without_inputs();
    RoundTrip::of(fixture).without_inputs().renamed("unfed").run();
}

#[test]
fn datafeed_keeps_its_indices_without_input_documents() {
    let arrived = RoundTrip::of(Fixture::load("web-latency"))
        .without_inputs()
        .renamed("copy")
        .run();
    assert_eq!(
        arrived.second.config["datafeed_config"]["indices"],
        json!(["weblogs-2024.01"])
    );
    assert!(
        arrived
            .stderr
            .contains("the datafeed reads its original indices: weblogs-2024.01"),
        "{}",
        arrived.stderr
    );
}

#[test]
fn results_are_read_from_a_rolled_over_shared_index() {
    let fixture = Fixture::load("web-latency").results_index_name("shared");
    RoundTrip::of(fixture)
        .between_clusters(options_with_suffix("-000001"), options_with_suffix("-000001"))
        .run();
}

#[test]
fn results_move_from_a_shared_to_a_rolled_over_index() {
    let trip = RoundTrip::of(Fixture::load("log-categories")).renamed("copy");
    trip.between_clusters(options_with_suffix(""), options_with_suffix("-000001"))
        .run();
}

#[test]
fn results_in_a_custom_index_stay_in_a_custom_index() {
    let trip = RoundTrip::of(Fixture::load("user-population"))
        .between_clusters(options_with_suffix("-000001"), options_with_suffix(""));
    let arrived = trip.run();
    assert_eq!(arrived.second.config["results_index_name"], "custom-security");
    let aliases = arrived
        .cluster
        .call("GET", "/_alias/.ml-anomalies-user-population", "")
        .value();
    assert!(aliases.get(".ml-anomalies-custom-security").is_some(), "{aliases}");
}

#[test]
fn annotations_index_may_be_created_later() {
    let to = MlOptions {
        annotations_delay: std::time::Duration::from_millis(150),
        ..MlOptions::new(newest())
    };
    let trip = RoundTrip::of(Fixture::load("user-population")).to(Destination::EmptyCluster);
    trip.between_clusters(MlOptions::new(newest()), to).run();
}

#[test]
fn every_job_option_is_kept() {
    let fixture = Fixture::load("log-categories").with_job(|job| {
        job["background_persist_interval"] = json!("2h");
        job["model_plot_config"] = json!({"enabled": true, "annotations_enabled": false, "terms": "a,b"});
        job["custom_settings"] = json!({"custom_urls": [{"url_name": "x", "url_value": "http://y/?z=$a$"}], "n": 1.5});
        let analysis = &mut job["analysis_config"];
        analysis["latency"] = json!("10s");
        analysis["summary_count_field_name"] = json!("docs");
        analysis["multivariate_by_fields"] = json!(false);
        analysis["per_partition_categorization"] = json!({"enabled": true, "stop_on_warn": true});
        analysis["categorization_analyzer"] = json!({"tokenizer": "ml_classic", "char_filter": ["first_line_with_letters"],
            "filter": [{"type": "stop", "stopwords": ["Mo", "Di"]}]});
        analysis["detectors"][0]["partition_field_name"] = json!("service");
        analysis["detectors"][0]["use_null"] = json!(true);
        analysis["detectors"][0]["exclude_frequent"] = json!("all");
        analysis["detectors"][0]["custom_rules"] = json!([{"actions": ["skip_model_update"],
            "conditions": [{"applies_to": "actual", "operator": "lt", "value": 10.0}]}]);
        let datafeed = &mut job["datafeed_config"];
        datafeed["frequency"] = json!("150s");
        datafeed["max_empty_searches"] = json!(7);
        datafeed["chunking_config"] = json!({"mode": "manual", "time_span": "3h"});
        datafeed["query"] = json!({"bool": {"must_not": [{"term": {"service.keyword": "unknown"}}]}});
        datafeed["delayed_data_check_config"] = json!({"enabled": true, "check_window": "2h"});
        datafeed["indices_options"] = json!({"expand_wildcards": ["open", "hidden"], "ignore_unavailable": true,
            "allow_no_indices": false, "ignore_throttled": true});
        datafeed["script_fields"] = json!({"x": {"script": {"lang": "painless", "source": "doc['service.keyword'].value"},
            "ignore_failure": false}});
    });
    RoundTrip::of(fixture).renamed("copy").run();
}

#[test]
fn calendar_of_a_group_is_imported_for_the_job() {
    let mut fixture = Fixture::load("web-latency");
    fixture.calendars[0]["job_ids"] = json!(["slo"]);
    let arrived = RoundTrip::of(fixture).renamed("copy").run();
    assert_eq!(arrived.second.calendars[0]["job_ids"], json!(["copy"]));
    assert_eq!(arrived.second.calendars[0]["events"].as_array().map(Vec::len), Some(2));
}

#[test]
fn input_index_has_default_settings_after_the_import() {
    let arrived = RoundTrip::of(Fixture::load("web-latency")).run();
    let settings = arrived.cluster.call("GET", "/web-latency-input/_settings", "").value();
    let index = &settings["web-latency-input"]["settings"]["index"];
    assert!(index.get("refresh_interval").is_none(), "{index}");
    assert_ne!(index["number_of_replicas"], "0", "{index}");
    let mappings = arrived.cluster.call("GET", "/web-latency-input/_mapping", "").value();
    let mark = &mappings["web-latency-input"]["mappings"]["_meta"]["esml_state"];
    assert_eq!(mark["job_id"], "web-latency", "{mappings}");
}

#[test]
fn job_without_data_counts_opens() {
    let (binary, fixture) = (Binary::new(), Fixture::load("log-categories"));
    let cluster = TestCluster::seeded(newest(), &fixture);
    let results = "/.ml-anomalies-.write-log-categories/_doc/log-categories_data_counts?refresh=true";
    assert_eq!(cluster.call("DELETE", results, "").status, 200);
    let archive = cluster.export(&binary, "log-categories", "first", &["--include-inputs"]);
    let contents = ArchiveContents::read(&archive);
    assert_eq!(contents.data_counts, None);
    drop(cluster);
    let cluster = TestCluster::new(newest());
    let run = cluster.import(&binary, &archive, &[]).expect(0);
    run.expect_stderr("missing from the archive: data counts");
    assert_job_continues(&cluster, &contents);
}

#[test]
fn data_counts_do_not_end_after_the_snapshot() {
    let (binary, mut fixture) = (Binary::new(), Fixture::load("log-categories"));
    let last = fixture.data_counts["latest_record_timestamp"].as_i64().unwrap();
    fixture.data_counts["earliest_record_timestamp"] = json!(last + 1_000);
    fixture.data_counts["latest_record_timestamp"] = json!(last + 9_000);
    let cluster = TestCluster::seeded(newest(), &fixture);
    let archive = cluster.export(&binary, "log-categories", "first", &[]);
    let contents = ArchiveContents::read(&archive);
    drop(cluster);
    let cluster = TestCluster::new(newest());
    drop(cluster.import(&binary, &archive, &[]).expect(0));
    let stats = cluster
        .call("GET", "/_ml/anomaly_detectors/log-categories/_stats", "")
        .value();
    let counts = &stats["jobs"][0]["data_counts"];
    for name in ["earliest_record_timestamp", "latest_record_timestamp"] {
        assert_eq!(counts[name].as_i64(), contents.latest_record(), "{counts}");
    }
    assert_eq!(counts["last_data_time"], fixture.data_counts["last_data_time"]);
}
