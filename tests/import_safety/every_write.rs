//! A fault at the write requests of an import in turn: at all of them, or at a sample. In memory; if a real node is set,
//! every twelfth run uses it.

use std::sync::{Arc, Mutex};

use super::cluster_state::ClusterState;
use super::{JOB, Shared, archive_of, import, is_write, sampled, target, write_count};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::Call;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::test_cluster::TestCluster;

const REAL_NODE_INTERVAL: usize = 12;
const LOGS: &str = "log-categories";

/// Applies to the `k`th write request and to every repetition of it.
fn nth_write_and_retries(k: usize) -> impl Fn(&Call) -> bool + Send + Sync + 'static {
    let seen: Shared<(usize, Option<String>)> = Arc::new(Mutex::new((0, None)));
    move |call: &Call| {
        let mut seen = seen.lock().unwrap();
        let name = format!("{} {}", call.method, call.uri());
        if let Some(chosen) = &seen.1 {
            return *chosen == name;
        }
        if is_write(call) {
            seen.0 += 1;
            if seen.0 == k {
                seen.1 = Some(name);
                return true;
            }
        }
        false
    }
}

fn refusal(status: u16) -> Action {
    Action::status(
        status,
        r#"{"error":{"type":"some_exception","reason":"the disk fell out"},"status":0}"#,
    )
}

/// The cluster after an import without faults.
fn baseline(job: &'static str) -> ClusterState {
    let cluster = target(1, usize::MAX);
    import(&cluster, &Binary::new(), &archive_of(job), &[]).expect(0);
    ClusterState::of(&cluster).comparable()
}

/// The distance between the write requests of a sample.
const SAMPLE_INTERVAL: usize = 3;

/// Runs an import for each write request: one that succeeds must be complete, one that fails must leave nothing. A sample
/// starts with the request `first`. Returns the number of imports that succeeded.
fn fail_each_write(job: &'static str, first: usize, fault: impl Fn(usize) -> FaultRule) -> usize {
    let binary = Binary::new();
    let done = baseline(job);
    let mut succeeded = 0;
    for k in sampled(write_count(job, &[]), first, SAMPLE_INTERVAL) {
        let cluster = target(k, REAL_NODE_INTERVAL);
        let before = ClusterState::of(&cluster);
        cluster.stand_in.faults().add(fault(k));
        let run = import(&cluster, &binary, &archive_of(job), &[]);
        let name = describe_write(&cluster, &run, k);
        let after = ClusterState::of(&cluster);
        if run.code == 0 {
            after.assert_aliases_intact(&name);
            after.comparable().assert_same(&done, &name);
            succeeded += 1;
            continue;
        }
        assert_eq!(run.code, 1, "{name}");
        assert_eq!(run.stdout, "", "{name}");
        after.assert_unchanged(&before, &name);
        if k > 2 {
            assert!(
                run.stderr.contains("Rolled back") && run.stderr.contains("filter canary-hosts") | (job == LOGS),
                "{name}"
            );
        }
    }
    succeeded
}

fn describe_write(cluster: &TestCluster, run: &Run, k: usize) -> String {
    let writes = cluster.stand_in.writes();
    let at = writes
        .get(k - 1)
        .map_or_else(String::new, |write| format!("{} {}", write.method, write.path));
    format!("write {k} ({at}), exit {}:\n{}", run.code, run.stderr)
}

#[test]
fn refused_request_causes_a_rollback() {
    let succeeded = fail_each_write(JOB, 1, |k| {
        FaultRule::when(nth_write_and_retries(k)).always().then(refusal(500))
    });
    assert_eq!(succeeded, 0);
}

#[test]
fn refused_request_of_a_categorization_job_causes_a_rollback() {
    let succeeded = fail_each_write(LOGS, 2, |k| {
        FaultRule::when(nth_write_and_retries(k)).always().then(refusal(400))
    });
    assert_eq!(succeeded, 0);
}

#[test]
fn completed_request_with_an_error_response_is_handled() {
    fail_each_write(JOB, 3, |k| {
        FaultRule::when(is_write).nth(k).carry_out().then(refusal(500))
    });
}

#[test]
fn closed_connection_is_retried_or_causes_a_rollback() {
    fail_each_write(JOB, 1, |k| FaultRule::when(is_write).nth(k).then(Action::Close));
}

