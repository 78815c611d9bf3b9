//! Exports several jobs: one question, a line for each job, and one result. A failure does not stop the other jobs.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use console::truncate_str;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::backup;
use super::counted::Counted;
use super::inputs::Inputs;
use super::options::{ExportOptions, InputOptions};
use super::outcome::{self, Report};
use super::plan::{Export, required_privileges};
use super::write::{cleanup, save, save_closed};
use crate::commands::failure::Failures;
use crate::commands::interrupt::Signals;
use crate::commands::session::Session;
use crate::error::{Error, ExitCode, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::atomic_file::FileError;
use crate::util::format::{NO_VALUE, amount, bytes, escape_json};

/// The widths of the columns of snapshots and sizes, and the largest one of jobs, so that a line fits into 80 columns.
const SNAPSHOT: usize = 10;
const SIZE: usize = 10;
const MAX_JOB: usize = 43;

/// Exports the jobs to the directory of the options. Only the ID and a small document are kept for each job.
pub(super) async fn export(
    session: &Session,
    mut options: ExportOptions,
    jobs: Vec<JobId>,
    signals: &Signals,
) -> Result<()> {
    refuse_collisions(&options, &jobs)?;
    options.slices = (options.slices / options.parallel).max(1);
    if jobs.is_empty() {
        let address = session.cluster.address();
        session
            .terminal
            .warn(&format!("nothing is exported: no anomaly detection jobs on {address}"));
    } else if !options.dry_run {
        signals.or(prepare(session, &options, &jobs)).await?;
        signals.set_cleanup(Some(cleanup("archives", options.close_job)));
    }
    let stage = session.stage("Exporting jobs", Some(jobs.len() as u64));
    let (options, what) = (Arc::new(options), amount(jobs.len() as u64, "job", "jobs"));
    let mut summary = Summary::new(&session.terminal, &options, &jobs);
    let (mut waiting, mut running) = (jobs.into_iter(), JoinSet::new());
    loop {
        while running.len() < options.parallel
            && !signals.is_stopped()
            && let Some(job) = waiting.next()
        {
            // On a thread of its own, so that compression does not block the other exports.
            let (session, options, signals) = (session.of_job(&job), Arc::clone(&options), signals.clone());
            let runtime = Handle::current();
            running.spawn_blocking(move || {
                let exported = runtime.block_on(export_one(&session, &options, &job, &signals));
                (job, exported)
            });
        }
        let Some(ended) = running.join_next().await else {
            break;
        };
        let (job, exported) = ended.map_err(Error::panicked)?;
        stage.inc(1);
        summary.add(&job, exported);
    }
    drop(stage);
    signals.set_cleanup(None);
    summary.add_not_started(waiting.as_slice());
    summary.into_result(&what)
}

/// Exports one of the jobs.
async fn export_one(session: &Session, options: &ExportOptions, job: &JobId, signals: &Signals) -> Result<Report> {
    let mut options = options.clone();
    let exported = Box::pin(async {
        let recorded = match options.skip_unchanged {
            true => backup::recorded(session, &options, job)?,
            false => None,
        };
        options.overwrite |= recorded.is_some();
        options.refuse_existing(Some(job)).await?;
        let mut export = Export::plan(session, &options, job).await?;
        if options.close_job
            && !options.dry_run
            && let Some(open) = export.open.take()
        {
            session.require_privileges(&required_privileges(Some(&export))).await?;
            return Ok(Err(open));
        }
        let counted = Counted::of(&export).await?;
        match options.dry_run {
            _ if counted.fingerprint.is_some() && counted.fingerprint == recorded => {
                Ok(Ok(outcome::unchanged(&export)))
            }
            true => Ok(Ok(outcome::plan(&counted))),
            false => save(counted).await.map(Ok),
        }
    });
    match signals.or(exported).await? {
        Ok(report) => Ok(report),
        Err(open) => Box::pin(save_closed(session, &options, &open, signals)).await,
    }
}

/// The IDs of jobs may differ in characters that their file names do not have.
fn refuse_collisions(options: &ExportOptions, jobs: &[JobId]) -> Result<()> {
    let mut by_path: BTreeMap<PathBuf, &JobId> = BTreeMap::new();
    for job in jobs {
        let path = options.path(job);
        if let Some(other) = by_path.insert(path.clone(), job) {
            return Err(Error::refused(
                format!("jobs {other} and {job} would have the same archive: {}", path.display()),
                format!("export one of them separately: `esml-state export {job} --output FILE`"),
            ));
        }
    }
    Ok(())
}

/// Asks for all jobs, and creates the directory.
async fn prepare(session: &Session, options: &ExportOptions, jobs: &[JobId]) -> Result<()> {
    if !options.yes {
        let is_open = |range: &InputOptions| range.after.is_none() || range.before.is_none();
        let inputs = match options.inputs().is_some_and(is_open) {
            true => Some(count_inputs(session, options, jobs).await),
            false => None,
        };
        outcome::confirm_all(options, jobs.len(), inputs, &session.terminal).await?;
    }
    let Some(directory) = &options.output_dir else {
        return Ok(());
    };
    let created = std::fs::create_dir_all(directory);
    created.map_err(|cause| FileError::Create(directory.clone(), cause).into())
}

/// The number and size of the input documents of all jobs. Failures are reported when the job is exported.
async fn count_inputs(session: &Session, options: &ExportOptions, jobs: &[JobId]) -> (u64, u64) {
    let stage = session.stage("Counting input documents", Some(jobs.len() as u64));
    let silent = Session {
        cluster: session.cluster.clone(),
        terminal: Terminal::silent(),
    };
    let mut total = (0, 0);
    for job in jobs {
        if let Ok(export) = Export::plan(&silent, options, job).await
            && let Ok(Some(inputs)) = Inputs::find(&export).await
        {
            total = (total.0 + inputs.documents, total.1 + inputs.bytes);
        }
        stage.inc(1);
    }
    total
}

/// The lines of the table and the result.
struct Summary<'a> {
    terminal: &'a Terminal,
    options: &'a ExportOptions,
    /// The width of the column of jobs.
    width: usize,
    /// What happened to each job.
    documents: BTreeMap<JobId, Value>,
    failures: Failures,
    /// Whether the results were printed to stdout.
    printed: Result<()>,
}

