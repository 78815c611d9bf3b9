//! Interrupted copies, which the same command continues.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use super::{Clusters, INDEX, JOB};
use crate::support::binary::Run;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;
use crate::support::signals::{Signal, SignalTarget};

/// Imports, and sends a signal when the source is asked for the second page of the first range. The first such request is that of the check.
fn interrupted(clusters: &Clusters, signal: Signal) -> Run {
    let process = SignalTarget::default();
    let hooked = process.clone();
    let rule = FaultRule::on("POST", "/_search/scroll").nth(2);
    clusters.source.stand_in.faults().add(rule.run(move |_| {
        hooked.signal(signal);
        hooked.wait(Duration::from_secs(20));
    }));
    let arguments = clusters.arguments(&["--json", "--reindex-concurrency", "1"]);
    let output = process.run(clusters.command(&arguments));
    Clusters::ended(arguments, output)
}

fn assert_completed(clusters: &Clusters) {
    let run = clusters.import(&[]).expect(0);
    run.expect_stderr("Imported job");
    clusters.assert_copied(&Fixture::load(JOB));
    assert_eq!(clusters.mark()["complete"], true);
    assert!(clusters.target.job(JOB).is_object());
}

#[test]
fn ctrl_c_cancels_the_tasks_and_keeps_the_index() {
    let clusters = Clusters::new();
    let run = interrupted(&clusters, Signal::INT).expect(6);
    run.expect_stderr("Interrupted: rolling back the import.");
    let document = run.json();
    assert_eq!(document["error"], "interrupted");
    assert_eq!(document["remains"][0]["remove"], format!("DELETE /{INDEX}"));
    assert_eq!(clusters.mark()["complete"], false);
    assert!(clusters.target.job(JOB).is_null(), "nothing else was created");
    let requests = clusters.target.stand_in.requests();
    assert!(requests.iter().any(|request| request.path.ends_with("/_cancel")));
    assert!(clusters.aliases().is_empty(), "tasks cannot write");
    let dry = clusters.import(&["--dry-run"]).expect(0);
    let step = format!("continue with input index {INDEX}");
    assert!(dry.stdout.contains(&step), "{}", dry.stdout);
    assert_completed(&clusters);
}

#[test]
fn a_second_ctrl_c_exits_at_once() {
    let (clusters, process) = (Clusters::new(), SignalTarget::default());
    let (first, second) = (process.clone(), process.clone());
    let rule = FaultRule::on("POST", "/_search/scroll").nth(2);
    clusters.source.stand_in.faults().add(rule.run(move |_| {
        first.signal(Signal::INT);
        first.wait(Duration::from_secs(20));
    }));
    let rule = FaultRule::on("GET", "/_tasks?").then(Action::Hang);
    clusters
        .target
        .stand_in
        .faults()
        .add(rule.run(move |_| second.signal(Signal::INT)));
    let arguments = clusters.arguments(&["--reindex-concurrency", "1"]);
    let run = Clusters::ended(arguments.clone(), process.run(clusters.command(&arguments))).expect(6);
    run.expect_stderr("Interrupted: rolling back the import. A second Ctrl-C exits at once")
        .expect_stderr(&format!("DELETE /{INDEX}"));
    assert_completed(&clusters);
}

#[test]
fn the_same_command_continues_after_the_tool_was_killed() {
    let clusters = Clusters::new();
    interrupted(&clusters, Signal::KILL).expect(-1);
    assert_eq!(clusters.mark()["complete"], false);
    assert_completed(&clusters);
}

#[test]
fn the_same_command_continues_after_the_source_was_unavailable() {
    let clusters = Clusters::new();
    let network = clusters.source.stand_in.network();
    let rule = FaultRule::on("POST", "/_search/scroll").nth(3);
    clusters
        .source
        .stand_in
        .faults()
        .add(rule.run(move |_| network.refuse()));
    let run = clusters.import(&["--retry-for", "1s"]).expect(6);
    run.expect_stderr("hint: check that the source is running")
        .expect_stderr(&format!("DELETE /{INDEX}"));
    assert_eq!(clusters.mark()["complete"], false);
    clusters.source.stand_in.network().listen();
    assert_completed(&clusters);
}

