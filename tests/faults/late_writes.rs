//! Writes that the cluster carries out after the tool has stopped waiting for the response.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::fixture::{Port, target};
use super::import::{self, baseline};
use crate::support::cluster::faults::{Action, FaultRule};
use crate::support::in_process::InProcess;

/// The write completes while the tool checks for it, before the rollback.
#[test]
fn timed_out_write_does_not_take_effect_after_the_rollback() {
    let writes = baseline()
        .requests
        .iter()
        .filter(|request| request.path.ends_with("/_bulk"));
    for request in writes {
        let (cluster, own, permits) = (target(Port::Plain), InProcess::new(), Arc::new(Semaphore::new(0)));
        let (clock, granted) = (Arc::clone(&own.clock), Arc::clone(&permits));
        let faults = cluster.stand_in.faults();
        let late = super::scenario::rule_for(request).run(move |_| clock.advance(Duration::from_secs(121)));
        faults.add(late.then(Action::CarryOutLater(Arc::clone(&permits))));
        faults.add(
            super::scenario::rule_for(request)
                .always()
                .then(Action::status(500, "{}")),
        );
        faults.add(
            FaultRule::on("GET", "/_tasks")
                .nth(2)
                .run(move |_| granted.add_permits(1)),
        );
        let run = import::run(&cluster, &own);
        assert_eq!(run.code, 1, "{request:?}: {}", run.stderr);
        assert_eq!(faults.fired()[2], 1, "{request:?}: the tool did not look");
        permits.add_permits(1);
        import::check_cluster(&cluster, &run).unwrap_or_else(|why| panic!("{request:?}: {why}\n{}", run.stderr));
    }
}

/// The time limit of a rollback begins after the wait for abandoned requests, which may take longer with `--timeout`.
#[test]
fn wait_for_a_late_write_does_not_shorten_the_rollback() {
    const MINUTE: Duration = Duration::from_secs(60);
    let mut writes = baseline().requests.iter();
    let request = writes.find(|request| request.path.ends_with("/_bulk")).unwrap();
    let (cluster, own, permits) = (target(Port::Plain), InProcess::new(), Arc::new(Semaphore::new(0)));
    let (clock, later, granted) = (Arc::clone(&own.clock), Arc::clone(&own.clock), Arc::clone(&permits));
    let faults = cluster.stand_in.faults();
    let late = super::scenario::rule_for(request).run(move |_| clock.advance(31 * MINUTE));
    faults.add(late.then(Action::CarryOutLater(permits)));
    let refused = super::scenario::rule_for(request).always();
    faults.add(refused.then(Action::status(500, "{}")));
    faults.add(FaultRule::on("GET", "/_tasks").run(move |_| {
        later.advance(15 * MINUTE);
        granted.add_permits(1);
    }));
    let run = import::run_with(&cluster, &own, &["--timeout", "30m"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert_eq!(faults.fired()[2], 1, "{}", run.stderr);
    import::check_cluster(&cluster, &run).unwrap_or_else(|why| panic!("{why}\n{}", run.stderr));
}
