//! Another user deletes the job while documents are written. Elasticsearch removes its configuration and its aliases
//! last, so documents that are written in the meantime remain.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::cluster_state::ClusterState;
use super::ownership::{DETECTOR, import};
use super::{JOB, target};
use crate::support::cluster::faults::FaultRule;
use crate::support::{exhaustive, sample_step};

/// Deletes the documents of the job immediately before the nth request after its creation, and everything else `later`
/// requests after that.
fn import_while_job_is_deleted(nth: usize, later: usize) -> bool {
    let cluster = target(1, usize::MAX);
    let before = ClusterState::of(&cluster);
    let (ml, direct) = (cluster.ml.clone(), cluster.stand_in.direct());
    let (seen, created) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let held = Arc::new(std::sync::Mutex::new(None));
    let deletion = Arc::clone(&held);
    let every = FaultRule::when(|_| true).always().run(move |call| {
        if call.method == "PUT" && call.path == DETECTOR {
            created.store(1, Ordering::SeqCst);
        }
        if created.load(Ordering::SeqCst) == 0 {
            return;
        }
        let number = seen.fetch_add(1, Ordering::SeqCst);
        let mut deletion = deletion.lock().unwrap();
        if number == nth {
            let (held, direct) = (ml.pause_next_deletion(), direct.clone());
            let thread = std::thread::spawn(move || direct.call("DELETE", DETECTOR, ""));
            held.reached();
            *deletion = Some((held, Some(thread)));
        } else if number == nth + later
            && let Some((held, thread)) = deletion.as_mut()
        {
            held.end();
            thread.take().unwrap().join().unwrap();
        }
    });
    cluster.stand_in.faults().add(every);
    let run = import(&cluster, &["--json"]);
    cluster.stand_in.faults().clear();
    // If the job is deleted after the import, only what such a deletion leaves remains.
    if held.lock().unwrap().as_ref().is_none_or(|(_, thread)| thread.is_some()) || run.code == 0 {
        if let Some((held, thread)) = held.lock().unwrap().as_mut() {
            held.end();
            thread.take().map(|thread| thread.join().unwrap());
        }
        return false;
    }
    let name = format!("{nth}, {later} later, exit {}: {}", run.code, run.stderr);
    assert!([1, 5].contains(&run.code), "{name}");
    assert!(cluster.ml.job_config(JOB).is_none(), "{name}");
    ClusterState::of(&cluster).assert_unchanged(&before, &name);
    cluster.call("POST", "/.ml-*/_refresh?expand_wildcards=all", "");
    // The next import is not refused because of what the first one left.
    import(&cluster, &[]).expect(0);
    true
}

#[test]
fn job_deleted_while_documents_are_written_leaves_nothing() {
    const LATER: [usize; 3] = [1, 2, 5];
    for pass in 0..if exhaustive() { 3 } else { 1 } {
        let mut noticed = 0;
        for nth in (1..60).step_by(sample_step(4)) {
            match import_while_job_is_deleted(nth, LATER[(pass + nth) % 3]) {
                true => noticed += 1,
                false if nth >= 30 => break,
                false => {}
            }
        }
        assert!(noticed > 25 / sample_step(4), "{noticed}");
    }
}
