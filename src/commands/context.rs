//! What a run is given from outside: streams, what stops it, how time passes, the environment.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cluster::{Clock, SystemClock};
use crate::error::ExitCode;
use crate::terminal::Streams;

/// The process' own, or others where a run is one of many in a process.
#[derive(Debug)]
pub struct RunContext {
    /// Where the result and everything else goes.
    pub streams: Streams,
    /// What stops it.
    pub stop: Stop,
    /// How time passes.
    pub clock: Arc<dyn Clock>,
    /// The environment variables.
    pub environment: Environment,
}

/// Environment variables by name.
pub type Environment = HashMap<OsString, OsString>;

/// What stops a run before its end.
#[derive(Clone, Debug)]
pub enum Stop {
    /// Ctrl-C and SIGTERM; the second of them ends the process.
    Signals,
    /// The other end of the channel, with the code that the run is to end with.
    Requested(watch::Receiver<Option<ExitCode>>),
}

impl RunContext {
    /// The process' streams, signals and environment, the machine's time.
    pub fn of_process() -> Self {
        Self {
            streams: Streams::Standard,
            stop: Stop::Signals,
            clock: Arc::new(SystemClock::start()),
            environment: std::env::vars_os().collect(),
        }
    }
}
