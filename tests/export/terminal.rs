//! Questions: which data is exported to which file, and the job.

use super::many::jobs;
use super::{cluster, files, version};
use crate::support::binary::Binary;
use crate::support::cluster::faults::FaultRule;
use crate::support::fixtures::Fixture;
use crate::support::pseudo_terminal::TerminalSession;
use crate::support::signals::Signal;
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";
/// The beginning of the question that every export asks.
const QUESTION: &str = "Export job log-categories with";

fn start(cluster: &TestCluster, binary: &Binary, more: &[&str]) -> TerminalSession {
    let url = cluster.stand_in.url();
    let mut args = vec!["export", "--url", &url];
    args.extend(more);
    TerminalSession::start(binary.command(args))
}

#[test]
fn personal_data_requires_confirmation() {
    let cluster = cluster(&Fixture::load(JOB));
    let binary = Binary::new();
    let mut session = start(&cluster, &binary, &["--job-id", JOB]);
    session
        .expect("will contain values of your data")
        .expect("Export job log-categories without input documents to log-categories_state.tar.gz?")
        .send_keys("y");
    let ended = session.wait();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "log-categories_state.tar.gz\n"),
        "{}",
        ended.screen
    );
    assert_eq!(files(binary.directory()), ["log-categories_state.tar.gz"]);
}

#[test]
fn quiet_shows_what_is_confirmed() {
    let cluster = cluster(&Fixture::load(JOB));
    let binary = Binary::new();
    let mut session = start(&cluster, &binary, &["--job-id", JOB, "--include-inputs", "-q"]);
    session
        .expect("will contain values of your data")
        .expect("No date range set: all ")
        .expect("Export job log-categories with 200 input documents (fields @timestamp, message, service) to ")
        .send_keys("y");
    let ended = session.wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert!(
        ended.last_line().contains("log-categories_state.tar.gz?"),
        "{}",
        ended.screen
    );
}

#[test]
fn question_that_does_not_fit_is_not_repeated() {
    let (cluster, binary) = (cluster(&Fixture::load(JOB)), Binary::new());
    let url = cluster.stand_in.url();
    let command = binary.command(["export", "--url", &url, JOB]);
    let mut session = TerminalSession::start_with_columns(command, 80);
    session
        .expect("Export job log-categories")
        .expect("Confirm")
        .send_keys("y");
    let ended = session.wait();
    assert_eq!(ended.code, 0, "{}", ended.screen);
    assert_eq!(
        ended.screen.matches("Export job log-categories").count(),
        1,
        "{}",
        ended.screen
    );
}

#[test]
fn answering_no_or_enter_declines() {
    let cluster = cluster(&Fixture::load(JOB));
    for answer in ["n", "\r"] {
        let binary = Binary::new();
        let mut session = start(&cluster, &binary, &["--job-id", JOB]);
        session.expect(QUESTION).send_keys(answer);
        let ended = session.wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.screen);
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
}

#[test]
fn unlimited_input_range_requires_confirmation() {
    let cluster = cluster(&Fixture::load(JOB));
    let binary = Binary::new();
    let mut session = start(
        &cluster,
        &binary,
        &["--job-id", JOB, "--include-inputs", "--inputs-after-date", "2024-01-01"],
    );
    session
        .expect("No end date set: all 200 input documents (about ")
        .expect(QUESTION)
        .send_keys("n");
    let ended = session.wait();
    assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.screen);
    assert_eq!(files(binary.directory()), Vec::<String>::new());
    let closed = [
        "--inputs-after-date",
        "2024-01-01",
        "--inputs-before-date",
        "2025-01-01",
    ];
    let mut args = vec!["--job-id", JOB, "--include-inputs"];
    args.extend(closed);
    let mut session = start(&cluster, &binary, &args);
    session.expect(QUESTION).send_keys("y");
    let ended = session.wait();
    assert_eq!(ended.code, 0);
    assert!(!ended.screen.contains("date set"), "{}", ended.screen);
}

