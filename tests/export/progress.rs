//! The progress of an export on terminals of different widths, and Ctrl-C.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};

use super::{cluster, files};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::fixtures::Fixture;
use crate::support::pseudo_terminal::TerminalSession;
use crate::support::signals::Signal;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";

/// A rule that holds a request until the returned sender is dropped.
fn held(rule: FaultRule) -> (FaultRule, Sender<()>) {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let wait = move |_: &_| {
        let _ = released.lock().unwrap().recv();
    };
    (rule.run(wait), release)
}

/// Starts an export of 200 input documents, whose third page is held. It is requested once the first page was taken, while
/// the second one may be requested before: the export would then wait for it with another request, and not draw the bar.
fn start(cluster: &TestCluster, binary: &Binary, columns: u16) -> (TerminalSession, Sender<()>) {
    let later_page = FaultRule::when(|call| {
        let body = String::from_utf8_lossy(&call.body);
        call.path == "/_search" && body.contains("search_after") && body.contains("@timestamp")
    });
    let (rule, release) = held(later_page.nth(2));
    cluster.stand_in.faults().add(rule);
    let url = cluster.stand_in.url();
    let args = ["export", "--job-id", JOB, "--yes", "--url", &url, "--include-inputs"];
    let more = ["--page-size", "40", "--slices", "1", "--pagination", "pit"];
    let command = binary.command(args.iter().chain(&more));
    (TerminalSession::start_with_columns(command, columns), release)
}

#[test]
fn bar_follows_the_width_of_the_terminal() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let (mut session, release) = start(&cluster, &binary, 80);
    session.expect("Reading input documents [=");
    session.expect("] 40%, 80 of 200");
    session.resize(40);
    session.expect("Reading input docum… 40%, 80 of 200\r");
    session.resize(120);
    session.expect("] 40%, 80 of 200, ").expect("/s, ").expect("KiB");
    drop(release);
    let ended = session.wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    ended.assert_restored();
    assert!(ended.screen.contains("Input documents: 200\r\n"), "{}", ended.screen);
}

#[test]
fn connecting_and_loading_the_jobs_are_displayed() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let (connecting, connected) = held(FaultRule::when(|call| call.path == "/"));
    let (loading, loaded) = held(FaultRule::on("GET", "/_ml/anomaly_detectors"));
    cluster.stand_in.faults().add(connecting);
    cluster.stand_in.faults().add(loading);
    let url = cluster.stand_in.url();
    let mut session = TerminalSession::start(binary.command(["export", "--url", &url]));
    session.expect("Connecting to http://127.0.0.1");
    drop(connected);
    session.expect("Loading the jobs");
    drop(loaded);
    session.expect("Job to export").send_keys("\u{1b}");
    assert_eq!(session.wait().code, 3);
}

#[test]
fn what_was_typed_before_a_question_does_not_answer_it() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let (rule, release) = held(FaultRule::when(|call| call.path == "/"));
    cluster.stand_in.faults().add(rule);
    let url = cluster.stand_in.url();
    let mut session = TerminalSession::start(binary.command(["export", "--job-id", JOB, "--url", &url]));
    session.expect("Connecting to").send_keys("y").expect("y");
    drop(release);
    session
        .expect("Export job log-categories ")
        .expect_no_echo()
        .send_keys("n");
    let ended = session.wait();
    assert_eq!(ended.code, 3, "{}", ended.screen);
    assert_eq!(files(binary.directory()), Vec::<String>::new());
}

#[test]
fn retries_are_displayed_in_one_line() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let busy = FaultRule::on("GET", "/_ml/anomaly_detectors").then(Action::too_many_requests(1));
    cluster.stand_in.faults().add(busy);
    let url = cluster.stand_in.url();
    let command = binary.command(["export", "--job-id", JOB, "--yes", "--url", &url]);
    let mut session = TerminalSession::start_with_columns(command, 60);
    session
        .expect("Loading the jobs: retrying in 1.0 s (attempt 2): ")
        .expect("…\r");
    assert_eq!(session.wait().code, 0);
}

#[test]
fn interruption_is_reported_at_once_and_removes_the_bar() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let (mut session, release) = start(&cluster, &binary, 80);
    session.expect("Reading input documents [");
    let (closing, closed) = held(FaultRule::on("DELETE", "/_pit").always());
    cluster.stand_in.faults().add(closing);
    session.signal(Signal::INT);
    session.expect("Interrupted: closing searches and removing the partial archive. ");
    session.expect("A second Ctrl-C exits at once and leaves searches open until they expire.\r\n");
    session.signal(Signal::TERM);
    session
        .expect("error:")
        .expect("terminated during the cleanup: searches that are still open expire by themselves");
    drop((release, closed));
    let ended = session.wait();
    assert_eq!(ended.code, 143, "{}", ended.screen);
    ended.assert_restored();
    let (_, after) = ended.screen.split_once("Interrupted: ").unwrap();
    assert!(!after.contains("Reading input documents"), "{after:?}");
    assert_eq!(files(binary.directory()), Vec::<String>::new());
}
