//! Sends Ctrl-C and SIGTERM at a selected request.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

use super::cluster::faults::{Action, FaultRule};
use super::test_cluster::TestCluster;

/// A child process that hooks of the stand-in can signal and wait for.
#[derive(Clone, Default)]
pub struct SignalTarget(Arc<(Mutex<State>, Condvar)>);

#[derive(Default)]
struct State {
    id: Option<u32>,
    stderr: String,
    ended: bool,
}

impl SignalTarget {
    /// Runs the command to its end.
    pub fn run(&self, mut command: Command) -> Output {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        self.update(|state| state.id = Some(child.id()));
        let (mut stdout, stderr) = (
            child.stdout.take().expect("a pipe"),
            child.stderr.take().expect("a pipe"),
        );
        let reading = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            stdout.read_to_end(&mut bytes).map(|_| bytes)
        });
        for line in BufReader::new(stderr).lines() {
            let line = line.expect("text");
            self.update(|state| state.stderr += &(line + "\n"));
        }
        let status = child.wait().expect("an end");
        self.update(|state| state.ended = true);
        Output {
            status,
            stdout: reading.join().expect("no panic").expect("an end"),
            stderr: self.0.0.lock().unwrap().stderr.clone().into_bytes(),
        }
    }

    fn update(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.0.lock().unwrap());
        self.0.1.notify_all();
    }

    /// Sends a signal, and waits until the child has printed this text to stderr, or has ended. The request at which this
    /// happens is then answered after the child has noticed the signal, even on a busy machine.
    pub fn interrupt(&self, signal: Signal, text: &str) {
        self.signal(signal);
        let state = self.0.0.lock().unwrap();
        let missing = |state: &mut State| !state.ended && !state.stderr.contains(text);
        drop(self.0.1.wait_while(state, missing).unwrap());
    }

    /// Sends a signal as soon as the child runs.
    pub fn signal(&self, signal: Signal) {
        let state = self
            .0
            .1
            .wait_while(self.0.0.lock().unwrap(), |state| state.id.is_none());
        let id = state.unwrap().id.unwrap();
        let _ = kill_process(Pid::from_raw(id as i32).unwrap(), signal);
    }

    /// Returns the peak resident set of the running child in KiB.
    #[cfg(target_os = "linux")]
    pub fn peak_memory(&self) -> u64 {
        let state = self
            .0
            .1
            .wait_while(self.0.0.lock().unwrap(), |state| state.id.is_none());
        let id = state.unwrap().id.unwrap();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let number = line.and_then(|line| line.split_whitespace().next());
        number.map_or(0, |number| number.parse().unwrap())
    }

    /// Runs the command to its end, and returns its peak resident set in KiB at its last request to the cluster.
    #[cfg(target_os = "linux")]
    #[track_caller]
    pub fn peak_memory_of(cluster: &TestCluster, command: Command) -> u64 {
        let (process, peak) = (Self::default(), Arc::new(AtomicU64::new(0)));
        let (hooked, noted) = (process.clone(), Arc::clone(&peak));
        let note = move |_: &_| noted.store(hooked.peak_memory(), Ordering::SeqCst);
        let every = FaultRule::when(|_| true).always().run(note);
        cluster.stand_in.faults().add(every.then(Action::Pass));
        let output = process.run(command);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        cluster.stand_in.faults().clear();
        peak.load(Ordering::SeqCst)
    }

    /// Waits until the child has ended; false after a timeout.
    pub fn wait(&self, timeout: Duration) -> bool {
        let state = self.0.0.lock().unwrap();
        let (state, _) = self
            .0
            .1
            .wait_timeout_while(state, timeout, |state| !state.ended)
            .unwrap();
        state.ended
    }
}
