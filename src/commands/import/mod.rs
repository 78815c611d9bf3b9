//! Creates jobs from archives, each of them all or nothing.

mod apply;
mod archive;
mod context;
mod journal;
mod options;
mod outcome;
mod ownership;
mod plan;
mod privileges;
mod reindex;
mod replace;
mod rollback;
mod start;
mod summary;
mod verify;

pub use options::{ImportArguments, ImportOptions, Skip};
pub(in crate::commands) use outcome::{UNSUPPORTED, require_answerable};
pub(in crate::commands) use {context::Import, reindex::warn_of_clear_text, start::Started, summary::Imports};

use self::archive::Source;
use std::path::{Path, PathBuf};
use std::slice;
use std::sync::{Arc, OnceLock};

use self::journal::Journal;
use self::plan::Plan;
use self::rollback::Rollback;
use crate::archive::Archive;
use crate::cluster::{ConnectOptions, RequiredPrivileges};
use crate::commands::interrupt::{Cleanup, Signals};
use crate::commands::session::{RunContext, Session};
use crate::error::{Error, Result};
use crate::terminal::Terminal;
use crate::util::process::allow_open_files;

/// Runs the import and prints its result. All archives are checked first, then the cluster; only then is anything written.
///
/// # Errors
/// After any failure, everything that was written for that job is rolled back. The error lists what was removed and what
/// remains.
pub async fn run(
    arguments: ImportArguments,
    (mut connect, inputs_from): (ConnectOptions, Option<ConnectOptions>),
    context: &RunContext,
    terminal: &Terminal,
) -> Result<()> {
    let signals = Signals::listen(&context.stop, terminal);
    let (paths, of_directory) = (arguments.archives()?, arguments.paths().any(Path::is_dir));
    let mut options = arguments.options;
    let source_cluster = Arc::new(OnceLock::new());
    options.inputs_from = inputs_from.as_ref().map(|_| Arc::clone(&source_cluster));
    let mut summary = Imports::new(&options, paths.len(), terminal);
    // A script that imports a directory gets the same form for every number of archives.
    summary.items.is_list |= of_directory;
    allow_open_files(paths.len());
    let sources = check(&paths, &mut summary, &signals).await?;
    summary.refuse_failures()?;
    outcome::require_answerable(&options, terminal)?;
    if let Some(source) = inputs_from {
        let privileges = RequiredPrivileges::default();
        let connected = Session::connect(&source, &privileges, context, terminal);
        let source = signals.or(connected).await?.cluster;
        // The cluster receives the credential of the source, and may repeat it.
        connect.secrets = connect.secrets.with(&source.http.options.secrets);
        source_cluster.get_or_init(|| source);
    }
    let privileges = required_privileges(&sources);
    let connected = Session::connect(&connect, &privileges, context, terminal);
    let session = signals.or(connected).await?;
    if let Some(source) = source_cluster.get() {
        warn_of_clear_text(source, &session);
    }
    let outcome = import(&session, sources, summary, &signals).await;
    // After a second signal, nothing is waited for.
    let _ = signals.or_second(session.cluster.release()).await;
    outcome
}

/// Checks all archives, even if one cannot be imported.
async fn check(paths: &[PathBuf], summary: &mut Imports<'_>, signals: &Signals) -> Result<Vec<Source>> {
    let mut sources = Vec::with_capacity(paths.len());
    for path in paths {
        let terminal = summary.items.terminal_of(path.display());
        let checking = async { archive::check(Archive::open(path)?, summary.options, &terminal).await };
        match signals.or(checking).await {
            Ok(source) => sources.push(source),
            Err(error) if signals.is_stopped() => return Err(error),
            Err(error) => summary.refused(path, error)?,
        }
    }
    Ok(sources)
}

fn required_privileges(sources: &[Source]) -> RequiredPrivileges {
    privileges::required_privileges(sources.iter().flat_map(|source| source.input_privileges.clone()))
}

