//! A job to an archive.

mod documents;
mod inputs;
mod options;
mod outcome;
mod state;
mod target;
mod write;

pub use options::{ExportOptions, InputOptions};

use self::documents::DocumentCounts;
use self::inputs::{ExportedMappings, InputSource};
use self::target::{ExportContext, ExportTarget, privileges_for_any_job};
use crate::cluster::ConnectOptions;
use crate::commands::context::RunContext;
use crate::commands::interrupt::Signals;
use crate::commands::session::Session;
use crate::error::Result;
use crate::terminal::Terminal;

/// Runs the export and prints its result.
///
/// # Errors
/// Whatever keeps the archive from being complete; then there is no file of its name.
pub async fn run(
    options: ExportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    outcome::require_answerable(&options, terminal)?;
    signals.or(options.refuse_existing(options.job.as_ref())).await?;
    let privileges = privileges_for_any_job();
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    let outcome = signals.or(export(&session, &options)).await;
    session.leave_stage();
    session.cluster.release().await;
    outcome
}

async fn export(session: &Session, options: &ExportOptions) -> Result<()> {
    let target = &ExportTarget::find(session, options).await?;
    options.refuse_existing(Some(target.job.id())).await?;
    let export = ExportContext {
        session,
        options,
        target,
    };
    let source = InputSource::find(export).await?;
    let source = source.as_ref();
    let privileges = target.required_privileges(source.map(|source| source.local.as_slice()));
    session.require_privileges(&privileges).await?;
    if let Some(source) = source {
        ExportedMappings::new(export, source).refuse_too_large().await?;
    }
    let counts = DocumentCounts::count(export, source).await?;
    if options.dry_run {
        return outcome::print_plan(export, source, &counts);
    }
    outcome::confirm(export, &counts).await?;
    let archive = write::archive(export, source, &counts).await?;
    outcome::print(export, &archive)
}
