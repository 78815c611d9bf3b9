//! Measures a run of a program: time, memory and processor time.

use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How often the operating system is queried. The peak is recorded by the system, so only changes after the last query
/// are missed.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// The cost of a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Measurement {
    pub seconds: f64,
    /// The peak resident set in KiB; 0 if the system does not report it.
    pub peak: u64,
    /// The processor time in seconds, user and system.
    pub processor: f64,
}

/// Runs a program, which must succeed.
pub fn run(command: &mut Command) -> Measurement {
    watch(command.stdin(Stdio::null()).stderr(Stdio::inherit()), b"")
}

/// Runs a program with these answers on its stdin. Its output is ignored.
pub fn run_with(command: &mut Command, answers: &[u8]) -> Measurement {
    watch(command.stdin(Stdio::piped()).stderr(Stdio::null()), answers)
}

fn watch(command: &mut Command, answers: &[u8]) -> Measurement {
    let started = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().expect("the program starts");
    if let Some(mut input) = child.stdin.take() {
        input.write_all(answers).expect("the program reads its answers");
    }
    let (peak, ticks, over) = (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false));
    let id = child.id();
    let (status, seconds) = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                peak.fetch_max(resident_peak(id).unwrap_or(0), Ordering::Relaxed);
                ticks.fetch_max(processor_ticks(id).unwrap_or(0), Ordering::Relaxed);
                thread::sleep(POLL_INTERVAL);
            }
        });
        let status = child.wait().expect("an end");
        let seconds = started.elapsed().as_secs_f64();
        over.store(true, Ordering::Relaxed);
        (status, seconds)
    });
    assert!(status.success(), "{command:?}: {status}");
    Measurement {
        seconds,
        peak: peak.into_inner(),
        processor: ticks.into_inner() as f64 / 100.0,
    }
}

fn resident_peak(id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn processor_ticks(id: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}
