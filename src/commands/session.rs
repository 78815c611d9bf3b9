//! What a command works with: what its run is given from outside, and, where it needs a cluster, a connected client with
//! the terminal that reports what it waits for.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::{self, Clock, Cluster, ConnectOptions, HttpClient, Observer, RequiredPrivileges, SystemClock};
use crate::error::{Error, ExitCode, Result};
use crate::terminal::{Stage, Streams, Terminal};
use crate::util::format::count;
use crate::util::process::lock;

/// The process' own, or others where a run is one of many in a process.
#[derive(Debug)]
pub struct RunContext {
    /// Where the result and everything else goes.
    pub streams: Streams,
    /// What stops it.
    pub stop: StopSource,
    /// How time passes.
    pub clock: Arc<dyn Clock>,
    /// The environment variables.
    pub environment: Environment,
}

/// Environment variables by name.
pub type Environment = HashMap<OsString, OsString>;

/// Where the request to stop a run comes from.
#[derive(Clone, Debug)]
pub enum StopSource {
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
            stop: StopSource::Signals,
            clock: Arc::new(SystemClock::start()),
            environment: std::env::vars_os().collect(),
        }
    }
}

/// Reports that a request waits, beside the bar of the current stage.
#[derive(Debug)]
struct RetryReporter {
    terminal: Terminal,
    stage: Mutex<Option<Stage>>,
}

impl RetryReporter {
    /// The stage that waiting is reported beside; `None` between stages.
    fn follow(&self, stage: Option<Stage>) {
        *lock(&self.stage) = stage;
    }
}

impl Observer for RetryReporter {
    fn waiting(&self, error: &cluster::Error, pause: Duration, attempt: u32) {
        let text = format!("waiting {:.1} s before try {attempt}: {error}", pause.as_secs_f32());
        match &*lock(&self.stage) {
            Some(stage) => stage.note(&text),
            None => self.terminal.print(&text),
        }
    }

    fn answered(&self, what: &str, status: u16, elapsed: Duration) {
        self.terminal
            .trace(&format!("{what}: {status} in {} ms", elapsed.as_millis()));
    }
}

/// A connected client, and the terminal that reports what it waits for.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) cluster: Cluster,
    pub(super) terminal: Terminal,
    retries: Arc<RetryReporter>,
}

impl Session {
    /// Connects, warns where certificates are not verified, and reports which cluster it is. Even this takes a privilege
    /// (`monitor`): a user without it is told all that are missing of `required` at once.
    pub(super) async fn connect(
        options: &ConnectOptions,
        required: &RequiredPrivileges,
        context: &RunContext,
        terminal: &Terminal,
    ) -> Result<Self> {
        if !options.verify_certificates {
            terminal.warn(
                "certificates are not verified (--ignore-certs): anyone on the way can read the credential and change \
                 the data",
            );
        }
        let retries = Arc::new(RetryReporter {
            terminal: terminal.clone(),
            stage: Mutex::new(None),
        });
        let http = Arc::new(HttpClient::new(options, retries.clone(), context.clock.clone())?);
        let cluster = match Cluster::connect(Arc::clone(&http)).await {
            Err(error @ cluster::Error::Forbidden { .. }) => {
                // Whatever keeps the cluster from answering this, the first refusal is known.
                refuse_missing(required.missing(&http).await.ok().flatten())?;
                return Err(error.into());
            }
            connected => connected?,
        };
        let version = cluster.identity.version;
        if !cluster.identity.serverless && !version.is_tested() {
            terminal.warn(&format!(
                "esml-state is not tested with Elasticsearch {version}; it supports 7.17, 8.x and 9.x"
            ));
        }
        terminal.detail(&format!("connected to {}, Elasticsearch {version}", cluster.address()));
        Ok(Self {
            cluster,
            terminal: terminal.clone(),
            retries,
        })
    }

    /// Fails, naming every privilege that the user does not have, before anything is read or written.
    pub(super) async fn require_privileges(&self, required: &RequiredPrivileges) -> Result<()> {
        refuse_missing(required.missing(&self.cluster.http).await?)
    }

    /// Starts a stage; waiting is reported beside its bar.
    pub(super) fn stage(&self, title: &str, total: Option<u64>) -> Stage {
        let stage = self.terminal.stage(title, count, total);
        self.retries.follow(Some(stage.clone()));
        stage
    }

    pub(super) fn done(&self, stage: Stage, line: &str) {
        self.leave_stage();
        stage.done(line);
    }

    /// Waiting is reported on lines of its own from now on.
    pub(super) fn leave_stage(&self) {
        self.retries.follow(None);
    }
}

fn refuse_missing(missing: Option<Vec<String>>) -> Result<()> {
    match missing {
        Some(missing) if !missing.is_empty() => Err(Error::failed(
            format!("the user is missing privileges: {}", missing.join(", ")),
            "docs/privileges.md contains a sufficient role, to be created with PUT _security/role/<name>",
        )),
        _ => Ok(()),
    }
}
