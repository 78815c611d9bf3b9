//! The context of a run (streams, signals, clock, environment), and the session of a command that connects to a cluster:
//! the client, and the terminal that reports its retries.

use std::collections::HashMap;
use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::cluster::{self, Clock, Cluster, ConnectOptions, Credential, HttpClient, Observer};
use crate::cluster::{RequiredPrivileges, SystemClock};
use crate::commands::question;
use crate::error::{Error, ExitCode, Result};
use crate::terminal::{Stage, Streams, Terminal};
use crate::util::format::count;

/// The environment of a run: that of the process, or a separate one if several runs share a process.
#[derive(Debug)]
pub struct RunContext {
    /// Standard output and standard error.
    pub streams: Streams,
    /// What interrupts the run.
    pub stop: StopSource,
    /// The clock for timeouts and delays.
    pub clock: Arc<dyn Clock>,
    /// The environment variables.
    pub environment: Environment,
}

/// Environment variables by name.
pub type Environment = HashMap<OsString, OsString>;

/// What can interrupt a run.
#[derive(Clone, Debug)]
pub enum StopSource {
    /// Ctrl-C, SIGTERM and SIGHUP. The second signal ends the process.
    Signals,
    /// The sender of this channel, with the exit code of the run.
    Requested(watch::Receiver<Option<ExitCode>>),
}

impl RunContext {
    /// The streams, signals and environment of the process, and the system clock.
    pub fn of_process() -> Self {
        Self {
            streams: Streams::Standard,
            stop: StopSource::Signals,
            clock: Arc::new(SystemClock::start()),
            environment: std::env::vars_os().collect(),
        }
    }
}

/// Reports retries next to the progress of the current stage.
impl Observer for Terminal {
    fn waiting(&self, error: &cluster::Error, pause: Duration, attempt: u32) {
        let text = format!("retrying in {:.1} s (attempt {attempt}): {error}", pause.as_secs_f32());
        self.note(&text, pause);
    }

    fn answered(&self, what: &str, status: u16, elapsed: Duration) {
        self.trace(&format!("{what}: {status} in {} ms", elapsed.as_millis()));
    }
}

/// A connected client and the terminal.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) cluster: Cluster,
    pub(super) terminal: Terminal,
}

impl Session {
    /// Connects, and warns about certificates that are not verified and untested versions. If the cluster requires a
    /// credential and none was given, asks for it on a terminal. Connecting requires the cluster privilege `monitor`; if it
    /// is missing, the error lists all missing privileges of `required`.
    pub(super) async fn connect(
        options: &ConnectOptions,
        required: &RequiredPrivileges,
        context: &RunContext,
        terminal: &Terminal,
    ) -> Result<Self> {
        if !options.verify_certificates {
            terminal.warn(
                "the credential and the data can be read and changed in transit: certificates are not verified \
                 (--ignore-certs)",
            );
        }
        let observer = Arc::new(terminal.clone());
        let connect = async |options: &ConnectOptions| {
            let http = Arc::new(HttpClient::new(options, observer.clone(), context.clock.clone())?);
            let _stage = terminal.stage(&format!("Connecting to {}", http.options.address), count, None);
            Ok::<_, Error>((Cluster::connect(Arc::clone(&http)).await, http))
        };
        let (mut connected, mut http) = connect(options).await?;
        if matches!(connected, Err(cluster::Error::NoCredentials { .. })) && terminal.interactive() {
            let options = ask_for_credential(options.clone(), terminal).await?;
            (connected, http) = connect(&options).await?;
        }
        let cluster = match connected {
            Err(error @ cluster::Error::Forbidden { .. }) => {
                // If the privileges cannot be read either, the first error is returned.
                refuse_missing(required.missing(&http).await.ok().flatten(), required)?;
                return Err(error.into());
            }
            connected => connected?,
        };
        let version = cluster.identity.version;
        if !cluster.identity.serverless && !version.is_tested() {
            terminal.warn(&format!(
                "esml-state is untested with Elasticsearch {version}; supported versions are 7.17, 8.x and 9.x"
            ));
        }
        terminal.detail(&format!("connected to {}, Elasticsearch {version}", cluster.address()));
        let terminal = terminal.clone();
        Ok(Self { cluster, terminal })
    }

    /// Fails on Elastic Cloud Serverless; `what` is what the command does with a cluster.
    pub(super) fn refuse_serverless(&self, what: &str) -> Result<()> {
        match self.cluster.identity.serverless {
            false => Ok(()),
            true => Err(Error::failed(
                "Elastic Cloud Serverless does not provide model snapshots",
                format!("{what} a self-managed cluster or an Elastic Cloud Hosted deployment"),
            )),
        }
    }

    /// The session with another terminal.
    pub(super) fn with_terminal(&self, terminal: Terminal) -> Self {
        let cluster = self.cluster.clone();
        Self { cluster, terminal }
    }

    /// Fails with a list of all missing privileges.
    pub(super) async fn require_privileges(&self, required: &RequiredPrivileges) -> Result<()> {
        refuse_missing(required.missing(&self.cluster.http).await?, required)
    }

    /// Starts a stage that counts documents or requests.
    pub(super) fn stage(&self, title: &str, total: Option<u64>) -> Stage {
        self.terminal.stage(title, count, total)
    }
}

/// Adds a user name and password that the user enters.
async fn ask_for_credential(mut options: ConnectOptions, terminal: &Terminal) -> Result<ConnectOptions> {
    terminal.explain(&format!("{} requires a credential.", options.address));
    let credential = question::ask(terminal, |terminal| {
        let username = terminal.text("User name")?;
        let password = terminal.password(&format!("Password for {username}"))?;
        Ok(Credential::Basic { username, password })
    });
    let credential = credential.await?;
    options.secrets = options.secrets.with(&credential.secrets());
    options.credential = Some(credential);
    terminal.redact(&options.secrets);
    Ok(options)
}

fn refuse_missing(missing: Option<Vec<String>>, required: &RequiredPrivileges) -> Result<()> {
    let role = required.role();
    match missing {
        Some(missing) if !missing.is_empty() => Err(Error::failed(
            format!("the user is missing privileges: {}", missing.join(", ")),
            format!("create a role with `PUT /_security/role/esml-state {role}`, and assign it to the user"),
        )),
        _ => Ok(()),
    }
}
