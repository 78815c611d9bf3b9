//! What a run is given from outside: whom it talks to, what stops it, and how time passes.

use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::{Clock, SystemClock};
use crate::error::ExitCode;
use crate::terminal::Streams;

/// The process' own, or others where a run is one of many in a process.
#[derive(Debug)]
pub struct Surroundings {
    /// Where the result and everything else goes.
    pub streams: Streams,
    /// What stops it.
    pub stop: Stop,
    /// How time passes.
    pub clock: Arc<dyn Clock>,
}

/// What stops a run before its end.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Ctrl-C and SIGTERM; the second of them ends the process.
    Signals,
    /// Whoever holds the other end, with the code that the run is to end with.
    Told(watch::Receiver<Option<ExitCode>>),
}

impl Surroundings {
    /// The process' streams and signals, the machine's time.
    pub fn of_process() -> Self {
        Self {
            streams: Streams::Standard,
            stop: Stop::Signals,
            clock: Arc::new(SystemClock::start()),
        }
    }
}
