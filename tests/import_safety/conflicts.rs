//! What must not be overwritten: exit 3 names it and what helps, and nothing is written.

use std::process::Stdio;

use serde_json::json;

use super::state::ClusterState;
use super::{JOB, archive_of, options, small, target};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, Fault};
use crate::support::world::World;

type Prepare = fn(&World);

fn call(world: &World, method: &str, path: &str, body: &str) {
    let answer = world.call(method, path, body);
    assert!(answer.status < 300, "{method} {path}: {answer:?}");
}

/// The job is there already, closed.
fn existing(world: &World) {
    world.seed(&small(JOB).without_inputs());
}

fn opened(world: &World) {
    existing(world);
    call(world, "POST", "/_ml/anomaly_detectors/web-latency/_open", "");
}

fn started(world: &World) {
    opened(world);
    call(world, "POST", "/_ml/datafeeds/datafeed-web-latency/_start", "{}");
}

fn imported(world: &World) {
    world.import(&Binary::new(), archive_of(JOB), &[]).expect(0);
}

/// The index of an earlier import, whose job is gone without a trace.
fn own_index(world: &World) {
    imported(world);
    call(world, "DELETE", "/_ml/anomaly_detectors/web-latency", "");
}

fn left_state(world: &World) {
    call(
        world,
        "PUT",
        "/.ml-state-write/_doc/web-latency_quantiles?refresh=true&require_alias=true",
        "{}",
    );
}

fn left_results(world: &World) {
    let body = r#"{"job_id":"web-latency","result_type":"bucket","timestamp":1700000000000}"#;
    call(
        world,
        "PUT",
        "/.ml-anomalies-shared/_doc/web-latency_bucket_1_900?refresh=true",
        body,
    );
}

fn foreign_index(world: &World) {
    call(
        world,
        "PUT",
        "/web-latency-input",
        r#"{"mappings":{"_meta":{"owner":"somebody"}}}"#,
    );
}

fn other_filter(world: &World) {
    call(
        world,
        "PUT",
        "/_ml/filters/canary-hosts",
        r#"{"items":["something else"]}"#,
    );
}

fn other_calendar(world: &World) {
    call(
        world,
        "PUT",
        "/_ml/calendars/maintenance",
        r#"{"description":"Planned maintenance","job_ids":[]}"#,
    );
    let events = r#"{"events":[{"description":"moving house","start_time":1,"end_time":2}]}"#;
    call(world, "POST", "/_ml/calendars/maintenance/events", events);
}

fn group_of_another(world: &World) {
    let body =
        r#"{"groups":["web-latency"],"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(world, "PUT", "/_ml/anomaly_detectors/another", body);
}

fn job_called_web(world: &World) {
    let body = r#"{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(world, "PUT", "/_ml/anomaly_detectors/web", body);
}

fn datafeed_of_another(world: &World) {
    let body = r#"{"analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    call(world, "PUT", "/_ml/anomaly_detectors/another", body);
    let body = r#"{"job_id":"another","indices":["x"]}"#;
    call(world, "PUT", "/_ml/datafeeds/datafeed-web-latency", body);
}

