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

pub use options::{ImportOptions, Skip};

use self::checked::Checked;
use self::journal::Journal;
use self::rollback::RolledBack;
use crate::archive::Archive;
use crate::cluster::ConnectOptions;
use crate::commands::RunContext;
use crate::commands::interrupt::Signals;
use crate::commands::session::Session;
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
    let session = signals
        .or(Session::connect(&connect, &wanted, context, terminal))
        .await?;
    let outcome = import(&options, checked, &session, &signals).await;
    session.cluster.release().await;
    outcome
}

async fn import(options: &ImportOptions, checked: Checked, session: &Session, signals: &Signals) -> Result<()> {
    let Session { cluster, terminal, .. } = session;
    let plan = signals.or(plan::make(session, options, &checked)).await?;
    if options.dry_run {
        outcome::print_plan(cluster, options, &plan, terminal)?;
        return plan.refuse_conflicts();
    }
    plan.refuse_conflicts()?;
    signals.or(question::ask(cluster, options, &plan, terminal)).await?;
    let journal = Journal::new();
    let work = async {
        let context = apply::Context {
            session,
            options,
            checked: &checked,
            plan: &plan,
            journal: &journal,
        };
        apply::apply(&context).await?;
        verify::verify(session, &checked, &plan, &journal).await
    };
    match signals.or_between_requests(cluster, work).await {
        Ok(()) => outcome::print(options, &plan, &journal, terminal),
        Err(cause) => Err(undo(session, &journal, &plan, cause).await),
    }
}

async fn undo(session: &Session, journal: &Journal, plan: &plan::Plan, cause: Error) -> Error {
    session.leave_stage();
    if journal.is_empty() {
        return Error::RolledBack {
            cause: Box::new(cause),
            undone: Vec::new(),
            kept: Vec::new(),
        };
    }
    let Session { cluster, terminal, .. } = session;
    let cause = meanwhile::explain(cluster, plan, journal, cause).await;
    terminal.print("Undoing what was written …");
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
