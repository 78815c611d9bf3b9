//! What export and import share: a cluster that has said who it is, and a terminal that hears of waiting.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::cluster::{self, Cluster, ConnectOptions, Flavour, Missing, Observer, Wait, Wanted};
use crate::commands::RunContext;
use crate::error::{Error, Result};
use crate::terminal::{Stage, Terminal};

/// Tells the terminal when a request waits, beside the bar of the stage that is under way.
#[derive(Debug)]
pub(super) struct RetryReporter {
    terminal: Terminal,
    stage: Mutex<Option<Stage>>,
}

impl RetryReporter {
    /// The stage that waiting is told beside; `None` between stages.
    pub(super) fn follow(&self, stage: Option<Stage>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }
}

impl Observer for RetryReporter {
    fn waiting(&self, wait: &Wait<'_>) {
        let text = format!(
            "waiting {:.1} s before try {}: {}",
            wait.pause.as_secs_f32(),
            wait.attempt,
            wait.error
        );
        match &*self.stage.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(stage) => stage.note(&text),
            None => self.terminal.say(&text),
        }
    }

    fn answered(&self, what: &str, status: u16, elapsed: Duration) {
        self.terminal
            .trace(&format!("{what}: {status} in {} ms", elapsed.as_millis()));
    }
}

/// Connects, warns where certificates are not checked, and says who answered. Even this takes a privilege (`monitor`):
/// a user without it learns of all that are missing of `wanted`, not of one after the other.
pub(super) async fn connect(
    options: &ConnectOptions,
    wanted: &Wanted,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<(Cluster, Arc<RetryReporter>)> {
    if !options.verify_certificates {
        terminal.warn(
            "certificates are not verified (--ignore-certs): anyone on the way can read the credential and change \
             the data",
        );
    }
    let reporter = Arc::new(RetryReporter {
        terminal: terminal.clone(),
        stage: Mutex::new(None),
    });
    let connected = Cluster::connect(options.clone(), reporter.clone(), context.clock.clone()).await;
    let cluster = match connected {
        Err(error @ cluster::Error::Forbidden { .. }) => {
            let clock = context.clock.clone();
            let asked = Cluster::missing_privileges_at(options, reporter, clock, wanted).await;
            // Whatever keeps the cluster from answering this, the first refusal is known.
            refuse_missing(asked.ok().flatten())?;
            return Err(error.into());
        }
        connected => connected?,
    };
    if cluster.flavour() == Flavour::Stack && !cluster.version().is_tested() {
        terminal.warn(&format!(
            "esml-state is not tested with Elasticsearch {}; it supports 7.17, 8.x and 9.x",
            cluster.version()
        ));
    }
    terminal.detail(&format!(
        "connected to {}, Elasticsearch {}",
        cluster.address(),
        cluster.version()
    ));
    Ok((cluster, reporter))
}

/// Fails, naming every privilege that the user lacks, before anything is read or written.
pub(super) async fn require_privileges(cluster: &Cluster, wanted: &Wanted) -> Result<()> {
    refuse_missing(cluster.missing_privileges(wanted).await?)
}

fn refuse_missing(missing: Option<Vec<Missing>>) -> Result<()> {
    let missing = missing.unwrap_or_default();
    if missing.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = missing.iter().map(describe).collect();
    Err(Error::Failed {
        message: format!("the user is missing privileges: {}", list.join(", ")),
        hint: Some(
            "docs/privileges.md contains a sufficient role, to be created with PUT _security/role/<name>".into(),
        ),
    })
}

fn describe(missing: &Missing) -> String {
    match &missing.index {
        Some(index) => format!("`{}` on {index}", missing.privilege),
        None => format!("`{}` on the cluster", missing.privilege),
    }
}