#[test]
fn each_conflict_is_named_with_what_helps_and_nothing_is_written() {
    let cases: Vec<(&str, Prepare, &[&str], &[&str])> = vec![
        (
            "job",
            existing,
            &[],
            &[
                "job web-latency exists",
                "--as",
                "--replace",
                "esml-state export --job-id web-latency",
            ],
        ),
        (
            "open job",
            opened,
            &["--replace"],
            &[
                "job web-latency is opened",
                "POST _ml/anomaly_detectors/web-latency/_close",
            ],
        ),
        (
            "started datafeed",
            started,
            &["--replace"],
            &[
                "datafeed datafeed-web-latency is started; job web-latency is opened",
                "POST _ml/datafeeds/datafeed-web-latency/_stop; close it with",
            ],
        ),
        (
            "group",
            group_of_another,
            &[],
            &["job another has a group named web-latency", "--as"],
        ),
        (
            "own group",
            |_| {},
            &["--as", "web"],
            &["job web has a group of the same name", "--as"],
        ),
        (
            "own group, even then",
            job_called_web,
            &["--replace"],
            &["has a group named web, and a job of that name exists"],
        ),
        (
            "state",
            left_state,
            &[],
            &["state documents of an earlier job web-latency", "--replace", "--as"],
        ),
        (
            "results",
            left_results,
            &[],
            &["results of an earlier job web-latency", "--replace"],
        ),
        (
            "foreign index",
            foreign_index,
            &[],
            &["index web-latency-input exists", "--input-index", "--skip-inputs"],
        ),
        (
            "foreign index, even then",
            foreign_index,
            &["--replace"],
            &["was not made by", "--input-index"],
        ),
        (
            "own index",
            own_index,
            &[],
            &["input index web-latency-input", "--replace"],
        ),
        (
            "filter",
            other_filter,
            &["--replace"],
            &["filter canary-hosts", "--skip-filters"],
        ),
        (
            "calendar",
            other_calendar,
            &["--replace"],
            &["calendar maintenance", "--skip-calendars"],
        ),
        (
            "datafeed",
            datafeed_of_another,
            &[],
            &["datafeed datafeed-web-latency", "belongs to another", "--skip-datafeed"],
        ),
    ];
    let binary = Binary::new();
    for (run, (name, prepare, more, said)) in cases.into_iter().enumerate() {
        let world = target(run, 6);
        prepare(&world);
        let before = ClusterState::of(&world);
        world.stand_in.forget_requests();
        for extra in [&[][..], &["--json"], &["--dry-run"], &["--dry-run", "--json"]] {
            let run = world.import(&binary, archive_of(JOB), &[more, extra].concat());
            assert_eq!(run.code, 3, "{name} {extra:?}: {}", run.stderr);
            for words in said {
                assert!(run.stderr.contains(words), "{name}: no `{words}` in {}", run.stderr);
            }
            match extra {
                ["--json"] | ["--dry-run", "--json"] => assert_eq!(run.json()["exit"], 3, "{name}"),
                ["--dry-run"] => assert!(run.stdout.contains("conflict: "), "{name}: {}", run.stdout),
                _ => assert_eq!(run.stdout, "", "{name}"),
            }
        }
        assert_eq!(world.stand_in.writes().len(), 0, "{name}");
        ClusterState::of(&world).assert_same(&before, name);
    }
}

#[test]
fn another_job_id_than_the_archives_is_a_usage_error_that_names_as() {
    let world = World::with(options());
    let run = world
        .import(&Binary::new(), archive_of(JOB), &["--job-id", "other"])
        .expect(2);
    run.says("--as other").says("web-latency");
    assert_eq!(world.stand_in.writes().len(), 0);
    world
        .import(&Binary::new(), archive_of(JOB), &["--job-id", JOB])
        .expect(0);
}

#[test]
fn without_yes_and_without_a_terminal_nothing_is_imported() {
    let world = World::with(options());
    let (url, archive) = (world.stand_in.url(), archive_of(JOB).display().to_string());
    let output = Binary::new()
        .command(["import", &archive, "--url", &url])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--yes"));
    assert!(world.stand_in.requests().is_empty());
}

fn without_address(world: &World, text: &str) -> String {
    text.replace(&world.stand_in.url(), "http://HOST")
}

#[test]
fn a_dry_run_prints_the_plan_and_writes_nothing() {
    let (world, binary) = (target(1, 1), Binary::new());
    let before = ClusterState::of(&world);
    let text = world.import(&binary, archive_of(JOB), &["--dry-run"]).expect(0).stdout;
    insta::assert_snapshot!("plan", without_address(&world, &text));
    let run = world
        .import(&binary, archive_of(JOB), &["--dry-run", "--json"])
        .expect(0);
    let plan = run.json();
    assert_eq!((&plan["dry_run"], &plan["job_id"]), (&json!(true), &json!(JOB)));
    assert_eq!(world.stand_in.writes().len(), 0);
    ClusterState::of(&world).assert_same(&before, "dry run");
}

