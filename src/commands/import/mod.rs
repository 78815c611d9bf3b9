//! Creates a job from an archive, all or nothing.

mod apply;
mod archive;
mod context;
mod journal;
mod options;
mod outcome;
mod ownership;
mod plan;
mod replace;
mod rollback;
mod verify;

pub use options::{ImportOptions, Skip};

use self::context::Import;
use self::journal::Journal;
use self::rollback::Rollback;
use crate::archive::Archive;
use crate::cluster::ConnectOptions;
use crate::commands::interrupt::{Cleanup, Signals};
use crate::commands::session::{RunContext, Session};
use crate::error::{Error, Result};
use crate::terminal::Terminal;

/// Runs the import and prints its result. The archive is checked first, then the cluster; only then is anything written.
///
/// # Errors
/// After any failure, everything that was written is rolled back. The error lists what was removed and what remains.
pub async fn run(
    options: ImportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    let archive = Archive::open(options.archive())?;
    outcome::require_answerable(&options, terminal)?;
    let (archive, time_format) = signals.or(archive::check(archive, &options, terminal)).await?;
    plan::refuse_replaced_query(&options, &archive)?;
    let targets = plan::input_targets(&options, &archive, time_format)?;
    let privileges = plan::required_privileges(&options, &archive, &targets);
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    let cluster = session.cluster.clone();
    let outcome = async {
        let checking = session.stage("Checking the cluster", None);
        let planned = plan::make(&session, &options, &archive, targets);
        let plan = signals.or(planned).await?;
        drop(checking);
        if options.dry_run {
            outcome::print_plan(&cluster, &options, &plan, terminal)?;
            return plan.refuse_conflicts();
        }
        plan.refuse_conflicts()?;
        signals.or(outcome::confirm(&session, &options, &plan)).await?;
        let import = Import {
            session,
            options,
            archive,
            plan,
            journal: Journal::new(),
        };
        let work = async {
            apply::apply(&import).await?;
            verify::verify(&import).await
        };
        signals.set_cleanup(Some(Cleanup {
            action: "rolling back the import".to_owned(),
            risk: format!("may leave job {} incomplete", import.job()),
        }));
        let imported = signals.or_between_requests(&import.session, work).await;
        match imported {
            Ok(()) => {
                signals.set_cleanup(None);
                outcome::print(&import)
            }
            Err(cause) => Err(undo(&import, cause, &signals).await),
        }
    };
    let outcome = outcome.await;
    // After a second signal, nothing is waited for.
    let _ = signals.or_second(cluster.release()).await;
    outcome
}

/// Rolls back. A second signal stops it, and what remains is listed.
async fn undo(import: &Import, cause: Error, signals: &Signals) -> Error {
    let mut rollback = Rollback::new(import);
    let undoing = async {
        let cause = import.explain_concurrent_change(cause).await;
        if !import.journal.is_empty() {
            if !signals.is_stopped() {
                import.print("Rolling back …");
            }
            rollback.run().await;
        }
        cause
    };
    match signals.or_second(undoing).await {
        Ok(cause) => rollback.into_error(cause),
        Err(signal) if import.journal.is_empty() => rollback.into_error(Error::stopped(signal)),
        Err(signal) => {
            let hint = "to complete the import instead, run the same command with --replace";
            rollback.into_error(Error::stopped_during("the rollback", signal, Some(hint)))
        }
    }
}
