//! Exports jobs to archives.

mod backup;
mod counted;
mod documents;
mod inputs;
mod many;
mod numbered;
mod options;
mod outcome;
mod plan;
mod results;
mod write;

use self::counted::Counted;
pub use self::options::{ExportOptions, InputOptions, ResultOptions};
use self::plan::Export;
pub(in crate::commands) use self::plan::required_privileges;
pub(in crate::commands) use self::write::{cleanup, export_to_temporary};
use crate::cluster::ConnectOptions;
use crate::commands::interrupt::Signals;
use crate::commands::session::{RunContext, Session};
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::terminal::Terminal;

/// Runs the export and prints its result.
///
/// # Errors
/// Any failure to write a complete archive. No file with the name of the archive is created then.
pub async fn run(
    options: ExportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    outcome::require_answerable(&options, terminal)?;
    signals.or(options.refuse_existing(options.only_job().as_ref())).await?;
    let privileges = plan::required_privileges(None);
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    let outcome = async {
        let jobs = signals.or(select(&session, &options)).await?;
        match options.single(&jobs)? {
            // Boxed, because debug builds copy these large futures several times on the stack.
            Some(job) => Box::pin(export(&session, &options, job, &signals)).await,
            None => Box::pin(many::export(&session, options, jobs, &signals)).await,
        }
    };
    let outcome = outcome.await;
    match (outcome, signals.or_second(session.cluster.release()).await) {
        (Err(_), Err(signal)) => {
            let cleanup = "the cleanup: searches that are still open expire by themselves";
            Err(Error::stopped_during(cleanup, signal, None))
        }
        (outcome, _) => outcome,
    }
}

/// The jobs of the command line, or the one that the user chooses.
async fn select(session: &Session, options: &ExportOptions) -> Result<Vec<JobId>> {
    session.refuse_serverless("export from")?;
    match options.selection.is_empty() {
        true => Ok(vec![plan::choose_job(session).await?]),
        false => options.selection.resolve(session).await,
    }
}

/// Exports one job and prints the result.
async fn export(session: &Session, options: &ExportOptions, job: &JobId, signals: &Signals) -> Result<()> {
    let exported = Box::pin(async {
        options.refuse_existing(Some(job)).await?;
        let mut export = Export::plan(session, options, job).await?;
        let open = export.open.take();
        let counted = Box::pin(Counted::of(&export)).await?;
        if options.dry_run {
            return Ok(Ok(outcome::plan(&counted)));
        }
        outcome::confirm(&counted).await?;
        if let Some(open) = open
            && (options.close_job || outcome::offer_to_close(&export).await?)
        {
            return Ok(Err(open));
        }
        signals.set_cleanup(Some(write::cleanup("archive", false)));
        Box::pin(write::save(counted)).await.map(Ok)
    });
    let report = match signals.or(exported).await? {
        Ok(report) => report,
        Err(open) => {
            signals.set_cleanup(Some(write::cleanup("archive", true)));
            Box::pin(write::save_closed(session, options, &open, signals)).await?
        }
    };
    signals.set_cleanup(None);
    report.print(&session.terminal, options.json)
}