/// Plans the import of all archives, asks once, and imports one job after the other. The failure of a job does not stop the
/// others, a signal does.
async fn import(session: &Session, sources: Vec<Source>, mut summary: Imports<'_>, signals: &Signals) -> Result<()> {
    let options = summary.options;
    let planned = signals.or(plan_all(session, sources, &mut summary)).await?;
    for (source, plan) in &planned {
        summary.add_plan(&session.cluster, source.archive.path(), plan);
        if let Err(error) = plan.refuse_conflicts() {
            summary.refused(source.archive.path(), error)?;
        }
    }
    summary.refuse_failures()?;
    if options.dry_run {
        return summary.finish();
    }
    let plans: Vec<&Plan> = planned.iter().map(|(_, plan)| plan).collect();
    signals.or(outcome::confirm(session, options, &plans)).await?;
    summary.begin(&plans.iter().map(|plan| plan.job()).collect::<Vec<_>>());
    let is_single = planned.len() == 1;
    let mut waiting = planned.into_iter();
    for (source, plan) in waiting.by_ref() {
        let (path, job) = (source.archive.path().to_owned(), source.job.clone());
        let plan = Some(plan).filter(|_| is_single);
        let session = Session {
            cluster: session.cluster.clone(),
            terminal: summary.items.terminal_of(&job),
        };
        let imported = import_one(session, options, (source, plan), signals).await;
        summary.add(path.display(), &job, imported)?;
        if signals.is_stopped() {
            break;
        }
    }
    let waiting = waiting.as_slice().iter();
    let waiting: Vec<_> = waiting
        .map(|(source, _)| (source.archive.path().display(), &source.job))
        .collect();
    summary.add_not_started(&waiting, signals);
    summary.finish()
}

async fn plan_all(session: &Session, sources: Vec<Source>, summary: &mut Imports<'_>) -> Result<Vec<(Source, Plan)>> {
    let _checking = session.stage("Checking the cluster", None);
    session.refuse_serverless("import into")?;
    session.require_privileges(&required_privileges(&sources)).await?;
    let mut planned = Vec::with_capacity(sources.len());
    for source in sources {
        match plan::make(session, summary.options, &source).await {
            Ok(plan) => planned.push((source, plan)),
            Err(error) => summary.refused(source.archive.path(), error)?,
        }
    }
    plan::add_mutual_conflicts(&mut planned);
    Ok(planned)
}

/// Imports an archive that was exported for a copy, which is already confirmed; `None` if only the plan was printed.
pub(in crate::commands) async fn import_exported(
    session: Session,
    archive: Archive,
    summary: &mut Imports<'_>,
    signals: &Signals,
) -> Result<Option<(Started, Import)>> {
    let options = summary.options;
    let planning = async {
        let source = archive::check(archive, options, &session.terminal).await?;
        let _checking = session.stage("Checking the cluster", None);
        let privileges = required_privileges(slice::from_ref(&source));
        session.require_privileges(&privileges).await?;
        let plan = plan::make(&session, options, &source).await?;
        Ok((source, plan))
    };
    let (source, plan) = signals.or(planning).await?;
    summary.add_plan(&session.cluster, source.archive.path(), &plan);
    plan.refuse_conflicts()?;
    if options.dry_run {
        return Ok(None);
    }
    outcome::confirm(&session, options, &[&plan]).await?;
    import_one(session, options, (source, Some(plan)), signals)
        .await
        .map(Some)
}

/// Imports one job and opens it, or rolls it back. Without a plan, makes it: the jobs before this one changed the cluster.
async fn import_one(
    session: Session,
    options: &ImportOptions,
    (source, plan): (Source, Option<Plan>),
    signals: &Signals,
) -> Result<(Started, Import)> {
    let preparing = async {
        let plan = match plan {
            Some(plan) => plan,
            None => plan::make(&session, options, &source).await?,
        };
        Ok((plan, source.archive.load().await?))
    };
    let (plan, archive) = signals.or(preparing).await?;
    plan.refuse_conflicts()?;
    let import = Import {
        session,
        options: options.clone(),
        archive,
        plan,
        journal: Journal::new(),
    };
    let work = async {
        reindex::run(&import).await?;
        apply::apply(&import).await?;
        verify::verify(&import).await
    };
    signals.set_cleanup(Some(Cleanup {
        action: "rolling back the import".to_owned(),
        risk: format!("may leave job {} incomplete", import.job()),
    }));
    let imported = signals.or_between_requests(&import.session, work).await;
    let imported = match imported {
        Ok(()) => Ok(()),
        Err(cause) => Err(undo(&import, cause, signals).await),
    };
    signals.set_cleanup(None);
    imported?;
    Ok((start::start(&import, signals).await, import))
}

/// Rolls back. A second signal stops it, and what remains is listed.
async fn undo(import: &Import, cause: Error, signals: &Signals) -> Error {
    let mut rollback = Rollback::new(import);
    let undoing = async {
        let change = reindex::stop(import, &cause).await;
        let cause = change.filter(|_| !signals.is_stopped()).unwrap_or(cause);
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
