//! Exports jobs to archives, one for each job. A failure does not stop the other jobs.

mod backup;
mod counted;
mod documents;
mod inputs;
mod numbered;
mod options;
mod outcome;
mod plan;
mod results;
mod write;

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use self::counted::Counted;
pub use self::options::{ExportOptions, InputOptions, ResultOptions, SourceOptions};
use self::outcome::Preview;
use self::plan::Export;
pub(in crate::commands) use self::plan::required_privileges;
pub(in crate::commands) use self::write::{cleanup, export_to_temporary};
use crate::cluster::ConnectOptions;
use crate::commands::interrupt::Signals;
use crate::commands::open_job::OpenJob;
use crate::commands::session::{RunContext, Session};
use crate::commands::summary::{Report, Summary};
use crate::error::{Error, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::atomic_file::FileError;

/// What the exports of a run share.
struct Run<'a> {
    options: ExportOptions,
    signals: &'a Signals,
    /// One permit for each reader of documents, so that all exports together need no more memory than one.
    readers: Semaphore,
}

impl Run<'_> {
    /// Waits until this number of readers may hold documents. Never called by an export that has some.
    async fn acquire(&self, readers: usize) -> Option<SemaphorePermit<'_>> {
        self.readers.acquire_many(readers as u32).await.ok()
    }
}

/// Runs the export and prints its result.
///
/// # Errors
/// Any failure to write a complete archive. No file with the name of the archive is created then.
pub async fn run(
    options: ExportOptions,
    mut connect: ConnectOptions,
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    connect.max_requests = options.source.slices as u32;
    let signals = Signals::listen(&context.stop, terminal);
    outcome::require_answerable(&options, terminal)?;
    // An archive of the last run is replaced if it is one of this job.
    let only = options.source.only_job().filter(|_| !options.skip_unchanged);
    signals.or(options.refuse_existing(only.as_ref())).await?;
    let privileges = plan::required_privileges(None);
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    let outcome = async {
        let jobs = signals.or(select(&session, &options)).await?;
        // Boxed, because debug builds copy these large futures several times on the stack.
        Box::pin(export(&session, options, jobs, &signals)).await
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
    match options.source.selection.is_empty() {
        true => Ok(vec![plan::choose_job(session).await?]),
        false => options.source.selection.resolve(session).await,
    }
}

/// Exports the jobs, and prints the results.
async fn export(session: &Session, mut options: ExportOptions, jobs: Vec<JobId>, signals: &Signals) -> Result<()> {
    options.refuse_collisions(&jobs)?;
    let mut summary = Summary::new(&session.terminal, options.json, "job", jobs.len());
    summary.is_list |= options.output_dir.is_some();
    if jobs.is_empty() {
        let address = session.cluster.address();
        let warning = format!("nothing is exported: no anomaly detection jobs on {address}");
        session.terminal.warn(&warning);
    } else if !options.dry_run {
        signals.or(prepare(session, &mut options, &jobs)).await?;
        let archives = if summary.is_list { "archives" } else { "archive" };
        signals.set_cleanup(Some(cleanup(archives, options.close_job)));
        summary.begin(&jobs.iter().collect::<Vec<_>>(), &["Snapshot", "Size"]);
    }
    let stage = summary
        .is_list
        .then(|| session.stage("Exporting jobs", Some(jobs.len() as u64)));
    let run = Run {
        readers: Semaphore::new(options.source.slices),
        options,
        signals,
    };
    let (mut waiting, mut running) = (jobs.into_iter(), Vec::new());
    loop {
        while running.len() < run.options.parallel
            && !signals.is_stopped()
            && let Some(job) = waiting.next()
        {
            let (session, run) = (session.with_terminal(summary.terminal_of(&job)), &run);
            running.push(Box::pin(async move {
                let exported = export_one(&session, run, &job).await;
                (job, exported)
            }));
        }
        if running.is_empty() {
            break;
        }
        let (job, exported) = first_of(&mut running).await;
        stage.iter().for_each(|stage| stage.inc(1));
        match exported {
            Ok(report) => summary.add(&job, report),
            Err(error) => summary.fail(&job, error, json!({ "job_id": job }))?,
        }
    }
    drop(stage);
    signals.set_cleanup(None);
    let waiting = waiting.as_slice().iter();
    let waiting = waiting.map(|job| (job, json!({ "job_id": job }))).collect();
    summary.add_not_started(waiting, signals);
    summary.documents.sort_by_key(|document| document["job_id"].to_string());
    summary.finish(json!({}), "archives")
}

/// Waits for the first of these futures, and removes it. They run on one thread, because the allocator would keep some memory
/// for each thread.
async fn first_of<T>(running: &mut Vec<Pin<Box<impl Future<Output = T>>>>) -> T {
    let first_ready = |context: &mut Context<'_>| {
        let mut polled = running.iter_mut().map(|future| future.as_mut().poll(context));
        let Some((index, Poll::Ready(ended))) = polled.by_ref().enumerate().find(|(_, polled)| polled.is_ready())
        else {
            return Poll::Pending;
        };
        drop(polled);
        drop(running.swap_remove(index));
        Poll::Ready(ended)
    };
    poll_fn(first_ready).await
}

/// Asks all questions, and creates the directory.
async fn prepare(session: &Session, options: &mut ExportOptions, jobs: &[JobId]) -> Result<()> {
    if !options.yes {
        outcome::confirm(session, options, jobs).await?;
        options.close_job |= outcome::offer_to_close(session, options, jobs).await?;
    }
    let Some(directory) = &options.output_dir else {
        return Ok(());
    };
    let created = std::fs::create_dir_all(directory);
    created.map_err(|cause| FileError::Create(directory.clone(), cause).into())
}

/// Exports one of the jobs.
async fn export_one(session: &Session, run: &Run<'_>, job: &JobId) -> Result<Report> {
    let (mut options, signals) = (run.options.clone(), run.signals);
    let recorded = match options.skip_unchanged {
        true => backup::recorded(session, &options, job)?,
        false => None,
    };
    options.overwrite |= recorded.is_some();
    let options = &options;
    let preparing = async {
        options.refuse_existing(Some(job)).await?;
        if !options.close_job || options.dry_run {
            return Ok(None);
        }
        if OpenJob::find(session, job).await?.is_none() {
            return Ok(None);
        }
        // What fails is noticed before the job is closed, and the job is not closed while another one is exported.
        Box::pin(Preview::default().add(session, options, job)).await?;
        let readers = run.acquire(options.source.slices).await;
        // Another client may have closed the job, or started its datafeed, while this export waited.
        let open = OpenJob::find(session, job).await?;
        Ok(open.map(|open| (open, readers)))
    };
    let closing = signals.or(preparing).await?;
    let exporting = async {
        let export = Export::plan(session, options, job).await?;
        let counted = Box::pin(Counted::of(&export)).await?;
        if counted.fingerprint.is_some() && counted.fingerprint == recorded {
            return Ok(outcome::unchanged(&export));
        }
        if options.dry_run {
            return Ok(outcome::plan(&counted));
        }
        let _readers = match closing {
            Some(_) => None,
            None => run.acquire(counted.readers).await,
        };
        Box::pin(write::save(counted)).await
    };
    let exporting = Box::pin(signals.or(exporting));
    match &closing {
        Some((open, _)) => open.while_closed(session, signals, exporting, false).await,
        None => exporting.await,
    }
}
