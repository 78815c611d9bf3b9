//! Ctrl-C, SIGTERM and SIGHUP at each request.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{assert_no_open_contexts, cluster, files};
use crate::support::binary::Binary;
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::exhaustive;
use crate::support::fixtures::Fixture;
use crate::support::signals::{Signal, SignalTarget};
use crate::support::test_cluster::TestCluster;

const JOB: &str = "log-categories";
const EXIT_TIMEOUT: Duration = Duration::from_secs(1);

fn run(cluster: &TestCluster, binary: &Binary, target: &SignalTarget, pagination: &str) -> std::process::Output {
    let url = cluster.stand_in.url();
    let args = [
        "export",
        "--job-id",
        JOB,
        "--yes",
        "--include-inputs",
        "--page-size",
        "80",
        "--slices",
        "1",
        "--pagination",
        pagination,
        "--url",
        &url,
    ];
    target.run(binary.command(args))
}

/// Interrupts an export at the request with this number; `false` if there are fewer requests.
fn interrupt_at(cluster: &TestCluster, number: usize, signal: Signal, code: i32, pagination: &str) -> bool {
    let target = SignalTarget::default();
    let asked = Arc::new(Mutex::new(None));
    let (hooked, recorded) = (target.clone(), Arc::clone(&asked));
    let faults = cluster.stand_in.faults();
    faults.clear();
    let hook = FaultRule::when(|_| true).nth(number).run(move |call| {
        *recorded.lock().unwrap() = Some(format!("{} {}", call.method, call.uri()));
        hooked.signal(signal);
        hooked.wait(EXIT_TIMEOUT);
    });
    let hook = hook.then(Action::Close);
    faults.add(hook);
    let binary = Binary::new();
    let output = run(cluster, &binary, &target, pagination);
    let Some(at) = asked.lock().unwrap().clone() else {
        assert_eq!(output.status.code(), Some(0));
        return false;
    };
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "request {number} {at}: {stderr}");
    assert!(output.stdout.is_empty(), "request {number} {at}");
    assert_eq!(files(binary.directory()), Vec::<String>::new(), "request {number} {at}");
    true
}

/// Starts with the request `first`. A sample has every third request.
fn interrupt_at_every_request(signal: Signal, code: i32, pagination: &str, first: usize) {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let (mut number, step) = if exhaustive() { (1, 1) } else { (first, 3) };
    while interrupt_at(&cluster, number, signal, code, pagination) {
        number += step;
    }
    assert!(number > 20, "only {number} requests");
}

#[test]
fn ctrl_c_at_any_request_leaves_no_file() {
    interrupt_at_every_request(Signal::INT, 130, "pit", 1);
}

#[test]
fn sigterm_at_any_request_leaves_no_file() {
    interrupt_at_every_request(Signal::TERM, 143, "scroll", 2);
}

#[test]
fn sighup_at_any_request_leaves_no_file() {
    interrupt_at_every_request(Signal::HUP, 129, "pit", 3);
}

/// With `nohup`, a program continues after its terminal was closed.
#[cfg(target_os = "linux")]
#[test]
fn ignored_sighup_does_not_stop_the_export() {
    let (cluster, binary, target) = (
        cluster(&Fixture::load(JOB).with_small_state()),
        Binary::new(),
        SignalTarget::default(),
    );
    let hooked = target.clone();
    let hang_up = FaultRule::when(|_| true)
        .nth(5)
        .run(move |_| hooked.signal(Signal::HUP));
    cluster.stand_in.faults().add(hang_up);
    let url = cluster.stand_in.url();
    let command = binary.command(["export", "--job-id", JOB, "--yes", "--url", &url]);
    let mut ignoring = std::process::Command::new("sh");
    ignoring.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]);
    ignoring.arg(command.get_program()).args(command.get_args());
    ignoring.current_dir(binary.directory());
    assert_eq!(target.run(ignoring).status.code(), Some(0));
    assert_eq!(cluster.stand_in.faults().fired(), [1]);
}

/// The system and the shell may both send the signal.
#[test]
fn second_sighup_does_not_stop_the_cleanup() {
    let (cluster, binary, target) = (
        cluster(&Fixture::load(JOB).with_small_state()),
        Binary::new(),
        SignalTarget::default(),
    );
    let (first, second) = (target.clone(), target.clone());
    let faults = cluster.stand_in.faults();
    faults.add(FaultRule::when(|call| call.path == "/_search").nth(3).run(move |_| {
        first.interrupt(Signal::HUP, "The terminal was closed");
    }));
    faults.add(
        FaultRule::on("DELETE", "/_pit")
            .nth(2)
            .run(move |_| second.signal(Signal::HUP)),
    );
    let output = run(&cluster, &binary, &target, "pit");
    assert_eq!(output.status.code(), Some(129));
    assert_eq!(files(binary.directory()), Vec::<String>::new());
    assert_no_open_contexts(&cluster);
}

#[test]
fn interrupted_export_closes_its_search_contexts() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    for pagination in ["pit", "scroll"] {
        let path = if pagination == "pit" {
            "/_search"
        } else {
            "/_search/scroll"
        };
        for nth in 1.. {
            let target = SignalTarget::default();
            let hooked = target.clone();
            let faults = cluster.stand_in.faults();
            faults.clear();
            let fault = FaultRule::when(move |call| call.method == "POST" && call.path == path).nth(nth);
            faults.add(fault.run(move |_| {
                hooked.signal(Signal::INT);
                hooked.wait(EXIT_TIMEOUT);
            }));
            let binary = Binary::new();
            let output = run(&cluster, &binary, &target, pagination);
            if faults.fired() == [0] {
                assert!(nth > 6, "only {nth} pages of {pagination}");
                break;
            }
            assert_eq!(output.status.code(), Some(130), "{pagination} {nth}");
            assert_eq!(files(binary.directory()), Vec::<String>::new());
            assert_no_open_contexts(&cluster);
        }
    }
}

#[test]
fn second_signal_skips_the_cleanup() {
    let cluster = cluster(&Fixture::load(JOB).with_small_state());
    let target = SignalTarget::default();
    let (first, second) = (target.clone(), target.clone());
    let ended = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&ended);
    let faults = cluster.stand_in.faults();
    faults.add(FaultRule::when(|call| call.path == "/_search").nth(3).run(move |_| {
        first.signal(Signal::INT);
        first.wait(EXIT_TIMEOUT);
    }));
    // Without a second signal, closing contexts would wait longer for this response.
    faults.add(FaultRule::on("DELETE", "/_pit").nth(2).always().run(move |_| {
        second.signal(Signal::TERM);
        seen.store(second.wait(EXIT_TIMEOUT), Ordering::SeqCst);
    }));
    let binary = Binary::new();
    let output = run(&cluster, &binary, &target, "pit");
    assert_eq!(output.status.code(), Some(143));
    assert_eq!(files(binary.directory()), Vec::<String>::new());
    // The hook runs last.
    for _ in 0..100 {
        if ended.load(Ordering::SeqCst) {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("the second signal was waited for");
}
