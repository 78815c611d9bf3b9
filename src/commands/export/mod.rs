//! A job to an archive.

mod belongings;
mod carried;
mod inputs;
mod options;
mod outcome;
mod parts;
mod privileges;
mod question;
mod replaced;
mod sources;
mod state;
mod subject;
mod survey;
mod write;
mod written;

pub use options::{ExportOptions, InputOptions};

use crate::cluster::ConnectOptions;
use crate::commands::RunContext;
use crate::commands::interrupt::Signals;
use crate::commands::session::Session;
use crate::error::{Error, Result};
use crate::terminal::Terminal;

/// Runs the export and prints its result.
///
/// # Errors
/// Everything that keeps the archive from being whole; then nothing stands under its name.
pub async fn run(
    options: ExportOptions,
    connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop);
    question::can_be_answered(&options, terminal)?;
    signals
        .or(written::refuse_existing(&options, options.job.as_ref()))
        .await?;
    let session = signals
        .or(Session::connect(&connect, &privileges::of_any_job(), context, terminal))
        .await?;
    let cluster = &session.cluster;
    let outcome = signals
        .or(async {
            let subject = subject::find(cluster, &options, terminal).await?;
            written::refuse_existing(&options, Some(subject.job.id())).await?;
            let sources = sources::look(cluster, &options, &subject, terminal).await?;
            session
                .require_privileges(&privileges::wanted(&subject, &sources))
                .await?;
            carried::refuse_too_large(cluster, &subject, &sources).await?;
            let survey = survey::count(cluster, &options, &subject, &sources, terminal).await?;
            if options.dry_run {
                return outcome::print_survey(&options, &subject, &sources, &survey, terminal);
            }
            question::ask(&options, &subject, &survey, terminal).await?;
            let written = write::archive(&session, &options, &subject, &sources, &survey).await?;
            outcome::print(&options, &subject, &written, terminal)
        })
        .await;
    session.leave_stage();
    cluster.release().await;
    outcome
}

fn not_found(message: String, hint: &str) -> Error {
    Error::failed(message, hint)
}
