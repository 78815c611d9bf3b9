//! `--replace`: what is there of the job goes, nothing else, and twice is the same as once.

use super::state::ClusterState;
use super::{JOB, archive_of, small, target};
use crate::support::binary::Binary;
use crate::support::world::World;

fn call(world: &World, method: &str, path: &str, body: &str) {
    let answer = world.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// As an import leaves it that is killed in between.
fn half_made_calendar(world: &World) {
    let calendar = r#"{"description":"Planned maintenance","job_ids":[]}"#;
    call(world, "PUT", "/_ml/calendars/maintenance", calendar);
    let event = r#"{"events":[{"description":"kernel patching","start_time":1704499200000,"end_time":1704506400000}]}"#;
    call(world, "POST", "/_ml/calendars/maintenance/events", event);
}

fn undisturbed() -> ClusterState {
    let world = target(1, usize::MAX);
    world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
    ClusterState::of(&world).comparable()
}

#[test]
fn whatever_is_there_of_the_job_is_replaced_and_twice_is_as_once() {
    type Prepare = fn(&World);
    let cases: [(&str, Prepare); 6] = [
        ("nothing", |_| {}),
        ("an import of the same archive", |world| {
            world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
        }),
        ("leftovers", |world| {
            let path = "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true";
            call(world, "PUT", path, "{}");
            let body = r#"{"job_id":"web-latency","result_type":"bucket","timestamp":1700000000000}"#;
            call(
                world,
                "PUT",
                "/.ml-anomalies-shared/_doc/web-latency_bucket_1_900?refresh=true",
                body,
            );
        }),
        ("what a job leaves that is deleted", |world| {
            world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
            for (index, id) in [
                (".ml-annotations-write", "by-a-user"),
                (".ml-notifications-000002", "n1"),
            ] {
                let path = format!("/{index}/_doc/{id}?refresh=true");
                call(
                    world,
                    "PUT",
                    &path,
                    r#"{"job_id":"web-latency","timestamp":1700000000000}"#,
                );
            }
            call(world, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
            call(world, "DELETE", "/web-latency-input", "");
        }),
        ("an input index of an earlier import", |world| {
            world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
            call(world, "PUT", "/web-latency-input/_doc/later?refresh=true", "{}");
            call(world, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
        }),
        ("a half-made calendar", half_made_calendar),
    ];
    let expected = undisturbed();
    let binary = Binary::new();
    for (run, (name, prepare)) in cases.into_iter().enumerate() {
        let world = target(run, 4);
        prepare(&world);
        for time in ["once", "twice"] {
            let run = world.import(&binary, archive_of(JOB), &["--replace"]);
            assert_eq!(run.code, 0, "{name}, {time}: {}", run.stderr);
            ClusterState::of(&world)
                .comparable()
                .assert_same(&expected, &format!("{name}, {time}"));
        }
    }
}

#[test]
fn a_job_of_another_content_is_replaced_wholly() {
    let world = target(1, 1);
    let mut before = small(JOB);
    before.bystanders.clear();
    world.seed(
        &before
            .without_inputs()
            .with_job(|job| job["description"] = "before".into()),
    );
    let run = world.import(&Binary::new(), archive_of(JOB), &["--replace"]).expect(0);
    assert_eq!(run.stdout, "web-latency\n");
    ClusterState::of(&world)
        .comparable()
        .assert_same(&undisturbed(), "another content");
}

#[test]
fn what_was_deleted_for_replace_is_said_when_the_import_fails_after_it() {
    use crate::support::cluster::faults::{Action, Fault};
    let world = target(1, 1);
    world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
    world.stand_in.faults().add(
        Fault::on("PUT", "/_ml/anomaly_detectors/web-latency")
            .always()
            .then(Action::status(400, "{}")),
    );
    let run = super::import(&world, &Binary::new(), archive_of(JOB), &["--replace"]).expect(1);
    run.says("job web-latency is there and will be deleted, which cannot be undone: `esml-state export --job-id")
        .says("\nnot undone:\n  datafeed datafeed-web-latency: deleted for --replace")
        .says("\n  job web-latency and its state, results: deleted for --replace")
        .says("\n  index web-latency-input: deleted for --replace, which cannot be brought back");
    assert_eq!(world.job(JOB), serde_json::Value::Null);
}

/// What an interrupted import had made of it was there before.
#[test]
fn a_half_made_calendar_is_half_made_after_a_rollback() {
    use crate::support::cluster::faults::{Action, Fault};
    let world = target(1, 1);
    half_made_calendar(&world);
    let before = ClusterState::of(&world);
    world.stand_in.faults().add(
        Fault::on("PUT", "/_ml/datafeeds/")
            .always()
            .then(Action::status(400, "{}")),
    );
    let run = super::import(&world, &Binary::new(), archive_of(JOB), &["--replace"]).expect(1);
    run.says(" of calendar maintenance\n");
    ClusterState::of(&world).assert_as_before(&before, "rolled back");
}

#[test]
fn where_the_cluster_refuses_the_job_nothing_was_written_and_that_is_said() {
    use crate::support::cluster::faults::{Action, Fault};
    let world = target(1, 1);
    let before = ClusterState::of(&world);
    let refused =
        r#"{"error":{"type":"x_content_parse_exception","reason":"unknown field [new_option]"},"status":400}"#;
    world.stand_in.faults().add(
        Fault::on("PUT", "/_ml/anomaly_detectors/web-latency")
            .always()
            .then(Action::status(400, refused)),
    );
    let run = super::import(&world, &Binary::new(), archive_of(JOB), &["--json"]).expect(1);
    run.says("unknown field [new_option]")
        .says("the archive comes from Elasticsearch 9.2.0, this is Elasticsearch 9.2.0: an option may not exist here")
        .says("\nnothing was written\n");
    assert_eq!(run.json()["undone"], serde_json::json!([]));
    ClusterState::of(&world).assert_as_before(&before, "refused");
}