#[test]
fn lost_response_is_retried_or_causes_a_rollback() {
    fail_each_write(JOB, 2, |k| {
        FaultRule::when(is_write).nth(k).carry_out().then(Action::Close)
    });
}

#[test]
fn truncated_response_is_retried_or_causes_a_rollback() {
    fail_each_write(LOGS, 3, |k| {
        FaultRule::when(is_write).nth(k).then(Action::CutBody {
            to: 3,
            right_length: true,
        })
    });
}

/// A bulk request that writes. One that deletes is part of a rollback.
fn is_document_write(call: &Call) -> bool {
    call.path.ends_with("_bulk") && !call.body.starts_with(br#"{"delete""#)
}

#[test]
fn rejected_document_exits_with_5_after_a_rollback() {
    let binary = Binary::new();
    let writes = write_count(JOB, &[]);
    let mut bulks = 0;
    for k in 1..=writes {
        let cluster = target(k, REAL_NODE_INTERVAL);
        let before = ClusterState::of(&cluster);
        // Always, because a rejected request is repeated to get the complete response, with other requests in between.
        let bulk = FaultRule::when(is_document_write).nth(k).always();
        cluster.stand_in.faults().add(bulk.then(Action::AnswerItems(400)));
        let run = import(&cluster, &binary, &archive_of(JOB), &[]);
        if cluster.stand_in.faults().fired() == [0] {
            break;
        }
        bulks += 1;
        let name = describe_write(&cluster, &run, k);
        assert_eq!(run.code, 5, "{name}");
        assert!(run.stderr.contains("\nhint: "), "{}", run.stderr);
        ClusterState::of(&cluster).assert_unchanged(&before, &name);
    }
    assert!(bulks >= 4, "{bulks}");
}

#[test]
fn rejected_state_document_exits_with_5() {
    let cluster = target(1, 1);
    let before = ClusterState::of(&cluster);
    let state = FaultRule::when(|call| is_document_write(call) && call.path == "/.ml-state-write/_bulk").always();
    cluster.stand_in.faults().add(state.then(Action::AnswerItems(400)));
    let run = import(&cluster, &Binary::new(), &archive_of(JOB), &[]).expect(5);
    run.expect_stderr("failed to parse")
        .expect_stderr("Rolled back")
        .expect_stderr("_model_state_");
    ClusterState::of(&cluster).assert_unchanged(&before, "rejected");
}

/// Sends the requests that the message lists.
pub fn run_cleanup_commands(cluster: &TestCluster, run: &Run) {
    let report = run.json();
    assert_eq!(report["exit"], 6, "{report}");
    for left in report["remains"].as_array().unwrap() {
        let request = left["remove"].as_str().unwrap();
        let (line, body) = request.split_once('\n').unwrap_or((request, ""));
        let (method, path) = line.split_once(' ').unwrap();
        let body = if body.is_empty() {
            String::new()
        } else {
            format!("{body}\n")
        };
        cluster.call("POST", "/.ml-*/_refresh?expand_wildcards=all", "");
        let answer = cluster.call(method, path, &body);
        assert!(answer.status < 300 || answer.status == 404, "{request}: {answer:?}");
    }
}

fn check_cleanup_commands(first: usize, fault: impl Fn(Shared<usize>, usize) -> FaultRule) {
    let binary = Binary::new();
    for k in sampled(write_count(JOB, &[]), first, SAMPLE_INTERVAL) {
        let cluster = target(k, REAL_NODE_INTERVAL);
        let before = ClusterState::of(&cluster);
        cluster.stand_in.faults().add(fault(Arc::default(), k));
        let run = import(&cluster, &binary, &archive_of(JOB), &["--json"]);
        let name = describe_write(&cluster, &run, k);
        cluster.stand_in.faults().clear();
        match run.code {
            1 => {}
            6 => run_cleanup_commands(&cluster, &run),
            _ => panic!("{name}"),
        }
        ClusterState::of(&cluster).assert_unchanged(&before, &name);
    }
}

#[test]
fn unreachable_cluster_error_names_the_cleanup_commands() {
    check_cleanup_commands(1, |seen, k| {
        FaultRule::when(move |call| {
            let mut seen = seen.lock().unwrap();
            *seen += usize::from(is_write(call));
            *seen >= k
        })
        .always()
        .then(Action::Close)
    });
}

#[test]
fn read_only_cluster_error_names_the_cleanup_commands() {
    check_cleanup_commands(2, |_, k| FaultRule::when(is_write).nth(k).always().then(refusal(503)));
}
