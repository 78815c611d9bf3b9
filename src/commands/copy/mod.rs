//! Copies jobs from a cluster to another one, or within a cluster: each job is exported to a temporary file and imported from
//! it, before the next one.

mod options;

use std::sync::Arc;

pub use self::options::CopyOptions;
use crate::cluster::{ConnectOptions, RequiredPrivileges};
use crate::commands::export::ExportOptions;
use crate::commands::import::{Import, ImportOptions, Imports, Started};
use crate::commands::interrupt::Signals;
use crate::commands::open_job::OpenJob;
use crate::commands::question;
use crate::commands::session::{RunContext, Session};
use crate::commands::{export, import};
use crate::error::{Conflict, Error, Result};
use crate::job::JobId;
use crate::terminal::Terminal;
use crate::util::format::{amount, first_names};

/// Copies the jobs and prints the result. Without a target, it is the source.
///
/// # Errors
/// After any failure, everything that was written for that job is rolled back.
pub async fn run(
    options: CopyOptions,
    (source, target): (ConnectOptions, Option<ConnectOptions>),
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    import::require_answerable(&options.import, terminal)?;
    let connect = async |to: &ConnectOptions, privileges: &RequiredPrivileges| {
        let connecting = Session::connect(to, privileges, context, terminal);
        signals.or(connecting).await
    };
    let source = connect(&source, &export::required_privileges(None)).await?;
    let target = match target {
        Some(mut target) => {
            // With --reindex-inputs, the target receives the credential of the source, and may repeat it.
            target.secrets = target.secrets.with(&source.cluster.http.options.secrets);
            let privileges = RequiredPrivileges {
                cluster: vec!["monitor", "manage_ml"],
                indices: Vec::new(),
            };
            connect(&target, &privileges).await?
        }
        None => source.clone(),
    };
    let mut import = options.import;
    if options.reindex_inputs {
        import::warn_of_clear_text(&source.cluster, &target);
        import.inputs_from = Some(Arc::new(source.cluster.clone().into()));
    }
    let copy = Copy {
        cutover: options.cutover,
        source,
        target,
        export: ExportOptions::of_copy(options.source),
        import,
    };
    let outcome = copy.run(&signals).await;
    // After a second signal, nothing is waited for.
    let released = async {
        copy.source.cluster.release().await;
        copy.target.cluster.release().await;
    };
    let _ = signals.or_second(released).await;
    outcome
}

struct Copy {
    cutover: bool,
    source: Session,
    target: Session,
    export: ExportOptions,
    import: ImportOptions,
}

/// A job on the source, and its ID on the target.
struct Renamed {
    job: JobId,
    copy: JobId,
}

impl Copy {
    async fn run(&self, signals: &Signals) -> Result<()> {
        let jobs = signals.or(self.select()).await?;
        signals.or(self.confirm(&jobs)).await?;
        let mut import = self.import.clone();
        import.yes = true;
        let copies: Vec<&JobId> = jobs.iter().map(|Renamed { copy, .. }| copy).collect();
        let mut summary = Imports::of_copies(&import, &copies, &self.target.terminal);
        let mut waiting = jobs.iter();
        for Renamed { job, copy } in waiting.by_ref() {
            let copied = self.copy_one((job, copy), &mut summary, signals).await;
            signals.set_cleanup(None);
            if let Some(imported) = copied.transpose() {
                summary.add(job, copy, imported)?;
            }
            if signals.is_stopped() {
                break;
            }
        }
        let waiting: Vec<_> = waiting.map(|Renamed { job, copy }| (job, copy)).collect();
        summary.add_not_started(&waiting, signals);
        summary.finish()
    }

