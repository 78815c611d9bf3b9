//! Runs many scenarios concurrently and collects their results.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Instant;

use super::fault_kinds::Kind;
use crate::support::binary::Run;
use crate::support::cluster::documents::InMemory;
use crate::support::cluster::stand_in::{StandIn, StandInOptions};

/// Concurrent runs: each waits much longer than it computes.
const THREADS: usize = 4;

/// The results of scenarios.
pub struct Report {
    pub scenarios: usize,
    failed: Vec<String>,
    elapsed: std::time::Duration,
}

impl Report {
    /// Fails if a scenario failed.
    #[track_caller]
    pub fn assert_no_failures(&self, what: &str) {
        println!("{what}: {} runs in {:.1} s", self.scenarios, self.elapsed.as_secs_f32());
        let failed = &self.failed;
        assert!(
            failed.is_empty(),
            "{} of {} scenarios\n{}",
            failed.len(),
            self.scenarios,
            failed.join("\n")
        );
    }
}

/// Runs all scenarios.
pub fn run_all<T: Sync>(scenarios: Vec<T>, check: impl Fn(&T) -> Result<(), String> + Sync) -> Report {
    let (next, failed, began) = (AtomicUsize::new(0), Mutex::new(Vec::new()), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(scenario) = scenarios.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(why) = check(scenario) {
                        failed.lock().unwrap().push(why);
                    }
                }
            });
        }
    });
    Report {
        scenarios: scenarios.len(),
        failed: failed.into_inner().unwrap(),
        elapsed: began.elapsed(),
    }
}

/// The host in redirects.
pub fn redirect_target() -> &'static StandIn {
    static REDIRECT_TARGET: OnceLock<StandIn> = OnceLock::new();
    REDIRECT_TARGET.get_or_init(|| StandIn::start(StandInOptions::new(std::sync::Arc::new(InMemory::new()))))
}

/// Checks that a failure reports what failed and what to do.
pub fn check_error_message(run: &Run, kind: &Kind) -> Result<(), String> {
    let stderr = &run.stderr;
    if !stderr.contains("error: ") || !stderr.contains("hint: ") {
        return Err("no error, or no hint".to_owned());
    }
    let names = kind.expected_errors.iter().any(|words| stderr.contains(words));
    // What does not exist is reported by the operation that searched for it.
    if !names && kind.name != "404" {
        return Err(format!("does not contain {:?}", kind.expected_errors));
    }
    // The key as specified, and as sent.
    for secret in ["s3cr3t", "aWQ6a2V5LXMzY3IzdA"] {
        if stderr.contains(secret) || run.stdout.contains(secret) {
            return Err("contains the key".to_owned());
        }
    }
    Ok(())
}
