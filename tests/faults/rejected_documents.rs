//! Bulk requests with rejected documents, and searches of an import that fail on some shards.

use super::data::WITHOUT_ALL_SHARDS;
use super::fixture::{Port, target};
use super::import::{self, baseline};
use super::request::RequestId;
use super::runner::run_all;
use super::scenario::rule_for;
use crate::support::binary::Run;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::in_process::InProcess;

/// Imports while these requests fail. Checks the exit code, the message and the cluster.
fn check_imports(
    what: &str,
    at: &[&str],
    codes: &[i32],
    message: &str,
    fault: impl Fn(&RequestId) -> FaultRule + Sync,
) {
    let requests = baseline().requests.iter();
    let requests: Vec<&RequestId> = requests
        .filter(|request| at.iter().any(|end| request.path.ends_with(end)))
        .collect();
    assert!(requests.len() >= 4, "{requests:?}");
    let report = run_all(requests, |request| {
        let (cluster, own) = (target(Port::Plain), InProcess::new());
        cluster.stand_in.faults().add(fault(request));
        let run: Run = import::run(&cluster, &own);
        let reported = run.code == 0 || run.stderr.contains(message) && run.stderr.contains("hint: ");
        let ended = match codes.contains(&run.code) && reported && cluster.stand_in.faults().fired()[0] > 0 {
            true => import::check_cluster(&cluster, &run),
            false => Err(format!("exit {}", run.code)),
        };
        ended.map_err(|why| format!("{request:?}: {why}\n{}", run.stderr))
    });
    report.assert_no_failures(what);
}

#[test]
fn documents_rejected_with_429_are_retried() {
    for status in [429, 502, 503, 504] {
        // The first response only reports that there are errors; the second one contains them.
        let fault = |request: &RequestId| rule_for(request).times(2).then(Action::AnswerItems(status));
        check_imports(
            &format!("documents rejected with {status}"),
            &["/_bulk"],
            &[0],
            "",
            fault,
        );
    }
}

#[test]
fn documents_rejected_with_429_forever_cause_a_rollback() {
    let fault = |request: &RequestId| rule_for(request).always().then(Action::AnswerItems(429));
    check_imports(
        "documents rejected repeatedly",
        &["/_bulk"],
        &[5],
        "429 rejected execution",
        fault,
    );
    let fault = |request: &RequestId| rule_for(request).always().then(Action::AnswerItems(503));
    check_imports("shards that stay away", &["/_bulk"], &[5], "503 primary shard", fault);
}

#[test]
fn rejected_documents_cause_a_rollback() {
    let fault = |request: &RequestId| rule_for(request).always().then(Action::AnswerItems(400));
    check_imports("documents refused", &["/_bulk"], &[5], "failed to parse", fault);
}

#[test]
fn verification_with_failed_shards_is_refused() {
    let searches = ["/_search", "/_count"];
    let answer = Action::status(200, WITHOUT_ALL_SHARDS);
    let once = |request: &RequestId| rule_for(request).then(answer.clone());
    check_imports(
        "shards fail an import once",
        &searches,
        &[1],
        "1 of 2 shards failed",
        once,
    );
    let lasting = |request: &RequestId| rule_for(request).always().then(answer.clone());
    check_imports(
        "shards fail an import",
        &searches,
        &[1, 6],
        "1 of 2 shards failed",
        lasting,
    );
}