impl<'a> Summary<'a> {
    fn new(terminal: &'a Terminal, options: &'a ExportOptions, jobs: &[JobId]) -> Self {
        let longest = jobs.iter().map(|job| job.as_str().len()).max().unwrap_or(0);
        let summary = Self {
            terminal,
            options,
            width: longest.clamp("Job".len(), MAX_JOB),
            documents: BTreeMap::new(),
            failures: Failures::default(),
            printed: Ok(()),
        };
        if !jobs.is_empty() {
            summary.line(["Job", "Snapshot", "Size", "Result"]);
        }
        summary
    }

    fn line(&self, [job, snapshot, size, result]: [&str; 4]) {
        if !self.options.dry_run {
            let (job, width) = (truncate_str(job, self.width, "…"), self.width);
            let line = format!("{job:width$}  {snapshot:SNAPSHOT$}  {size:>SIZE$}  {result}");
            self.terminal.print(&line);
        }
    }

    fn add(&mut self, job: &JobId, exported: Result<Report>) {
        let document = match exported {
            Ok(mut report) => {
                let size = report.bytes.map(bytes).unwrap_or_default();
                let result = if report.is_unchanged { "unchanged" } else { "exported" };
                self.line([job.as_str(), report.snapshot.as_str(), &size, result]);
                if !self.options.json && self.printed.is_ok() {
                    self.printed = report.print(self.terminal, false);
                }
                // The number of entries is not limited to a few.
                if let Some(document) = report.document.as_object_mut() {
                    document.shift_remove("entries");
                }
                report.document
            }
            Err(error) => {
                let result = match error.exit() {
                    ExitCode::Refused => "refused",
                    ExitCode::HungUp | ExitCode::Interrupted | ExitCode::Terminated => "interrupted",
                    _ => "failed",
                };
                self.line([job.as_str(), NO_VALUE, NO_VALUE, result]);
                let mut document = self.failures.add(&error, &self.terminal.about(job.as_str()));
                document["job_id"] = json!(job);
                document
            }
        };
        self.documents.insert(job.clone(), document);
    }

    fn add_not_started(&mut self, jobs: &[JobId]) {
        if jobs.is_empty() {
            return;
        }
        let names: Vec<&str> = jobs.iter().map(JobId::as_str).collect();
        self.terminal
            .print_always(&format!("Not started: {}", names.join(", ")));
        let not_started = |job: &JobId| (job.clone(), json!({ "job_id": job, "result": "not started" }));
        self.documents.extend(jobs.iter().map(not_started));
    }

    /// Prints the document.
    fn into_result(self, what: &str) -> Result<()> {
        let result = self.failures.into_result(what);
        if self.options.json {
            let documents: Vec<Value> = self.documents.into_values().collect();
            let mut document = json!({ "archives": documents });
            if let Err(error) = &result {
                document["error"] = json!(error.to_string());
                document["exit"] = json!(error.exit() as u8);
            }
            let document = escape_json(&document.to_string()).into_owned();
            self.terminal.result(&document).map_err(Error::stdout)?;
        }
        result.and(self.printed)
    }
}
