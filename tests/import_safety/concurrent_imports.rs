//! Two concurrent imports: of one job, and of two jobs that share a filter and a calendar.

use esml_state::error::ExitCode;

use super::cluster_state::ClusterState;
use super::{JOB, archive_of, options};
use crate::support::binary::{Binary, Run};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::in_process::InProcess;
use crate::support::test_cluster::TestCluster;
use crate::support::{exhaustive, sample_step};

/// Another job that uses the same filter.
const OTHER_ID_OPTIONS: [&str; 2] = ["--as", "web-latency-2"];

fn import(url: &str, more: &[&str]) -> Run {
    let shared = archive_of(JOB);
    let archive = shared.display().to_string();
    let line = ["import", &archive, "--yes", "--url", url];
    InProcess::new().run(&[&line[..], more].concat())
}

/// The cluster after an import without faults, and the number of its requests.
fn baseline(more: &[&str]) -> (ClusterState, usize) {
    let cluster = TestCluster::in_memory(options());
    import(&cluster.stand_in.url(), more).expect(0);
    (
        ClusterState::of(&cluster).comparable(),
        cluster.stand_in.requests().len(),
    )
}

/// A second import runs completely, immediately before the nth request of a first one.
#[test]
fn one_of_two_concurrent_imports_of_a_job_succeeds() {
    let (alone, requests) = baseline(&[]);
    let mut first_won = 0;
    for nth in (1..=requests).step_by(sample_step(4)) {
        let cluster = TestCluster::in_memory(options());
        let url = cluster.stand_in.url();
        let (sender, second) = std::sync::mpsc::channel();
        let other = url.clone();
        let meet = FaultRule::on("*", "")
            .nth(nth)
            .run(move |_| sender.send(import(&other, &[])).unwrap());
        cluster.stand_in.faults().add(meet);
        let first = import(&url, &[]);
        let second = second.recv().unwrap();
        let mut codes = [first.code, second.code];
        codes.sort_unstable();
        assert!(
            [[0, 1], [0, 3]].contains(&codes),
            "{nth}: {}\n{}",
            first.stderr,
            second.stderr
        );
        ClusterState::of(&cluster)
            .comparable()
            .assert_same(&alone, &format!("request {nth}"));
        first_won += usize::from(first.code == 0);
    }
    assert!((1..requests).contains(&first_won), "{first_won} of {requests}");
}

#[test]
fn two_unsynchronized_imports_end_as_one_import() {
    let (alone, _) = baseline(&[]);
    let binary = Binary::new();
    let cluster = TestCluster::in_memory(options());
    let shared = archive_of(JOB);
    let (url, archive) = (cluster.stand_in.url(), shared.display().to_string());
    let line = ["import", &archive, "--yes", "--url", &url];
    let children = [(); 2].map(|()| binary.command(line).spawn().unwrap());
    let ends = children.map(|child| child.wait_with_output().unwrap());
    let won = ends.iter().filter(|end| end.status.success()).count();
    assert_eq!(won, 1, "{ends:?}");
    ClusterState::of(&cluster)
        .comparable()
        .assert_same(&alone, "two at once");
}