#[test]
fn a_failed_range_is_repeated() {
    let clusters = Clusters::new();
    let failed = Action::status(
        404,
        r#"{"error":{"type":"search_context_missing_exception","reason":"No search context found for id [1]"},"status":404}"#,
    );
    let rule = FaultRule::on("POST", "/_search/scroll").nth(2).then(failed);
    clusters.source.stand_in.faults().add(rule);
    clusters.import(&[]).expect(0);
    clusters.assert_copied(&Fixture::load(JOB));
}

#[test]
fn only_the_ranges_that_differ_are_copied() {
    let clusters = Clusters::new();
    // The copy is complete, and then the import fails.
    let rule = FaultRule::on("PUT", "/_ml/anomaly_detectors/").then(Action::status(400, "{}"));
    clusters.target.stand_in.faults().add(rule);
    clusters
        .import(&[])
        .expect(6)
        .expect_stderr(&format!("Index {INDEX} and its documents are kept"));
    assert_eq!(clusters.mark()["complete"], true);
    let lost = Fixture::load(JOB).inputs[0].id.clone();
    clusters
        .target
        .call("DELETE", &format!("/{INDEX}/_doc/{lost}?refresh=true"), "");
    let first = clusters.target.stand_in.requests().len();
    assert_completed(&clusters);
    let requests = clusters.target.stand_in.requests();
    let started = requests[first..]
        .iter()
        .filter(|request| request.query.iter().any(|(name, _)| name == "wait_for_completion"));
    assert_eq!(started.count(), 1);
}

#[test]
fn documents_that_arrive_during_the_copy_are_copied_too() {
    let clusters = Clusters::new();
    let added = Arc::new(AtomicBool::new(false));
    let direct = clusters.source.stand_in.direct();
    let first: serde_json::Value = serde_json::from_str(&Fixture::load(JOB).inputs[0].source).unwrap();
    let source = Fixture::load(JOB).sources[0].clone();
    let field = Fixture::load(JOB).job["data_description"]["time_field"]
        .as_str()
        .unwrap()
        .to_owned();
    let rule = FaultRule::on("GET", "/_tasks/").run(move |_| {
        if !added.swap(true, Ordering::SeqCst) {
            let put = |id: &str, document: &serde_json::Value| {
                let path = format!("/{source}/_doc/{id}?refresh=true");
                direct.call("PUT", &path, document.to_string());
            };
            put("late", &first);
            // Before all others, and after them.
            let mut document = first.clone();
            for (id, time) in [("before", "1999-01-01T00:00:00Z"), ("after", "2039-01-01T00:00:00Z")] {
                document[&field] = time.into();
                put(id, &document);
            }
        }
    });
    clusters.target.stand_in.faults().add(rule);
    clusters.import(&["--reindex-concurrency", "1"]).expect(0);
    let copied = clusters.target.documents_of(INDEX);
    for late in ["late", "before", "after"] {
        assert!(copied.keys().any(|(_, id)| id == late), "{late}");
    }
}

#[test]
fn documents_that_arrive_until_the_end_are_a_warning() {
    let clusters = Clusters::new();
    let direct = clusters.source.stand_in.direct();
    let fixture = Fixture::load(JOB);
    let (first, source) = (fixture.inputs[0].source.clone(), fixture.sources[0].clone());
    let added = AtomicUsize::new(0);
    let rule = FaultRule::on("GET", "/_tasks/").always().run(move |_| {
        let number = added.fetch_add(1, Ordering::SeqCst);
        let path = format!("/{source}/_doc/late-{number}?refresh=true");
        direct.call("PUT", &path, first.clone());
    });
    clusters.target.stand_in.faults().add(rule);
    let run = clusters.import(&["--reindex-concurrency", "1"]).expect(0);
    run.expect_stderr(&format!("warning: index {INDEX} does not have "))
        .expect_stderr("that the source received during the copy");
    assert_eq!(clusters.mark()["complete"], true);
}
