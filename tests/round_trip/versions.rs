//! Round trips from one version to another.

use super::scenario::RoundTrip;
use crate::support::binary::Binary;
use crate::support::cluster::ml::MlVersion;
use crate::support::fixtures::Fixture;
use crate::support::test_cluster::TestCluster;

pub fn version(number: (u32, u32)) -> MlVersion {
    MlVersion::new(number.0, number.1, if number == (7, 17) { 29 } else { 0 })
}

/// A job as this version has it.
pub fn fixture_of(number: (u32, u32), name: &str) -> Fixture {
    let fixture = Fixture::load(name).with_job(|job| {
        if number < (8, 1) {
            let analysis = job["analysis_config"].as_object_mut().expect("an analysis");
            analysis.shift_remove("model_prune_window");
        }
        if number < (8, 10) {
            job["job_version"] = format!("{}.{}.0", number.0, number.1).into();
        }
    });
    fixture.min_version(version(number).writes_min_version())
}

fn from(number: (u32, u32), to: (u32, u32), name: &str) -> RoundTrip {
    RoundTrip::of(fixture_of(number, name)).between(version(number), version(to))
}

#[test]
fn job_moves_from_7_10_with_a_scroll_to_7_17() {
    from((7, 10), (7, 17), "user-population").run();
}

#[test]
fn categories_move_from_7_10_to_7_17() {
    from((7, 10), (7, 17), "log-categories").run();
}

#[test]
fn job_moves_from_7_17_to_8_19() {
    let arrived = from((7, 17), (8, 19), "web-latency").renamed("copy").run();
    let window = |config: &serde_json::Value| config["analysis_config"].get("model_prune_window").cloned();
    assert_eq!(window(&arrived.first.config), None);
    assert_eq!(window(&arrived.second.config), Some("30d".into()));
    assert!(arrived.stderr.contains("model_prune_window"), "{}", arrived.stderr);
}

#[test]
fn categories_move_from_7_17_to_8_19() {
    let analyzer = serde_json::json!({"char_filter": ["first_line_with_letters"], "tokenizer": "ml_standard",
        "filter": [{"type": "stop", "stopwords": ["Monday", "GMT"]}]});
    let mut trip = from((7, 17), (8, 19), "log-categories");
    trip.change(|job| job["analysis_config"]["categorization_analyzer"] = analyzer);
    trip.run();
}

#[test]
fn categories_move_after_an_upgrade_from_7_12_to_7_17() {
    let mut trip = from((7, 17), (8, 19), "log-categories");
    trip.change(|job| job["job_version"] = "7.12.1".into());
    let arrived = trip.run();
    assert!(
        arrived
            .stderr
            .contains("the default categorization analyzer of that version is set explicitly"),
        "{}",
        arrived.stderr
    );
}

#[test]
fn job_moves_from_8_19_to_9_2() {
    from((8, 19), (9, 2), "log-categories").run();
}

#[test]
fn job_moves_from_8_19_to_9_2_under_another_id() {
    from((8, 19), (9, 2), "user-population").renamed("copy").run();
}

#[test]
fn state_of_7_10_is_refused_by_9_2_before_the_first_write() {
    let binary = Binary::new();
    let fixture = Fixture::load("web-latency").min_version("7.9.0");
    let archive = TestCluster::seeded(version((7, 10)), &fixture).export(&binary, "web-latency", "first", &[]);
    let cluster = TestCluster::new(version((9, 2)));
    let run = cluster.import(&binary, &archive, &[]).expect(3);
    run.expect_stderr("8.19");
    assert!(cluster.stand_in.writes().is_empty());
}
