//! Creates a job from an archive, all or nothing.

mod apply;
mod archive;
mod context;
mod journal;
mod options;
mod outcome;
mod ownership;
mod plan;
mod rollback;
mod verify;

pub use options::{ImportOptions, Skip};

use self::context::Import;
use self::journal::Journal;
use crate::archive::Archive;
use crate::cluster::ConnectOptions;
use crate::commands::interrupt::Signals;
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
    let signals = Signals::listen(&context.stop);
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
        let planned = plan::make(&session, &options, &archive, targets);
        let plan = signals.or(planned).await?;
        if options.dry_run {
            outcome::print_plan(&cluster, &options, &plan, terminal)?;
            return plan.refuse_conflicts();
        }
        plan.refuse_conflicts()?;
        signals.or(outcome::confirm(&session, &options, &plan)).await?;
        let journal = Journal::new();
        let import = Import {
            session,
            options,
            archive,
            plan,
            journal,
        };
        let work = async {
            apply::apply(&import).await?;
            verify::verify(&import).await
        };
        match signals.or_between_requests(&cluster, work).await {
            Ok(()) => outcome::print(&import),
            Err(cause) => Err(undo(&import, cause).await),
        }
    };
    let outcome = outcome.await;
    cluster.release().await;
    outcome
}

async fn undo(import: &Import, cause: Error) -> Error {
    import.session.leave_stage();
    let cause = Box::new(import.explain_concurrent_change(cause).await);
    if !import.journal.is_empty() {
        import.print("Rolling back …");
        // The cluster may still execute a request that was abandoned, and must not do so after the rollback.
        import.cluster().wait_for_tasks().await;
    }
    rollback::roll_back(import, cause).await
}
