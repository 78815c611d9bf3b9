//! Runs the library in this process like the binary, with time, signals and streams controlled by the test.

use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esml_state::cli;
use esml_state::cluster::{Clock, Moment};
use esml_state::commands::{RunContext, StopSource};
use esml_state::error::ExitCode;
use esml_state::terminal::Streams;
use tokio::sync::watch;

use super::binary::Run;

/// A clock on which pauses end at once, and which the test can advance.
pub struct TestClock {
    now: watch::Sender<Duration>,
    pause_hook: Mutex<Option<Box<dyn Fn() + Send>>>,
}

impl std::fmt::Debug for TestClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TestClock").field(&*self.now.borrow()).finish()
    }
}

impl TestClock {
    pub fn new() -> Self {
        Self {
            now: watch::Sender::new(Duration::ZERO),
            pause_hook: Mutex::default(),
        }
    }

    /// Calls this function at the start of every pause.
    pub fn on_pause(&self, run: impl Fn() + Send + 'static) {
        *self.pause_hook.lock().unwrap() = Some(Box::new(run));
    }

    /// Advances the time and ends waits that are due.
    pub fn advance(&self, time: Duration) {
        self.now.send_modify(|now| *now += time);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Duration {
        *self.now.borrow()
    }

    fn pause(&self, time: Duration) -> Moment<'_> {
        if let Some(run) = &*self.pause_hook.lock().unwrap() {
            run();
        }
        self.advance(time);
        Box::pin(tokio::task::yield_now())
    }

    fn limit(&self, time: Duration) -> Moment<'_> {
        let until = self.now() + time;
        let mut changes = self.now.subscribe();
        Box::pin(async move {
            let _ = changes.wait_for(|now| *now >= until).await;
        })
    }
}

/// A run that is being prepared.
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

    /// Returns a function that interrupts the run, for hooks.
    pub fn interrupter(&self) -> impl Fn(ExitCode) + Send + Sync + 'static {
        let stop = self.stop.clone();
        move |code| {
            stop.send_replace(Some(code));
        }
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Run {
        let (stdout, stderr) = (Arc::<Mutex<Vec<u8>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let context = RunContext {
            streams: Streams::Given {
                stdout: stdout.clone(),
                stderr: stderr.clone(),
            },
            stop: StopSource::Requested(self.stop.subscribe()),
            clock: self.clock.clone(),
            ..RunContext::of_process()
        };
        let line = std::iter::once("esml-state").chain(args.iter().copied());
        let code = cli::run_in(&context, line.map(OsString::from));
        let text = |bytes: &Mutex<Vec<u8>>| String::from_utf8(bytes.lock().unwrap().clone()).expect("text");
        Run {
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            code: i32::from(code),
            stdout: text(&stdout),
            stderr: text(&stderr),
        }
    }
}