/// Filter and calendar are kept for the other import's job, which uses them.
#[test]
fn rollback_keeps_resources_used_by_another_import() {
    let cluster = TestCluster::in_memory(options());
    let url = cluster.stand_in.url();
    let refuse = Action::status(400, r#"{"error":{"type":"x","reason":"no"},"status":400}"#);
    let beside = move |_: &_| {
        import(&url, &OTHER_ID_OPTIONS).expect(0);
    };
    let last = FaultRule::on("PUT", "/_ml/datafeeds/datafeed-web-latency")
        .run(beside)
        .then(refuse);
    cluster.stand_in.faults().add(last);
    let run = import(&cluster.stand_in.url(), &[]).expect(1);
    for kept in ["filter", "calendar"] {
        let line =
            |line: &&str| line.contains(&format!("  {kept} ")) && line.contains("was left in place: another job");
        assert!(run.stderr.lines().any(|text| line(&text)), "{kept}: {}", run.stderr);
    }
    ClusterState::of(&cluster)
        .comparable()
        .assert_same(&baseline(&OTHER_ID_OPTIONS).0, "the other");
}

/// The import that created a filter and a calendar removes them after another import found them.
#[test]
fn resources_removed_by_another_rollback_are_recreated() {
    for (method, path) in [("PUT", "/_ml/anomaly_detectors/"), ("PUT", "/_ml/datafeeds/")] {
        let cluster = TestCluster::in_memory(options());
        let all_that_goes_with_the_job = ["--skip-annotations", "--skip-notifications"];
        import(&cluster.stand_in.url(), &all_that_goes_with_the_job).expect(0);
        let direct = cluster.stand_in.direct();
        let take_back = move |_: &_| {
            direct.call("DELETE", "/_ml/datafeeds/datafeed-web-latency", "");
            direct.call("DELETE", "/_ml/anomaly_detectors/web-latency", "");
            for gone in ["filters", "calendars"] {
                let there = direct.call("GET", &format!("/_ml/{gone}"), "").value();
                for one in there[gone].as_array().unwrap() {
                    let id = one[format!("{}_id", gone.trim_end_matches('s'))].as_str().unwrap();
                    direct.call("DELETE", &format!("/_ml/{gone}/{id}"), "");
                }
            }
            direct.call("DELETE", "/web-latency-input", "");
        };
        cluster
            .stand_in
            .faults()
            .add(FaultRule::on(method, path).run(take_back));
        import(&cluster.stand_in.url(), &OTHER_ID_OPTIONS).expect(0);
        ClusterState::of(&cluster)
            .comparable()
            .assert_same(&baseline(&OTHER_ID_OPTIONS).0, path);
    }
}

/// How the first import ends after the second one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum FirstImportOutcome {
    Refused,
    Interrupted,
    Unspecified,
}

/// A second import replaces the job immediately before the nth request of a first one, which then fails.
#[test]
fn rollback_keeps_what_a_replacing_import_created() {
    let (alone, requests) = {
        let cluster = super::target(1, usize::MAX);
        import(&cluster.stand_in.url(), &[]).expect(0);
        (
            ClusterState::of(&cluster).comparable(),
            cluster.stand_in.requests().len(),
        )
    };
    let endings = [
        FirstImportOutcome::Refused,
        FirstImportOutcome::Interrupted,
        FirstImportOutcome::Unspecified,
    ];
    for nth in (1..=requests).step_by(sample_step(4)) {
        for ending in (0..if exhaustive() { 3 } else { 1 }).map(|pass| endings[(pass + nth) % 3]) {
            let (cluster, own) = (super::target(1, usize::MAX), InProcess::new());
            let (url, interrupt) = (cluster.stand_in.url(), own.interrupter());
            let (sender, second) = std::sync::mpsc::channel();
            let (other, faults) = (url.clone(), cluster.stand_in.faults().clone());
            let meet = FaultRule::on("*", "").nth(nth).run(move |_| {
                // Jobs are distinguished by their creation time.
                std::thread::sleep(std::time::Duration::from_millis(2));
                sender.send(import(&other, &["--replace"])).unwrap();
                match ending {
                    FirstImportOutcome::Refused => {
                        let no = r#"{"error":{"type":"x","reason":"no"},"status":400}"#;
                        faults.add(FaultRule::when(super::is_write).then(Action::status(400, no)));
                    }
                    FirstImportOutcome::Interrupted => interrupt(ExitCode::Interrupted),
                    FirstImportOutcome::Unspecified => {}
                }
            });
            cluster.stand_in.faults().add(meet);
            let shared = archive_of(JOB);
            let archive = shared.display().to_string();
            let first = own.run(&["import", &archive, "--yes", "--url", &url, "--retries", "0"]);
            let second = second.recv().unwrap();
            cluster.stand_in.faults().clear();
            let name = format!("{nth}, {ending:?}, exit {}: {}", first.code, first.stderr);
            assert_eq!(second.code, 0, "{name}\n{}", second.stderr);
            assert_ne!(first.code, 6, "{name}");
            let mut after = ClusterState::of(&cluster).comparable();
            // A request in flight adds its events to those of the second import.
            let calendar = &mut after.configurations["calendars"][0]["events"];
            let mut events: Vec<serde_json::Value> = Vec::new();
            for event in calendar.as_array().unwrap() {
                if !events.contains(event) {
                    events.push(event.clone());
                }
            }
            *calendar = events.into();
            after.assert_same(&alone, &name);
        }
    }
}
