//! An archive to a job, all or nothing.

mod apply;
mod checked;
mod documents;
mod journal;
mod meanwhile;
mod options;
mod outcome;
mod owner;
mod parts;
mod plan;
mod question;
mod rollback;
mod verify;

use std::sync::Arc;

pub use options::{ImportOptions, Skip};

use self::checked::Checked;
use self::journal::Journal;
use self::rollback::RolledBack;
use crate::archive::Archive;
use crate::cluster::{Cluster, ConnectOptions};
use crate::commands::RunContext;
use crate::commands::interrupt::Signals;
use crate::commands::session;
use crate::commands::session::RetryReporter;
use crate::error::{Error, Result};
use crate::terminal::Terminal;

/// Runs the import and prints its result: the archive is checked first, the cluster looked at second,
/// and only then is anything written.
///
/// # Errors
/// Whatever goes wrong while writing is undone, and the error says what was undone or remains.
pub async fn run(
    options: ImportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    let archive = Archive::open(options.archive())?;
    question::can_be_answered(&options, terminal)?;
    let checked = signals.or(checked::check(archive, &options, terminal)).await?;
    plan::refuse_replaced(&options, &checked)?;
    let wanted = plan::wanted_privileges(&options, &checked)?;
    let (cluster, reporter) = signals
        .or(session::connect(&connect, &wanted, context, terminal))
        .await?;
    let outcome = import(&options, checked, &cluster, &signals, &reporter, terminal).await;
    cluster.release().await;
    outcome
}

async fn import(
    options: &ImportOptions,
    checked: Checked,
    cluster: &Cluster,
    signals: &Signals,
    reporter: &Arc<RetryReporter>,
    terminal: &Terminal,
) -> Result<()> {
    let plan = signals.or(plan::make(cluster, options, &checked)).await?;
    if options.dry_run {
        outcome::print_plan(cluster, options, &plan, terminal)?;
        return plan.refuse_conflicts();
    }
    plan.refuse_conflicts()?;
    signals.or(question::ask(cluster, options, &plan, terminal)).await?;
    let journal = Journal::new();
    let work = async {
        let context = apply::Context {
            cluster,
            options,
            checked: &checked,
            plan: &plan,
            journal: &journal,
            reporter,
            terminal,
        };
        apply::apply(&context).await?;
        verify::verify(cluster, &checked, &plan, &journal, reporter, terminal).await
    };
    match signals.or_between_requests(cluster, work).await {
        Ok(()) => outcome::print(options, &plan, &journal, terminal),
        Err(cause) => Err(undo(cluster, &journal, &plan, reporter, terminal, cause).await),
    }
}

async fn undo(
    cluster: &Cluster,
    journal: &Journal,
    plan: &plan::Plan,
    reporter: &Arc<RetryReporter>,
    terminal: &Terminal,
    cause: Error,
) -> Error {
    reporter.follow(None);
    if journal.is_empty() {
        return Error::RolledBack {
            cause: Box::new(cause),
            undone: Vec::new(),
            kept: Vec::new(),
        };
    }
    let cause = meanwhile::explain(cluster, plan, journal, cause).await;
    terminal.say("Undoing what was written …");
    // A write that was given up may still be carried out: not after it was undone.
    cluster.settle().await;
    let RolledBack { undone, kept, remains } = rollback::roll_back(cluster, journal, plan).await;
    let cause = Box::new(cause);
    if remains.is_empty() {
        Error::RolledBack { cause, undone, kept }
    } else {
        Error::Remains {
            cause,
            undone,
            kept,
            remains,
        }
    }
}