    /// Exports a job to a temporary file, and imports it from there; `None` in a dry run.
    async fn copy_one(
        &self,
        (job, copy): (&JobId, &JobId),
        summary: &mut Imports<'_>,
        signals: &Signals,
    ) -> Result<Option<(Started, Import)>> {
        let source = self.source.with_terminal(summary.items.terminal_of(job));
        let target = self.target.with_terminal(summary.items.terminal_of(copy));
        let closes = self.cutover && !self.import.dry_run;
        signals.set_cleanup(Some(export::cleanup("temporary file", closes)));
        let copying = async {
            let exporting = Box::pin(export::export_to_temporary(&source, &self.export, job));
            let exported = signals.or(exporting).await;
            signals.set_cleanup(None);
            let archive = exported?.archive()?.named(job.as_str().as_ref());
            Box::pin(import::import_exported(target, archive, summary, signals)).await
        };
        let open = if closes {
            signals.or(OpenJob::find(&source, job)).await?
        } else {
            None
        };
        let copying = Box::pin(copying);
        let Some(open) = open else {
            return copying.await;
        };
        let moving = async {
            match copying.await? {
                // Otherwise neither of the two jobs would run.
                Some((
                    Started {
                        failure: Some(failure), ..
                    },
                    _,
                )) => Err(failure),
                copied => Ok(copied),
            }
        };
        open.while_closed(&source, signals, Box::pin(moving), true).await
    }

    /// Selects the jobs, and refuses what is known to fail before anything is exported.
    async fn select(&self) -> Result<Vec<Renamed>> {
        let import = &self.import;
        self.source.refuse_serverless("copy from")?;
        self.target.refuse_serverless("copy to")?;
        let selected = self.export.source.selection.resolve(&self.source).await?;
        import.require_single("job", selected.len())?;
        let address = self.target.cluster.address();
        let is_same = self.source.cluster.is_same(&self.target.cluster);
        let existing = self.target.cluster.job_groups().await?;
        let (mut jobs, mut conflicts) = (Vec::new(), Vec::new());
        for job in selected {
            let copy = import.target_job(&job)?;
            let hint = "copy under another ID with --as, --as-prefix or --as-suffix";
            if is_same && job == copy {
                conflicts.push(Conflict {
                    message: format!("job {job} would be copied onto itself: source and target are {address}"),
                    hint: hint.to_owned(),
                });
            } else if !import.replace && existing.iter().any(|existing| existing.id == copy.as_str()) {
                conflicts.push(Conflict {
                    message: format!("job {copy} already exists on {address}"),
                    hint: format!("replace it with --replace, or {hint}"),
                });
            }
            jobs.push(Renamed { job, copy });
        }
        match conflicts.is_empty() {
            true => Ok(jobs),
            false => Err(Error::Conflicts(conflicts)),
        }
    }

    /// Asks once for all jobs, before anything is exported.
    async fn confirm(&self, jobs: &[Renamed]) -> Result<()> {
        let (import, terminal) = (&self.import, &self.target.terminal);
        if import.yes || import.dry_run || jobs.is_empty() {
            return Ok(());
        }
        let names: Vec<String> = jobs.iter().map(|Renamed { copy, .. }| copy.to_string()).collect();
        let what = match jobs {
            [Renamed { job, copy }] if job == copy => format!("job {job}"),
            [Renamed { job, copy }] => format!("job {job} as {copy}"),
            jobs => format!("{} ({})", amount(jobs.len() as u64, "job", "jobs"), first_names(&names)),
        };
        terminal.explain(&format!("Note: {}.", import::UNSUPPORTED));
        if import.replace {
            terminal.explain(
                "A job with the same ID on the target is deleted first and is not restored if the copy fails.",
            );
        }
        if self.cutover {
            terminal.explain(
                "The datafeed on the source is stopped and the job is closed; it stays closed after the copy.",
            );
        }
        let (source, target) = (self.source.cluster.description(), self.target.cluster.description());
        let question = format!("Copy {what} from {source} to {target}?");
        match question::ask(terminal, move |terminal| terminal.confirm(&question)).await? {
            true => Ok(()),
            false => Err(Error::Declined),
        }
    }
}