#[test]
fn a_dry_run_names_what_is_in_the_way() {
    let (world, binary) = (target(1, 1), Binary::new());
    world.import(&binary, archive_of(JOB), &[]).expect(0);
    world.call(
        "POST",
        "/_ml/filters/canary-hosts/_update",
        r#"{"add_items":["theirs"]}"#,
    );
    let before = ClusterState::of(&world);
    let run = world.import(&binary, archive_of(JOB), &["--dry-run"]).expect(3);
    insta::assert_snapshot!(
        "plan_with_conflicts",
        without_address(&world, &format!("{}\n--- stderr\n{}", run.stdout, run.stderr))
    );
    let replacing = ["--dry-run", "--replace", "--skip-filters"];
    let plan = world.import(&binary, archive_of(JOB), &replacing).expect(0).stdout;
    insta::assert_snapshot!("plan_of_a_replacement", without_address(&world, &plan));
    ClusterState::of(&world).assert_same(&before, "dry run");
}

#[test]
fn a_name_that_a_template_wants_for_data_streams_is_left_to_it() {
    let (world, binary) = (target(1, 1), Binary::new());
    let before = ClusterState::of(&world);
    let reason = "cannot create index with name [web-latency-input], because it matches with template [logs] that \
                  creates data streams only, use create data stream api instead";
    let answer = json!({"error": {"type": "illegal_argument_exception", "reason": reason}, "status": 400});
    let fault = Fault::on("PUT", "/web-latency-input").then(Action::status(400, answer.to_string()));
    world.stand_in.faults().add(fault);
    let run = world.import(&binary, archive_of(JOB), &[]).expect(1);
    run.says("creates data streams only").says("--input-index");
    ClusterState::of(&world).assert_as_before(&before, "refused");
    let elsewhere = ["--input-index", "elsewhere"];
    world.import(&binary, archive_of(JOB), &elsewhere).expect(0);
}

/// Somebody makes something of that name between our look and our write.
#[test]
fn what_somebody_makes_meanwhile_is_not_ours_to_delete() {
    let job =
        r#"{"description":"theirs","analysis_config":{"detectors":[{"function":"count"}]},"data_description":{}}"#;
    let cases = [
        ("PUT", "/_ml/filters/canary-hosts", r#"{"items":["theirs"]}"#),
        (
            "PUT",
            "/_ml/calendars/maintenance",
            r#"{"description":"theirs","job_ids":[]}"#,
        ),
        (
            "PUT",
            "/web-latency-input",
            r#"{"mappings":{"_meta":{"owner":"somebody"}}}"#,
        ),
        ("PUT", "/_ml/anomaly_detectors/web-latency", job),
    ];
    for (run, (method, path, body)) in cases.into_iter().enumerate() {
        for lost in [false, true] {
            let world = target(run * 2 + usize::from(lost), 4);
            let direct = world.stand_in.direct();
            let theirs = move |_: &_| {
                let answer = direct.call(method, path, body);
                assert!(answer.status < 300, "{answer:?}");
            };
            let fault = Fault::when(move |call| call.method == method && call.path == path).run(theirs);
            world.stand_in.faults().add(match lost {
                true => fault.then(crate::support::cluster::faults::Action::Close),
                false => fault,
            });
            let end: Run = super::import(&world, &Binary::new(), archive_of(JOB), &[]);
            assert_eq!(end.code, 1, "{path}, lost {lost}: {}", end.stderr);
            let there = world.call("GET", path, "");
            assert_eq!(there.status, 200, "{path}, lost {lost}");
            // Theirs is all that is there: taking it away leaves what was before.
            call(&world, "DELETE", path, "");
            let expected = ClusterState::of(&target(1, usize::MAX));
            let after = ClusterState::of(&world);
            assert_eq!(after.configurations, expected.configurations, "{path}, lost {lost}");
            assert!(!after.aliases.contains_key("web-latency-input"), "{path}, lost {lost}");
        }
    }
}
