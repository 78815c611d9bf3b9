//! The question that every import asks, and the effect of each answer.

use std::sync::Arc;

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, target};
use crate::support::archive::ArchiveFile;
use crate::support::binary::Binary;
use crate::support::pseudo_terminal::{TerminalOutput, TerminalSession};
use crate::support::signals::Signal;
use crate::support::test_cluster::TestCluster;

/// Part of the statement that every import prints before it asks.
const DISCLAIMER: &str = "which Elastic does not support as an interface";
const QUESTION: &str = "Import job web-latency into cluster stand-in (";
const QUESTION_END: &str = ", Elasticsearch 9.2.0)?";

fn start(cluster: &TestCluster, binary: &Binary, more: &[&str]) -> (TerminalSession, Arc<ArchiveFile>) {
    let shared = archive_of(JOB);
    let (archive, url) = (shared.display().to_string(), cluster.stand_in.url());
    let mut args = vec!["import", &archive, "--url", &url];
    args.extend(more);
    (TerminalSession::start(binary.command(args)), shared)
}

/// Asks before an import to a cluster that must not change.
#[track_caller]
fn assert_not_imported(code: i32, answer: impl FnOnce(&mut TerminalSession)) -> TerminalOutput {
    let cluster = target(1, 4);
    let before = ClusterState::of(&cluster);
    cluster.stand_in.clear_requests();
    let (mut session, _archive) = start(&cluster, &Binary::new(), &[]);
    answer(session.expect(DISCLAIMER).expect(QUESTION).expect_no_echo());
    let ended = session.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{}", ended.screen);
    ended.assert_restored();
    assert_eq!(cluster.stand_in.writes().len(), 0);
    assert!(ClusterState::of(&cluster) == before, "the cluster is as it was");
    ended
}

#[test]
fn confirmed_import_runs() {
    let cluster = target(0, 4);
    let (mut session, _archive) = start(&cluster, &Binary::new(), &[]);
    session
        .expect(DISCLAIMER)
        .expect("create job web-latency")
        .expect(QUESTION)
        .expect(&cluster.stand_in.url())
        .expect(QUESTION_END)
        .send_keys("y");
    let ended = session.wait();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "web-latency\n"),
        "{}",
        ended.screen
    );
    ended.assert_restored();
    assert_eq!(cluster.job(JOB)["job_id"], JOB);
}

#[test]
fn answering_no_or_enter_declines() {
    for answer in ["n", "\r"] {
        let ended = assert_not_imported(3, |session| {
            session.send_keys(answer);
        });
        assert!(ended.screen.contains("Nothing was written."), "{}", ended.screen);
        assert!(!ended.screen.contains("error:"), "{}", ended.screen);
    }
}

#[test]
fn ctrl_c_and_signals_end_the_program() {
    let ended = assert_not_imported(130, |session| {
        session.send_keys("\u{3}");
    });
    assert!(ended.screen.contains(" interrupted"), "{}", ended.screen);
    assert_not_imported(130, |session| session.signal(Signal::INT));
    assert_not_imported(143, |session| session.signal(Signal::TERM));
    assert_not_imported(129, |session| session.signal(Signal::HUP));
}

#[test]
fn quiet_shows_what_is_confirmed() {
    let cluster = target(2, 4);
    cluster.import(&Binary::new(), &archive_of(JOB), &[]).expect(0);
    let (mut session, _archive) = start(&cluster, &Binary::new(), &["--replace", "-q"]);
    session
        .expect("note: the datafeed runs scripts")
        .expect(DISCLAIMER)
        .expect("delete job web-latency with its datafeed, state, results")
        .expect("delete input index web-latency-input, created by an earlier import")
        .expect("create job web-latency")
        .expect("Job web-latency is deleted first and is not restored if the import fails.")
        .expect("Delete and replace job web-latency on cluster stand-in (")
        .expect(QUESTION_END)
        .send_keys("y");
    let ended = session.wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert!(
        ended.last_line().contains("Delete and replace job web-latency"),
        "{}",
        ended.screen
    );
    let quiet = cluster
        .import(&Binary::new(), &archive_of(JOB), &["--replace", "-q"])
        .expect(0);
    assert_eq!(quiet.stderr, "", "nothing is printed without a question");
}