#[test]
fn one_question_is_asked_about_several_jobs() {
    let cluster = jobs(3);
    for (more, stated) in [
        (&[][..], "Export 3 jobs without input documents to archives?"),
        (
            &["--include-inputs"],
            "No date range set: all 600 input documents (about ",
        ),
        (
            &["--include-inputs"],
            "Export 3 jobs with 600 input documents (fields @timestamp, message, service) to ",
        ),
        (
            &[
                "--include-results",
                "--include-inputs",
                "--inputs-after-date=2024-01-01",
                "--inputs-before-date=2025-01-01",
            ],
            "Export 3 jobs with results and input documents to archives?",
        ),
    ] {
        for (answer, code, archives) in [("n", 3, 0), ("y", 0, 3)] {
            let binary = Binary::new();
            let arguments = ["--all", "--output-dir", "archives"];
            let mut session = start(&cluster, &binary, &[&arguments[..], more].concat());
            session.expect("The archives of 3 jobs will contain values of your data");
            session.expect(stated).expect("(y/n)").send_keys(answer);
            let ended = session.wait();
            assert_eq!(
                (ended.code, ended.stdout.lines().count()),
                (code, archives),
                "{}",
                ended.screen
            );
            assert_eq!(ended.screen.matches("(y/n)").count(), 1, "{}", ended.screen);
            assert_eq!(binary.path("archives").exists(), code == 0);
        }
    }
}

#[test]
fn job_is_selected_from_a_searchable_list() {
    let cluster = cluster(&Fixture::load("web-latency"));
    cluster.seed(&Fixture::load(JOB));
    let binary = Binary::new();
    let mut session = start(&cluster, &binary, &["--yes"]);
    session.expect("Job to export").expect("web-latency");
    session.send_keys("categ").expect("categ").send_keys("\r");
    let ended = session.wait();
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (0, "log-categories_state.tar.gz\n"),
        "{}",
        ended.screen
    );
    for shown in ["web, slo", "closed", "2026-11-23T11:20Z"] {
        assert!(ended.screen.contains(shown), "{shown}: {}", ended.screen);
    }
    let mut session = start(&cluster, &binary, &["--yes"]);
    session.expect("Job to export").send_keys("\u{1b}");
    let ended = session.wait();
    assert_eq!(ended.code, 3, "{}", ended.screen);
    assert!(ended.screen.contains("or name it: `esml-state export JOB`"));
}

#[test]
fn cluster_without_jobs_is_an_error() {
    let cluster = TestCluster::new(version());
    let ended = start(&cluster, &Binary::new(), &["--yes"]).wait();
    assert_eq!(ended.code, 1, "{}", ended.screen);
    assert!(ended.screen.contains("no anomaly detection jobs"));
}

#[test]
fn progress_bars_need_a_capable_terminal_and_no_quiet() {
    let cluster = cluster(&Fixture::load(JOB));
    let binary = Binary::new();
    // A slow request, because a bar appears after a delay.
    let slow = FaultRule::on("GET", "/_ml/filters").run(|_| ());
    cluster.stand_in.faults().add(slow);
    let ended = start(&cluster, &binary, &["--job-id", JOB, "--yes", "-q", "--overwrite"]).wait();
    assert_eq!((ended.code, ended.screen.as_str()), (0, ""));
    let dumb = Binary::new().with_env("NO_COLOR", "1");
    let ended = start(&cluster, &dumb, &["--job-id", JOB, "--yes", "--overwrite"]).wait();
    assert_eq!(ended.code, 0);
    assert!(!ended.screen.contains("\u{1b}[3"), "no color: {:?}", ended.screen);
}

#[test]
fn archive_is_not_written_to_a_terminal() {
    let cluster = TestCluster::new(version());
    let binary = Binary::new();
    let url = cluster.stand_in.url();
    let mut command = binary.command(["export", "--job-id", JOB, "--yes", "-o", "-", "--url", &url]);
    command.env("TERM", "xterm");
    let ended = TerminalSession::start_with_stdout(command).wait();
    assert_eq!(ended.code, 2, "{}", ended.screen);
    assert!(ended.screen.contains("cannot write an archive to a terminal"));
    assert!(cluster.stand_in.requests().is_empty());
}

#[test]
fn signal_during_a_prompt_ends_the_program() {
    let cluster = cluster(&Fixture::load(JOB));
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let binary = Binary::new();
        let mut session = start(&cluster, &binary, &["--job-id", JOB]);
        session.expect(QUESTION).expect_no_echo().signal(signal);
        let ended = session.wait();
        assert_eq!((ended.code, ended.stdout.as_str()), (code, ""), "{}", ended.screen);
        ended.assert_restored();
        assert_eq!(files(binary.directory()), Vec::<String>::new());
    }
}
