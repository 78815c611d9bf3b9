//! The library run in this process as the binary runs it, with time, signals and streams of the test's.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esml_state::cli;
use esml_state::cluster::{Clock, Moment};
use esml_state::commands::{Stop, Surroundings};
use esml_state::error::ExitCode;
use esml_state::terminal::Streams;
use tokio::sync::watch;

use super::binary::Run;

/// Time that passes in pauses, at once, and where the test lets it pass.
#[derive(Debug)]
pub struct TestClock(watch::Sender<Duration>);

impl TestClock {
    pub fn new() -> Self {
        Self(watch::Sender::new(Duration::ZERO))
    }

    /// Lets time pass: whoever waited for so long is called.
    pub fn pass(&self, time: Duration) {
        self.0.send_modify(|now| *now += time);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        *self.0.borrow()
    }

    fn pause(&self, time: Duration) -> Moment<'_> {
        self.pass(time);
        Box::pin(tokio::task::yield_now())
    }

    fn limit(&self, time: Duration) -> Moment<'_> {
        let until = self.now() + time;
        let mut changes = self.0.subscribe();
        Box::pin(async move {
            let _ = changes.wait_for(|now| *now >= until).await;
        })
    }
}

/// One run to be.
pub struct InProcess {
    pub clock: Arc<TestClock>,
    stop: watch::Sender<Option<ExitCode>>,
}

impl InProcess {
    pub fn new() -> Self {
        Self {
            clock: Arc::new(TestClock::new()),
            stop: watch::Sender::new(None),
        }
    }

    /// What a hook calls to interrupt the run.
    pub fn interrupter(&self) -> impl Fn(ExitCode) + Send + Sync + 'static {
        let stop = self.stop.clone();
        move |code| {
            stop.send_replace(Some(code));
        }
    }

    /// Runs to the end.
    pub fn run(&self, args: &[&str]) -> Run {
        let (stdout, stderr) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let surroundings = Surroundings {
            streams: Streams::Given {
                stdout: stdout.clone(),
                stderr: stderr.clone(),
            },
            stop: Stop::Told(self.stop.subscribe()),
            clock: self.clock.clone(),
        };
        let line = std::iter::once("esml-state").chain(args.iter().copied());
        let code = cli::run_in(&surroundings, line.map(OsString::from));
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).expect("text");
        Run {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            code: i32::from(code),
            stdout: text(&stdout),
            stderr: text(&stderr),
        }
    }
}
